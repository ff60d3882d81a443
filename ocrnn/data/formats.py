"""Forms of labels: each is one function from what lies in a folder to the samples and problems it finds there.

`FORMS` names them in the order in which they are asked; what they give is cleaned by `ocrnn.data.labels`.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ocrnn.data.samples import Problem, Sample, picture_key, shortened
from ocrnn.errors import LabelError
from ocrnn.folders import find_files, is_picture

FORMS_IN_WORDS = (
    "the text of line.png in line.gt.txt or line.txt beside it, or pictures and texts in labels.tsv or labels.csv"
)
"""The forms of labels that are known, for errors and help."""


@dataclass(frozen=True)
class Found:
    """What lies below a data folder, and what was made of it so far.

    `named` holds the keys of pictures that some label, good or bad, speaks of.
    """

    root: Path
    tables: tuple[Path, ...]
    texts: tuple[Path, ...] = ()
    pictures: tuple[Path, ...] = ()
    other_tables: tuple[Path, ...] = ()
    named: set[str] = field(default_factory=set)
    tolerated: Counter[str] = field(default_factory=Counter)


_TABLES = (".tsv", ".csv")
_TABLE_NAMES = tuple(f"labels{ending}" for ending in _TABLES)
_TEXTS = (".gt.txt", ".txt")


def find_labels(folder: Path) -> Found:
    """Look through a folder, or take one table of labels; raises LabelError where the path is neither."""
    if folder.is_file():
        if folder.suffix.lower() not in _TABLES:
            raise LabelError(f"{folder}: neither a folder nor a table of labels; give a folder, a .tsv or a .csv")
        return Found(root=folder.parent, tables=(folder,))
    if not folder.is_dir():
        raise LabelError(f"{folder}: no such folder; check the path")
    files = tuple(find_files(folder))
    return Found(
        root=folder,
        tables=tuple(file for file in files if file.name.lower() in _TABLE_NAMES),
        texts=tuple(file for file in files if file.suffix.lower() == ".txt"),
        pictures=tuple(file for file in files if is_picture(file)),
        other_tables=tuple(
            file for file in files if file.suffix.lower() in _TABLES and file.name.lower() not in _TABLE_NAMES
        ),
    )


def nothing_found(found: Found) -> str:
    """The error for a folder without any label, with the forms that were looked for."""
    remedy = f"put {FORMS_IN_WORDS}"
    if found.other_tables:
        remedy += f"; if {found.other_tables[0].name} is the table of labels, give its path in place of the folder"
    return f"{found.root}: no labels found for {len(found.pictures)} pictures; {remedy}"


# --- tables ---


def _tables(found: Found) -> Iterator[Sample | Problem]:
    """Lines of every table, each a picture and its text."""
    for table in found.tables:
        yield from _table(table, found)


_IMAGE_COLUMNS = frozenset(
    {"image", "img", "picture", "path", "image_path", "file", "filename", "file_name", "image_name"}
)
_TEXT_COLUMNS = frozenset({"text", "label", "labels", "transcription", "transcript", "ground_truth", "gt", "words"})


@dataclass(frozen=True)
class _Columns:
    """Which cell of a line is what, and how many cells a line has."""

    image: int = 0
    text: int = 1
    document: int | None = None
    count: int = 2


def _table(table: Path, found: Found) -> Iterator[Sample | Problem]:
    is_tsv = table.suffix.lower() == ".tsv"
    delimiter, columns, empty = "", _Columns(), True
    for line in _lines(table, found.tolerated):
        if isinstance(line, Problem):
            yield line
            empty = False
            continue
        number, content = line
        try:
            if not delimiter:
                delimiter = "\t" if is_tsv else _delimiter(content)
                named = _named_columns(_cells(content, delimiter, is_tsv))
                if named is not None:
                    columns = named
                    continue
            empty = False
            yield _row(table, number, _cells(content, delimiter, is_tsv), columns, found)
        except csv.Error as fault:
            empty = False
            yield Problem(
                f"{table}:{number}",
                f"not a line of CSV ({fault})",
                'close each quote, and write a quote in a text as ""',
            )
    if empty:
        yield Problem(str(table), "the table is empty", "write a picture and its text on each line")


def _cells(content: str, delimiter: str, is_tsv: bool) -> list[str]:
    if is_tsv:
        return content.split(delimiter)
    # One line at a time: a label never holds a line break, so a forgotten quote costs one line and not the rest.
    return next(csv.reader([content], delimiter=delimiter, strict=True, skipinitialspace=True))


def _delimiter(content: str) -> str:
    """What a CSV file is cut at: what makes its first line one of names of columns, or of a picture and a text."""
    for delimiter in ",;\t":
        try:
            cells = _cells(content, delimiter, False)
        except csv.Error:
            continue
        if len(cells) > 1 and (_named_columns(cells) is not None or is_picture(Path(cells[0].strip()))):
            return delimiter
    return ","


def _named_columns(cells: list[str]) -> _Columns | None:
    """Columns, if these cells name at least the picture's and the text's."""
    names = [cell.strip().lower() for cell in cells]
    image = next((place for place, name in enumerate(names) if name in _IMAGE_COLUMNS), None)
    text = next((place for place, name in enumerate(names) if name in _TEXT_COLUMNS), None)
    if image is None or text is None:
        return None
    return _Columns(image, text, names.index("document") if "document" in names else None, len(names))


def _row(table: Path, number: int, cells: list[str], columns: _Columns, found: Found) -> Sample | Problem:
    where = f"{table}:{number}"
    kind = "tab" if table.suffix.lower() == ".tsv" else "comma or semicolon"
    if len(cells) == 1 and columns.count > 1:
        return Problem(where, f"no {kind} in {shortened(cells[0])}", f"write the picture, a {kind}, and its text")
    name = cells[columns.image].strip() if columns.image < len(cells) else ""
    picture = _located(table.parent, name)
    if len(cells) != columns.count:
        found.named.add(picture_key(picture))
        remedy = (
            "take the tabs out of the text" if kind == "tab" else "put a text that holds the delimiter between quotes"
        )
        return Problem(where, f"{len(cells)} cells where {columns.count} are expected", remedy)
    if not name:
        return Problem(where, "no picture is named", "write the picture's path, or remove the line")
    document = "" if columns.document is None else cells[columns.document].strip()
    return Sample(picture, cells[columns.text], label_file=table, line_number=number, document=document)


def _located(folder: Path, name: str) -> Path:
    """Path of a picture that a table in a folder names, written with the slashes of any system."""
    picture = folder / name
    if "\\" in name and not os.path.isfile(picture):
        picture = folder / name.replace("\\", "/")
    return picture


# --- a text beside each picture ---

_PASSES = (".bin", ".nrm")
"""Second endings that line tools give to forms of one picture: 0001.bin.png and 0001.nrm.png share 0001.gt.txt."""


def _beside(found: Found) -> Iterator[Sample | Problem]:
    """The text in `STEM.gt.txt`, or else `STEM.txt`, of each picture that no earlier form has named."""
    labels: dict[tuple[str, str], Path] = {}
    for file in found.texts:
        ending = next(ending for ending in _TEXTS if file.name.lower().endswith(ending))
        labels[str(file)[: -len(ending)], ending] = file
    stems: set[str] = set()
    plain_folders: set[Path] = set()
    overruled: Counter[Path] = Counter()
    for picture in found.pictures:
        own = _stems(picture)
        stems.update(own)
        label = next((labels[stem, ending] for ending in _TEXTS for stem in own if (stem, ending) in labels), None)
        if label is None:
            continue
        if not label.name.lower().endswith(_TEXTS[0]):
            plain_folders.add(label.parent)
        if picture_key(picture) in found.named:
            overruled[picture.parent] += 1
            continue
        found.named.add(picture_key(picture))
        yield _text_beside(picture, label, found.tolerated)
    for folder, count in overruled.items():
        yield Problem(
            str(folder),
            f"{count} pictures have a label in a table and another in a .txt beside them; the table's is taken",
            "remove one of the two",
        )
    for (stem, ending), label in labels.items():
        # Any folder may hold a readme.txt: a plain .txt counts as a label only where others of its folder are.
        if stem not in stems and (ending == _TEXTS[0] or label.parent in plain_folders):
            yield Problem(
                str(label), "the label has no picture", f"put {Path(stem).name}.png beside it or remove the label"
            )


def _stems(picture: Path) -> list[str]:
    stem = picture.with_suffix("")
    stems = [str(stem)]
    if stem.suffix.lower() in _PASSES:
        stems.append(str(stem.with_suffix("")))
    return stems


def _text_beside(picture: Path, label: Path, tolerated: Counter[str]) -> Sample | Problem:
    lines: list[tuple[int, str]] = []
    for line in _lines(label, tolerated):
        if isinstance(line, Problem):
            return line
        lines.append(line)
    if len(lines) > 1:
        return Problem(
            f"{label}:{lines[1][0]}",
            f"{len(lines)} lines of text for one picture of a line",
            "keep the line that the picture shows",
        )
    number, text = lines[0] if lines else (1, "")
    return Sample(picture, text, label_file=label, line_number=number)


# --- what all forms share ---

_BOM = "\ufeff"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _lines(file: Path, tolerated: Counter[str]) -> Iterator[tuple[int, str] | Problem]:
    """Numbered lines of a text file that are not blank; a Problem for each that is not UTF-8, or for the whole file."""
    try:
        data = file.read_bytes()
    except OSError as fault:
        yield Problem(str(file), f"cannot be read ({fault.strerror})", "check its rights")
        return
    if data.startswith(_WIDE_MARKS):
        yield Problem(str(file), "the file is in UTF-16", "save it as UTF-8")
        return
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


FORMS: tuple[Callable[[Found], Iterator[Sample | Problem]], ...] = (_tables, _beside)
