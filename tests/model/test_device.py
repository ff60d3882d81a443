"""There is no GPU here: ONNX Runtime is told of one, or the processor stands in for it."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from ocrnn.errors import ModelError, UsageError
from ocrnn.model import device
from ocrnn.model.device import Device
from ocrnn.model.executors import OnnxModel, TorchModel
from ocrnn.model.export import export_onnx
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.reals import in_real_numbers, real
from ocrnn.model.runtime import check_device, executor, find, open_model
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.reader import Reader

BOTH: tuple[Device, ...] = ("cuda", "cpu")
OTHERS: tuple[Device, ...] = ("cuda", "mps")
GPUS = pytest.mark.parametrize("gpu", OTHERS)
twice = pytest.mark.filterwarnings("ignore:Duplicate provider")  # the stand-in and the processor itself


@pytest.fixture(scope="module")
def whole(stored: dict[str, Path], spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model in eight bits."""
    path = tmp_path_factory.mktemp("whole") / "tiny.onnx"
    path.write_bytes(quantise(onnx.load(stored[".onnx"]), draw_lines(spec.line_format, 8)).SerializeToString())
    return path


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ONNX Runtime say that it was built for every GPU."""
    names = [provider.name for provider in device.PROVIDERS.values()]
    monkeypatch.setattr(device, "offered", lambda: [*names, "CPUExecutionProvider"])


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the processor be both GPUs; gives the graphs and the providers of the sessions that are made."""
    for name, provider in device.PROVIDERS.items():
        processor = dataclasses.replace(provider, name="CPUExecutionProvider", options={})
        monkeypatch.setitem(device.PROVIDERS, name, processor)
    made: list[Any] = []
    real_session = onnxruntime.InferenceSession

    def watched(graph: bytes, options: Any, providers: Any, **given: Any) -> Any:
        made.append((onnx.load_from_string(graph), providers, given))
        return real_session(graph, options, providers=providers, **given)

    monkeypatch.setattr(onnxruntime, "InferenceSession", watched)
    return made


def operators(graph: Any) -> set[str]:
    return {node.op_type for node in graph.graph.node}


@pytest.mark.parametrize(
    ("gpu", "name", "way_out"),
    [
        ("cuda", "CUDAExecutionProvider", r"pip install 'onnxruntime-gpu\[cuda,cudnn\]'"),
        ("mps", "CoreMLExecutionProvider", "on a Mac it comes with onnxruntime, elsewhere leave out --device"),
    ],
)
def test_a_provider_that_is_not_installed_is_one_line(
    gpu: Any, name: str, way_out: str, stored: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "offered", lambda: ["CPUExecutionProvider"])
    for refuse in (open_model, check_device):
        with pytest.raises(UsageError, match=f"^--device {gpu}: .* has no {name}; {way_out}$"):
            refuse(stored[".onnx"], device=gpu)


