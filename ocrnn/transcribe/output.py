"""Readings become text, tsv or json, and files that are there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ocrnn.errors import OutputError

if TYPE_CHECKING:
    from ocrnn.reading import Reading

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
        "characters": [
            {
                "text": character.text,
                "left_px": round(character.left_px, 2),
                "right_px": round(character.right_px, 2),
                "confidence": _rounded(character.confidence),
            }
            for character in reading.characters
        ],
        "alternatives": [
            {"text": text, "confidence": _rounded(confidence)} for text, confidence in reading.alternatives
        ],
    }


def _rounded(confidence: float) -> float:
    """Six digits that count: long lines have small probabilities, and they differ."""
    return float(f"{confidence:.6g}")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Callable[[bytes], None]]:
    """Give the `write` of a file that takes its name only when the block ends well; until then the old one stands.

    It is written beside its place as a dot-file, which goes again when the block is left by an error. Devices and pipes
    are written as they are. Raises OutputError where the disk refuses, with the OSError as its cause.
    """
    place = Path(os.path.realpath(path))  # a link stays a link, and its target is replaced
    draft = place if _is_special(place) else place.with_name(f".ocrnn-{os.urandom(6).hex()}")
    with refusals(path):
        stream = open(draft, "wb" if draft == place else "xb")  # noqa: SIM115 - closed below, where its faults are ours

    def write(data: bytes) -> None:
        with refusals(path):
            stream.write(data)

    try:
        yield write
        with refusals(path):
            stream.close()  # flushes: a full disk shows here at the latest
            if draft != place:
                os.replace(draft, place)
    except BaseException:
        with suppress(OSError):  # what could not be written cannot be flushed either
            stream.close()
        if draft != place:
            with suppress(OSError):
                draft.unlink()
        raise


def make_folder(path: str | Path) -> None:
    """Make a folder with all that lead to it and see that it takes files; OutputError if it does not."""
    with refusals(path):
        os.makedirs(path, exist_ok=True)
    check_place(Path(path, "probe"))


def check_place(path: str | Path) -> None:
    """See that `whole_file` could write here, before any work is done for it; OutputError if not."""
    place = Path(os.path.realpath(path))
    if _is_special(place):
        return
    with refusals(path):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        probe = place.with_name(f".ocrnn-{os.urandom(6).hex()}")
        probe.touch(exist_ok=False)
        probe.unlink()


@contextmanager
def refusals(path: str | Path) -> Iterator[None]:
    """Turn what the disk refuses into an OutputError; a reader that went away is no fault of the output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise OutputError(f"{path}: cannot be written ({reason}); make room, or choose another place") from fault


def is_final(error: OutputError) -> bool:
    """Tell whether every further file would be refused as this one was: the disk is full or takes no writing."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _is_special(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
