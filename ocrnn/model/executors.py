"""What executes a model: ONNX Runtime for .onnx, torch for .safetensors, behind one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ocrnn.errors import ModelError, UsageError, unreadable
from ocrnn.model import device as devices
from ocrnn.model import file, tiles
from ocrnn.model.cores import free_cores
from ocrnn.model.device import Device
from ocrnn.model.graph import Graph
from ocrnn.model.halves import ANCHORED, LEAST_FRAMES, LENGTHS, halves
from ocrnn.model.reals import is_whole
from ocrnn.model.wire import Damaged
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from ocrnn.model.network import Network

Array = npt.NDArray[np.float32]

MOST_THREADS = 8
"""Cores that one call uses at most, unless told: the walk through the frames is serial, and only the lines of a batch
and the two directions run beside one another."""


class Model(Protocol):
    """Anything that turns prepared lines into log-probabilities.

    It may have `further` models beside, of the same charset and each calibrated by itself, for second looks and the
    frames of clips.
    """

    @property
    def spec(self) -> ModelSpec:
        """Charset, line format and architecture."""

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W), T = spec.architecture.frames(W).

        Raises ValueError for another type, height or number of axes, no line, or a width that leaves no frame.
        """


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
        options.intra_op_num_threads = threads or min(free_cores(), MOST_THREADS)
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads that spin while they wait take the cores from those that work. Lines/s on 2 cores with 1, 2, 4, 8
        # and 16 threads: spinning 101, 200, 95, 39, 19; sleeping 101, 190, 178, 158, 156.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # An arena keeps what the largest batch once took; a network for second looks is seldom asked.
        options.enable_cpu_mem_arena = content is None
        options.log_severity_level = 4  # whatever goes wrong is raised, and said once, by us
        try:
            # From bytes: the file cannot refer to others beside it.
            graph = content_of(path) if content is None else content
            parts = [graph] if device in devices.PROVIDERS else fastest(graph)
            self._sessions = [devices.session(part, options, device) for part in parts]
            lines, answers = self._sessions[0].get_inputs(), self._sessions[-1].get_outputs()
            names = [tensor.name for tensor in lines + answers]
        except (ModelError, UsageError):  # that names what is at fault: the path, or the GPU
            raise
        except Exception as fault:  # ONNX Runtime's errors have no common base but this one
            raise file.damaged(path, str(fault)) from None
        if names != ["images", "log_probs"]:
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
        return self.infer_together([images])[0]

    def infer_together(self, batches: Sequence[Array]) -> list[Array]:
        """What `infer` gives for each of some batches, to the bit, in less time where their lines have other widths."""
        for images in batches:
            self.spec.check(images)
        if len(self._sessions) == 1:
            return [self._infer(images) for images in batches]
        features = [self._sessions[0].run(None, {"images": images})[0] for images in batches]  # (t, n, K) of each
        together = [each for each in features if len(each) >= LEAST_FRAMES]
        read = iter(self._read(together) if together else ())
        return [next(read) if len(each) >= LEAST_FRAMES else self._read([each])[0] for each in features]

    def _read(self, features: Sequence[Array]) -> list[Array]:
        """Log-probabilities (t, n, C) of the features (t, n, K) of each of some batches, all read as one."""
        frames, lines = ([each.shape[axis] for each in features] for axis in (0, 1))
        ends = np.cumsum(lines)
        together = features[0]
        if len(features) > 1:
            together = np.zeros((max(frames), ends[-1], together.shape[2]), np.float32)
            for each, end in zip(features, ends, strict=True):
                together[: len(each), end - each.shape[1] : end] = each
        lengths = np.repeat(np.array(frames, np.int32), lines)
        (log_probs,) = self._sessions[1].run(["log_probs"], {ANCHORED: together, LENGTHS: lengths})
        parts = np.split(log_probs, ends[:-1], axis=1)
        return [part[:count] for part, count in zip(parts, frames, strict=True)]

    def _infer(self, images: Array) -> Array:
        batches = [images] if self._together else [images[n : n + 1] for n in range(len(images))]
        answers = [self._sessions[0].run(["log_probs"], {"images": batch})[0] for batch in batches]
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


class Later:
    """A model that is opened when it is first asked: most pictures leave no doubt."""

    def __init__(self, spec: ModelSpec, opened: Callable[[], Model]) -> None:
        """Take what opens a model of this spec; that may raise what opening raises, in whichever `infer` is first."""
        self.spec = spec
        self._opened: Callable[[], Model] | None = opened
        self._lock = threading.Lock()

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W); ValueError where they are none."""
        return self._now().infer(images)

    def infer_together(self, batches: Sequence[Array]) -> list[Array]:
        """What `infer` gives for each of some batches, lines of different widths among them."""
        return infer_together(self._now(), batches)

    def _now(self) -> Model:
        with self._lock:
            if self._opened is not None:
                self._model, self._opened = self._opened(), None
        return self._model


def infer_together(model: Model, batches: Sequence[Array]) -> list[Array]:
    """What a model's `infer` gives for each of some batches (N, 1, H, W), all at once where it has a way to do that."""
    together: Callable[[Sequence[Array]], list[Array]] | None = getattr(model, "infer_together", None)
    return [model.infer(images) for images in batches] if together is None else together(batches)


def fastest(graph: bytes) -> list[bytes]:
    """A stored graph in the form that ONNX Runtime executes fastest on this processor, whole or in two halves.

    One in real numbers stays as it is, and so does what is no graph: who opens it says that better.
    """
    if not is_whole(graph):
        return [graph]
    try:
        parts = Graph(graph)
    except (Damaged, UnicodeDecodeError):
        return [graph]
    if tiles.are_here():
        tiles.move(parts)
    return [*(halves(parts) or (bytes(parts.content),))]


def content_of(path: Path) -> bytes:
    """The bytes of a model file; ModelError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise unreadable(ModelError, path, fault) from None
