"""Everything a run needs to go on as if it had never stopped, in one safetensors file: no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ocrnn.errors import ModelError, UsageError
from ocrnn.storage import write_whole

_KEY = "ocrnn-checkpoint"


@dataclass
class Progress:
    """How far a run has come.

    `epoch` counts from 1 and is the one to go on with; `chunk`, `batch` and `lines` tell how much of it is done (see
    `batches.Position`), `loss` its summed loss; `seconds` is training time over all sittings; `best` is the lowest
    validation CER (0..1), reached in epoch `best_epoch`; `history` holds one row per finished epoch.
    """

    epoch: int = 1
    chunk: int = 0
    batch: int = 0
    lines: int = 0
    loss: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    history: tuple[dict[str, float], ...] = ()


def save_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    fingerprint: Mapping[str, object],
) -> None:
    """Replace the checkpoint at `path`; the old one stays whole until the new one is. Raises OutputError.

    `fingerprint` is what must be equal for a run to go on, by the name its user knows: options and data.
    """
    tensors: dict[str, Tensor] = {"random": torch.get_rng_state()}
    tensors.update({f"network.{name}": value.contiguous() for name, value in network.state_dict().items()})
    for number, state in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{number}.{name}": value.contiguous() for name, value in state.items()})
    told = json.dumps({"progress": vars(progress), "fingerprint": dict(fingerprint)})
    write_whole(path, save(tensors, {_KEY: told}))


def load_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: Mapping[str, object]
) -> Progress:
    """Bring network, optimizer and random state back to where a run was saved; returns its progress.

    Raises ModelError when there is no checkpoint or it is damaged, UsageError when its run had other options or data.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no checkpoint to go on from; give the --out of a run that has one")
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        differing = sorted(
            name
            for name in {*told["fingerprint"], *fingerprint}
            if told["fingerprint"].get(name) != json.loads(json.dumps(fingerprint.get(name)))
        )
        if differing:
            raise UsageError(
                f"{path}: was made with other {', '.join(differing)}; repeat its options, or give another --out"
            )
        network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
        stored: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".", 2)
                stored.setdefault(int(number), {})[key] = value
        optimizer.load_state_dict({"state": stored, "param_groups": optimizer.state_dict()["param_groups"]})
        torch.set_rng_state(tensors["random"])
        return Progress(**{**told["progress"], "history": tuple(told["progress"]["history"])})
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as fault:
        reason = " ".join(str(fault).split())[:120]
        raise ModelError(f"{path}: damaged checkpoint ({reason}); give another --out") from None
