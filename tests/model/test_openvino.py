from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from ocrnn.errors import ModelError
from ocrnn.model import openvino
from ocrnn.model.executors import OnnxModel
from ocrnn.model.export import export_onnx
from ocrnn.model.network import Network
from ocrnn.model.openvino import OpenVinoModel, has_amx, is_fastest
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.runtime import executor, find, header, open_model
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.transcribe.reader import Reader

Images = npt.NDArray[np.float32]

# Lines of /proc/cpuinfo, cut short: an Ice Lake, a Sapphire Rapids, the latter under a hypervisor that hides tiles, and
# an ARM, which calls them otherwise.
ICE_LAKE = "flags\t\t: fpu avx512f avx512_vnni amx_tiles\n"
SAPPHIRE_RAPIDS = "flags\t\t: fpu avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8\n"
HIDDEN = "flags\t\t: fpu avx512_bf16 avx512_fp16\n"
ARM = "Features\t: fp asimd bf16\n"


def cpuinfo(*flags: str) -> str:
    return "".join(f"processor\t: {number}\n{line}\n" for number, line in enumerate(flags))


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Give this machine another chip."""

    def change(flags: str) -> None:
        (tmp_path / "cpuinfo").write_text(cpuinfo(flags))
        monkeypatch.setattr(openvino, "_CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(openvino, "is_fastest", is_fastest)

    return change


@pytest.fixture(scope="module")
def whole(stored: dict[str, Path], spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model in eight bits."""
    path = tmp_path_factory.mktemp("whole") / "tiny.onnx"
    path.write_bytes(quantise(onnx.load(stored[".onnx"]), draw_lines(spec.line_format, 8)).SerializeToString())
    return path


def needs_openvino() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed; pip install 'ocrnn[openvino]'")


@pytest.mark.parametrize(
    ("flags", "amx"), [(ICE_LAKE, False), (SAPPHIRE_RAPIDS, True), (HIDDEN, False), (ARM, False), ("", False)]
)
def test_a_chip_has_amx_if_it_says_so(flags: str, amx: bool, chip: Callable[[str], None]) -> None:
    assert has_amx(cpuinfo(flags, flags).splitlines(keepends=True)) is amx
    chip(flags)
    assert is_fastest() is amx


def test_a_system_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(openvino, "_CPUINFO", tmp_path / "none")
    assert not is_fastest()


def test_it_is_chosen_where_it_is_installed_and_the_chip_has_amx(
    stored: dict[str, Path], whole: Path, chip: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[bytes, int, int, str]] = []

    class StandIn(OnnxModel):
        def __init__(self, graph: bytes, spec: ModelSpec, *, threads: int, jobs: int, further: Any) -> None:
            opened.append((graph, threads, jobs, openvino.precision()))
            super().__init__(Path("graph"), spec, threads, content=graph, further=further)

    monkeypatch.setattr(openvino, "OpenVinoModel", StandIn)
    for installed, flags in [(True, HIDDEN), (False, SAPPHIRE_RAPIDS), (True, SAPPHIRE_RAPIDS)]:
        taken = installed and flags is SAPPHIRE_RAPIDS
        monkeypatch.setattr(openvino, "is_installed", lambda installed=installed: installed)
        chip(flags)
        open_model(stored[".onnx"], threads=2, jobs=3)
        open_model(whole, threads=1)
        open_model(whole, device="cpu")
        open_model(stored[".safetensors"])
        assert opened == [(stored[".onnx"].read_bytes(), 2, 3, "bf16"), (whole.read_bytes(), 1, 1, "bf16")] * taken
        for path, numbers in [(stored[".onnx"], "real numbers"), (whole, "eight bits")]:
            name, told = ("OpenVINO", "bf16") if taken else ("ONNX Runtime", numbers)
            assert executor(path).startswith(name)
            assert executor(path).endswith(f", {told}")
            assert executor(path, "cpu").endswith(numbers)
        assert executor(stored[".safetensors"]).startswith("torch ")


def test_a_broken_installation_is_one_line_and_onnx_runtime_reads(
    stored: dict[str, Path],
    chip: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    chip(SAPPHIRE_RAPIDS)
    monkeypatch.setattr(openvino, "is_installed", lambda: True)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_model(stored[".onnx"]), OnnxModel)
        assert isinstance(open_model(stored[".onnx"], device="cpu"), OnnxModel)
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.startswith("ocrnn: OpenVINO is installed but does not work (") and "\n" not in line
    (tmp_path / "cut.onnx").write_bytes(stored[".onnx"].read_bytes().replace(b"Transpose", b"Transpoze"))
    caplog.clear()
    with pytest.raises(ModelError, match=r"cut\.onnx: the model file is damaged"):
        open_model(tmp_path / "cut.onnx")
    assert not caplog.records  # it is not OpenVINO that is at fault


