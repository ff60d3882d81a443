"""Real numbers for whole ones: a graph that `quantise` made, as one that any runtime executes.

The weights stay those that the whole numbers stand for, so both graphs read the same but for what rounding does on the
way: a model needs no second file for a runtime that knows nothing of ONNX Runtime's recurrent layers in eight bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def real(graph: Any) -> Any:
    """The graph (onnx.ModelProto) without whole numbers; one that holds none comes out as it is.

    What goes into whole numbers and back is cut off where they end, and not rounded. (The quantiser leaves a ReLU out
    where they end at 0.) The graph that is given stays untouched.
    """
    import onnx
    from onnx import helper, numpy_helper

    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    inside = changed.graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in inside.initializer}
    made: dict[str, Array] = {}
    nodes: list[Any] = []
    for node in inside.node:
        given, kept = list(node.input), {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "QuantizeLinear":
            scale, zero = stored[given[1]], stored[given[2]]
            ends = [scale * (end - zero.astype(np.float32)) for end in _ends(zero.dtype)]
            names = [f"{node.output[0]}_{end}" for end in ("lowest", "highest")]
            made.update(zip(names, ends, strict=True))
            nodes.append(helper.make_node("Clip", [given[0], *names], node.output, node.name))
        elif node.op_type == "DequantizeLinear" and given[0] in stored:
            axis = kept["axis"].i if "axis" in kept else 1
            made[node.output[0]] = _weights(*(stored[name] for name in given), axis=axis)
        elif node.op_type == "DequantizeLinear":
            nodes.append(helper.make_node("Identity", given[:1], node.output, node.name))
        elif node.op_type == "DynamicQuantizeLSTM":
            for places in ((1, 8, 9), (2, 10, 11)):  # of weights, their scales and their zeros
                made[given[places[0]]] = _recurrent_weights(*(stored[given[place]] for place in places))
            layer = helper.make_node("LSTM", given[:8], node.output, node.name)
            layer.attribute.extend(node.attribute)
            nodes.append(layer)
        else:
            nodes.append(node)
    nodes = [type(node).FromString(node.SerializeToString()) for node in nodes]  # before the list of them is emptied
    used = {name for node in nodes for name in node.input}
    tensors = {**stored, **made}
    del inside.node[:], inside.initializer[:], inside.value_info[:]  # the last say what was of which type
    inside.node.extend(nodes)
    inside.initializer.extend(
        numpy_helper.from_array(np.asarray(tensor), name) for name, tensor in tensors.items() if name in used
    )
    return changed


def in_real_numbers(graph: bytes) -> bytes:
    """A stored graph without whole numbers; ImportError for one that holds some where the onnx package is missing."""
    if not is_whole(graph):
        return graph
    import onnx

    changed: bytes = real(onnx.load_from_string(graph)).SerializeToString()
    return changed


def is_whole(graph: bytes) -> bool:
    """Whether a stored graph is in eight bits: the name of this operator is in it then."""
    return b"QuantizeLinear" in graph


def _ends(kind: Any) -> tuple[np.float32, np.float32]:
    """The lowest and the highest of a type of whole numbers."""
    return np.float32(np.iinfo(kind).min), np.float32(np.iinfo(kind).max)


def _weights(whole: Array, scale: Array, zero: Array, *, axis: int) -> Array:
    """What stored whole numbers stand for, with one scale or one for each place of an axis."""
    if scale.size > 1:
        shape = [-1 if place == axis % whole.ndim else 1 for place in range(whole.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((whole.astype(np.float32) - zero.astype(np.float32)) * scale, np.float32)


def _recurrent_weights(whole: Array, scale: Array, zero: Array) -> Array:
    """Weights (D, 4 H, K) of an LSTM for whole numbers (D, K, 4 H), with a scale for each direction or column."""
    scale, zero = (each.reshape(len(whole), 1, -1) for each in (scale, zero))
    return np.ascontiguousarray(((whole.astype(np.float32) - zero) * scale).transpose(0, 2, 1))
