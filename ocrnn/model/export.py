"""From weights to a graph to read with: ONNX with any number of lines N of any width W, and the same spec inside."""

from __future__ import annotations

import copy
import dataclasses
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ocrnn.errors import ModelError
from ocrnn.model.file import KEY, packed
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.storage import write_whole

_OPSET = 17
_TRACED_PX = 64  # any width that leaves a frame; nothing of it stays in the graph


def export_onnx(network: Network, spec: ModelSpec, path: str | Path) -> None:
    """Store a network for ONNX Runtime, as `build_graph` makes it and `save_graph` writes it."""
    save_graph(build_graph(network, spec), path)


def build_graph(network: Network, spec: ModelSpec) -> onnx.ModelProto:
    """The network for ONNX Runtime: "images" (N, 1, H, W) in, "log_probs" (T, N, C) out, batch norms folded.

    The network stays as it is, on its device and in its mode. The shortcut head, used in training only, is left out.
    """
    graph = onnx.load_from_string(_trace(network, spec.line_format.height))
    graph.producer_name = "ocrnn"
    graph.producer_version = ""
    describe(graph, spec)
    onnx.checker.check_model(graph)
    return graph


def describe(graph: onnx.ModelProto, spec: ModelSpec, *, further: Sequence[bytes] = ()) -> None:
    """Put another description into a graph, and `further` networks where any are given, each a stored graph."""
    props = {prop.key: prop.value for prop in graph.metadata_props}
    onnx.helper.set_model_props(graph, {**props, KEY: spec.to_json(), **packed(further)})


def calibrated(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph, also one in whole numbers, with its temperature inside: it answers what a reader decodes.

    The head's weights and biases are divided by it, and the description says 1 then. To do so once takes a reader less
    than to divide every answer, which took a fiftieth of its time. The graph that is given stays untouched.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    spec = ModelSpec.from_json({prop.key: prop.value for prop in graph.metadata_props}[KEY])
    stored = {tensor.name: tensor for tensor in changed.graph.initializer}
    made_by = {name: node for node in changed.graph.node for name in node.output}
    head = next(node for node in changed.graph.node if node.op_type == "MatMul")
    added = next(node for node in changed.graph.node if head.output[0] in node.input)
    weights = made_by[head.input[1]].input[1] if head.input[1] in made_by else head.input[1]  # or what scales them
    for name in (weights, *(name for name in added.input if name in stored)):
        numbers = numpy_helper.to_array(stored[name]) / np.float32(spec.temperature)
        stored[name].CopyFrom(numpy_helper.from_array(numbers.astype(np.float32), name))
    describe(changed, dataclasses.replace(spec, temperature=1.0))
    return changed


def halved(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with numbers of 16 bits inside, float32 as before where lines enter and log-probabilities leave.

    It takes half the room. A GPU computes in them; a processor brings each to 32 bits first. Raises ModelError for a
    graph in whole numbers. The graph that is given stays untouched.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    if any(tensor.data_type == onnx.TensorProto.INT8 for tensor in graph.graph.initializer):
        raise ModelError("a graph in whole numbers is smaller than one of 16 bits; halve the one it was made of")
    with warnings.catch_warnings():
        # It warns of each number below 1e-7, which it rounds up to that.
        warnings.simplefilter("ignore")
        changed: onnx.ModelProto = convert_float_to_float16(copy.deepcopy(graph), keep_io_types=True)
    # It puts what brings the lines to 16 bits last, where it is to come first.
    lines = {tensor.name for tensor in changed.graph.input}
    nodes = sorted(changed.graph.node, key=lambda node: node.op_type != "Cast" or not lines.intersection(node.input))
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]  # before the list of them is emptied
    del changed.graph.node[:]
    changed.graph.node.extend(kept)
    onnx.checker.check_model(changed)
    return changed


def save_graph(graph: onnx.ModelProto, path: str | Path) -> None:
    """Store a graph: a file that stands there is replaced only by a whole one; OutputError if it cannot be written."""
    write_whole(Path(path), graph.SerializeToString(deterministic=True))


def _trace(network: Network, height: int) -> bytes:
    """ONNX bytes of the network as it reads."""
    reading = copy.deepcopy(network).cpu().float().eval()
    reading.shortcut = None
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter calls itself legacy, but the newer one needs a further package (onnxscript). Its warning
        # about recurrent layers with a free number of lines is answered by the tests, which run N = 1, 3 and 7: the
        # initial state is made from the shape of the input.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            reading,
            (torch.zeros(1, 1, height, _TRACED_PX),),
            buffer,  # type: ignore[arg-type]  # the newer exporter wants a path, this one writes to a buffer
            dynamo=False,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["log_probs"],
            dynamic_axes={"images": {0: "N", 3: "W"}, "log_probs": {0: "T", 1: "N"}},
        )
    return buffer.getvalue()
