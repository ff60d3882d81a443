"""`ocrnn eval` from the command line, with a model whose readings are known beforehand."""

from __future__ import annotations

import json
import shutil
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
    """A model that reads as many letters `a` as a line has steps of 16 columns."""

    spec = ModelSpec(Charset("ab"))

    def infer(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        lines, width = images.shape[0], images.shape[3]
        probs = np.full((width // 4, lines, 3), 0.005, np.float32)
        probs[:, :, 0] = 0.99
        probs[1::4, :, 0], probs[1::4, :, 1] = 0.005, 0.99
        return np.log(probs)


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three labelled pictures: one read right, one wrong, one with all its letters wrong in case."""
    monkeypatch.setattr(ocrnn.model.runtime, "open_model", lambda *args, **options: WidthReader())
    folder = tmp_path / "lines"
    folder.mkdir()
    for name, steps in (("one", 2), ("two", 3), ("three", 4)):
        Image.new("L", (16 * steps - 8, 40), 255).save(folder / f"{name}.png")
    (folder / "labels.tsv").write_text("one.png\taa\ntwo.png\tabb\nthree.png\tAAAA\n", encoding="utf-8")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, ["eval", *map(str, arguments)], catch_exceptions=False)


def test_table_and_worst_lines(lines: Path) -> None:
    result = run("--data", lines)
    assert result.exit_code == 0
    assert "characters wrong       66.67 %" in result.stdout  # 0 + 2 + 4 of 9
    assert "case folded          22.22 %" in result.stdout
    assert result.stdout.index("three.png   4 wrong") < result.stdout.index("two.png   2 wrong")
    assert "  is    abb\n  read  aaa" in result.stdout
    assert "one.png" not in result.stdout
    assert "3 lines in" in result.stderr


def test_json_is_all_of_stdout(lines: Path) -> None:
    result = run("--data", lines, "--json", "--worst", "1", "-q")
    assert result.exit_code == 0 and result.stderr == ""
    stored = json.loads(result.stdout)
    assert stored["cer"] == pytest.approx(6 / 9)
    assert stored["exact"] == pytest.approx(1 / 3)
    assert [line["name"] for line in stored["worst"]] == ["three.png"]


def test_a_page_and_the_confidence_beside_the_figures(lines: Path, tmp_path: Path) -> None:
    result = run("--data", lines, "--html", tmp_path / "page.html")
    assert result.exit_code == 0 and "calibration error" in result.stdout
    # Two of three are wrong, the reader is as sure of a line as 0.99 a frame makes it.
    said = json.loads(run("--data", lines, "--json").stdout)["reliability"]
    assert said["bins"][0]["right"] == pytest.approx(1 / 3)
    assert said["error"] == pytest.approx(said["bins"][0]["confidence"] - 1 / 3) and said["error"] > 0.4
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp") == 3 and "66.67 %" in page


def test_labels_that_the_picture_contradicts(lines: Path, tmp_path: Path) -> None:
    """The reader is sure of each `a`, and `abb` has two that are none; `AAAA` it cannot write at all."""
    result = run("--data", lines, "--html", tmp_path / "page.html")
    suspected = result.stdout.partition("1 label to check")[2]
    assert suspected.splitlines()[1].startswith("two.png   evidence")
    [stored] = json.loads(run("--data", lines, "--json").stdout)["suspects"]
    assert stored["name"] == "two.png" and stored["truth"] == "abb" and stored["evidence"] > 4
    assert "Labels to check" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "bb     aa " in result.stdout and "A      a " in result.stdout  # what is taken for what


def test_a_page_that_cannot_be_written_is_said_before_anything_is_read(lines: Path, tmp_path: Path) -> None:
    result = run("--data", lines, "--html", tmp_path / "nosuch" / "page.html")
    assert result.exit_code == 2 and result.stdout == ""
    assert "cannot be written" in result.stderr and "lines in" not in result.stderr


def test_several_sets_are_one(lines: Path, tmp_path: Path) -> None:
    shutil.copytree(lines, tmp_path / "others")
    result = run("--data", lines, "--data", tmp_path / "others", "--json")
    assert json.loads(result.stdout)["lines"] == 6


def test_a_picture_of_two_sets_is_measured_once(lines: Path) -> None:
    with (lines / "labels.tsv").open("a", encoding="utf-8") as file:
        file.write("gone.png\taaaaaa\n")
    whole = run("--data", lines, "--json")
    (lines / "part.tsv").write_text("one.png\taa\nthree.png\tother\ngone.png\taaaaaa\n", encoding="utf-8")
    again = run("--data", lines, "--data", lines / "part.tsv", "--json")
    assert again.stdout == whole.stdout
    told = f"ocrnn: {lines / 'part.tsv'}:1: one.png already has this label at {lines / 'labels.tsv'}:1; remove one"
    assert told in again.stderr
    assert "three.png already has another label" in again.stderr


def test_a_damaged_picture_is_named_counts_as_wrong_and_fails(lines: Path) -> None:
    (lines / "one.png").write_bytes(b"no picture")
    result = run("--data", lines, "--json")
    assert result.exit_code == 1
    assert "one.png: not a picture" in result.stderr
    assert json.loads(result.stdout)["cer"] == pytest.approx(8 / 9)


@pytest.mark.parametrize("label", ["labels.tsv", "gone.gt.txt"])
def test_a_missing_picture_counts_as_wrong_and_fails(lines: Path, label: str) -> None:
    with (lines / label).open("a", encoding="utf-8") as file:
        file.write("gone.png\taaaaaa\n" if label == "labels.tsv" else "aaaaaa")
    result = run("--data", lines)
    assert result.exit_code == 1
    assert "gone.png: no such file" in result.stderr
    assert "\n  not read                   1  " in result.stdout
    assert "characters wrong       80.00 %" in result.stdout  # 0 + 2 + 4 + 6 of 15
    stored = json.loads(run("--data", lines, "--json").stdout)
    assert (stored["lines"], stored["failed"]) == (4, 1)


def test_ten_faults_are_named_and_the_rest_is_counted(lines: Path) -> None:
    for number in range(12):
        Image.new("L", (40, 40), 255).save(lines / f"stray{number}.png")
    with (lines / "labels.tsv").open("a", encoding="utf-8") as file:
        file.writelines(f"gone{number}.png\ta\n" for number in range(13))
        file.write("one.png\n")
    told = run("--data", lines).stderr.splitlines()
    assert "labels.tsv:17: " in told[0]  # before what nobody transcribed
    assert [line for line in told if " more; " in line] == [
        "ocrnn: and 3 more; `ocrnn check --all` names them all",
        "ocrnn: and 3 more; `ocrnn check --all` names them all",
    ]
    assert len(told) == 10 + 1 + 10 + 1 + 1


def test_label_problems_are_named(lines: Path) -> None:
    Image.new("L", (40, 40), 255).save(lines / "stray.png")
    result = run("--data", lines)
    assert "stray.png" in result.stderr
    assert "characters wrong       66.67 %" in result.stdout


@pytest.mark.parametrize("worst", ["0", "1"])
def test_the_number_of_worst_lines(lines: Path, worst: str) -> None:
    assert run("--data", lines, "--worst", worst).stdout.count("\n  read  ") == 2 * int(worst)  # suspects too


def test_wrong_use(lines: Path, tmp_path: Path) -> None:
    missing = run("--data", tmp_path / "nosuch")
    assert missing.exit_code == 2 and "no such folder" in missing.stderr
    assert run().exit_code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("--data", empty).exit_code == 4
    both = run("--data", lines, "--decoder", "greedy", "--beam-width", "4")
    assert both.exit_code == 2 and "--beam-width: belongs to the beam" in both.stderr


def test_no_label_left(lines: Path) -> None:
    (lines / "labels.tsv").write_text("one.png\t\n", encoding="utf-8")
    for name in ("two.png", "three.png"):
        (lines / name).unlink()
    result = run("--data", lines)
    assert result.exit_code == 4
    assert "labels.tsv:1" in result.stderr and "no labelled lines left" in result.stderr


def test_a_bad_model_is_status_3(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    result = run("--data", lines, "-m", lines / "nosuch.onnx")
    assert result.exit_code == 3
    assert "nosuch.onnx" in result.stderr and result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0 and "ocrnn eval --data lines" in result.stdout
