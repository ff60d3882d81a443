"""Anchors: what keeps the whole numbers of a recurrent layer on one scale, whatever lines go through it together.

A recurrent layer in whole numbers (DynamicQuantizeLSTM) takes the scale of what enters a step from the lowest and the
highest number there, those of all lines together: a line would read otherwise in company. So each layer gets units that
always stand where no unit is lower, or higher, and the features get a channel that holds the most they can be. The
scale is then the same for all lines, and they share a batch: 8 of them take two thirds of the time that the layer needs
for them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrnn.model.file import KEY
from ocrnn.spec import ModelSpec

Array = npt.NDArray[np.float32]

_HIGH, _LOW = 3, 1
"""Units added to each direction that stand at either end. One would do; kernels take numbers by fours."""
_SATURATED = 30.0
"""What makes a gate 1 in float32, and what enters the cell 1 or -1. The cell then counts the steps: after t of them it
is at t or -t, and no cell is beyond, for what is added in a step is never more than 1. So no unit is beyond tanh(t).
(ONNX Runtime's own tanh is up to 2e-7 above 1 around 8.6. A unit that stands there behind an open gate would move the
scale by as much; in 600 real lines none of the shipped model was above 0.999998.)"""


def features(graph: Any) -> str | None:
    """What the features (T, N, K) are called that enter the first LSTM layer of a graph; None where it has none."""
    return next((str(node.input[0]) for node in graph.graph.node if node.op_type == "LSTM"), None)


def anchored(graph: Any, top: float) -> Any:
    """A graph (onnx.ModelProto with LSTM layers, as `build_graph` makes it) that computes the same, with anchors.

    `top` is the most that its features are; they are cut off there. They leave a pooling, which a quantiser makes one
    of whole numbers, as it does not with a maximum. The graph that is given stays untouched.
    """
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    layers = [node for node in changed.graph.node if node.op_type == "LSTM"]
    architecture = ModelSpec.from_json({prop.key: prop.value for prop in graph.metadata_props}[KEY]).architecture
    rows = architecture.rows() if architecture.collapse == "max" else 1
    _widen(changed.graph, layers, architecture.hidden)
    _rewire(changed.graph, layers[0], rows, top)
    onnx.checker.check_model(changed)
    return changed


def _widen(graph: Any, layers: Sequence[Any], hidden: int) -> None:
    """Add the units to each layer, and room for them, with weights of 0, to whatever they enter."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}

    def change(name: str, to: Array) -> None:
        stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(to), name))

    for number, layer in enumerate(layers):
        # W (D, 4 H, K), R (D, 4 H, H), B (D, 8 H) for D directions and the gates i, o, f, c (ONNX operator LSTM).
        entering, recurrent, biases = (numpy_helper.to_array(stored[name]) for name in layer.input[1:4])
        wide = _with_units(entering, hidden, axis=2) if number else np.pad(entering, ((0, 0), (0, 0), (0, 1)))
        change(layer.input[1], _with_units(wide, hidden, axis=1))
        change(layer.input[2], _with_units(_with_units(recurrent, hidden, axis=1), hidden, axis=2))
        gates = _with_units(biases, hidden, axis=1).reshape(len(biases), 8, -1)
        gates[:, :4, hidden:] = _SATURATED
        gates[:, 3, hidden + _HIGH :] = -_SATURATED
        change(layer.input[3], gates.reshape(len(biases), -1))
        next(attribute for attribute in layer.attribute if attribute.name == "hidden_size").i += _HIGH + _LOW
        # Its first states, zeros of a width that is now wrong, are zeros where none are given; the last are not used.
        del layer.input[4:], layer.output[1:]
    head = next(node for node in graph.node if node.op_type == "MatMul")
    change(head.input[1], _with_units(numpy_helper.to_array(stored[head.input[1]]), hidden, axis=0))


def _with_units(weights: Array, hidden: int, *, axis: int) -> Array:
    """Weights with zeros for the new units behind every `hidden` of one axis."""
    shape = weights.shape
    split = weights.reshape(*shape[:axis], -1, hidden, *shape[axis + 1 :])
    wide = np.pad(split, [(0, _HIGH + _LOW if place == axis + 1 else 0) for place in range(split.ndim)])
    return wide.reshape(*shape[:axis], -1, *shape[axis + 1 :])


def _rewire(graph: Any, layer: Any, rows: int, top: float) -> None:
    """Let the features leave a pooling, over the height where they are its maximum, and give them their channel."""
    from onnx import helper, numpy_helper

    made_by = {name: node for node in graph.node for name in node.output}
    columns = made_by[made_by[layer.input[0]].input[0]]  # what makes (N, K, T), before it is turned to (T, N, K)
    new = [helper.make_node("MaxPool", [columns.input[0]], ["pooled"], "/features/MaxPool", kernel_shape=[rows, 1])]
    constants = {"pads": np.array([0, 0, 0, 0, 0, 1]), "top": np.float32(top)}
    if columns.op_type == "ReduceMax":
        constants["axes"] = np.array([2])
        new.append(helper.make_node("Squeeze", ["pooled", "axes"], columns.output, "/features/Squeeze"))
    else:
        columns.input[0] = "pooled"
        new.append(columns)
    ends = [
        helper.make_node("Clip", [layer.input[0], "", "top"], ["clipped"], "/features/Clip"),
        helper.make_node("Pad", ["clipped", "pads", "top"], ["anchored"], "/features/Pad"),
    ]
    layer.input[0] = "anchored"
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    nodes: list[Any] = []
    for node in graph.node:
        nodes += new if node is columns else [*ends, node] if node is layer else [node]
    wanted = {tensor.name for tensor in graph.output}
    kept: list[Any] = []
    for node in reversed(nodes):  # without what only made the first states
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(type(node).FromString(node.SerializeToString()))
    del graph.node[:]
    graph.node.extend(reversed(kept))
