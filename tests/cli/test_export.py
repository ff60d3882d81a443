from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.cli.main import program
from ocrnn.model.network import Network
from ocrnn.model.runtime import find, further, header, open_model
from ocrnn.model.weights import save_weights
from ocrnn.spec import Architecture, ModelSpec


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "best.safetensors"
    spec = ModelSpec(Charset("abc"), architecture=dataclasses.replace(Architecture(), hidden=4))
    torch.manual_seed(1)
    save_weights(path, Network(spec.architecture, 4), spec)
    return path


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, ["export", *map(str, arguments)])


def test_export_writes_the_same_model_to_read_with(trained: Path, tmp_path: Path) -> None:
    done = export(trained, "-o", tmp_path / "m.onnx")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "m.onnx") in done.stderr
    assert header(tmp_path / "m.onnx") == header(trained)
    open_model(tmp_path / "m.onnx")


def test_the_model_itself_is_not_written_over(trained: Path, tmp_path: Path) -> None:
    before = trained.read_bytes()
    (tmp_path / "link.onnx").symlink_to(trained)
    (tmp_path / "hard.onnx").hardlink_to(trained)
    for name in ("link.onnx", "hard.onnx"):
        done = export(trained, "-o", tmp_path / name)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.endswith(f"{name}: is the model itself, and it would be lost; name another file\n")
    (tmp_path / "latin.onnx").symlink_to(find("latin"))
    assert "is the model itself" in export("latin", "-o", tmp_path / "latin.onnx").stderr
    assert trained.read_bytes() == before


def test_a_place_is_looked_at_before_the_work(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ocrnn.model.weights.load_weights", lambda *_: pytest.fail("work"))
    done = export(trained, "-o", tmp_path / "gone/m.onnx")
    assert done.exit_code == 2 and "gone/m.onnx: cannot be written (No such file or directory)" in done.stderr


def test_a_shipped_model_takes_along_the_networks_that_it_asks_in_doubt_and_no_scores(tmp_path: Path) -> None:
    done = export("latin", "-o", tmp_path / "m.onnx")
    assert done.exit_code == 0, done.output
    there, here = header("latin"), header(tmp_path / "m.onnx")
    assert further(tmp_path / "m.onnx") == further("latin") != []
    for when in ("doubt", "word_doubt", "again_power", "word_power"):
        assert getattr(here, when) == getattr(there, when)
    assert "scores" in there.about
    assert here.about["name"] == "latin" and "scores" not in here.about, "they were measured on the other file"
    open_model(tmp_path / "m.onnx")


@pytest.mark.parametrize(("option", "changes"), [("--int8", r"\d+"), ("--fp16", "[0-3]")])
def test_export_in_fewer_bits(option: str, changes: str, trained: Path, tmp_path: Path) -> None:
    done = export(trained, "-o", tmp_path / "m.onnx", option)
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert re.fullmatch(rf"\S+m\.onnx: \d+\.\d MB; {changes} of 64 lines read differently\n", done.stderr)
    assert header(tmp_path / "m.onnx") == header(trained)
    open_model(tmp_path / "m.onnx")


def test_a_model_is_in_sixteen_bits_or_in_eight(trained: Path, tmp_path: Path) -> None:
    both = export(trained, "-o", tmp_path / "both.onnx", "--fp16", "--int8")
    assert (both.exit_code, both.stderr.count("\n")) == (2, 1)
    assert "leave one out" in both.stderr
    assert not (tmp_path / "both.onnx").exists()


def test_whole_numbers_scaled_by_the_lines_of_a_folder(trained: Path, tmp_path: Path) -> None:
    dice = np.random.default_rng(4)
    (tmp_path / "lines" / "more").mkdir(parents=True)
    for name in ("1.png", "2.png", "more/3.png"):
        Image.fromarray(dice.integers(0, 255, (30, 90), np.uint8)).save(tmp_path / "lines" / name)
    (tmp_path / "lines" / "more" / "broken.png").write_bytes(b"no picture")
    one = export(trained, "-o", tmp_path / "one.onnx", "--int8", "--data", tmp_path / "lines")
    assert one.exit_code == 0, one.output
    broken, told = one.stderr.splitlines()
    assert "broken.png: not a picture" in broken
    assert "of 3 lines read differently" in told
    assert export(trained, "-o", tmp_path / "other.onnx", "--int8").exit_code == 0
    assert (tmp_path / "one.onnx").read_bytes() != (tmp_path / "other.onnx").read_bytes()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--data", "lines"), "belongs to --int8"),
        (("--int8", "--data", "nosuch"), "nosuch: no such folder"),
        (("--int8", "--data", "empty"), "holds no picture"),
    ],
)
def test_whole_numbers_refuse(options: tuple[str, ...], says: str, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    paths = [tmp_path / option if not option.startswith("-") else option for option in options]
    done = export(trained, "-o", tmp_path / "m.onnx", *paths)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize(
    ("name", "output", "status", "says"),
    [
        ("nosuch.safetensors", "m.onnx", 3, "no such file"),
        ("latim", "m.onnx", 3, "no such model"),
        ("best.safetensors", "m.safetensors", 2, "does not end in .onnx"),
        ("best.safetensors", "nosuch/m.onnx", 2, "cannot be written"),
        ("m.onnx", "n.onnx", 3, "not weights"),
        ("notes.txt", "n.onnx", 3, "neither"),
    ],
)
def test_export_refuses(name: str, output: str, status: int, says: str, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(trained.read_bytes())
    (tmp_path / "notes.txt").write_text("no model")
    if name == "m.onnx":
        assert export(trained, "-o", tmp_path / name).exit_code == 0
    before = sorted(tmp_path.iterdir())
    done = export(name if name == "latim" else tmp_path / name, "-o", tmp_path / output)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert says in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_export_without_torch_says_how_to_get_it(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ocrnn.model.export", "ocrnn.model.weights"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = export(trained, "-o", tmp_path / "m.onnx")
    assert done.exit_code == 2
    assert done.stderr == "ocrnn: export needs torch; pip install 'ocrnn[train]'\n"
