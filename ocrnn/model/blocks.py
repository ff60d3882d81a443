"""Blocks: what lets the first convolution of a graph in whole numbers do its work without moving the picture about.

A convolution in eight bits takes the channels of a pixel together, and a line has one: to gather single bytes took
three times as long as to multiply them. And where that layer is left in real numbers, all that it makes has to be
brought from real to whole and from one order to another, which takes twice as long as the layer itself. So neighbouring
pixels become the channels of a block, and the kernel a wider one on blocks, with weights of 0 where it reached no
pixel: for a kernel of 5 by 5 that steps by 2, blocks of 2 by 4 pixels, of which two columns of what it makes come out
side by side. The numbers are the same, and lie in the order that the next layer takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ocrnn.model.file import KEY
from ocrnn.spec import ModelSpec

Array = npt.NDArray[np.float32]

_SIDE = 2
"""Columns that come out of a block side by side: with four, kernels are half zeros."""
PREFIX = "/blocks/"
"""How the names of the new nodes begin."""


def blocked(graph: Any) -> Any:
    """A graph (onnx.ModelProto, as `build_graph` makes it) that computes the same, its first convolution on blocks.

    It takes lines whose width W is a multiple of the network's stride alone. One that would need other widths, or whose
    convolution does not keep the size of a line but for its step, comes out as it is. The given graph stays untouched.
    """
    import onnx
    from onnx import numpy_helper

    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    inside = changed.graph
    first = next(node for node in inside.node if node.op_type == "Conv")
    ends = next(node for node in inside.node if node.input[0] == first.output[0])
    stored = {tensor.name: tensor for tensor in inside.initializer}
    kept = {attribute.name: attribute.ints for attribute in first.attribute}
    size, step, pad = kept["kernel_shape"][0], kept["strides"][0], kept["pads"][0]
    rows, columns = step, _SIDE * step
    spec = ModelSpec.from_json({prop.key: prop.value for prop in graph.metadata_props}[KEY])
    fits = spec.line_format.height % rows == 0 and spec.architecture.stride % columns == 0
    if not fits or size % 2 == 0 or pad != size // 2 or ends.op_type != "Relu":
        return changed
    kernel, bias = (numpy_helper.to_array(stored[name]) for name in first.input[1:])
    nodes, tensors = _layer(first.input[0], ends.output[0], kernel, bias, step, pad, spec.line_format.height)
    inside.initializer.extend(numpy_helper.from_array(value, name) for name, value in tensors.items())
    rest = [each for each in inside.node if each is not first and each is not ends]
    at = list(inside.node).index(first)
    ordered = [type(each).FromString(each.SerializeToString()) for each in [*rest[:at], *nodes, *rest[at:]]]
    del inside.node[:]
    inside.node.extend(ordered)
    used = {name for each in ordered for name in each.input}  # of two layers that were never trained one bias is left
    for name in set(first.input[1:]) - used:
        inside.initializer.remove(stored[name])
    onnx.checker.check_model(changed)
    return changed


def _layer(
    given: str, made: str, kernel: Array, bias: Array, step: int, pad: int, height: int
) -> tuple[list[Any], dict[str, Array]]:
    """Nodes that make of lines `given` what a convolution (K, 1, k, k) and a ReLU do, and the tensors they take."""
    from onnx import helper

    rows, columns = step, _SIDE * step
    wide, pads = _on_blocks(kernel[:, 0], step, pad)
    shapes = {
        "cut": [0, height // rows, rows, -1, columns],
        "flat": [0, 0, -1, rows * columns],
        "side": [0, 0, -1, len(kernel)],
    }
    tensors = {"kernel": wide, "bias": np.tile(bias, _SIDE), **{name: np.array(to) for name, to in shapes.items()}}

    def node(kind: str, takes: list[str], gives: str, **settings: Any) -> Any:
        return helper.make_node(kind, takes, [gives], PREFIX + gives, **settings)

    names = {name: PREFIX + name for name in tensors}
    nodes = [
        node("Reshape", [given, names["cut"]], "rows"),  # (N, H/r, r, W/c, c)
        node("Transpose", ["rows"], "pixels", perm=[0, 1, 3, 2, 4]),
        node("Reshape", ["pixels", names["flat"]], "last"),  # (N, H/r, W/c, r c)
        node("Transpose", ["last"], "blocks", perm=[0, 3, 1, 2]),  # (N, r c, H/r, W/c)
        node("Conv", ["blocks", names["kernel"], names["bias"]], "sides", kernel_shape=wide.shape[2:], pads=pads),
        node("Relu", ["sides"], "inked"),  # (N, 2 K, H/r, W/c)
        node("Transpose", ["inked"], "apart", perm=[0, 2, 3, 1]),
        node("Reshape", ["apart", names["side"]], "columns"),  # (N, H/r, 2 W/c, K)
    ]
    nodes.append(helper.make_node("Transpose", ["columns"], [made], PREFIX + "maps", perm=[0, 3, 1, 2]))
    return nodes, {names[name]: value for name, value in tensors.items()}


def _on_blocks(kernel: Array, step: int, pad: int) -> tuple[Array, list[int]]:
    """Kernel (2 K, r c, y, x) on blocks of r = `step` by c = 2 `step` pixels for one (K, k, k), and its padding.

    Block `b` holds the rows r b to r b + r - 1; what a pixel is to the kernel's middle, its block is to the middle one.
    """
    maps, size, _ = kernel.shape
    blocks = (step, _SIDE * step)
    before = [-(-pad // length) for length in blocks]
    after = [(last + size - 1 - pad) // length for last, length in zip((0, (_SIDE - 1) * step), blocks, strict=True)]
    reach = [first + 1 + last for first, last in zip(before, after, strict=True)]
    wide = np.zeros((_SIDE, maps, *blocks, *reach), np.float32)
    for side in range(_SIDE):
        for y in range(size):
            for x in range(size):
                (block_y, in_y), (block_x, in_x) = divmod(y - pad, blocks[0]), divmod(side * step + x - pad, blocks[1])
                wide[side, :, in_y, in_x, block_y + before[0], block_x + before[1]] = kernel[:, y, x]
    return wide.reshape(_SIDE * maps, blocks[0] * blocks[1], *reach), [*before, *after]
