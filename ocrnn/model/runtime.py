"""Models by name or file: found, opened by what executes them best here, and proven, or refused in one line."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ocrnn.errors import ModelError, at_least
from ocrnn.model import device as devices
from ocrnn.model import file
from ocrnn.model.cores import free_cores
from ocrnn.model.device import Device
from ocrnn.model.executors import MOST_THREADS, Later, Model, OnnxModel, TorchModel
from ocrnn.model.reals import is_whole
from ocrnn.spec import ModelSpec

DEFAULT = "latin"
"""Name of the shipped model that reads when none is asked for."""

_SHIPPED = Path(__file__).parents[1] / "models"
_PROBE_PX = 64  # width of the line that `open_model` tries: the narrowest from which every preset makes some frames


def open_model(name_or_path: str | Path | None = None, *, threads: int | None = None, device: Device = "auto") -> Model:
    """Open a shipped model by its name (None: the default one), an .onnx or a .safetensors file.

    `threads` is how many cores one `infer` may use; None takes the free ones, at most 8. For a .safetensors, which
    torch executes, it sets torch's own number for the whole process and None leaves that alone. `device` is where the
    network is executed.
    Raises ModelError for a file that is missing, damaged, foreign, newer, or does not do what it says; UsageError for
    a device that is not there or for which something is not installed.
    """
    _check_counts(threads=threads)
    path = find(name_or_path)
    spec = file.header(path)
    devices.check(device, path)
    if spec.language:
        _check_language(path, spec)
    if path.suffix.lower() != ".onnx":
        model: Model = _torch_model(path, threads, device)
    else:
        opened = partial(OnnxModel, path, threads=threads, device=device)

        def later(network: file.Further) -> Model:
            return Later(network.spec, lambda: opened(network.spec, content=network.content()))

        model = opened(spec, further=[*map(later, file.further(path, spec))])
    _prove(path, model)
    return model


def share_cores(
    name_or_path: str | Path | None = None, *, jobs: int | None = None, threads: int | None = None
) -> tuple[int, int | None]:
    """How many lines to read side by side with a model, and with how many threads each: together the free cores.

    Side by side goes before threads, which wait for one another at every layer. What is given stays as it is; who
    gives threads alone gets one job, and so uses as many cores as that. Torch shares its threads among all that call
    it, so a .safetensors gets one job, and None as its threads, unless told.
    Raises ModelError as `find` does, UsageError for less than one.
    """
    _check_counts(jobs=jobs, threads=threads)
    if find(name_or_path).suffix.lower() != ".onnx":
        return jobs or 1, threads
    cores = free_cores()
    if jobs is None:
        jobs = cores if threads is None else 1
    return jobs, threads or max(1, min(cores // jobs, MOST_THREADS))


def _check_counts(**counts: int | None) -> None:
    at_least(1, **{name: count for name, count in counts.items() if count is not None})


def check_device(name_or_path: str | Path | None, device: Device) -> None:
    """Refuse a device that a model cannot be read on here, with nothing opened; raises as `open_model` does."""
    path = find(name_or_path)
    file.header(path)
    devices.check(device, path)


def executor(name_or_path: str | Path | None = None, device: Device = "auto") -> str:
    """Name and version of what will execute a model on this machine, where, and in which numbers; nothing is imported.

    Raises ModelError for a model that is not there.
    """
    from importlib.metadata import PackageNotFoundError, version

    path = find(name_or_path)
    on_gpu = device in devices.PROVIDERS
    if path.suffix.lower() != ".onnx":
        name, package, numbers = "torch", "torch", "real numbers"
    else:
        name, package = "ONNX Runtime", "onnxruntime-gpu" if device == "cuda" else "onnxruntime"
        numbers = "eight bits" if is_whole(path.read_bytes()) and not on_gpu else "real numbers"
    where = f" on {device}" if on_gpu else ""
    try:
        return f"{name} {version(package)}{where}, {numbers}"
    except PackageNotFoundError:  # a build of another name
        return f"{name}{where}, {numbers}"


def shipped() -> list[str]:
    """Names of the models that come with ocrnn."""
    return sorted(path.stem for path in _SHIPPED.glob("*.onnx"))


def header(name_or_path: str | Path | None = None) -> ModelSpec:
    """Spec of a model without its weights, ONNX Runtime or torch; raises ModelError as `open_model` does."""
    return file.header(find(name_or_path))


def further(name_or_path: str | Path | None = None) -> list[ModelSpec]:
    """Specs of the networks that a model brings beside its own for second looks; raises ModelError as `header` does."""
    path = find(name_or_path)
    return [network.spec for network in file.further(path, file.header(path))]


def size(name_or_path: str | Path | None = None) -> int:
    """Bytes of a model's file; raises ModelError as `find` does."""
    return find(name_or_path).stat().st_size


def find(name_or_path: str | Path | None = None, suffix: str = ".onnx") -> Path:
    """File of a shipped model (None: the default one), in the form to read with or to train on; or the path given.

    Raises ModelError for a name that is neither.
    """
    if name_or_path is None:
        name_or_path = DEFAULT
    path = Path(name_or_path)
    if not str(name_or_path):
        raise ModelError("'': no model has such a name; name a file or one that ships, or leave it out")
    if "://" in str(name_or_path) and not path.exists():  # of which a Path would take a slash
        raise ModelError(f"{name_or_path}: is no file, and nothing is fetched; download it, and name the file")
    if path.name == str(name_or_path) and not path.suffix:
        packed = {path.stem: path for path in _SHIPPED.glob(f"*{suffix}")}
        if path.name in packed:
            return packed[path.name]
        if not path.exists():
            if path.name in shipped():
                remedy = f"take {' or '.join(sorted(packed))}" if packed else "give the file of another model"
                raise ModelError(f"{name_or_path}: is there to read with, not to train on or export; {remedy}")
            known = ", ".join(sorted(packed)) or "none is installed"
            raise ModelError(f"{name_or_path}: no such model; name a file or one of those that ship ({known})")
    return path


def _torch_model(path: Path, threads: int | None, device: Device) -> TorchModel:
    try:
        import torch

        from ocrnn.model.weights import load_weights
    except ImportError as missing:
        raise ModelError(
            f"{path}: a .safetensors needs {missing.name} to be read; "
            f"give the .onnx beside it, or pip install 'ocrnn[train]'"
        ) from None
    if threads is not None:
        torch.set_num_threads(threads)
    network, spec = load_weights(path)
    return TorchModel(network.to(device) if device in devices.PROVIDERS else network, spec)


def _check_language(path: Path, spec: ModelSpec) -> None:
    """Refuse a damaged language before the work begins, and not with the first line that is looked at again."""
    import base64

    from ocrnn.decoding.packed import check

    try:
        check(base64.b64decode(spec.language, validate=True))
    except ValueError as fault:
        raise file.damaged(path, f"its language cannot be used: {fault}") from None


def _prove(path: Path, model: Model) -> None:
    """Read one empty line, 2 ms with the default: a graph unlike its description is refused before the work begins."""
    spec = model.spec
    try:
        expected = (spec.architecture.frames(_PROBE_PX), 1, spec.charset.classes)
        found = model.infer(np.zeros((1, 1, spec.line_format.height, _PROBE_PX), np.float32)).shape
    except Exception as fault:  # ONNX Runtime's errors have no common base but this one
        raise file.damaged(path, str(fault)) from None
    if found != expected:
        raise ModelError(
            f"{path}: its network answers {found[2]} classes and {found[0]} frames, its description says {expected[2]} "
            f"and {expected[0]}; export it again"
        )
