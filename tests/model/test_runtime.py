from __future__ import annotations

import dataclasses
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from ocrnn.errors import ModelError, UsageError
from ocrnn.model import device as devices
from ocrnn.model import runtime
from ocrnn.model.device import Device
from ocrnn.model.executors import OnnxModel, TorchModel
from ocrnn.model.export import describe, export_onnx
from ocrnn.model.network import Network
from ocrnn.model.runtime import find, header, open_model, share_cores, shipped
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec

Images = npt.NDArray[np.float32]
BOTH = pytest.mark.parametrize("suffix", [".onnx", ".safetensors"])


@pytest.fixture
def images() -> Images:
    return np.random.default_rng(1).random((3, 1, 24, 92), np.float32)


@BOTH
def test_a_model_infers_what_its_network_says(
    suffix: str, stored: dict[str, Path], network: Network, spec: ModelSpec, images: Images
) -> None:
    model = open_model(str(stored[suffix]), threads=1)
    assert model.spec == spec
    log_probs = model.infer(images)
    assert log_probs.dtype == np.float32
    assert log_probs.shape == (spec.architecture.frames(92), 3, spec.charset.classes)
    with torch.inference_mode():
        assert np.abs(log_probs - network(torch.from_numpy(images)).numpy()).max() < 1e-4


@BOTH
def test_infer_takes_any_memory_layout(suffix: str, stored: dict[str, Path], images: Images) -> None:
    model = open_model(stored[suffix])
    wanted = model.infer(images[::2, :, :, 10:74].copy())
    strided = images[::2, :, :, 10:74]
    strided.flags.writeable = False
    assert np.array_equal(model.infer(strided), wanted)
    assert np.array_equal(model.infer(np.asfortranarray(strided)), wanted)


def test_further_networks_are_opened_when_they_are_first_asked(
    stored: dict[str, Path], spec: ModelSpec, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[bytes] = []
    session = devices.session

    def counted(graph: bytes, options: Any, device: Device) -> Any:
        sessions.append(graph)
        return session(graph, options, device)

    monkeypatch.setattr(devices, "session", counted)
    other = dataclasses.replace(spec, temperature=spec.temperature * 2)
    export_onnx(load_weights(stored[".safetensors"])[0], other, tmp_path / "other.onnx")
    content = (tmp_path / "other.onnx").read_bytes()
    graph = onnx.load(stored[".onnx"])
    describe(graph, spec, further=[content])
    onnx.save(graph, tmp_path / "both.onnx")
    model = open_model(tmp_path / "both.onnx", threads=1, device="cpu")
    assert isinstance(model, OnnxModel)
    (further,) = model.further
    assert further.spec == other
    assert sessions == [(tmp_path / "both.onnx").read_bytes()]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(further.infer, [images] * 8))
    assert sessions[1:] == [content], "once, whoever asks"
    wanted = open_model(tmp_path / "other.onnx", threads=1, device="cpu").infer(images)
    assert all(np.array_equal(each, wanted) for each in found)


@BOTH
@pytest.mark.parametrize(
    ("shape", "type_"),
    [
        ((3, 1, 24, 92), np.float64),
        ((3, 1, 24, 92), np.uint8),
        ((3, 1, 25, 92), np.float32),
        ((3, 2, 24, 92), np.float32),
        ((1, 24, 92), np.float32),
        ((0, 1, 24, 92), np.float32),
        ((1, 1, 24, 0), np.float32),
        ((1, 1, 24, 1), np.float32),
    ],
)
def test_infer_refuses_what_are_no_lines(
    suffix: str, shape: tuple[int, ...], type_: type, stored: dict[str, Path]
) -> None:
    with pytest.raises(ValueError, match="images"):
        open_model(stored[suffix]).infer(np.zeros(shape, type_))


def test_a_graph_for_single_lines_takes_several_one_by_one(
    stored: dict[str, Path], images: Images, tmp_path: Path
) -> None:
    graph = onnx.load(stored[".onnx"])
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    onnx.save(graph, tmp_path / "single.onnx")
    wanted = open_model(stored[".onnx"]).infer(images)
    np.testing.assert_allclose(open_model(tmp_path / "single.onnx").infer(images), wanted, atol=1e-5)


