from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.reals import is_whole, real
from ocrnn.model.runtime import find, header
from ocrnn.spec import ModelSpec


def run(graph: Any, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answer: np.ndarray[Any, Any] = session.run(None, {session.get_inputs()[0].name: images})[0]
    return answer


def operators(graph: Any) -> set[str]:
    return {node.op_type for node in graph.graph.node}


@pytest.fixture(scope="module")
def whole(stored: dict[str, Path], spec: ModelSpec) -> Any:
    """The small model in eight bits."""
    return quantise(onnx.load(stored[".onnx"]), draw_lines(spec.line_format, 8))


def test_it_infers_what_the_whole_numbers_and_those_they_came_from_do(
    stored: dict[str, Path], spec: ModelSpec, whole: Any
) -> None:
    kept = whole.SerializeToString()
    changed = real(whole)
    onnx.checker.check_model(changed, full_check=True)
    assert whole.SerializeToString() == kept
    assert "LSTM" in operators(changed) and "DynamicQuantizeLSTM" in operators(whole)
    assert not any("Quantize" in name for name in operators(changed))
    assert not any(numpy_helper.to_array(each).dtype in (np.int8, np.uint8) for each in changed.graph.initializer)
    assert changed.metadata_props == whole.metadata_props
    exact = onnx.load(stored[".onnx"])
    for line in draw_lines(spec.line_format, 12)[8:]:
        found, rounded, source = (np.exp(run(graph, line[None])) for graph in (changed, whole, exact))
        # With weights that were never trained nothing is sure, and rounding moves all of it a little.
        assert np.abs(found - rounded).max() < 0.02
        assert np.abs(found - source).max() < 0.02
        assert np.abs(found - rounded).max() > 0


def test_the_shipped_model_reads_the_same_frames(latin: str) -> None:
    whole = onnx.load(find(latin))
    if not is_whole(find(latin).read_bytes()):
        pytest.skip("the shipped model is in real numbers")
    changed = real(whole)
    lines = draw_lines(header(latin).line_format, 8)
    pairs = [[run(graph, line[None]).argmax(-1) for graph in (changed, whole)] for line in lines]
    assert np.mean(np.concatenate([(one != other).ravel() for one, other in pairs])) < 0.02


def test_a_graph_in_real_numbers_stays_as_it_is(stored: dict[str, Path]) -> None:
    graph = onnx.load(stored[".onnx"])
    assert real(graph).graph.node == graph.graph.node
    given, kept = ({each.name: each for each in one.graph.initializer} for one in (graph, real(graph)))
    assert kept == {name: tensor for name, tensor in given.items() if name in kept}
    assert not is_whole(stored[".onnx"].read_bytes())


@pytest.mark.parametrize("zero", [0, 100])
def test_what_leaves_the_whole_numbers_is_cut_off_where_they_end(zero: int) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    kept = {"scale": np.float32(0.5), "zero": np.uint8(zero)}
    changed = real(graph(nodes, kept))
    x = np.array([-200, -60, -0.3, 0, 0.3, 60, 200], np.float32)
    assert np.array_equal(run(changed, x), np.clip(x, -0.5 * zero, 0.5 * (255 - zero)))


def test_weights_are_what_the_whole_numbers_stand_for() -> None:
    weights = np.array([[1, -2, 3], [4, 5, -6]], np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scales", "zeros"], ["real"], axis=0),
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["other"]),
        helper.make_node("Add", ["real", "other"], ["both"]),
        helper.make_node("Mul", ["both", "x"], ["y"]),
    ]
    kept = {
        "w": weights,
        "scales": np.array([0.5, 2], np.float32),
        "zeros": np.array([1, -1], np.int8),
        "scale": np.float32(10),
        "zero": np.int8(0),
    }
    changed = real(graph(nodes, kept))
    assert operators(changed) == {"Add", "Mul"}
    assert np.array_equal(run(changed, np.ones(3, np.float32)), np.array([[10, -21.5, 31], [50, 62, -70]]))


def graph(nodes: list[Any], kept: dict[str, Any]) -> Any:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in kept.items()]
    made = helper.make_graph(nodes, "made", ends[:1], ends[1:], stored)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
