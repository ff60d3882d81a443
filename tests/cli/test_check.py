from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ocrnn.cli.main import program


def draw(path: Path, width: int = 80, seed: int = 0) -> None:
    """Dark strokes on white, other ones for another seed."""
    pixels = np.full((40, width), 255, np.uint8)
    pixels[8:32, 6:-6] = np.where(np.random.default_rng(seed).random((24, width - 12)) < 0.3, 0, 255)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    folder = tmp_path / "lines"
    folder.mkdir()
    rows = []
    for seed, (name, text, width) in enumerate((("a", "one", 80), ("b", "two ß", 120), ("c", "three", 100))):
        draw(folder / f"{name}.png", width, seed)
        rows.append(f"{name}.png\t{text}\n")
    (folder / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return folder


def add(folder: Path, row: str) -> None:
    with (folder / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write(f"{row}\n")


def check(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(program, ["check", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_clean_folder_is_said_to_be_so_in_one_line(lines: Path) -> None:
    assert check(lines) == (0, "3 lines can be learned, 0 cannot, 0 kinds of remarks; 9 characters\n", "")


def test_each_problem_is_one_line_with_file_line_and_way_out(lines: Path) -> None:
    for row in ("gone.png\tfour", "a.png\tagain", "c.png"):
        add(lines, row)
    draw(lines / "d.png", 20)
    add(lines, f"d.png\t{'too long ' * 9}")
    status, out, _ = check(lines)
    assert status == 1
    found = [row for row in out.splitlines() if row.startswith("  ")]
    assert len(found) == 4
    for number, row in zip((4, 5, 6, 7), sorted(found), strict=True):
        assert f"labels.tsv:{number}: " in row
        assert "; " in row
    assert out.splitlines()[-1].startswith("3 lines can be learned, 4 cannot, ")


def test_findings_of_one_kind_stand_together_the_first_five_of_them(lines: Path) -> None:
    for number in range(7):
        add(lines, f"gone{number}.png\ttext")
    add(lines, "a.png\tagain")
    out = check(lines)[1].splitlines()
    assert out[0] == "problem: label without picture, 7 lines"
    assert [row.split(":")[1] for row in out[1:6]] == ["4", "5", "6", "7", "8"]
    assert out[6:8] == ["  and 2 more; --all names them", "problem: picture labelled twice, 1 line"]
    for option in ("-v", "--all"):
        assert "labels.tsv:10: no picture at" in check(lines, option)[1]
        assert "more; --all" not in check(lines, option)[1]


def test_remarks_alone_cost_nothing(lines: Path) -> None:
    draw(lines / "d.png", 120, seed=9)
    add(lines, "d.png\ttwo  three")
    status, out, _ = check(lines)
    assert status == 0
    assert out.splitlines() == [
        "remark: spaces in a row, 1 line; write one space, as no picture shows how many",
        f"  {lines / 'labels.tsv'}:4: 2 spaces in a row in 'two  three'",
        "4 lines can be learned, 0 cannot, 1 kind of remarks; 9 characters",
    ]


def test_strangers_are_counted_with_their_places(lines: Path) -> None:
    draw(lines / "d.png", 120, seed=9)
    add(lines, "d.png\tßß µ")
    status, out, _ = check(lines, "--charset", "ascii")
    assert status == 1
    table = lines / "labels.tsv"
    assert f"stranger: 'ß' (U+00DF), 3 times: {table}:2, {table}:4, ...\n" in out
    assert f"stranger: 'µ' (U+00B5), 1 time: {table}:4\n" in out


def test_what_reading_put_right_is_said(lines: Path) -> None:
    draw(lines / "d.png", 120, seed=9)
    add(lines, "d.png\t  nai\u0308ve")
    status, out, _ = check(lines)
    assert status == 0
    assert "put right: spaces at the ends of texts 1, texts brought to NFC 1\n" in out


def test_pictures_that_are_validated_with_are_named(lines: Path, tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    shutil.copy(lines / "b.png", tmp_path / "val" / "other.png")
    (tmp_path / "val" / "other.txt").write_text("two ß", encoding="utf-8")
    status, out, _ = check(lines, "--val", tmp_path / "val")
    assert status == 1
    assert out.startswith("problem: picture that is validated with, 1 line\n")
    assert (
        f"labels.tsv:2: b.png is in --val too, and only validated with: it is to the pixel other.png at {tmp_path}"
        in out
    )


def test_what_cannot_be_validated_with_is_named_as_in_training(lines: Path, tmp_path: Path) -> None:
    val = tmp_path / "val"
    val.mkdir()
    for name, text in (("good", "one"), ("empty", " "), ("long", "three " * 9)):
        draw(val / f"{name}.png", 60, seed=len(text))
        (val / f"{name}.gt.txt").write_text(text, encoding="utf-8")
    draw(val / "bare.png", 60, seed=9)
    status, out, _ = check(lines, "--val", val)
    assert status == 1
    assert f"  {val / 'empty.gt.txt'}:1: the label of empty.png is empty; write its text or remove the line\n" in out
    assert f"  {val / 'long.gt.txt'}:1: 53 characters need " in out
    assert "3 lines can be learned, 2 cannot, 0 kinds of remarks; 1 picture has no label; " in out


def test_several_folders_are_one_set(lines: Path, tmp_path: Path) -> None:
    shutil.copytree(lines, tmp_path / "again")
    (tmp_path / "again" / "labels.tsv").write_text("a.png\tone\nb.png\tTWO\n", encoding="utf-8")
    (tmp_path / "again" / "c.png").unlink()
    status, out, _ = check(lines, tmp_path / "again")
    assert status == 1
    assert "problem: same picture, other text, 1 line\n" in out
    assert "remark: same picture and text twice, 1 line; remove one of the two\n" in out


def test_the_report_for_programs_holds_all_of_it(lines: Path) -> None:
    for number in range(7):
        draw(lines / f"d{number}.png", 120, seed=10 + number)
        add(lines, f"d{number}.png\ttwo  three")
        add(lines, f"gone{number}.png\ttext")
    status, out, _ = check(lines, "--json", "--charset", "ascii")
    report = json.loads(out)
    assert status == 1
    assert (report["schema"], report["learned"], report["lost"]) == (1, 9, 8)
    kinds = [problem["kind"] for problem in report["problems"]]
    assert kinds == ["label without picture"] * 7 + ["character outside the charset"]
    assert report["strangers"] == [{"character": "ß", "count": 1, "first": [f"{lines / 'labels.tsv'}:2"]}]
    assert [remark["where"] for remark in report["remarks"]] == [f"{lines / 'labels.tsv'}:{n}" for n in range(4, 18, 2)]
    assert set(report["remarks"][0]) == {"kind", "where", "what", "remedy"}


def test_pictures_without_label_are_told_apart_from_lines_that_are_lost(lines: Path) -> None:
    (lines / "labels.tsv").write_text("a.png\tone\nb.png\n", encoding="utf-8")
    draw(lines / "d.png", 120, seed=9)
    status, out, _ = check(lines)
    told = out.splitlines()
    assert status == 1
    assert told[0] == "problem: label not understood, 1 line"
    assert told[2] == "problem: picture without label, 3 pictures"
    assert told[-1] == "1 line can be learned, 1 cannot, 0 kinds of remarks; 3 pictures have no label; 3 characters"
    stored = json.loads(check(lines, "--json")[1])
    assert (stored["lost"], stored["unlabelled"], len(stored["problems"])) == (1, 3, 4)


def test_a_wrong_path_is_one_fault_and_an_empty_set_has_no_characters(lines: Path) -> None:
    (lines / "labels.tsv").write_text("".join(f"crops/{name}.png\ttext\n" for name in "abc"), encoding="utf-8")
    out = check(lines)[1]
    assert "without label" not in out
    assert out.splitlines()[-1] == "0 lines can be learned, 3 cannot, 0 kinds of remarks; 0 characters"


def test_a_folder_without_labels_is_wrong_use(tmp_path: Path) -> None:
    status, out, err = check(tmp_path)
    assert (status, out) == (2, "")
    assert "line.gt.txt" in err


def test_a_narrow_line_depends_on_the_network(lines: Path) -> None:
    """48 prepared columns make 12 frames for fast, and 11 for paper, whose last layer takes one."""
    draw(lines / "e.png", 40, seed=9)
    add(lines, "e.png\tabcdefghijkl")
    assert check(lines)[0] == 0
    assert check(lines, "--arch", "paper")[0] == 1
