"""Readings become text, tsv or json."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ocrnn.reading import Character, Reading, Word

Form = Literal["text", "tsv", "json"]

SCHEMA = 1
"""Number of the form of a json record; it rises when a key changes its meaning or goes."""

FILE_SUFFIXES: dict[Form, str] = {"text": ".txt", "tsv": ".tsv", "json": ".json"}

_HEADS: dict[Form, str] = {"text": "", "tsv": "path\ttext\tconfidence\n", "json": "["}
_BETWEEN: dict[Form, str] = {"text": "", "tsv": "", "json": ","}
_TAILS: dict[Form, str] = {"text": "", "tsv": "", "json": "\n]\n"}
# A path may hold what ends a field or a record; a backslash stays as it is, for Windows paths are full of them.
_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Sheet:
    """Readings written one by one as they come; a whole document as soon as it is closed.

    `write` takes bytes (UTF-8). With `alone`, the form "text" leaves the paths out: one line of text for each reading.
    """

    def __init__(self, write: Callable[[bytes], object], form: Form, *, alone: bool = False) -> None:
        """Begin a document in one of the forms."""
        self._write = write
        self._form = form
        self._alone = alone
        self._count = 0

    def add(self, path: str, reading: Reading) -> None:
        """Write one reading under the path of its picture."""
        before = _BETWEEN[self._form] if self._count else _HEADS[self._form]
        self._put(before + record(self._form, path, reading, alone=self._alone))
        self._count += 1

    def close(self) -> None:
        """End the document; one without readings gets its head here."""
        self._put(("" if self._count else _HEADS[self._form]) + _TAILS[self._form])

    def _put(self, text: str) -> None:
        if text:
            # File names that are not UTF-8 leave as the bytes they came as.
            self._write(text.encode("utf-8", "surrogateescape"))


def record(form: Form, path: str, reading: Reading, *, alone: bool = False) -> str:
    """One reading in one of the forms: a line, or for json an object on a line of its own after the last comma."""
    if form == "json":
        return "\n" + json.dumps(_fields(path, reading), ensure_ascii=False)
    if form == "tsv":
        return row(path, reading.text, f"{reading.confidence:.4f}")
    return row(reading.text) if alone else row(path, reading.text)


def row(*fields: str) -> str:
    r"""One line of fields with tabs between; a tab or line end inside of a field is written as `\t`, `\n` or `\r`."""
    return "\t".join(field.translate(_ESCAPES) for field in fields) + "\n"


def _fields(path: str, reading: Reading) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        # JSON is UTF-8 to the letter: a byte of a file name that is none becomes U+FFFD.
        "path": path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "text": reading.text,
        "confidence": _rounded(reading.confidence),
        "width_px": reading.width_px,
        "height_px": reading.height_px,
        "words": [_part(word) for word in reading.words],
        "characters": [_part(character) for character in reading.characters],
        "alternatives": [
            {"text": text, "confidence": _rounded(confidence)} for text, confidence in reading.alternatives
        ],
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
