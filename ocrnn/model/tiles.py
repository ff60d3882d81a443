"""Weights moved by one: what lets ONNX Runtime convolve in tiles (AMX, Intel's Xeons from Sapphire Rapids on).

For convolutions in eight bits whose weights have the zero point 0 it has kernels of its own, which know VNNI and no
tiles. All others it unfolds and multiplies as matrices, in tiles where there are some. So weights and zero points that
are both one more mean the same numbers, to the bit, in 0.7 of the time of the convolutions. Quantised weights use 7 of
their 8 bits, so there is room.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from ocrnn.model.graph import Graph

_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = frozenset(("amx_tile", "amx_int8"))
_LEAST_CHANNELS = 96
"""Channels from which on a convolution gains: with 48 it takes as long as before, or longer."""


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


def move(graph: Graph) -> None:
    """Make the weights of its wide convolutions and their zero points one more, in a graph of ours in eight bits."""
    stored = {node.outputs[0]: node.inputs for node in graph.nodes if node.operator == "DequantizeLinear"}
    for node in graph.nodes:
        whole = stored.get(node.inputs[1], ()) if node.operator == "Conv" else ()
        tensors = [graph.tensors.get(name) for name in whole[::2]]  # numbers and zero points, without the scales
        spans = [tensor.numbers for tensor in tensors if tensor is not None and tensor.numbers is not None]
        if len(spans) < 2:
            continue
        # Zeros may be kept as numbers of any length, each a byte, and so may ones.
        weights, zeros = (np.frombuffer(graph.content, np.int8, length, start) for start, length in spans)
        if len(zeros) >= _LEAST_CHANNELS and not zeros.any() and weights.max() < 127:
            weights += 1
            zeros += 1
