from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from ocrnn.charset import Charset
from ocrnn.image import LineFormat
from ocrnn.model.export import build_graph
from ocrnn.model.network import Network
from ocrnn.model.rounding import MOST, rounded, statistics
from ocrnn.spec import Architecture, ModelSpec, Stage


def error(missing: npt.NDArray[np.float64], covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Variance (K,) of sums with weights (K, D) that are off by so much."""
    variances: npt.NDArray[np.float64] = np.einsum("kd,de,ke->k", missing, covariance, missing)
    return variances


def test_it_is_near_the_best_of_all_roundings() -> None:
    dice = np.random.default_rng(1)
    covariance = 0.95 ** np.abs(np.subtract.outer(range(9), range(9)))  # as pixels beside one another have it
    weights, units = dice.normal(scale=3, size=(40, 9)), dice.uniform(0.5, 1.5, 40)
    steps = np.array(list(itertools.product((0, 1), repeat=9)))
    lower = np.floor(weights / units[:, None])
    best = np.min([error((lower + step) * units[:, None] - weights, covariance) for step in steps], axis=0)
    found = error(rounded(weights, units, covariance) * units[:, None] - weights, covariance)
    nearest = error(np.rint(weights / units[:, None]) * units[:, None] - weights, covariance)
    assert found.mean() < 2 * best.mean()
    assert nearest.mean() > 3 * found.mean()


def test_inputs_that_know_nothing_of_one_another_are_rounded_each() -> None:
    weights = np.random.default_rng(2).normal(scale=9, size=(6, 7))
    assert np.array_equal(rounded(weights, np.ones(6), np.diag(np.arange(1.0, 8.0))), np.rint(weights))


def test_it_is_the_same_whatever_the_inputs_are_measured_in() -> None:
    covariance = 0.95 ** np.abs(np.subtract.outer(range(9), range(9)))
    weights = np.random.default_rng(3).normal(scale=3, size=(40, 9))
    wanted = rounded(weights, np.ones(40), covariance)
    for factor in (2.0**-20, 2.0**20):
        assert np.array_equal(rounded(weights, np.ones(40), factor * covariance), wanted)


def test_nothing_is_beyond_the_most() -> None:
    weights = np.array([[-900.0, 64.2, 63.7, 900.0]])
    assert rounded(weights, np.ones(1), np.zeros((4, 4))).tolist() == [[-MOST, MOST, MOST, MOST]]


def test_statistics_are_of_what_the_layers_take() -> None:
    architecture = Architecture(height=12, stages=(Stage(3, kernel=5, stride=2), Stage(4, pool=(2, 2))), hidden=5)
    torch.manual_seed(6)
    network = Network(architecture, 4).eval()
    graph = build_graph(network, ModelSpec(Charset("abc"), LineFormat(12), architecture))
    layers = [node for node in graph.graph.node if node.op_type in ("Conv", "MatMul")]
    assert [layer.op_type for layer in layers] == ["Conv", "Conv", "MatMul"]
    layers[1].attribute.remove(next(each for each in layers[1].attribute if each.name == "strides"))  # 1 unless told
    lines = [np.random.default_rng(n).random((1, 12, 32 + 16 * n), np.float32) for n in range(3)]

    def session(model: Any) -> Any:
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    found = statistics(graph, layers, lines, session)
    seen: list[list[torch.Tensor]] = [[], [], []]
    with torch.inference_mode():
        for line in map(torch.from_numpy, lines):
            maps = network.conv[0](line[None])
            seen[0] += torch.nn.functional.unfold(line[None], 5, padding=2, stride=2)[0].T
            seen[1] += torch.nn.functional.unfold(maps, 3, padding=1)[0].T
            seen[2] += network.rnn(network.features(line[None]))[0].flatten(0, 1)
    for layer, rows in zip(layers, seen, strict=True):
        inputs = torch.stack(rows).double().numpy()
        mean, covariance = found[layer.name]
        np.testing.assert_allclose(mean, inputs.mean(0), atol=1e-5)
        np.testing.assert_allclose(covariance, np.cov(inputs.T, bias=True), atol=1e-4)
