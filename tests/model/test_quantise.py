from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import greedy, tempered
from ocrnn.image import Line, LineFormat, load_lines
from ocrnn.model import file
from ocrnn.model.blocks import PREFIX, blocked
from ocrnn.model.executors import Model
from ocrnn.model.export import build_graph, save_graph
from ocrnn.model.network import Network
from ocrnn.model.quantise import DRAWN_LINES, count_changes, draw_lines, quantise
from ocrnn.model.reals import real
from ocrnn.model.runtime import find, further, open_model
from ocrnn.model.weights import load_weights
from ocrnn.spec import Architecture, ModelSpec, Stage

FORMAT = LineFormat(height=24, margin=2)
NUMBERS = ["314", "1592", "65", "358979", "32384", "62", "643383", "2795", "0288", "41971"]


def draw(text: str) -> Line:
    face = ImageFont.load_default(28)
    picture = Image.new("L", (130, 40), 255)
    ImageDraw.Draw(picture).text((8, 20), text, fill=0, font=face, anchor="lm")
    return FORMAT.prepare(np.asarray(picture))


def texts(model: Model, lines: Sequence[Line]) -> list[str]:
    answers = (model.infer(line[None])[:, 0] for line in lines)
    return [model.spec.charset.decode(greedy(log_probs).classes) for log_probs in answers]


@pytest.fixture(scope="module")
def taught() -> Iterator[tuple[Network, ModelSpec]]:
    """A network that has learned to read ten numbers, on one thread: on several another one comes of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    stages = (Stage(8, kernel=5, stride=2), Stage(16, pool=(2, 2)), Stage(24, repeat=1))
    architecture = dataclasses.replace(Architecture(), height=24, stages=stages, hidden=24)
    spec = ModelSpec(Charset("0123456789"), FORMAT, architecture, temperature=1.25, about={"data": "ten numbers"})
    torch.manual_seed(3)
    network = Network(architecture, spec.charset.classes).train()
    images = torch.from_numpy(np.stack([draw(text) for text in NUMBERS]))
    targets = torch.tensor(spec.charset.encode("".join(NUMBERS)))
    frames = torch.full((len(NUMBERS),), architecture.frames(images.shape[3]))
    lengths = torch.tensor([len(text) for text in NUMBERS])
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(360):
        loss = torch.zeros(())
        for log_probs in network.training_log_probs(images):
            assert log_probs is not None
            loss = loss + torch.nn.functional.ctc_loss(log_probs, targets, frames, lengths)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    torch.set_num_threads(threads)
    yield network.eval(), spec


@pytest.fixture(scope="module")
def both(taught: tuple[Network, ModelSpec], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The network as it is, and in whole numbers."""
    folder = tmp_path_factory.mktemp("int8")
    graph = build_graph(*taught)
    save_graph(graph, folder / "real.onnx")
    save_graph(quantise(graph, draw_lines(FORMAT)), folder / "whole.onnx")
    return folder / "real.onnx", folder / "whole.onnx"


def test_it_reads_what_the_network_reads(both: tuple[Path, Path]) -> None:
    real, whole = map(open_model, both)
    lines = [draw(text) for text in NUMBERS]
    assert texts(real, lines) == NUMBERS
    assert texts(whole, lines) == NUMBERS
    for line in lines:
        wanted, found = (np.exp(model.infer(line[None])) for model in (real, whole))
        assert found.shape == wanted.shape
        assert 0 < np.abs(found - wanted).mean() < 0.002
        assert np.abs(found - wanted).max() < 0.2


def test_the_file_is_small_and_says_the_same_of_itself(both: tuple[Path, Path]) -> None:
    real, whole = both
    assert file.header(whole) == file.header(real)
    assert whole.stat().st_size < 0.75 * real.stat().st_size
    graph = onnx.load(whole)
    onnx.checker.check_model(graph)
    assert graph.producer_name == "ocrnn"
    assert [prop.key for prop in graph.metadata_props] == ["ocrnn"]


def test_what_is_whole_and_what_stays_real(both: tuple[Path, Path]) -> None:
    graph = onnx.load(both[1]).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    kernels = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    assert len(kernels) == 4
    (head,) = (node.input[1] for node in graph.node if node.op_type == "MatMul")
    assert all(made_by[name].op_type == "DequantizeLinear" for name in [*kernels, head])
    assert {node.op_type for node in graph.node} >= {"DynamicQuantizeLSTM", "LogSoftmax"}
    # What moves numbers about takes whole ones between the blocks and the convolutions behind them, and nowhere else.
    behind = list(graph.node)[[node.op_type for node in graph.node].index("Conv") :]
    moving = [node for node in behind if node.op_type in ("Reshape", "Transpose")]
    for node in moving:
        assert (made_by[node.input[0]].op_type == "DequantizeLinear") == node.name.startswith(PREFIX), node.name
    assert {node.name.startswith(PREFIX) for node in moving} == {True, False}
    # 7 bits: a sum of two products must fit into 16 bits on processors without VNNI.
    whole = [tensor for tensor in stored.values() if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1]
    assert len(whole) == 4 + 1 + 4 + 4  # convolutions, head; W and R of two layers, each with its zero points
    assert max(int(np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max()) for tensor in whole) == 64


def test_a_line_reads_the_same_alone_and_in_company(both: tuple[Path, Path]) -> None:
    model = open_model(both[1])
    dice = np.random.default_rng(2)
    images = dice.random((3, 1, 24, 96), np.float32) * np.array([1.0, 0.01, 0.5], np.float32)[:, None, None, None]
    together = model.infer(images)
    assert together.shape == (24, 3, 11)
    for n in range(3):
        np.testing.assert_array_equal(together[:, n], model.infer(images[n : n + 1])[:, 0])


