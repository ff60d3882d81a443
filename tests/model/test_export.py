from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import greedy, tempered
from ocrnn.errors import ModelError
from ocrnn.image import LineFormat
from ocrnn.model.executors import TorchModel
from ocrnn.model.export import build_graph, calibrated, describe, export_onnx, halved, save_graph
from ocrnn.model.file import further, header
from ocrnn.model.network import Network
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.runtime import find, open_model
from ocrnn.model.weights import load_weights
from ocrnn.spec import Architecture, ModelSpec

SIZES = ((1, 64), (3, 160), (7, 93), (2, 421))


def compare(network: Network, spec: ModelSpec, path: Path) -> None:
    """torch and ONNX Runtime, asked the same: log-probabilities within 1e-4, the same greedy text."""
    export_onnx(network, spec, path)
    session = onnxruntime.InferenceSession(path)
    dice = np.random.default_rng(3)
    texts = set()
    for lines, width in SIZES:
        images = strokes(dice, lines, spec.line_format.height, width)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(images)).numpy()
        (found,) = session.run(["log_probs"], {"images": images})
        assert found.shape == wanted.shape == (spec.architecture.frames(width), lines, spec.charset.classes)
        assert np.abs(found - wanted).max() < 1e-4
        for n in range(lines):
            text = spec.charset.decode(greedy(wanted[:, n]).classes)
            assert spec.charset.decode(greedy(found[:, n]).classes) == text
            texts.add(text)
    assert len(texts) > 6, "the same text for all would say nothing"


