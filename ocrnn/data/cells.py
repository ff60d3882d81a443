"""Tables of labels in cells: `.tsv` and `.csv`, and lists of a path, a tab and a text."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocrnn.data.found import Found
from ocrnn.data.samples import Problem, Sample, picture_key, shortened
from ocrnn.data.textfile import lines_in
from ocrnn.folders import is_picture

HEADED = "metadata.csv"
"""The table of Hugging Face's ImageFolder, whose first line always names columns."""
IMAGE_COLUMNS = frozenset(
    {"image", "img", "picture", "path", "image_path", "file", "filename", "file_name", "image_name"}
)
TEXT_COLUMNS = frozenset({"text", "label", "labels", "transcription", "transcript", "ground_truth", "gt", "words"})
_LONGEST = 65_536
"""Characters in which the first line of a list must show what it is."""


@dataclass(frozen=True)
class _Columns:
    """Which cell of a line is what, and how many cells a line has."""

    image: int = 0
    text: int = 1
    document: int | None = None
    count: int = 2


def cell_table(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.tsv` or `.csv`, whose first line may name columns."""
    is_tsv = table.suffix.lower() == ".tsv"
    delimiter, columns, empty = "", _Columns(), True
    for line in lines_in(table, found.tolerated):
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
                if table.name.lower() == HEADED:
                    # Its other columns may be about anything: the second of them is no text.
                    yield Problem(
                        f"{table}:{number}",
                        "no column of pictures and of texts is named",
                        "call them file_name and text, or rename the file if it is not about lines",
                    )
                    return
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
        yield empty_table(table)


def empty_table(table: Path) -> Problem:
    """The problem of a table that holds nothing."""
    return Problem(str(table), "the table is empty", "write a picture and its text on each line")


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
    # Names that are not known: cut as what is below them, they alone are not understood.
    return max(";\t,", key=content.count)


def _named_columns(cells: list[str]) -> _Columns | None:
    """Columns, if these cells name at least the picture's and the text's."""
    names = [cell.strip().lower() for cell in cells]
    image, text = column_of(names, IMAGE_COLUMNS), column_of(names, TEXT_COLUMNS)
    if image is None or text is None:
        return None
    return _Columns(image, text, names.index("document") if "document" in names else None, len(names))


def column_of(names: list[str], known: frozenset[str]) -> int | None:
    """Which of these names, in small letters, is one of the known; None where none is."""
    # A column called text is the text, even behind a label, which may be a class.
    if "text" in known and "text" in names:
        return names.index("text")
    return next((place for place, name in enumerate(names) if name in known), None)


def _row(table: Path, number: int, cells: list[str], columns: _Columns, found: Found) -> Sample | Problem:
    where = f"{table}:{number}"
    kind = "comma or semicolon" if table.suffix.lower() == ".csv" else "tab"
    if len(cells) == 1 and columns.count > 1:
        return Problem(where, f"no {kind} in {shortened(cells[0])}", f"write the picture, a {kind}, and its text")
    name = cells[columns.image].strip() if columns.image < len(cells) else ""
    picture = located(table.parent, name, found.root)
    if len(cells) != columns.count:
        found.named.add(picture_key(picture))
        remedy = (
            "take the tabs out of the text" if kind == "tab" else "put a text that holds the delimiter between quotes"
        )
        if number == 1 and table.suffix.lower() != ".txt":  # such lists have no names
            remedy += ", or name the columns above, image and text among them"
        return Problem(where, f"{len(cells)} cells where {columns.count} are expected", remedy)
    if not name:
        return Problem(where, "no picture is named", "write the picture's path, or remove the line")
    document = "" if columns.document is None else cells[columns.document].strip()
    return Sample(picture, cells[columns.text], label_file=table, line_number=number, document=document)


def located(folder: Path, name: str, root: Path) -> Path:
    """Path of a picture that a table names, counted from a folder and written with the slashes of any system.

    Where none is there, the path may count from any folder above, as where a trainer is started in one; but only a
    picture in the data folder is taken then, as a name like images/1.png may be anywhere.
    """
    spellings = (name, name.replace("\\", "/")) if "\\" in name else (name,)
    inside = os.path.join(picture_key(root), "")
    for base in (folder, *Path(os.path.abspath(folder)).parents):
        for spelling in spellings:
            picture = base / spelling
            if (base == folder or picture_key(picture).startswith(inside)) and os.path.isfile(picture):
                return picture
    return folder / spellings[-1]


def list_table(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.txt` as PaddleOCR and deep-text-recognition-benchmark have them: no names of columns, no quotes.

    Nothing is escaped: a backslash or a quote in a text is one. In place of a path there may be a JSON list of several,
    which PaddleOCR takes for pictures of one text. It also reads a text up to its first tab: here, such a line is bad.
    """
    empty = True
    for line in lines_in(table, found.tolerated):
        empty = False
        if isinstance(line, Problem):
            yield line
            continue
        number, content = line
        path, *rest = content.split("\t")
        for name in _listed(path):
            yield _row(table, number, [name, *rest], _Columns(), found)
    if empty:
        yield empty_table(table)


def lists_lines(table: Path) -> bool:
    """Tell by its first line whether a file is a list of pictures and their texts, as `list_table` reads it.

    PaddleOCR's list of pages looks alike, but has JSON for the text: the polygons of the page.
    """
    try:
        with open(table, encoding="utf-8-sig", errors="replace") as stream:
            path, tab, text = stream.readline(_LONGEST).rstrip().partition("\t")
    except OSError:
        return False
    return bool(tab) and is_picture(_listed(path)[0].strip()) and not text.lstrip().startswith("[{")


def _listed(path: str) -> list[str]:
    if path.lstrip().startswith("["):
        try:
            names = json.loads(path)
        except (ValueError, RecursionError):
            return [path]
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return names
    return [path]
