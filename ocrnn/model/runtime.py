"""What executes a model: ONNX Runtime or OpenVINO for .onnx, torch for .safetensors, behind one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ocrnn.errors import ModelError, UsageError
from ocrnn.model import device as devices
from ocrnn.model import file, openvino
from ocrnn.model.cores import free_cores
from ocrnn.model.device import Device
from ocrnn.model.reals import is_whole
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from ocrnn.model.network import Network

Array = npt.NDArray[np.float32]

DEFAULT = "latin"
"""Name of the shipped model that reads when none is asked for."""

_SHIPPED = Path(__file__).parents[1] / "models"
_PROBE_PX = 64  # width of the line that `open_model` tries: the narrowest from which every preset makes some frames
# The walk through the frames is serial and only the lines of a batch and the two directions run beside one another.
_MOST_THREADS = 8


class Model(Protocol):
    """Anything that turns prepared lines into log-probabilities.

    It may have `further` models beside, of the same charset and each calibrated by itself, for second looks.
    """

    @property
    def spec(self) -> ModelSpec:
        """Charset, line format and architecture."""

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W), T = spec.architecture.frames(W).

        Raises ValueError for another type, height or number of axes, no line, or a width that leaves no frame.
        """


def open_model(
    name_or_path: str | Path | None = None, *, threads: int | None = None, jobs: int = 1, device: Device = "auto"
) -> Model:
    """Open a shipped model by its name (None: the default one), an .onnx or a .safetensors file.

    `threads` is how many cores one `infer` may use; None takes the free ones, at most 8. For a .safetensors, which
    torch executes, it sets torch's own number for the whole process and None leaves that alone. `jobs` is how many
    `infer` are called at a time, which OpenVINO wants to know. `device` is where the network is executed.
    Raises ModelError for a file that is missing, damaged, foreign, newer, or does not do what it says; UsageError for
    a device that is not there or for which something is not installed.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: must be 1 or more")
    path = find(name_or_path)
    spec = file.header(path)
    devices.check(device, path)
    if spec.language:
        _check_language(path, spec)
    if path.suffix.lower() != ".onnx":
        model: Model = _torch_model(path, threads, device)
    else:
        opened = partial(_onnx_model, path, threads=threads, jobs=jobs, device=device)
        later = [_Later(other, partial(opened, other, content)) for other, content in file.further(path, spec)]
        model = opened(spec, _content(path), further=later)
    _prove(path, model)
    return model


def share_cores(
    name_or_path: str | Path | None = None, *, jobs: int | None = None, threads: int | None = None
) -> tuple[int, int | None]:
    """How many lines to read side by side with a model, and with how many threads each: together the free cores.

    Side by side goes before threads, which wait for one another at every layer. What is given stays as it is; who
    gives threads alone gets one job, and so uses as many cores as that. Torch shares its threads among all that call
    it, so a .safetensors gets one job, and None as its threads, unless told.
    Raises ModelError as `find` does.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: must be 1 or more")
    if find(name_or_path).suffix.lower() != ".onnx":
        return jobs or 1, threads
    cores = free_cores()
    if jobs is None:
        jobs = cores if threads is None else 1
    return jobs, threads or max(1, min(cores // jobs, _MOST_THREADS))


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
    elif _takes_openvino(device):
        name, package, numbers = "OpenVINO", "openvino", openvino.precision()
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
    return [spec for spec, _ in file.further(path, file.header(path))]


def find(name_or_path: str | Path | None = None, suffix: str = ".onnx") -> Path:
    """File of a shipped model (None: the default one), in the form to read with or to train on; or the path given.

    Raises ModelError for a name that is neither.
    """
    if name_or_path is None:
        name_or_path = DEFAULT
    path = Path(name_or_path)
    if path.name == str(name_or_path) and not path.suffix:
        packed = {path.stem: path for path in _SHIPPED.glob(f"*{suffix}")}
        if path.name in packed:
            return packed[path.name]
        if not path.exists():
            known = ", ".join(sorted(packed)) or "none is installed"
            raise ModelError(f"{name_or_path}: no such model; name a file or one of those that ship ({known})")
    return path


class OnnxModel:
    """A model that ONNX Runtime executes; on a GPU in real numbers, and then alone and in company but for rounding."""

    def __init__(
        self,
        path: Path,
        spec: ModelSpec,
        threads: int | None = None,
        device: Device = "cpu",
        *,
        content: bytes | None = None,
        further: Sequence[Model] = (),
    ) -> None:
        """Open a model file, or `content` that came out of it; `further` are the models it brings for second looks."""
        import onnxruntime

        self.spec = spec
        self.further = further
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(free_cores(), _MOST_THREADS)
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads that spin while they wait take the cores from those that work. Lines/s on 2 cores with 1, 2, 4, 8
        # and 16 threads: spinning 101, 200, 95, 39, 19; sleeping 101, 190, 178, 158, 156.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # whatever goes wrong is raised, and said once, by us
        try:
            # From bytes: the file cannot refer to others beside it.
            graph = _content(path) if content is None else content
            self._session = devices.session(graph, options, device)
        except (ModelError, UsageError):  # that names what is at fault: the path, or the GPU
            raise
        except Exception as fault:  # ONNX Runtime's errors have no common base but this one
            raise file.damaged(path, str(fault)) from None
        lines, answers = self._session.get_inputs(), self._session.get_outputs()
        if [tensor.name for tensor in lines + answers] != ["images", "log_probs"]:
            raise ModelError(f"{path}: its graph is not one that `ocrnn export` makes; export it again")
        if lines[0].shape[2] != spec.line_format.height:
            raise ModelError(
                f"{path}: its network takes lines of {lines[0].shape[2]} px, its description says "
                f"{spec.line_format.height}; export it again"
            )
        # One that scales its numbers by all that it is given says N = 1: its lines go through one by one.
        self._together = lines[0].shape[:1] != [1]

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W); ValueError where they are none."""
        self.spec.check(images)
        batches = [images] if self._together else [images[n : n + 1] for n in range(len(images))]
        answers = [self._session.run(["log_probs"], {"images": batch})[0] for batch in batches]
        return np.asarray(answers[0] if len(answers) == 1 else np.concatenate(answers, axis=1), np.float32)


class TorchModel:
    """A model that torch executes, on whatever device its network is on; `infer` puts the network into reading mode."""

    def __init__(self, network: Network, spec: ModelSpec) -> None:
        self.spec = spec
        self._network = network

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W); ValueError where they are none."""
        import torch

        self.spec.check(images)
        network = self._network.eval()  # each time: its trainer may have put it back
        device = next(network.parameters()).device
        with torch.inference_mode():
            log_probs = network(torch.from_numpy(np.ascontiguousarray(images)).to(device))
        array: Array = log_probs.cpu().numpy()
        return array


class _Later:
    """A model that is opened when it is first asked: most pictures leave no doubt."""

    def __init__(self, spec: ModelSpec, opened: Callable[[], Model]) -> None:
        self.spec = spec
        self._opened: Callable[[], Model] | None = opened
        self._lock = threading.Lock()

    def infer(self, images: Array) -> Array:
        with self._lock:
            if self._opened is not None:
                self._model, self._opened = self._opened(), None
        return self._model.infer(images)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise ModelError(f"{path}: cannot be read ({fault.strerror}); check the path and its rights") from None


def _takes_openvino(device: Device) -> bool:
    return device == "auto" and openvino.is_installed() and openvino.is_fastest()


def _onnx_model(
    path: Path,
    spec: ModelSpec,
    content: bytes,
    *,
    threads: int | None,
    jobs: int,
    device: Device,
    further: Sequence[Model] = (),
) -> Model:
    """Open what a file holds, with OpenVINO where that is best; where that fails ONNX Runtime, and a line says so."""
    onnx_runtime = partial(OnnxModel, path, spec, threads, content=content, further=further)
    if not _takes_openvino(device):
        return onnx_runtime(device=device)
    cores = threads or min(free_cores(), _MOST_THREADS)
    try:
        return openvino.OpenVinoModel(content, spec, threads=cores, jobs=jobs, further=further)
    except Exception as fault:  # a broken package may raise anything when it is imported
        told = " ".join(str(fault).split()) or type(fault).__name__
        model = onnx_runtime()  # which says more clearly what is wrong with the file, if it is that
        import logging

        log = logging.getLogger("ocrnn")
        log.warning("ocrnn: OpenVINO is installed but does not work (%s); ONNX Runtime reads instead", told)
        return model


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
