"""Weights moved by one: what lets ONNX Runtime convolve in tiles (AMX, Intel's Xeons from Sapphire Rapids on).

For convolutions in eight bits whose weights have the zero point 0 it has kernels of its own, which know VNNI and no
tiles. All others it unfolds and multiplies as matrices, in tiles where there are some. So weights and zero points that
are both one more mean the same numbers, to the bit, in 0.7 of the time of the convolutions. Quantised weights use 7 of
their 8 bits, so there is room.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ocrnn.model.reals import is_whole
from ocrnn.model.wire import Damaged, fields

_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = frozenset(("amx_tile", "amx_int8"))
_LEAST_CHANNELS = 96
"""Channels from which on a convolution gains: with 48 it takes as long as before, or longer."""

# Numbers of the fields in onnx.proto: of ModelProto, GraphProto, NodeProto and TensorProto.
_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OUTPUT, _OPERATOR = 1, 2, 4
_WHOLE, _NAME, _RAW = 5, 8, 9

Place = tuple[int, int]
"""Start and length of some bytes."""


@lru_cache(maxsize=1)
def are_here() -> bool:
    """Whether this processor has tiles for eight bits, which Linux alone tells, and ONNX Runtime multiplies in them.

    Where it may use one core only, some of its versions (1.24, 1.32) do not, and moved weights take longer.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if cores < 2:
        return False
    try:
        with _CPUINFO.open(encoding="ascii", errors="replace") as lines:
            return _FLAGS.issubset(next((line for line in lines if line.startswith("flags")), "").split())
    except OSError:
        return False


def moved(graph: bytes) -> bytes:
    """A graph of ours (ONNX) with the weights of its wide convolutions and their zero points one more.

    One in real numbers comes out as it is, and so does what is no graph: who opens it says that better.
    """
    if not is_whole(graph):
        return graph
    try:
        nodes, tensors = _parts(graph)
    except (Damaged, UnicodeDecodeError):
        return graph
    stored = {outputs[0]: inputs for operator, inputs, outputs in nodes if operator == "DequantizeLinear"}
    changed = bytearray(graph)
    done: set[str] = set()
    for operator, inputs, _ in nodes:
        if operator != "Conv" or len(whole := stored.get(inputs[1], [])) < 3 or whole[0] in done:
            continue
        weights, zeros = (_numbers(changed, tensors.get(name, {})) for name in (whole[0], whole[2]))
        if weights is None or zeros is None or len(zeros) < _LEAST_CHANNELS or zeros.any() or weights.max() == 127:
            continue
        weights += 1
        zeros += 1
        done.add(whole[0])
    return bytes(changed)


def _numbers(graph: bytearray, tensor: dict[int, Place]) -> Any:
    """The numbers of a tensor of eight bits, to be changed where they stand; None where it is not kept like that.

    Zeros may be kept as numbers of any length, each a byte, and so may ones.
    """
    place = tensor.get(_RAW) or tensor.get(_WHOLE)
    return None if place is None else np.frombuffer(graph, np.int8, place[1], place[0])


def _parts(graph: bytes) -> tuple[list[tuple[str, list[str], list[str]]], dict[str, dict[int, Place]]]:
    """Operator, inputs and outputs of each node, and by name where the parts of each stored tensor stand."""
    nodes: list[tuple[str, list[str], list[str]]] = []
    tensors: dict[str, dict[int, Place]] = {}
    stream = io.BytesIO(graph)
    for number, start, length in fields(stream, len(graph)):
        if number != _GRAPH:
            continue
        for kind, at, size in fields(stream, start + length):
            if kind == _NODE:
                said: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATOR: []}
                for part, first, count in fields(stream, at + size):
                    if part in said:
                        said[part].append(_text(stream, (first, count)))
                nodes.append(("".join(said[_OPERATOR]), said[_INPUT], said[_OUTPUT]))
            elif kind == _INITIALIZER:
                places = {part: (first, count) for part, first, count in fields(stream, at + size)}
                tensors[_text(stream, places.get(_NAME, (0, 0)))] = places
    return nodes, tensors


def _text(stream: BinaryIO, place: Place) -> str:
    stream.seek(place[0])
    return stream.read(place[1]).decode()
