"""Readings become documents: text, tsv, csv, json or jsonl here; hOCR, ALTO and PAGE each in a module of its own."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from ocrnn.reading import Reading
from ocrnn.storage import Write

if TYPE_CHECKING:
    from ocrnn.reading import Character, Overruled, Word
    from ocrnn.transcribe.result import Result

Form = Literal["text", "tsv", "csv", "json", "jsonl", "hocr", "alto", "page"]

SCHEMA = 1
"""Number of the form of a json record; it rises when a key changes its meaning or goes."""

FILE_SUFFIXES: dict[Form, str] = {
    "text": ".txt", "tsv": ".tsv", "csv": ".csv", "json": ".json", "jsonl": ".jsonl", "hocr": ".hocr", "alto": ".xml",
    "page": ".xml",
}  # fmt: skip
SINGLE: tuple[Form, ...] = ("alto", "page")
"""Forms that name one picture, for whose lines a document stands."""
PLAIN: tuple[Form, ...] = ("text", "tsv", "csv")
"""Forms that show no words and no characters."""
WITH_ALTERNATIVES: tuple[Form, ...] = ("json", "jsonl", "page")

_HEADS: dict[str, str] = {"tsv": "path\ttext\tconfidence\n", "csv": "path,text,confidence\r\n", "json": "["}
_TAILS: dict[str, str] = {"json": "\n]\n"}
# A path may hold what ends a field or a record; a backslash stays as it is, for Windows paths are full of them.
_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Sheet(Protocol):
    """Readings written one by one as they come; a whole document as soon as it is closed."""

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write what was read of one source, under its path; what could not be read is left out.

        Raises OutputError where the form has no place for it.
        """

    def close(self) -> None:
        """End the document."""


def open_sheet(write: Write, form: Form, *, alone: bool = False) -> Sheet:
    """Begin a document in one of the forms; `write` takes its bytes (UTF-8).

    With `alone`, the form "text" leaves the paths out: one line of text for each reading.
    """
    if form == "hocr":
        from ocrnn.transcribe.hocr import Hocr

        return Hocr(write)
    if form in ("alto", "page"):
        from ocrnn.transcribe.description import Description

        return Description(write, form)
    return Records(write, form, alone=alone)


class Records:
    """A sheet of records, one after another: a line each, or an object of a json array."""

    def __init__(self, write: Write, form: Form, *, alone: bool = False) -> None:
        """Begin a document in one of the forms of lines."""
        self._write = write
        self._form = form
        self._alone = alone
        self._count = 0

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write a record for each reading, under the path of its picture."""
        for result in results:
            if isinstance(result.outcome, Reading):
                between = "," if self._form == "json" else ""
                before = between if self._count else _HEADS.get(self._form, "")
                self._put(before + record(self._form, result.titled(path), result.outcome, alone=self._alone))
                self._count += 1

    def close(self) -> None:
        """End the document; one without readings gets its head here."""
        self._put(("" if self._count else _HEADS.get(self._form, "")) + _TAILS.get(self._form, ""))

    def _put(self, text: str) -> None:
        if text:
            # File names that are not UTF-8 leave as the bytes they came as.
            self._write(text.encode("utf-8", "surrogateescape"))


def record(form: Form, path: str, reading: Reading, *, alone: bool = False) -> str:
    """One reading in one of the forms of lines; for json an object on a line of its own after the last comma."""
    if form == "json":
        return "\n" + json.dumps(fields(path, reading), ensure_ascii=False)
    if form == "jsonl":
        return json.dumps(fields(path, reading), ensure_ascii=False) + "\n"
    if form == "csv":
        return _quoted(path, reading.text, f"{reading.confidence:.4f}")
    if form == "tsv":
        return row(path, reading.text, f"{reading.confidence:.4f}")
    return row(reading.text) if alone else row(path, reading.text)


def row(*fields: str) -> str:
    r"""One line of fields with tabs between; a tab or line end inside of a field is written as `\t`, `\n` or `\r`."""
    return "\t".join(field.translate(_ESCAPES) for field in fields) + "\n"


def _quoted(*fields: str) -> str:
    """One record of RFC 4180: commas between, quotes where a field needs them, CR LF behind."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue()


def fields(path: str, reading: Reading) -> dict[str, object]:
    """Keys and values of one reading, as json and Parquet have them."""
    return {
        "schema": SCHEMA,
        # JSON is UTF-8 to the letter: a byte of a file name that is none becomes U+FFFD.
        "path": path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "text": reading.text,
        "confidence": _rounded(reading.confidence),
        "width_px": reading.width_px,
        "height_px": reading.height_px,
        "turned_deg": reading.turned_deg,
        "several_lines": reading.several_lines,
        "frames": reading.frames,
        "words": [_part(word) for word in reading.words],
        "characters": [
            {**_part(character), "alternatives": _alternatives(character.alternatives)}
            for character in reading.characters
        ],
        "alternatives": _alternatives(reading.alternatives),
        "fits": reading.fits,
        "overruled": None if reading.overruled is None else _overruled(reading.overruled),
    }


def _alternatives(alternatives: Sequence[tuple[str, float]]) -> list[dict[str, object]]:
    return [{"text": text, "confidence": _rounded(confidence)} for text, confidence in alternatives]


def _overruled(overruled: Overruled) -> dict[str, object]:
    return {
        "text": overruled.text,
        "confidence": _rounded(overruled.confidence),
        "cost": None if overruled.cost == math.inf else round(overruled.cost, 3),  # JSON has no infinity
    }


def _part(part: Character | Word) -> dict[str, object]:
    return {
        "text": part.text,
        "left_px": round(part.left_px, 2),
        "right_px": round(part.right_px, 2),
        "confidence": _rounded(part.confidence),
    }


def _rounded(confidence: float) -> float:
    """Six digits that count: long lines have small probabilities, and they differ."""
    return float(f"{confidence:.6g}")