@GPUS
def test_eight_bits_need_onnx_there(
    gpu: Any, whole: Path, stored: dict[str, Path], offered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(device, "find_spec", lambda name: None if name == "onnx" else there(name))
    with pytest.raises(UsageError, match=f"^--device {gpu}: tiny.onnx is in eight bits, .*; pip install onnx$"):
        check_device(whole, gpu)
    check_device(stored[".onnx"], gpu)


@pytest.mark.filterwarnings("ignore:Specified provider")
@GPUS
def test_a_gpu_that_does_not_start_is_never_left_for_the_processor_in_silence(
    gpu: Any, whole: Path, offered: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """As onnxruntime-gpu does on a machine without a driver: the provider is offered, the session is without it."""
    with pytest.raises(UsageError, match=rf"^--device {gpu}: does not start here( \(.*\))?; it needs .*$") as refused:
        open_model(whole, device=gpu)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_what_onnx_runtime_raises_for_it_is_told(
    stored: dict[str, Path], spec: ModelSpec, stand_in: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = onnxruntime.InferenceSession

    def broken(graph: bytes, options: Any, providers: Any, **given: Any) -> Any:
        if len(providers) > 1:
            raise RuntimeError("CUDA failure 35:\n  the driver is too old")
        return made(graph, options, providers=providers, **given)

    monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
    with pytest.raises(UsageError, match=r"does not start here \(CUDA failure 35: the driver is too old\); it needs"):
        open_model(stored[".onnx"], device="cuda")


def test_what_it_prints_of_its_libraries_is_told(
    stored: dict[str, Path], offered: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def preload() -> None:
        print("Failed to load libcudnn.so.9: no such file\nPlease follow ...")

    monkeypatch.setattr(onnxruntime, "preload_dlls", preload, raising=False)
    with pytest.warns(UserWarning, match="Specified provider"), pytest.raises(UsageError, match=r"\(Failed .*file\)"):
        open_model(stored[".onnx"], device="cuda")
    assert capfd.readouterr() == ("", "")


@twice
@GPUS
def test_it_is_given_real_numbers_and_reads_what_they_stand_for(
    gpu: Any, whole: Path, spec: ModelSpec, stand_in: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "real.onnx").write_bytes(real(onnx.load(whole)).SerializeToString())
    found = open_model(whole, device=gpu, threads=1)
    ((graph, providers, given),) = stand_in
    assert providers[0] == ("CPUExecutionProvider", {}) and given == {"enable_fallback": 0}
    assert "LSTM" in operators(graph) and not any("Quantize" in name for name in operators(graph))
    exact, rounded = (OnnxModel(path, spec, 1) for path in (tmp_path / "real.onnx", whole))
    for line in draw_lines(spec.line_format, 6):
        assert np.array_equal(found.infer(line[None]), exact.infer(line[None]))
        # In a network that never learned nothing is sure; rounding moves a probability by 0.02 at most.
        assert np.abs(np.exp(found.infer(line[None])) - np.exp(rounded.infer(line[None]))).max() < 0.02


@twice
def test_the_samples_read_the_same(latin: str, root: Path, stand_in: list[Any]) -> None:
    pictures = sorted((root / "samples").glob("*.png"))
    truth = [picture.with_suffix(".gt.txt").read_text(encoding="utf-8").strip() for picture in pictures]
    for own in (latin, "latin-accurate"):
        on_gpu, alone = (Reader.open(own, device=each, jobs=2, threads=1) for each in BOTH)
        assert [on_gpu.read(picture).text for picture in pictures] == truth
        for picture in pictures:
            assert abs(on_gpu.read(picture).confidence - alone.read(picture).confidence) < 0.05
        before = in_real_numbers(find(own).read_bytes())
        assert stand_in[0][0] == onnx.load_from_string(before)
        stand_in.clear()


@twice
def test_a_damaged_graph_is_not_the_gpus_fault(stored: dict[str, Path], stand_in: list[Any], tmp_path: Path) -> None:
    (tmp_path / "cut.onnx").write_bytes(stored[".onnx"].read_bytes().replace(b"Transpose", b"Transpoze"))
    with pytest.raises(ModelError, match=r"cut\.onnx: the model file is damaged"):
        open_model(tmp_path / "cut.onnx", device="cuda")


def test_the_processor_needs_neither_a_list_nor_real_numbers(
    whole: Path, stored: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "offered", lambda: pytest.fail("nobody asked"))
    monkeypatch.setattr(device, "in_real_numbers", lambda _: pytest.fail("nobody asked"))
    for path in (whole, stored[".onnx"], stored[".safetensors"]):
        check_device(path, "auto")
        open_model(path, device="cpu")
        open_model(path)


def test_no_such_device(stored: dict[str, Path]) -> None:
    for path in stored.values():
        with pytest.raises(UsageError, match="--device tpu: no such choice; take one of auto, cpu, cuda, mps"):
            open_model(path, device="tpu")  # type: ignore[arg-type]


def test_torch_is_asked_for_its_own_devices(
    stored: dict[str, Path], monkeypatch: pytest.MonkeyPatch, spec: ModelSpec
) -> None:
    import torch

    monkeypatch.setattr(device, "offered", lambda: pytest.fail("ONNX Runtime has no say in it"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for gpu in OTHERS:
        with pytest.raises(UsageError, match=rf"^--device {gpu}: torch, .* tiny\.safetensors, finds no such device; "):
            open_model(stored[".safetensors"], device=gpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    moved: list[str] = []

    def to(network: torch.nn.Module, where: str) -> torch.nn.Module:
        moved.append(where)
        return network

    monkeypatch.setattr(torch.nn.Module, "to", to)
    assert isinstance(open_model(stored[".safetensors"], device="cuda"), TorchModel)
    assert moved == ["cuda"]
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"pip install 'ocrnn\[train\]'"):
        open_model(stored[".safetensors"], device="cuda")


def test_what_reads_is_told(whole: Path, stored: dict[str, Path]) -> None:
    for gpu in OTHERS:
        for path in (whole, stored[".onnx"]):
            assert executor(path, gpu).startswith("ONNX Runtime")
            assert executor(path, gpu).endswith(f" on {gpu}, real numbers")
        assert executor(stored[".safetensors"], gpu).endswith(f" on {gpu}, real numbers")
    assert executor(whole, "cpu").endswith(", eight bits")


@pytest.mark.parametrize(("preset", "cell"), [("fast", "gru"), ("paper", "lstm")])
@twice
def test_every_network_is_opened(preset: str, cell: str, spec: ModelSpec, stand_in: list[Any], tmp_path: Path) -> None:
    from ocrnn.model.network import Network
    from ocrnn.spec import Architecture

    architecture = dataclasses.replace(Architecture.named(preset, cell=cell), hidden=8)
    own = dataclasses.replace(
        spec, architecture=architecture, line_format=dataclasses.replace(spec.line_format, height=architecture.height)
    )
    export_onnx(Network(architecture, spec.charset.classes).eval(), own, tmp_path / "m.onnx")
    assert open_model(tmp_path / "m.onnx", device="cuda").spec == own