def strokes(dice: np.random.Generator, lines: int, height: int, width: int) -> npt.NDArray[np.float32]:
    """Images of blocks a stroke wide: pixel noise would look the same to a network wherever it looks."""
    blocks = dice.random((lines, 1, -(-height // 6), -(-width // 9)), np.float32) > 0.7
    return blocks.repeat(6, axis=2).repeat(9, axis=3)[:, :, :height, :width].astype(np.float32)


def loud(network: Network) -> Network:
    """The network in reading mode, made to say much: statistics of real maps, and a head that tells frames apart."""
    images = torch.from_numpy(strokes(np.random.default_rng(5), 4, network.architecture.height, 256))
    with torch.no_grad():
        for _ in range(10):
            network.train()(images)
        hidden = network.eval().rnn(network.features(images))[0].flatten(0, 1)  # (T * N, 2 * hidden)
        network.head.weight /= hidden.std(0)
        network.head.weight *= 3.0
        network.head.bias.sub_(network.head(hidden).mean(0))
    return network


@pytest.mark.parametrize(
    ("preset", "cell"),
    [("fast", "lstm"), ("fast", "gru"), ("fast", "rnn"), ("accurate", "lstm"), ("paper", "lstm")],
)
def test_torch_and_onnx_agree(preset: str, cell: str, tmp_path: Path) -> None:
    named = Architecture.named(preset, cell=cell)
    architecture = dataclasses.replace(named, hidden=16)
    charset = Charset("abcdefghijklmnopqrstuvwxyz")
    torch.manual_seed(11)
    network = loud(Network(architecture, charset.classes))
    compare(network, ModelSpec(charset, LineFormat(architecture.height), architecture), tmp_path / "m.onnx")


def test_stacked_rows_agree(tmp_path: Path, spec: ModelSpec) -> None:
    architecture = dataclasses.replace(spec.architecture, collapse="stack")
    assert architecture.rows() > 1
    torch.manual_seed(11)
    network = loud(Network(architecture, spec.charset.classes))
    compare(network, dataclasses.replace(spec, architecture=architecture), tmp_path / "m.onnx")


def test_the_default_in_full_size_agrees(tmp_path: Path) -> None:
    charset = Charset("".join(map(chr, range(33, 127))))
    spec = ModelSpec(charset)
    torch.manual_seed(11)
    compare(loud(Network(spec.architecture, charset.classes)), spec, tmp_path / "m.onnx")


def test_sixteen_bits_read_as_torch_does_and_take_half_the_room(tmp_path: Path) -> None:
    network, spec = load_weights(find("latin", ".safetensors"))
    graph = build_graph(network, spec)
    save_graph(halved(graph), tmp_path / "half.onnx")
    half, torchs = open_model(tmp_path / "half.onnx"), TorchModel(network, spec)
    assert half.spec == spec
    for line in draw_lines(spec.line_format, 8):
        found, wanted = (model.infer(line[None])[:, 0] for model in (half, torchs))
        assert found.dtype == np.float32
        assert 0 < np.abs(found - wanted)[wanted > -5].max() < 0.2
        assert greedy(found).classes == greedy(wanted).classes
    assert (tmp_path / "half.onnx").stat().st_size < 0.52 * graph.ByteSize()


def test_whole_numbers_are_not_made_sixteen_bits() -> None:
    graph = onnx.load(find("latin"))
    with pytest.raises(ModelError, match="whole numbers"):
        halved(graph)


def test_what_is_in_the_graph(stored: dict[str, Path], network: Network, spec: ModelSpec) -> None:
    graph = onnx.load(stored[".onnx"])
    onnx.checker.check_model(graph, full_check=True)
    operators = {node.op_type for node in graph.graph.node}
    assert "BatchNormalization" not in operators
    assert "LogSoftmax" in operators
    assert graph.opset_import[0].version >= 17
    shapes = {
        tensor.name: [size.dim_param or size.dim_value for size in tensor.type.tensor_type.shape.dim]
        for tensor in (*graph.graph.input, *graph.graph.output)
    }
    assert shapes == {"images": ["N", 1, 24, "W"], "log_probs": ["T", "N", 11]}
    weights = sum(int(np.prod(tensor.dims)) for tensor in graph.graph.initializer)
    assert network.shortcut is not None
    shortcut = sum(parameter.numel() for parameter in network.shortcut.parameters())
    assert weights < sum(parameter.numel() for parameter in network.parameters()) - shortcut + 100
    assert onnxruntime.InferenceSession(stored[".onnx"]).get_modelmeta().custom_metadata_map == {
        "ocrnn": spec.to_json()
    }


def test_nothing_of_this_machine_is_in_the_file(stored: dict[str, Path]) -> None:
    assert str(Path(__file__).parents[2]).encode() not in stored[".onnx"].read_bytes()


def test_exporting_is_silent_and_the_same_every_time(
    stored: dict[str, Path], network: Network, spec: ModelSpec, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export_onnx(network, spec, tmp_path / "again.onnx")
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "again.onnx").read_bytes() == stored[".onnx"].read_bytes()


def test_exporting_in_the_middle_of_training_changes_nothing(spec: ModelSpec, tmp_path: Path) -> None:
    network = Network(spec.architecture, spec.charset.classes).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    export_onnx(network, spec, tmp_path / "m.onnx")
    assert network.training
    assert all(module.training for module in network.modules())
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("whole", [False, True])
def test_a_temperature_inside_the_graph_is_one_that_divides_its_answers(
    whole: bool, stored: dict[str, Path], spec: ModelSpec
) -> None:
    graph = onnx.load(stored[".onnx"])
    if whole:
        graph = quantise(graph, draw_lines(spec.line_format, 4))
    before = graph.SerializeToString(deterministic=True)
    changed = calibrated(graph)
    assert graph.SerializeToString(deterministic=True) == before
    (prop,) = changed.metadata_props
    assert ModelSpec.from_json(prop.value) == dataclasses.replace(spec, temperature=1.0)
    images = strokes(np.random.default_rng(3), 3, 24, 160)
    plain, divided = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(["log_probs"], {"images": images})[0]
        for each in (graph, changed)
    )
    assert np.abs(divided - plain).max() > 0.1
    np.testing.assert_allclose(divided, tempered(plain, spec.temperature), atol=1e-5)


def test_another_description_leaves_what_else_a_file_brings(stored: dict[str, Path], tmp_path: Path) -> None:
    graph, content = onnx.load(stored[".onnx"]), stored[".onnx"].read_bytes()
    spec = header(stored[".onnx"])
    describe(graph, spec, further=[content])
    told = dataclasses.replace(spec, about={"scores": "good"})
    describe(graph, told)
    save_graph(calibrated(graph), tmp_path / "told.onnx")
    inside = dataclasses.replace(told, temperature=1.0)
    assert header(tmp_path / "told.onnx") == inside
    (network,) = further(tmp_path / "told.onnx", inside)
    assert (network.spec, network.content()) == (spec, content)
