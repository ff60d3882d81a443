from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sys
from dataclasses import replace

import pytest

from ocrnn.errors import ImageError
from ocrnn.reading import Character, Overruled, Reading, Word
from ocrnn.transcribe.output import FILE_SUFFIXES, Form, open_sheet, record
from ocrnn.transcribe.result import Result
from tests.transcribe.conftest import spaced

READING = Reading(
    text="Grüße ſ",
    confidence=0.87654321,
    characters=(Character("G", 1.23456, 9.0, 0.5, (("C", 0.0123456789), ("", 0.25))), Character("r", 9.0, 12.0, 1e-9)),
    width_px=200,
    height_px=40,
    alternatives=(("Gruße ſ", 0.0123456789),),
    words=(Word("Grüße", 1.23456, 80.0, 0.75), Word("ſ", 90.0, 99.0, 0.123456789)),
)


def document(form: Form, readings: list[tuple[str, Reading]], *, alone: bool = False) -> bytes:
    stream = io.BytesIO()
    sheet = open_sheet(stream.write, form, alone=alone)
    for number, (path, reading) in enumerate(readings):
        sheet.add(path, [Result(number, path, 1, 1, reading)])
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


def test_csv_is_that_of_rfc_4180() -> None:
    odd = Reading('He said "no",\nand went', 0.5, (), 1, 1)
    data = document("csv", [("a,b.png", odd), ("c.png", READING)])
    assert data.decode() == (
        'path,text,confidence\r\n"a,b.png","He said ""no"",\nand went",0.5000\r\nc.png,Grüße ſ,0.8765\r\n'
    )
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    assert rows[1] == ["a,b.png", odd.text, "0.5000"]
    assert document("csv", []) == b"path,text,confidence\r\n"


def test_jsonl_is_a_record_of_json_on_each_line_as_soon_as_it_is_there() -> None:
    assert document("jsonl", []) == b""
    written: list[bytes] = []
    sheet = open_sheet(written.append, "jsonl")
    for count, path in enumerate(("a\nb.png", "b.png"), 1):
        sheet.add(path, [Result(count, path, 1, 1, READING)])
        assert len(written) == count
    (array,) = (json.loads(document("json", [(path, READING)])) for path in ("a\nb.png",))
    assert json.loads(written[0]) == array[0]
    assert [line.count(b"\n") for line in written] == [1, 1]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_letters_of_any_script_stand_in_json_as_they_are(form: Form) -> None:
    assert '"text": "Grüße ſ"' in document(form, [("a.png", READING)]).decode()


@pytest.mark.parametrize("form", FILE_SUFFIXES)
def test_what_could_not_be_read_is_left_out(form: Form) -> None:
    def document_of(*results: Result) -> bytes:
        stream = io.BytesIO()
        sheet = open_sheet(stream.write, form)
        sheet.add("a.tif", results)
        sheet.close()
        return re.sub(rb"\d+-\d+-\d+T[0-9:+]*", b"now", stream.getvalue())

    failed, read = Result(0, "a.tif", 1, 2, ImageError("bad")), Result(0, "a.tif", 2, 2, spaced("one two"))
    assert document_of(failed, read) == document_of(read) != document_of(failed)


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
        "words": [
            {"text": "Grüße", "left_px": 1.23, "right_px": 80.0, "confidence": 0.75},
            {"text": "ſ", "left_px": 90.0, "right_px": 99.0, "confidence": 0.123457},
        ],
        "characters": [
            {
                "text": "G",
                "left_px": 1.23,
                "right_px": 9.0,
                "confidence": 0.5,
                "alternatives": [{"text": "C", "confidence": 0.0123457}, {"text": "", "confidence": 0.25}],
            },
            {"text": "r", "left_px": 9.0, "right_px": 12.0, "confidence": 1e-9, "alternatives": []},
        ],
        "alternatives": [{"text": "Gruße ſ", "confidence": 0.0123457}],
        "turned_deg": 0,
        "several_lines": False,
        "frames": 1,
        "fits": True,
        "overruled": None,
    }


@pytest.mark.parametrize(("cost", "written"), [(2.34567, 2.346), (math.inf, None)])
def test_json_holds_what_was_overruled(cost: float, written: float | None) -> None:
    reading = replace(READING, overruled=Overruled("Gruse", 0.123456789, cost), fits=cost < math.inf)
    (item,) = json.loads(document("json", [("a.png", reading)]))
    assert item["overruled"] == {"text": "Gruse", "confidence": 0.123457, "cost": written}
    assert item["fits"] is (written is not None)


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
