from __future__ import annotations

import csv
import errno
import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from ocrnn.errors import OutputError
from ocrnn.reading import Character, Reading
from ocrnn.transcribe.output import Form, Sheet, check_place, is_final, make_folder, record, whole_file

READING = Reading(
    text="Grüße ſ",
    confidence=0.87654321,
    characters=(Character("G", 1.23456, 9.0, 0.5), Character("r", 9.0, 12.0, 1e-9)),
    width_px=200,
    height_px=40,
    alternatives=(("Gruße ſ", 0.0123456789),),
)


def document(form: Form, readings: list[tuple[str, Reading]], *, alone: bool = False) -> bytes:
    stream = io.BytesIO()
    sheet = Sheet(stream.write, form, alone=alone)
    for path, reading in readings:
        sheet.add(path, reading)
    sheet.close()
    return stream.getvalue()


def test_text_alone_and_in_company() -> None:
    assert document("text", [("a.png", READING)], alone=True).decode() == "Grüße ſ\n"
    assert document("text", [("a.png", READING), ("b", READING)]).decode() == "a.png\tGrüße ſ\nb\tGrüße ſ\n"
    assert document("text", []) == b""


def test_tsv_is_read_back_by_the_csv_module() -> None:
    data = document("tsv", [("a b.png", READING), ("b.png", READING)]).decode()
    rows = list(csv.DictReader(io.StringIO(data, newline=""), dialect="excel-tab", quoting=csv.QUOTE_NONE))
    assert rows[0] == {"path": "a b.png", "text": "Grüße ſ", "confidence": "0.8765"}
    assert len(rows) == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_array_at_any_length(count: int) -> None:
    objects = json.loads(document("json", [(f"{n}.png", READING) for n in range(count)]))
    assert [item["path"] for item in objects] == [f"{n}.png" for n in range(count)]


def test_json_holds_all_of_a_reading() -> None:
    (item,) = json.loads(document("json", [("a.png", READING)], alone=True))
    assert item == {
        "schema": 1,
        "path": "a.png",
        "text": "Grüße ſ",
        "confidence": 0.876543,
        "width_px": 200,
        "height_px": 40,
        "characters": [
            {"text": "G", "left_px": 1.23, "right_px": 9.0, "confidence": 0.5},
            {"text": "r", "left_px": 9.0, "right_px": 12.0, "confidence": 1e-9},
        ],
        "alternatives": [{"text": "Gruße ſ", "confidence": 0.0123457}],
    }


@pytest.mark.parametrize("form", ["text", "tsv"])
def test_no_path_and_no_text_breaks_a_record(form: Form) -> None:
    reading = Reading("tab\there", 1.0, (), 1, 1)
    line = record(form, "a\tb\nc\rd\\e.png", reading)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line.split("\t")[:2] == ["a\\tb\\nc\\rd\\e.png", "tab\\there" + ("\n" if form == "text" else "")]


def test_names_that_are_not_utf8_go_out_as_they_came() -> None:
    path = os.fsdecode(b"\xff.png") if sys.platform != "win32" else "\udcff.png"
    assert document("text", [(path, READING)]).startswith(b"\xff.png\t")
    assert json.loads(document("json", [(path, READING)]).decode("utf-8"))[0]["path"] == "\ufffd.png"


def write(path: Path, data: bytes) -> None:
    with whole_file(path) as put:
        put(data)


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with whole_file(path) as put:
        put(b"new" * 100_000)
        assert path.read_text() == "old"
        assert all(other.name.startswith(".") for other in tmp_path.iterdir() if other != path)
    assert path.read_bytes() == b"new" * 100_000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(fault), whole_file(path) as put:
        put(b"new")
        raise fault
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"out\.txt: cannot be written \(No space left on device\)") as caught:
        write(path, b"new")
    assert is_final(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_is_written_as_it_is() -> None:
    with pytest.raises(OutputError, match="No space left on device"):
        write(Path("/dev/full"), b"x" * 100_000)
    write(Path("/dev/null"), b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    check_place("/dev/null")


def test_a_name_as_long_as_the_disk_allows_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    write(path, b"long")
    assert path.read_bytes() == b"long"


def test_what_fails_for_one_file_need_not_fail_for_the_next(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        write(tmp_path / ("x" * 300 + ".txt"), b"longer")
    assert not is_final(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out.txt"
    link.symlink_to(tmp_path / "there/real.txt")
    write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "there/real.txt").read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such rights there")
def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    write(tmp_path / "ours", b"")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_places_are_checked_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone/out.txt", tmp_path / "file/out.txt", tmp_path):
        with pytest.raises(OutputError, match="cannot be written"):
            check_place(path)
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder(tmp_path / "file/out")
    make_folder(tmp_path / "a/b")
    check_place(tmp_path / "a/b/out.txt")
    assert not list((tmp_path / "a/b").iterdir())