def test_the_same_graph_every_time_and_the_given_one_untouched(taught: tuple[Network, ModelSpec]) -> None:
    graph = build_graph(*taught)
    before = graph.SerializeToString(deterministic=True)
    lines = draw_lines(FORMAT, 3)
    first, second = (quantise(graph, lines).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert graph.SerializeToString(deterministic=True) == before


def test_weights_rounded_by_what_goes_through_are_nearer_than_those_rounded_each(
    taught: tuple[Network, ModelSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graph = build_graph(*taught)
    seen = draw_lines(FORMAT)
    lines = [draw(text) for text in NUMBERS]
    errors = []
    for name in ("together", "each to the nearest"):
        if name == "each to the nearest":
            monkeypatch.setattr("ocrnn.model.quantise._round", lambda *_: None)
        save_graph(quantise(graph, seen), tmp_path / "m.onnx")
        save_graph(graph, tmp_path / "real.onnx")
        model, real = open_model(tmp_path / "m.onnx"), open_model(tmp_path / "real.onnx")
        errors.append(sum(float(np.abs(model.infer(x[None]) - real.infer(x[None])).mean()) for x in lines))
    assert errors[0] < 0.8 * errors[1]


def test_a_convolution_makes_on_average_what_it_made(taught: tuple[Network, ModelSpec]) -> None:
    """What rounding its weights does to a mean goes into its bias."""
    graph, lines = blocked(build_graph(*taught)), draw_lines(FORMAT, 8)
    means = []
    for each in (graph, real(quantise(build_graph(*taught), lines))):
        first = next(node for node in each.graph.node if node.op_type == "Conv")
        each.graph.output.append(onnx.ValueInfoProto(name=first.output[0]))
        session = onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"])
        made = [session.run([first.output[0]], {"images": line[None]})[0][0] for line in lines]
        means.append(np.concatenate(made, axis=2).mean(axis=(1, 2)))
    np.testing.assert_allclose(means[1], means[0], atol=1e-3)


def test_it_says_nothing_and_leaves_the_log_as_it_was(
    taught: tuple[Network, ModelSpec], caplog: pytest.LogCaptureFixture
) -> None:
    quantise(build_graph(*taught), draw_lines(FORMAT, 2))
    assert not caplog.records
    logging.warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_cells_without_a_quantised_form_stay_real_and_take_batches(cell: str, tmp_path: Path) -> None:
    architecture = dataclasses.replace(
        Architecture.named("accurate", cell=cell), height=24, stages=(Stage(4), Stage(6, repeat=1)), hidden=5
    )
    spec = ModelSpec(Charset("ab"), LineFormat(24), architecture)
    save_graph(quantise(build_graph(Network(architecture, 3), spec), draw_lines(FORMAT, 2)), tmp_path / "m.onnx")
    assert onnx.load(tmp_path / "m.onnx").graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert open_model(tmp_path / "m.onnx").infer(np.zeros((2, 1, 24, 64), np.float32)).shape[1] == 2


def test_the_lines_it_draws() -> None:
    lines = draw_lines(LineFormat())
    assert len(lines) == DRAWN_LINES
    assert {line.shape[:2] for line in lines} == {(1, 40)}
    assert min(float(line.max()) for line in lines) > 0.5
    assert len({line.tobytes() for line in lines}) == DRAWN_LINES
    again: list[npt.NDArray[np.float32]] = draw_lines(LineFormat())
    assert all(np.array_equal(one, other) for one, other in zip(lines, again, strict=True))


def test_changes_are_counted(taught: tuple[Network, ModelSpec]) -> None:
    graph, other = build_graph(*taught), build_graph(*taught)
    lines = [draw(text) for text in NUMBERS]
    assert count_changes(graph, other, lines) == 0
    for tensor in other.graph.initializer:
        if list(tensor.dims) == [11]:  # the head's bias: only blanks from now on
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array([99] + [0] * 10, np.float32), tensor.name))
    assert count_changes(graph, other, lines) == len(lines)


def test_without_lines_there_are_no_scales(taught: tuple[Network, ModelSpec]) -> None:
    with pytest.raises(ValueError, match="no lines"):
        quantise(build_graph(*taught), [])


def test_the_shipped_model_reads_the_samples_as_its_weights_do(latin: str, root: Path) -> None:
    """Eight bits in ONNX Runtime against real numbers in torch: the two files of one model."""
    weights = find(latin, ".safetensors")
    whole, real = open_model(latin), open_model(weights)
    assert apart_from_calibration(whole.spec) == apart_from_calibration(real.spec)
    lines = [real.spec.line_format.prepare(load_lines(path)[0]) for path in sorted((root / "samples").glob("*.png"))]
    assert len(lines) == 8
    assert texts(whole, lines) == texts(real, lines)
    for line in lines:  # each calibrated: the graph may have its temperature inside
        one, other = (np.exp(tempered(model.infer(line[None]), model.spec.temperature)) for model in (whole, real))
        assert np.abs(one - other).mean() < 2e-4
    numbers = sum(tensor.numel() for tensor in load_weights(weights)[0].state_dict().values())
    assert find(latin).stat().st_size < (1 + len(further(latin))) * 1.4 * numbers


def apart_from_calibration(spec: ModelSpec) -> ModelSpec:
    """A spec without what is fitted on each of the two files by itself: other networks help one of them."""
    about = {heading: told for heading, told in spec.about.items() if heading != "calibration"}
    return dataclasses.replace(spec, temperature=1.0, word_doubt=0.0, again_power=1.0, word_power=1.0, about=about)