def test_eight_bits_are_read_with_the_weights_they_stand_for(whole: Path, spec: ModelSpec) -> None:
    needs_openvino()
    found, wanted = OpenVinoModel(whole.read_bytes(), spec), open_model(whole, device="cpu")
    for line in draw_lines(spec.line_format, 4):
        assert np.abs(np.exp(found.infer(line[None])) - np.exp(wanted.infer(line[None]))).max() < 0.02


@pytest.mark.parametrize(("preset", "cell"), [("fast", "rnn"), ("accurate", "gru"), ("paper", "lstm")])
def test_every_network_infers_what_torch_says(preset: str, cell: str, spec: ModelSpec, tmp_path: Path) -> None:
    needs_openvino()
    torch.manual_seed(3)
    architecture = dataclasses.replace(Architecture.named(preset, cell=cell), hidden=8)
    line_format = dataclasses.replace(spec.line_format, height=architecture.height)
    own = dataclasses.replace(spec, architecture=architecture, line_format=line_format)
    network = Network(architecture, spec.charset.classes).eval()
    export_onnx(network, own, tmp_path / "m.onnx")
    model = OpenVinoModel((tmp_path / "m.onnx").read_bytes(), own)
    for count, width in [(1, 96), (3, 96), (7, 200)]:
        images = np.random.default_rng(count).random((count, 1, architecture.height, width), np.float32)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(images)).numpy()
        found = model.infer(images)
        assert found.dtype == np.float32 and found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 1e-3


def test_it_takes_any_memory_layout_and_refuses_what_are_no_lines(stored: dict[str, Path], spec: ModelSpec) -> None:
    needs_openvino()
    model = OpenVinoModel(stored[".onnx"].read_bytes(), spec)
    strided: Images = np.random.default_rng(1).random((3, 1, 24, 90), np.float32)[::2, :, :, 10:74]
    wanted = model.infer(strided.copy())
    strided.flags.writeable = False
    assert np.array_equal(model.infer(strided), wanted)
    assert np.array_equal(model.infer(np.asfortranarray(strided)), wanted)
    none: list[Any] = [strided.astype(np.float64), strided[0], strided[:0], strided[:, :, :, :1]]
    for images in none:
        with pytest.raises(ValueError, match="give"):
            model.infer(images)


def test_lines_side_by_side_read_as_one_after_the_other(stored: dict[str, Path], spec: ModelSpec) -> None:
    needs_openvino()
    model = OpenVinoModel(stored[".onnx"].read_bytes(), spec, threads=1, jobs=2)
    lines = [np.random.default_rng(n).random((1 + n % 3, 1, 24, 64 + 8 * (n % 5)), np.float32) for n in range(60)]
    wanted = [model.infer(line) for line in lines]
    with ThreadPoolExecutor(4) as pool:  # more than there are streams: some wait
        found = list(pool.map(model.infer, lines))
    assert all(np.abs(one - other).max() < 1e-5 for one, other in zip(found, wanted, strict=True))
    assert len({id(each) for each in found}) == len(lines)  # none is a view of what the next call overwrites


def test_the_samples_read_the_same(latin: str, root: Path) -> None:
    needs_openvino()
    pictures = sorted((root / "samples").glob("*.png"))
    reader = Reader(OpenVinoModel(find(latin).read_bytes(), header(latin), jobs=2, numbers="f32"), jobs=2)
    truth = [picture.with_suffix(".gt.txt").read_text(encoding="utf-8").strip() for picture in pictures]
    assert [reader.read(picture).text for picture in pictures] == truth


def test_bf16_reads_the_samples_too(latin: str, root: Path) -> None:
    needs_openvino()
    reader = Reader(OpenVinoModel(find(latin).read_bytes(), header(latin), numbers="bf16"))
    for picture in sorted((root / "samples").glob("*.png")):
        assert reader.read(picture).text == picture.with_suffix(".gt.txt").read_text(encoding="utf-8").strip()


def test_a_picture_alone_is_not_worth_the_start(
    latin: str, root: Path, chip: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from ocrnn.cli.main import program

    chip(SAPPHIRE_RAPIDS)
    monkeypatch.setattr(openvino, "is_installed", lambda: True)
    opened: list[bytes] = []

    class StandIn(OnnxModel):
        def __init__(self, graph: bytes, spec: ModelSpec, *, threads: int, jobs: int, further: Any) -> None:
            opened.append(graph)
            super().__init__(Path("graph"), spec, threads, content=graph, further=further)

    monkeypatch.setattr(openvino, "OpenVinoModel", StandIn)
    one, other = str(root / "samples/receipt.png"), str(root / "samples/book.png")
    for given, count in [([one], 0), ([one, other, "--device", "cpu"], 0), ([one, other], 1)]:
        assert CliRunner().invoke(program, ["read", *given]).exit_code == 0
        assert opened == [find(latin).read_bytes()] * count
        opened.clear()
