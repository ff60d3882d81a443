"""Where a network is executed, and what has to be there for that.

On the processor reading was measured; on a GPU it was not, so none is taken unless it is asked for.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from ocrnn.errors import UsageError
from ocrnn.model.reals import in_real_numbers, is_whole

Device = Literal["auto", "cpu", "cuda", "mps"]
"""auto and cpu: the processor, in the numbers of the model file; cuda: a GPU of NVIDIA's; mps: that of a Mac. What auto
means may change, as what is fastest does."""


@dataclass(frozen=True)
class Provider:
    """A GPU as ONNX Runtime knows it: by which name, opened how, and where it comes from."""

    name: str
    where_from: str
    needs: str
    options: Mapping[str, str] = field(default_factory=dict)


PROVIDERS: Mapping[str, Provider] = {
    "cuda": Provider(
        "CUDAExecutionProvider",
        "pip install 'onnxruntime-gpu[cuda,cudnn]'",
        "a GPU of NVIDIA's with its driver, CUDA and cuDNN",
        # Lines have hundreds of widths, and for each of them it would try every algorithm before it takes one. TF32
        # would round what goes into a product to eleven bits.
        {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
    ),
    "mps": Provider(
        "CoreMLExecutionProvider",
        "on a Mac it comes with onnxruntime, elsewhere leave out --device",
        "macOS with CoreML",
    ),
}
"""The devices beside the processor."""


def check(device: Device, path: Path) -> None:
    """Refuse what is no device, and a GPU for which something is not installed that a model needs there.

    The model's file (.onnx or .safetensors) is not opened; ONNX Runtime or torch are imported for a GPU alone. Raises
    UsageError.
    """
    if device not in get_args(Device):
        raise UsageError(f"--device {device}: no such choice; take one of {', '.join(get_args(Device))}")
    if device not in PROVIDERS:
        return
    if path.suffix.lower() != ".onnx":
        if not _torch_has(device):
            raise UsageError(
                f"--device {device}: torch, which executes {path.name}, finds no such device; leave it out, or install "
                f"a torch for it"
            )
        return
    provider = PROVIDERS[device]
    if provider.name not in offered():
        raise UsageError(
            f"--device {device}: the ONNX Runtime that is installed has no {provider.name}; {provider.where_from}"
        )
    if find_spec("onnx") is None and is_whole(path.read_bytes()):
        raise UsageError(f"--device {device}: {path.name} is in eight bits, which it does not run; pip install onnx")


def offered() -> list[str]:
    """What the installed ONNX Runtime was built for; whether it is there only a session tells."""
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def session(graph: bytes, options: Any, device: Device) -> Any:
    """A session of ONNX Runtime for a stored graph on a device, with the processor for what that does not execute.

    On a GPU it is in real numbers: of the operators in eight bits it has none for layers that run along a line.
    Raises UsageError for a GPU that does not start, and whatever ONNX Runtime raises for the graph.
    """
    import onnxruntime

    processor = ["CPUExecutionProvider"]
    if device not in PROVIDERS:
        # Its own way out, to try again on the processor, says so among the texts.
        return onnxruntime.InferenceSession(graph, options, providers=processor, enable_fallback=0)
    provider = PROVIDERS[device]
    graph = in_real_numbers(graph)
    onnxruntime.set_default_logger_severity(4)  # why a GPU does not start is some lines of it, and one of ours
    fault = _load_libraries() if device == "cuda" else ""
    providers = [(provider.name, dict(provider.options)), *processor]
    try:
        made = onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors have no common base but this one
        # Tells what is wrong with the graph, if it is that.
        onnxruntime.InferenceSession(graph, options, providers=processor, enable_fallback=0)
        made, fault = None, " ".join(str(error).split())
    if made is None or provider.name not in made.get_providers():
        why = f" ({fault})" if fault else ""
        raise UsageError(f"--device {device}: does not start here{why}; it needs {provider.needs}")
    return made


def _load_libraries() -> str:
    """Load CUDA and cuDNN from packages of pip, as torch does with its own; says which of them is not found."""
    import onnxruntime

    told = io.StringIO()
    with contextlib.redirect_stdout(told):  # where texts go, and it says there what it does not find
        getattr(onnxruntime, "preload_dlls", lambda: None)()  # since 1.21
    return next((line for line in told.getvalue().splitlines() if line.startswith("Failed")), "")


def _torch_has(device: Device) -> bool:
    try:
        import torch
    except ImportError:  # said where the model is opened
        return True
    return torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
