"""OpenVINO as what executes a model: where the chip multiplies matrices in bf16 (AMX), the fastest there is.

It reads graphs in real numbers only: ONNX Runtime's recurrent layers in eight bits are not known to it, and what it
makes of the convolutions around them changes 4 % of the frames. So a model in eight bits is put back first (`reals`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ocrnn.model.reals import in_real_numbers
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from ocrnn.model.executors import Model

Array = npt.NDArray[np.float32]
Precision = Literal["f32", "bf16"]

# OpenVINO keeps what it compiles for each shape, 5,000 of them for each layer unless told otherwise: 1,200 batches of
# random shapes took 1.3 GB. With 64 they take 336 MB, as 300 of them do; with none 10 MB less and twice the time.
_SHAPES = 64
_CPUINFO = Path("/proc/cpuinfo")


def is_installed() -> bool:
    """Whether the packages are there; they are not imported, which takes 0.3 s."""
    return all(find_spec(package) is not None for package in ("openvino", "onnx"))


def is_fastest() -> bool:
    """Whether this machine has AMX, which Linux alone tells.

    Without it OpenVINO takes as long as ONNX Runtime in real numbers, and 2.5 to 4 times as long as that in eight bits.
    Its own word is no help: it names bf16 among the capabilities of chips where that takes longer than float32.
    """
    try:
        with _CPUINFO.open(encoding="ascii", errors="replace") as lines:
            return has_amx(lines)
    except OSError:
        return False


def precision() -> Precision:
    """The numbers to compute in on this machine."""
    return "bf16" if is_fastest() else "f32"


def has_amx(cpuinfo: Iterable[str]) -> bool:
    """Whether the first processor in the lines of /proc/cpuinfo has tiles (AMX) and multiplies bf16 in them."""
    flags = next((line for line in cpuinfo if line.startswith("flags")), "")
    return {"amx_tile", "amx_bf16"} <= set(flags.split())


class OpenVinoModel:
    """A model that OpenVINO executes on the CPU.

    A line reads the same alone and in company but for rounding: its kernels depend on how many lines go together.
    """

    def __init__(
        self,
        graph: bytes,
        spec: ModelSpec,
        *,
        threads: int = 1,
        jobs: int = 1,
        numbers: Precision | None = None,
        further: Sequence[Model] = (),
    ) -> None:
        """Open a stored graph for `jobs` calls of `infer` at a time, on `threads` cores each, in `precision()` or so.

        `further` are the models that it brings for second looks.

        Raises ImportError where OpenVINO is not installed or broken, RuntimeError for a graph that it cannot read.
        """
        import openvino

        self.spec = spec
        self.further = further
        core = openvino.Core()
        self._compiled: Any = core.compile_model(
            core.read_model(in_real_numbers(graph)),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": numbers or precision(),
                "INFERENCE_NUM_THREADS": jobs * threads,
                "NUM_STREAMS": jobs,
                "ENABLE_CPU_PINNING": False,  # several processes would pin themselves to the same cores
                "CPU_RUNTIME_CACHE_CAPACITY": str(_SHAPES),
            },
        )
        self._own = threading.local()  # a request takes one call at a time

    def infer(self, images: Array) -> Array:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W); ValueError where they are none."""
        self.spec.check(images)
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        log_probs: Array = self._own.request.infer([images], share_inputs=True)[0]
        return log_probs