def test_torch_reads_in_reading_mode(network: Network, spec: ModelSpec, images: Images) -> None:
    model = TorchModel(network, spec)
    wanted = model.infer(images)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()  # a trainer goes on between two validations
    assert np.array_equal(model.infer(images), wanted)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runtime, "_SHIPPED", tmp_path)
    with pytest.raises(ModelError, match=r"latim: no such model; .*none is installed"):
        open_model("latim")
    (tmp_path / "latin.onnx").touch()
    with pytest.raises(ModelError, match=r"latim: no such model; .*\(latin\)"):
        header("latim")


def test_what_can_be_no_name_of_a_model_is_told_as_it_was_given() -> None:
    with pytest.raises(
        ModelError, match=r"^https://example\.org/a\.onnx: is no file, and nothing is fetched; download it"
    ):
        find("https://example.org/a.onnx")
    with pytest.raises(ModelError, match="^'': no model has such a name"):
        find("")


def test_a_model_that_ships_for_reading_alone_is_refused_for_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runtime, "_SHIPPED", tmp_path)
    (tmp_path / "latin-accurate.onnx").touch()
    with pytest.raises(
        ModelError, match=r"^latin-accurate: is there to read with, not to .*; give the file of another"
    ):
        runtime.find("latin-accurate", ".safetensors")
    (tmp_path / "latin.safetensors").touch()
    with pytest.raises(ModelError, match=r"^latin-accurate: is there to read with, not to .*; take latin$"):
        runtime.find("latin-accurate", ".safetensors")


def test_shipped_models_open_by_name(
    stored: dict[str, Path], spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runtime, "_SHIPPED", tmp_path)
    assert shipped() == []
    for suffix, path in stored.items():
        (tmp_path / f"latin{suffix}").write_bytes(path.read_bytes())
        (tmp_path / f"greek{suffix}").write_bytes(path.read_bytes())
    assert shipped() == ["greek", "latin"]
    assert find() == find(None) == find("latin") == tmp_path / "latin.onnx"
    assert find("greek", ".safetensors") == tmp_path / "greek.safetensors"
    assert find("some/greek.onnx") == Path("some/greek.onnx")
    assert header() == header("greek") == spec
    assert open_model("greek").spec == open_model().spec == spec


def test_no_torch_is_one_sentence(stored: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"tiny\.safetensors: .* torch .*pip install 'ocrnn\[train\]'"):
        open_model(stored[".safetensors"])
    open_model(stored[".onnx"])


@pytest.mark.parametrize("language", ["AAAA", "no base 64", "eJw="])
def test_a_damaged_language_is_refused_when_the_model_is_opened(
    language: str, stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    graph = onnx.load(stored[".onnx"])
    told = dataclasses.replace(spec, language=language, language_weight=0.5)
    onnx.helper.set_model_props(graph, {"ocrnn": told.to_json()})
    onnx.save(graph, tmp_path / "told.onnx")
    with pytest.raises(ModelError, match=r"told\.onnx: the model file is damaged \(its language .*\); fetch or export"):
        open_model(tmp_path / "told.onnx")


def test_threads_must_be_some(stored: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="threads 0: too small"):
        open_model(stored[".onnx"], threads=0)


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        ({}, (8, 1)),
        ({"threads": 1}, (1, 1)),
        ({"threads": 2}, (1, 2)),
        ({"threads": 99}, (1, 99)),
        ({"jobs": 2}, (2, 4)),
        ({"jobs": 1}, (1, 8)),
        ({"jobs": 99}, (99, 1)),
        ({"jobs": 3, "threads": 5}, (3, 5)),
    ],
)
def test_jobs_and_threads_use_the_free_cores_once(
    stored: dict[str, Path], given: dict[str, int], shared: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "free_cores", lambda: 8)
    assert share_cores(stored[".onnx"], **given) == shared
    assert share_cores(stored[".safetensors"], **given) == (given.get("jobs", 1), given.get("threads"))
    for name in ("jobs", "threads"):
        with pytest.raises(UsageError, match=f"{name} 0: too small; give 1 or more"):
            share_cores(stored[".onnx"], **{name: 0})


def test_threads_sleep_while_they_wait(stored: dict[str, Path], spec: ModelSpec) -> None:
    options = OnnxModel(stored[".onnx"], spec, 3)._sessions[0].get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no way to take cores away")
def test_the_default_takes_only_cores_it_may_use(stored: dict[str, Path], spec: ModelSpec) -> None:
    free = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(free)})
        assert OnnxModel(stored[".onnx"], spec)._sessions[0].get_session_options().intra_op_num_threads == 1
    finally:
        os.sched_setaffinity(0, free)


