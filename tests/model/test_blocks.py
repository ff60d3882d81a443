from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.image import LineFormat
from ocrnn.model.blocks import PREFIX, blocked
from ocrnn.model.export import build_graph
from ocrnn.model.network import Network
from ocrnn.spec import Architecture, Backbone, ModelSpec, Stage

STAGES: dict[str, tuple[Stage, ...]] = {
    "five by five, two at a time": (Stage(5, kernel=5, stride=2), Stage(6, pool=(2, 2))),
    "three by three, one at a time": (Stage(5, norm=False, pool=(2, 2)), Stage(6, pool=(2, 2))),
    "seven by seven, two at a time": (Stage(5, kernel=7, stride=2), Stage(6, pool=(2, 2))),
    "three at a time": (Stage(5, kernel=5, stride=3), Stage(6, pool=(2, 2))),
    "one by one": (Stage(5, kernel=1), Stage(6, pool=(2, 2))),
}


def graph_of(stages: tuple[Stage, ...], backbone: Backbone = "vgg", height: int = 24) -> Any:
    architecture = Architecture(backbone=backbone, height=height, stages=stages, hidden=4, layers=1)
    torch.manual_seed(4)
    return build_graph(Network(architecture, 4), ModelSpec(Charset("abc"), LineFormat(height), architecture))


def run(graph: Any, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: npt.NDArray[np.float32] = session.run(["log_probs"], {"images": images})[0]
    return answer


def is_blocked(graph: Any) -> bool:
    return any(node.name.startswith(PREFIX) for node in graph.graph.node)


@pytest.mark.parametrize("backbone", ["vgg", "resnet"])
@pytest.mark.parametrize("stages", STAGES.values(), ids=list(STAGES))
def test_it_computes_the_same(stages: tuple[Stage, ...], backbone: Backbone) -> None:
    graph = graph_of((dataclasses.replace(stages[0], repeat=int(backbone == "resnet")), *stages[1:]), backbone)
    kept = graph.SerializeToString(deterministic=True)
    changed = blocked(graph)
    onnx.checker.check_model(changed, full_check=True)
    assert is_blocked(changed)
    assert graph.SerializeToString(deterministic=True) == kept
    for lines, blocks in ((1, 1), (3, 5), (2, 16)):
        images = np.random.default_rng(lines).random((lines, 1, 24, 12 * blocks), np.float32)
        np.testing.assert_allclose(run(changed, images), run(graph, images), atol=1e-5)


@pytest.mark.parametrize("stages", STAGES.values(), ids=list(STAGES))
def test_it_has_one_convolution_for_another_and_no_more_weights_than_it_takes(stages: tuple[Stage, ...]) -> None:
    graph = graph_of(stages)
    changed = blocked(graph)
    before, after = ([node.op_type for node in each.graph.node].count("Conv") for each in (graph, changed))
    assert after == before
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in changed.graph.initializer}
    assert stored.keys() <= {name for node in changed.graph.node for name in node.input}
    first = next(node for node in changed.graph.node if node.op_type == "Conv")
    kernel = stored[first.input[1]]  # (2 K, r c, y, x)
    assert kernel[:, :, [0, -1]].any(axis=(0, 1, 3)).all() and kernel[..., [0, -1]].any(axis=(0, 1, 2)).all()


@pytest.mark.parametrize(
    ("stages", "height"),
    [
        ((Stage(5, kernel=5, stride=2), Stage(6)), 24),  # a line may have half a block
        ((Stage(5, kernel=5, stride=2, pad=False), Stage(6, pool=(2, 2))), 24),
        ((Stage(5, kernel=4, stride=2), Stage(6, pool=(2, 2))), 24),
        ((Stage(5, kernel=5, stride=2), Stage(6, pool=(2, 2))), 25),
    ],
)
def test_what_has_no_whole_blocks_stays_as_it_is(stages: tuple[Stage, ...], height: int) -> None:
    graph = graph_of(stages, height=height)
    assert blocked(graph) == graph


def test_a_layer_that_ends_in_something_else_stays_as_it_is() -> None:
    graph = graph_of(STAGES["five by five, two at a time"])
    next(node for node in graph.graph.node if node.op_type == "Relu").op_type = "Sigmoid"
    assert blocked(graph) == graph
