"""Rounding: which whole numbers stand for the weights of a layer, told by what goes through it.

Each weight rounded to the nearest does not make the nearest sums: neighbouring pixels are much alike, and the roundings
of their weights add up. So weights are rounded one after the other, and those that are still real make up for what was
done so far (Hassibi and Stork 1992; Frantar et al. 2022, arXiv 2210.17323): what a layer of `latin` makes is then a
third as far from what it should be. What is left on average goes into the bias (Nagel et al. 2019, arXiv 1906.04721).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrnn.image import Line

Numbers = npt.NDArray[np.float64]

MOST = 64
"""Largest whole number of a weight, of either sign: two products with 255 have to fit into 16 bits."""
_DAMPING = 0.01
"""Of the mean variance of an input, added to each: one that hardly varies must not be asked for the impossible."""


def rounded(weights: Numbers, units: Numbers, covariance: Numbers) -> npt.NDArray[np.int8]:
    """Whole numbers (K, D) for weights (K, D) in units (K,) whose sums over inputs of a covariance (D, D) are near.

    One row for each sum. None is beyond `MOST`.

    >>> weights, together = np.array([[0.4, 0.4, 0.4]]), np.full((3, 3), 1.0)
    >>> rounded(weights, np.ones(1), together).tolist()
    [[0, 1, 0]]
    """
    left = np.array(weights, np.float64)
    whole = np.zeros(left.shape, np.int8)
    damped = covariance + _DAMPING * max(float(np.diag(covariance).mean()), 1e-12) * np.eye(len(covariance))
    # Row j of the factor says how the inputs behind j make up for it, with those before it settled.
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    for place, row in enumerate(factor):
        whole[:, place] = np.clip(np.rint(left[:, place] / units), -MOST, MOST)
        missing = (left[:, place] - whole[:, place] * units) / row[place]
        left[:, place:] -= np.outer(missing, row[place:])
    return whole


def statistics(
    graph: Any, layers: Sequence[Any], lines: Sequence[Line], session: Any
) -> dict[str, tuple[Numbers, Numbers]]:
    """Mean (D,) and covariance (D, D) of what enters the sums of some layers, convolutions or products, by their name.

    `session` opens a graph (onnx.ModelProto). D are the K k k numbers under a kernel, or those of a frame.
    """
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(graph)
    names = [layer.input[0] for layer in layers if layer.input[0] != "images"]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    running = session(watched)
    sums: dict[str, list[Any]] = {layer.name: [0, 0.0, 0.0] for layer in layers}
    for line in lines:
        given = {"images": line[None]}
        maps = given | dict(zip(names, running.run(names, given), strict=True))
        for layer in layers:
            values = maps[layer.input[0]]
            inputs = _under(layer, values) if layer.op_type == "Conv" else values.reshape(-1, values.shape[-1])
            found = sums[layer.name]
            found[0] += len(inputs)
            found[1] = found[1] + inputs.sum(0, dtype=np.float64)
            found[2] = found[2] + inputs.T @ inputs
    result = {}
    for name, (count, total, squares) in sums.items():
        mean = total / count
        result[name] = mean, squares / count - np.outer(mean, mean)
    return result


def _under(layer: Any, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Numbers (h w, K k k) under the kernel of a convolution at each place of maps (1, K, h, w)."""
    settings = {attribute.name: tuple(attribute.ints) for attribute in layer.attribute}
    top, left, bottom, right = settings["pads"]
    padded = np.pad(maps[0], ((0, 0), (top, bottom), (left, right)))
    steps = settings.get("strides", (1, 1))
    seen = np.lib.stride_tricks.sliding_window_view(padded, settings["kernel_shape"], axis=(1, 2))
    seen = seen[:, :: steps[0], :: steps[1]]  # (K, h, w, k, k)
    return seen.transpose(1, 2, 0, 3, 4).reshape(seen.shape[1] * seen.shape[2], -1)