def test_more_threads_than_cores_do_not_collapse(tmp_path: Path) -> None:
    """Spinning threads fall to a fifth here; those that sleep stay above the single one."""
    from ocrnn.charset import Charset

    spec = ModelSpec(Charset("ab"))
    export_onnx(Network(spec.architecture, 3), spec, tmp_path / "fast.onnx")
    images = np.random.default_rng(1).random((8, 1, 40, 160), np.float32)

    def seconds(model: OnnxModel) -> float:
        model.infer(images)
        start = time.perf_counter()
        for _ in range(3):
            model.infer(images)
        return time.perf_counter() - start

    few, many = (OnnxModel(tmp_path / "fast.onnx", spec, count) for count in (1, 8 * (os.cpu_count() or 1)))
    assert min(seconds(many) for _ in range(4)) < 2.5 * min(seconds(few) for _ in range(4))


def test_a_damaged_graph(stored: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Behind a good header: operators that do not exist, and bytes that are no graph at all."""
    data = stored[".onnx"].read_bytes()
    for fault in (
        data.replace(b"LogSoftmax", b"LogSoftmux"),
        data[:60] + bytes(range(60)) + data[120:],
        data.replace(b"log_probs", b"log\x80probs"),
    ):
        assert fault != data
        path = tmp_path / "damaged.onnx"
        path.write_bytes(fault)
        with pytest.raises(ModelError) as refused:
            open_model(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_graph_of_another_program_with_our_description(
    stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [value("x", 1, ["N"])], [value("y", 1, ["N"])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {"ocrnn": spec.to_json()})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="not one that `ocrnn export` makes; "):
        open_model(tmp_path / "other.onnx")


def test_a_network_unlike_its_description(network: Network, spec: ModelSpec, tmp_path: Path) -> None:
    larger = dataclasses.replace(spec, charset=spec.charset.extended("xyz"))
    export_onnx(network, larger, tmp_path / "classes.onnx")
    with pytest.raises(ModelError, match=r"11 classes .* says 14"):
        open_model(tmp_path / "classes.onnx")
    save_weights(tmp_path / "classes.safetensors", network, larger)
    with pytest.raises(ModelError, match=r"tensor head\.weight is 11x10 and not 14x10"):
        open_model(tmp_path / "classes.safetensors")
    stages = spec.architecture.stages
    coarse = (*stages[:1], dataclasses.replace(stages[1], pool=(2, 4)))
    finer = dataclasses.replace(spec, architecture=dataclasses.replace(spec.architecture, stages=coarse))
    export_onnx(network, finer, tmp_path / "frames.onnx")
    with pytest.raises(ModelError, match="16 frames, its description says 11 and 8; "):
        open_model(tmp_path / "frames.onnx")
    taller = dataclasses.replace(
        spec,
        line_format=dataclasses.replace(spec.line_format, height=32),
        architecture=dataclasses.replace(spec.architecture, height=32),
    )
    data = (tmp_path / "frames.onnx").read_bytes()
    model = onnx.load_from_string(data)
    onnx.helper.set_model_props(model, {"ocrnn": taller.to_json()})
    onnx.save(model, tmp_path / "height.onnx")
    with pytest.raises(ModelError, match="takes lines of 24 px, its description says 32; "):
        open_model(tmp_path / "height.onnx")


@BOTH
@pytest.mark.parametrize("change", [('"stride": 2', '"stride": 0'), ('"kernel": 5', '"kernel": "5"')])
def test_a_description_that_makes_no_sense(
    suffix: str, change: tuple[str, str], stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    path = tmp_path / f"odd{suffix}"
    odd = spec.to_json().replace(*change, 1)
    assert odd != spec.to_json()
    if suffix == ".onnx":
        model = onnx.load(stored[suffix])
        onnx.helper.set_model_props(model, {"ocrnn": odd})
        onnx.save(model, path)
    else:
        save_file(load_file(stored[suffix]), path, {"ocrnn": odd})
    with pytest.raises(ModelError, match="odd") as refused:
        open_model(path)
    assert "\n" not in str(refused.value)


@BOTH
def test_errors_of_the_file_reach_whoever_opens_it(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        open_model(tmp_path / f"nosuch{suffix}")
    (tmp_path / f"empty{suffix}").touch()
    with pytest.raises(ModelError, match="empty"):
        open_model(tmp_path / f"empty{suffix}")
