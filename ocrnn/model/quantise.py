"""Whole numbers for real ones: a graph that ONNX Runtime executes in eight bits, two to three times as fast.

Convolutions get fixed scales, found by watching lines go through (static quantisation); recurrent layers find theirs
as they read. The head, which sees those, has a fixed scale too. Weights are kept to 7 of their 8 bits: x86 processors
without VNNI add pairs of products in 16 bits, and 255 * 127 * 2 would not fit.
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
from ocrnn.model.blocks import PREFIX, blocked
from ocrnn.model.rounding import rounded, statistics
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

    It takes lines whose width W is a multiple of the network's stride; see `blocks`. A line reads the same alone and in
    company; see `anchors`. Raises ValueError without lines.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    if not lines:
        raise ValueError("no lines to quantise by; give at least one")
    source = blocked(graph)
    entering = features(source)
    if entering is not None:
        source = anchored(source, _highest(source, entering, lines))
    bits = {"per_channel": True, "reduce_range": True, "weight_type": QuantType.QInt8}
    # Between the blocks and the convolutions behind them nothing is to become real: what moves numbers about there too
    # takes whole ones, and nothing else of its kind.
    moving = {"Reshape", "Transpose"}
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        # By way of files: given a graph in memory, the quantiser moves the weights out of that very graph.
        real, static, whole = (Path(folder, name) for name in ("real.onnx", "static.onnx", "whole.onnx"))
        real.write_bytes(source.SerializeToString())
        quantize_static(
            real,
            static,
            _Feed(lines),
            quant_format=QuantFormat.QDQ,
            # With ReLU and pooling inside, what leaves a convolution is scaled after its negative half is gone:
            # a quarter of the error, and no way back to real numbers in between.
            op_types_to_quantize=["Conv", "MatMul", "MaxPool", "Relu", *sorted(moving)],
            nodes_to_exclude=[
                node.name for node in source.graph.node if node.op_type in moving and not node.name.startswith(PREFIX)
            ],
            activation_type=QuantType.QUInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul"]},
            **bits,
        )
        quantize_dynamic(static, whole, op_types_to_quantize=["LSTM"], **bits)
        return _finished(_loaded(whole), source, lines)


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


def _finished(graph: Any, source: Any, lines: Sequence[Line]) -> Any:
    """A quantised graph with its weights rounded well and all else as its source says."""
    _round(graph, source, lines)
    for prop in ("producer_name", "producer_version"):
        setattr(graph, prop, getattr(source, prop))
    del graph.metadata_props[:]
    graph.metadata_props.extend(source.metadata_props)
    return graph


def _round(graph: Any, source: Any, lines: Sequence[Line]) -> None:
    """Put better whole numbers for the weights of convolutions and head, in the units they have; see `rounding`."""
    from onnx import numpy_helper

    layers = [node for node in source.graph.node if node.op_type in ("Conv", "MatMul")]
    seen = statistics(source, layers, lines, _session)
    exact = {tensor.name: numpy_helper.to_array(tensor) for tensor in source.graph.initializer}
    stored = {tensor.name: tensor for tensor in graph.graph.initializer}
    made_by = {name: node for node in graph.graph.node for name in node.output}
    now = {node.name: node for node in graph.graph.node}

    def change(name: str, to: npt.NDArray[Any]) -> None:
        stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(to), name))

    for layer in layers:
        mean, covariance = seen[layer.name]
        convolves = layer.op_type == "Conv"
        wanted = exact[layer.input[1]]  # (K, k, y, x), or (D, C) of the head
        weights = wanted.reshape(len(wanted), -1) if convolves else wanted.T
        holder = made_by[now[layer.name].input[1]].input
        units = numpy_helper.to_array(stored[holder[1]])
        whole = rounded(weights, units, covariance)
        change(holder[0], whole.reshape(wanted.shape) if convolves else whole.T)
        shift = (whole * units[:, None] - weights) @ mean
        if not convolves:
            added = next(node for node in graph.graph.node if layer.output[0] in node.input)
            bias = next(name for name in added.input if name in exact)
            change(bias, (exact[bias] - shift).astype(np.float32))
            continue
        biases = made_by[now[layer.name].input[2]]
        if biases.op_type == "DequantizeLinear":  # one for two convolutions that were never trained is left real
            bias, steps = (numpy_helper.to_array(stored[name]) for name in biases.input[:2])
            change(biases.input[0], np.rint(bias - shift / steps).astype(np.int32))


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
