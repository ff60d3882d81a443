"""`ocrnn compare` from the command line, with two models whose readings are known beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import ocrnn.model.runtime
from ocrnn.charset import Charset
from ocrnn.cli.main import program
from ocrnn.spec import ModelSpec


class WidthReader:
    """A model that reads as many letters `a` as a line has steps of 16 columns, up to a number."""

    spec = ModelSpec(Charset("ab"))

    def __init__(self, most: int) -> None:
        self._most = most

    def infer(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        lines, width = images.shape[0], images.shape[3]
        probs = np.full((width // 4, lines, 3), 0.005, np.float32)
        probs[:, :, 0] = 0.99
        said = slice(1, 4 * self._most, 4)
        probs[said, :, 0], probs[said, :, 1] = 0.005, 0.99
        return np.log(probs)


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three labelled pictures, of 2, 3 and 4 letters; model `few` reads three letters at most, `all` every one."""
    models = {"few": WidthReader(3), "all": WidthReader(9)}
    monkeypatch.setattr(ocrnn.model.runtime, "open_model", lambda name, **options: models[name])
    monkeypatch.setattr(ocrnn.model.runtime, "share_cores", lambda name, **options: (1, 1))
    folder = tmp_path / "lines"
    folder.mkdir()
    for steps in (2, 3, 4):
        Image.new("L", (16 * steps - 8, 40), 255).save(folder / f"{steps}.png")
    (folder / "labels.tsv").write_text("2.png\taa\n3.png\taa\n4.png\taaaa\n", encoding="utf-8")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, ["compare", *map(str, arguments)], catch_exceptions=False)


def test_rates_side_by_side_and_the_lines_that_differ(lines: Path) -> None:
    result = run("few", "all", "--data", lines)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[1][:6] == ["characters", "wrong", "25.00", "%", "12.50", "%"]  # 2 and 1 of 8
    assert "B reads 1 line better and 0 worse; both read 2 with the same text" in result.stdout
    assert "4.png   B has 1 fewer wrong\n  is    aaaa\n  A     aaa\n  B     aaaa" in result.stdout
    assert "few: 3 lines in" in result.stderr and "all: 3 lines in" in result.stderr


def test_json_is_all_of_stdout(lines: Path) -> None:
    result = run("few", "all", "--data", lines, "--json", "-q")
    assert result.exit_code == 0 and result.stderr == ""
    stored = json.loads(result.stdout)
    assert stored["schema"] == 1 and stored["lines"] == 3
    assert (stored["cer"]["first"], stored["cer"]["second"], stored["cer"]["gap"]) == (0.25, 0.125, -0.125)
    assert stored["cer"]["proven"] is False
    assert (stored["won"], stored["lost"], stored["alike"], stored["failed"]) == (1, 0, 2, 0)
    assert stored["won_lines"] == [
        {"name": "4.png", "truth": "aaaa", "first": "aaa", "second": "aaaa", "edits": [1, 0]}
    ]


def test_a_model_against_itself(lines: Path) -> None:
    assert "No difference: both have as many characters wrong" in run("all", "all", "--data", lines).stdout


def test_a_page(lines: Path, tmp_path: Path) -> None:
    result = run("few", "all", "--data", lines, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert result.exit_code == 0 and page.count("data:image/webp") == 1 and "25.00 %" in page
    early = run("few", "all", "--data", lines, "--html", tmp_path / "nosuch" / "page.html")
    assert early.exit_code == 2 and early.stdout == "" and "lines in" not in early.stderr


def test_what_is_wrong_is_said(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lines / "2.png").write_bytes(b"no picture")
    damaged = run("few", "all", "--data", lines)
    assert damaged.exit_code == 1 and "2.png: not a picture" in damaged.stderr
    assert "both read 1 with the same text; 1 could not be read" in damaged.stdout
    told = json.loads(run("few", "all", "--data", lines, "--json").stdout)
    assert (told["alike"], told["failed"]) == (1, 1)
    assert run("few", "--data", lines).exit_code == 2
    assert run("few", "all", "--data", tmp_path / "nosuch").exit_code == 2
    assert (
        "belongs to the beam" in run("few", "all", "--data", lines, "--decoder", "greedy", "--beam-width", "4").stderr
    )
    monkeypatch.undo()
    missing = run("latin", "nosuch.onnx", "--data", lines)
    assert missing.exit_code == 3 and missing.stderr.splitlines()[-1].startswith("ocrnn: nosuch.onnx")


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0 and "ocrnn compare old.onnx new.onnx" in result.stdout
