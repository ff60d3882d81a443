"""Weights to train on: a network and its spec in one safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ocrnn.errors import ModelError, unreadable
from ocrnn.model.file import KEY, damaged, header
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.storage import write_whole


def save_weights(path: str | Path, network: Network, spec: ModelSpec, *, halves: bool = False) -> None:
    """Store a network with its spec; a file that stands there is replaced only by a whole one.

    With `halves` each real number takes two bytes, rounded to eleven bits: enough to start from, not to go on exactly
    where a run was. Raises OutputError when it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    if halves:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    write_whole(Path(path), save(tensors, {KEY: spec.to_json()}))


def load_weights(path: str | Path) -> tuple[Network, ModelSpec]:
    """Network, on the CPU and in training mode, and spec of a stored model.

    Raises ModelError for a file that is missing, damaged, foreign or newer, or whose weights do not fit its spec.
    """
    path = Path(path)
    spec = header(path)
    if path.suffix.lower() != ".safetensors":
        raise ModelError(f"{path}: holds a graph to read with, not weights; give the .safetensors it was exported from")
    try:
        tensors = load(path.read_bytes())
    except OSError as fault:
        raise unreadable(ModelError, path, fault) from None
    except SafetensorError as fault:
        raise damaged(path, str(fault)) from None
    try:
        # Without memory behind it: what a damaged description asks for may be larger than this machine.
        with torch.device("meta"):
            network = Network(spec.architecture, spec.charset.classes)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as fault:
        raise damaged(path, f"no network can be built from its description: {fault}") from None
    tensors = {name: tensor.float() if tensor.dtype == torch.half else tensor for name, tensor in tensors.items()}
    _compare(path, network.state_dict(), tensors)
    network.load_state_dict(tensors, assign=True)
    return network, spec


def _compare(path: Path, wanted: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    """Raise ModelError for the first tensor that is missing, too many, or of another shape or type."""
    remedy = "the file was put together wrongly, train or fetch it again"
    for name, tensor in wanted.items():
        if name not in found:
            raise ModelError(f"{path}: tensor {name} is missing; {remedy}")
        if found[name].shape != tensor.shape:
            raise ModelError(f"{path}: tensor {name} is {_form(found[name])} and not {_form(tensor)}; {remedy}")
        if found[name].dtype != tensor.dtype:
            raise ModelError(f"{path}: tensor {name} is {found[name].dtype} and not {tensor.dtype}; {remedy}")
    for name in found:
        if name not in wanted:
            raise ModelError(f"{path}: tensor {name} has no place in the network; {remedy}")


def _form(tensor: torch.Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"
