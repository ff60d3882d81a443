from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.image import LineFormat
from ocrnn.model.anchors import anchored, features
from ocrnn.model.export import build_graph
from ocrnn.model.network import Network
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.spec import Architecture, ModelSpec, Stage

FORMAT = LineFormat(height=24, margin=2)
STAGES = (Stage(4, kernel=5, stride=2), Stage(6, pool=(2, 2), repeat=1))
SHAPES: dict[str, Callable[[Architecture], Architecture]] = {
    "maximum": lambda plain: plain,
    "stacked": lambda plain: dataclasses.replace(plain, collapse="stack"),
    "residual": lambda plain: dataclasses.replace(plain, backbone="resnet"),
    "one layer": lambda plain: dataclasses.replace(plain, layers=1),
}


def graph_of(shape: str, *, gain: float = 1.0) -> Any:
    """A network that was never trained; with a gain its recurrent units reach further."""
    architecture = SHAPES[shape](dataclasses.replace(Architecture(), height=24, stages=STAGES, hidden=9))
    spec = ModelSpec(Charset("abcd"), FORMAT, architecture)
    torch.manual_seed(5)
    network = Network(architecture, spec.charset.classes)
    with torch.no_grad():
        for tensor in network.rnn.parameters():
            tensor.mul_(gain)
    return build_graph(network, spec)


def infer(graph: Any, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: npt.NDArray[np.float32] = session.run(["log_probs"], {"images": images})[0]
    return answer


def watched(graph: Any, name: str | None) -> list[npt.NDArray[np.float32]]:
    """What a tensor holds for some lines."""
    seen = onnx.ModelProto.FromString(graph.SerializeToString())
    seen.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(seen.SerializeToString(), providers=["CPUExecutionProvider"])
    answers: list[npt.NDArray[np.float32]] = session.run([name], {"images": lines(3)})
    return answers


def lines(count: int) -> npt.NDArray[np.float32]:
    """Noise of very different strengths, so that no two lines have one range."""
    dice = np.random.default_rng(7)
    strengths = np.geomspace(1, 0.003, count, dtype=np.float32)
    return dice.random((count, 1, 24, 80), np.float32) * strengths[:, None, None, None]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_network_computes_what_it_did(shape: str) -> None:
    graph = graph_of(shape)
    before = graph.SerializeToString(deterministic=True)
    changed = anchored(graph, 1e3)
    np.testing.assert_allclose(infer(changed, lines(3)), infer(graph, lines(3)), atol=2e-5)
    assert graph.SerializeToString(deterministic=True) == before
    used = {"log_probs"}.union(*(node.input for node in changed.graph.node))
    assert all(used.intersection(node.output) for node in changed.graph.node), "nothing that made the first states"


@pytest.mark.parametrize("gain", [1.0, 5.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_numbers_of_a_line_do_not_depend_on_its_company(shape: str, gain: float) -> None:
    whole = quantise(graph_of(shape, gain=gain), draw_lines(FORMAT, 8))
    images = lines(7)
    alone = np.concatenate([infer(whole, images[n : n + 1]) for n in range(7)], axis=1)
    np.testing.assert_array_equal(infer(whole, images), alone)
    np.testing.assert_array_equal(infer(whole, images[::-1]), alone[:, ::-1])


def test_without_anchors_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrnn.model.quantise.anchored", lambda graph, top: graph)
    whole = quantise(graph_of("maximum"), draw_lines(FORMAT, 8))
    images = lines(7)
    assert np.any(infer(whole, images)[:, 6] != infer(whole, images[6:])[:, 0])


def test_units_stand_at_the_ends_of_what_a_unit_can_reach() -> None:
    graph = anchored(graph_of("one layer", gain=5.0), 1e3)
    layer = next(node for node in graph.graph.node if node.op_type == "LSTM")
    (states,) = watched(graph, layer.output[0])  # (T, D, N, H)
    assert states.shape[1:] == (2, 3, 9 + 4)
    reach = np.tanh(np.arange(1, len(states) + 1))[:, None]
    for direction, steps in enumerate((reach, reach[::-1])):
        np.testing.assert_allclose(states[:, direction, :, 9], np.broadcast_to(steps, (len(steps), 3)), atol=1e-6)
        np.testing.assert_allclose(states[:, direction, :, 12], -np.broadcast_to(steps, (len(steps), 3)), atol=1e-6)
    assert np.all(np.abs(states).max(axis=3) == states[..., 9])
    assert np.abs(states[..., :9]).max() > 0.8, "the network does reach far"


@pytest.mark.parametrize("shape", SHAPES)
def test_features_have_one_range(shape: str) -> None:
    graph = graph_of(shape)
    (seen,) = watched(graph, features(graph))
    assert seen.min() >= 0
    top = float(seen.max()) / 2
    changed = anchored(graph, top)
    (found,) = watched(changed, features(changed))
    np.testing.assert_array_equal(found[:, :, -1], np.float32(top))
    np.testing.assert_allclose(found[:, :, :-1], np.minimum(seen, top), rtol=1e-5)


def test_a_graph_without_such_layers_has_no_features_to_anchor() -> None:
    architecture = dataclasses.replace(Architecture(), height=24, stages=STAGES, hidden=9, cell="gru")
    assert features(build_graph(Network(architecture, 5), ModelSpec(Charset("abcd"), FORMAT, architecture))) is None
