"""Whole numbers for real ones: a graph that ONNX Runtime executes in eight bits, two to three times as fast.

Convolutions get fixed scales, found by watching lines go through (static quantisation); recurrent layers find theirs
as they read. Weights are kept to 7 of their 8 bits: x86 processors without VNNI add pairs of products in 16 bits, and
255 * 127 * 2 would not fit.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import greedy
from ocrnn.image import Line, LineFormat
from ocrnn.model.anchors import anchored, features
from ocrnn.synth.degrade import augment

DRAWN_LINES = 64
"""Lines drawn to find scales by; 64 and 256 did as well as 300 real lines of six kinds."""

_TYPE_PX = 28
_PRINTABLE = "".join(map(chr, range(33, 127)))


def draw_lines(line_format: LineFormat, count: int = DRAWN_LINES) -> list[Line]:
    """Prepared lines (1, H, W) of random ASCII in Pillow's own face, most of them degraded; always the same ones.

    The scales of convolutions depend on strokes, sizes and contrast, hardly on what is written.
    """
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.load_default(_TYPE_PX)
    lines = []
    for number in range(count):
        rng = np.random.default_rng((11, number))
        words = ("".join(rng.choice(list(_PRINTABLE), rng.integers(1, 10))) for _ in range(rng.integers(1, 8)))
        text = " ".join(words)
        picture = Image.new("L", (round(face.getlength(text)) + 20, 48), 255)
        ImageDraw.Draw(picture).text((10, 24), text, fill=0, font=face, anchor="lm")
        grey = np.asarray(picture)
        lines.append(line_format.prepare(augment(grey, rng, "strong") if number % 4 else grey))
    return lines


def quantise(graph: Any, lines: Sequence[Line]) -> Any:
    """The graph (onnx.ModelProto, as `build_graph` makes it) in whole numbers, scaled by what these lines do in it.

    The first convolution, which sees the bare pixels, and the head stay as they are: together a thirtieth of the time
    and half of the error. A line reads the same alone and in company: see `anchors`. Raises ValueError without lines.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    if not lines:
        raise ValueError("no lines to quantise by; give at least one")
    entering = features(graph)
    if entering is not None:
        graph = anchored(graph, _highest(graph, entering, lines))
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    bits = {"per_channel": True, "reduce_range": True, "weight_type": QuantType.QInt8}
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        # By way of files: given a graph in memory, the quantiser moves the weights out of that very graph.
        real, static, whole = (Path(folder, name) for name in ("real.onnx", "static.onnx", "whole.onnx"))
        real.write_bytes(graph.SerializeToString())
        quantize_static(
            real,
            static,
            _Feed(lines),
            quant_format=QuantFormat.QDQ,
            # With ReLU and pooling inside, what leaves a convolution is scaled after its negative half is gone:
            # a quarter of the error, and no way back to real numbers in between.
            op_types_to_quantize=["Conv", "Relu", "MaxPool"],
            nodes_to_exclude=[convolutions[0].name],
            activation_type=QuantType.QUInt8,
            **bits,
        )
        quantize_dynamic(static, whole, op_types_to_quantize=["LSTM"], **bits)
        return _finished(_loaded(whole), graph, convolutions[1:], lines)


def count_changes(before: Any, after: Any, lines: Sequence[Line]) -> int:
    """How many of these lines two graphs read differently by the greedy decoder."""
    sessions = [_session(graph) for graph in (before, after)]
    changes = 0
    for line in lines:
        answers = (session.run(["log_probs"], {"images": line[None]})[0][:, 0] for session in sessions)
        one, other = (greedy(log_probs).classes for log_probs in answers)
        changes += one != other
    return changes


class _Feed:
    """Lines one by one, in the form that the calibration of ONNX Runtime takes."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = iter(lines)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """Hand out the next line (1, 1, H, W) by the name of its input; None after the last."""
        return next(({"images": line[None]} for line in self._lines), None)


def _finished(graph: Any, source: Any, convolutions: Sequence[Any], lines: Sequence[Line]) -> Any:
    """A quantised graph with its biases put right and all else as its source says."""
    _correct_biases(graph, source, convolutions, lines)
    for prop in ("producer_name", "producer_version"):
        setattr(graph, prop, getattr(source, prop))
    del graph.metadata_props[:]
    graph.metadata_props.extend(source.metadata_props)
    return graph


def _correct_biases(graph: Any, source: Any, convolutions: Sequence[Any], lines: Sequence[Line]) -> None:
    """Take out of each bias what rounding the weights adds on average (Nagel et al. 2019, arXiv 1906.04721).

    What enters is never negative, so the roundings do not cancel: a channel is shifted by their sum times the mean.
    """
    from onnx import numpy_helper

    means = _means(source, [node.input[0] for node in convolutions], lines)
    exact = {tensor.name: tensor for tensor in source.graph.initializer}
    stored = {tensor.name: tensor for tensor in graph.graph.initializer}
    made_by = {name: node for node in graph.graph.node for name in node.output}
    now = {node.name: node for node in graph.graph.node}
    for node in convolutions:
        weights, biases = (made_by[name] for name in now[node.name].input[1:3])
        if biases.op_type != "DequantizeLinear":  # one for two convolutions that were never trained, and left alone
            continue
        whole, scales = (numpy_helper.to_array(stored[name]) for name in weights.input[:2])
        rounding = whole * scales.reshape(-1, 1, 1, 1) - numpy_helper.to_array(exact[node.input[1]])  # (K, k, 3, 3)
        shift = rounding.sum((2, 3)) @ means[node.input[0]]  # (K,)
        bias, units = (numpy_helper.to_array(stored[name]) for name in biases.input[:2])
        corrected = np.rint(bias - shift / units).astype(np.int32)
        stored[biases.input[0]].CopyFrom(numpy_helper.from_array(corrected, biases.input[0]))


def _means(graph: Any, names: Sequence[str], lines: Sequence[Line]) -> dict[str, npt.NDArray[np.float64]]:
    """Mean (K,) of each channel of some tensors (1, K, h, w), over all pixels of all lines."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = _session(watched)
    sums = {name: np.zeros(1) for name in names}
    counts = dict.fromkeys(names, 0)
    for line in lines:
        for name, maps in zip(names, session.run(names, {"images": line[None]}), strict=True):
            sums[name] = sums[name] + maps.sum((0, 2, 3), dtype=np.float64)
            counts[name] += maps[0, 0].size
    return {name: sums[name] / counts[name] for name in names}


def _highest(graph: Any, name: str, lines: Sequence[Line]) -> float:
    """The highest number that a tensor holds, over all lines."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    watched.graph.output.append(onnx.ValueInfoProto(name=name))
    session = _session(watched)
    return max(float(session.run([name], {"images": line[None]})[0].max()) for line in lines)


def _session(graph: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _loaded(path: Path) -> Any:
    import onnx

    return onnx.load(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the quantiser logs below errors: advice about preparations that `build_graph` has made already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
