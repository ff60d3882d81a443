"""Text files: their lines with numbers, whatever system and editor they come from."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ocrnn.data.samples import Problem, shortened

_BOM = "\ufeff"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def lines_in(file: Path, tolerated: Counter[str]) -> Iterator[tuple[int, str] | Problem]:
    """Numbered lines of a text file that are not blank; a Problem for each that is not UTF-8, or for the whole file."""
    try:
        data = file.read_bytes()
    except OSError as fault:
        yield Problem(str(file), f"cannot be read ({fault.strerror})", "check its rights")
        return
    yield from lines_of(file, data, tolerated)


def lines_of(file: Path, data: bytes, tolerated: Counter[str]) -> Iterator[tuple[int, str] | Problem]:
    """Numbered lines of a text that are not blank; a Problem for each that is not UTF-8, or for all of it."""
    if data.startswith(_WIDE_MARKS):
        try:
            data = data.decode("utf-16").encode()  # which spreadsheets call Unicode text
        except UnicodeDecodeError:
            yield Problem(str(file), "the file is damaged UTF-16", "save it as UTF-8")
            return
        tolerated["files in UTF-16"] += 1
    tolerated["CRLF line ends"] += data.count(b"\r\n")
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not lines[-1]:
        lines.pop()  # what follows the last line end is no line
    for number, line in enumerate(lines, 1):
        try:
            content = line.decode()
        except UnicodeDecodeError as fault:
            what = f"byte 0x{line[fault.start]:02x} is not UTF-8 ({shortened(line.decode(errors='replace'))})"
            yield Problem(f"{file}:{number}", what, "save the file as UTF-8")
            continue
        if content.startswith(_BOM):  # of the file, or within one made of several
            tolerated["byte order marks"] += 1
            content = content.lstrip(_BOM)
        if content.strip():
            yield number, content
        else:
            tolerated["blank lines"] += 1


def only_line(file: Path, lines: Iterable[tuple[int, str] | Problem]) -> tuple[int, str] | Problem:
    """The one line of a label file, with its number; line 1 and nothing where there is none."""
    found: list[tuple[int, str]] = []
    for line in lines:
        if isinstance(line, Problem):
            return line
        found.append(line)
    if len(found) > 1:
        return Problem(
            f"{file}:{found[1][0]}",
            f"{len(found)} lines of text for one picture of a line",
            "keep the line that the picture shows; lines of a page stand in PAGE or ALTO, or are cut out first",
        )
    return found[0] if found else (1, "")
