from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from ocrnn.model import executors
from ocrnn.model.executors import Later, OnnxModel, fastest, infer_together
from ocrnn.model.file import header
from ocrnn.model.graph import Graph
from ocrnn.model.halves import ANCHORED, LEAST_FRAMES, LENGTHS, halves
from ocrnn.model.runtime import find
from ocrnn.spec import ModelSpec
from tests.conftest import Bars

Images = npt.NDArray[np.float32]
# Lines of each batch, and their columns: less than `LEAST_FRAMES` frames, and many.
SHAPES = [(1, 256), (3, 80), (2, 480), (16, 272), (1, 64)]


@pytest.fixture(scope="module")
def path(latin: str) -> Path:
    return find(latin)


@pytest.fixture(scope="module")
def spec_of(path: Path) -> ModelSpec:
    return header(path)


@pytest.fixture
def whole(path: Path, spec_of: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> OnnxModel:
    """The shipped model as it is stored."""
    monkeypatch.setattr(executors, "fastest", lambda graph: [graph])
    model = OnnxModel(path, spec_of, 1)
    monkeypatch.undo()
    return model


def batches(*shapes: tuple[int, int]) -> list[Images]:
    dice = np.random.default_rng(5)
    return [dice.random((lines, 1, 40, columns), np.float32) for lines, columns in shapes]


def test_both_halves_are_graphs_that_say_what_they_take(path: Path) -> None:
    first, second = (onnx.load_from_string(half) for half in fastest(path.read_bytes()))
    stored = onnx.load(path)
    for half in (first, second):
        onnx.checker.check_model(half)
        assert half.opset_import == stored.opset_import and half.ir_version == stored.ir_version
        assert not half.metadata_props  # further networks among them, which no session needs
    assert [value.name for value in (*first.graph.input, *first.graph.output)] == ["images", ANCHORED]
    assert [value.name for value in (*second.graph.input, *second.graph.output)] == [ANCHORED, LENGTHS, "log_probs"]
    assert len(first.graph.node) + len(second.graph.node) == len(stored.graph.node)
    layers = [node for node in second.graph.node if node.op_type == "DynamicQuantizeLSTM"]
    assert len(layers) == 2 and all(node.input[4] == LENGTHS for node in layers)


def test_lines_of_any_widths_read_to_the_bit_as_alone(path: Path, spec_of: ModelSpec, whole: OnnxModel) -> None:
    model = OnnxModel(path, spec_of, 1)
    for images in (batches(*SHAPES), batches(*SHAPES[:3]), batches(SHAPES[0])):
        found = model.infer_together(images)
        assert all(np.array_equal(one, whole.infer(each)) for one, each in zip(found, images, strict=True))
        alone = [model.infer(each[:1]) for each in images]
        assert all(np.array_equal(one[:, :1], other) for one, other in zip(found, alone, strict=True))
    with pytest.raises(ValueError, match="give"):
        model.infer_together([images[0], images[0][:0]])


@pytest.mark.parametrize("shapes", [[(2, 4 * LEAST_FRAMES), (2, 480)], [(2, 4 * LEAST_FRAMES - 16), (2, 480)]])
def test_short_lines_wait_for_their_like(
    shapes: list[tuple[int, int]], path: Path, spec_of: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = OnnxModel(path, spec_of, 1)
    read: list[int] = []

    def watched(features: list[Images]) -> list[Images]:
        read.append(len(features))
        return features

    monkeypatch.setattr(model, "_read", watched)
    model.infer_together(batches(*shapes))
    assert read == ([2] if shapes[0][1] == 4 * LEAST_FRAMES else [1, 1])


def test_what_does_not_come_apart_stays_whole(stored: dict[str, Path], path: Path) -> None:
    graph = path.read_bytes()
    unanchored = graph.replace(ANCHORED.encode(), b"unanchor")
    for kept in (stored[".onnx"].read_bytes(), graph[: len(graph) // 2], b"QuantizeLinear", b""):
        assert [len(part) for part in fastest(kept)] == [len(kept)]
    assert halves(Graph(unanchored)) is None
    loaded = onnx.load_from_string(graph)
    head = next(node for node in loaded.graph.node if node.op_type == "LogSoftmax")
    early = next(node for node in loaded.graph.node if node.op_type == "MaxPool")
    head.input[0] = early.output[0]  # leads around the features
    assert halves(Graph(loaded.SerializeToString())) is None


def test_models_without_a_way_of_their_own_and_those_opened_later(bars: Bars, path: Path, spec_of: ModelSpec) -> None:
    images = [np.zeros((n, 1, bars.spec.line_format.height, 32 * n), np.float32) for n in (1, 2)]
    for one, each in zip(infer_together(bars, images), images, strict=True):
        assert np.array_equal(one, bars.infer(each))
    given = batches(*SHAPES[:2])
    model = OnnxModel(path, spec_of, 1)
    for one, each in zip(infer_together(Later(spec_of, lambda: model), given), given, strict=True):
        assert np.array_equal(one, model.infer(each))
