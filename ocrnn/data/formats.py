"""Forms of labels: each is one function from what lies in a folder to the samples and problems it finds there.

What they give is cleaned by `ocrnn.data.labels`, which says in which order they are asked.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocrnn.data.samples import Problem, Sample, picture_key, shortened
from ocrnn.errors import LabelError
from ocrnn.folders import find_files, is_picture

FORMS_IN_WORDS = (
    "the text of line.png in line.gt.txt or line.txt beside it, or pictures and texts in labels.tsv, labels.csv, "
    "labels.jsonl, labels.json, metadata.jsonl, metadata.csv, gt.txt or rec_gt.txt, or pages with PAGE or ALTO files, "
    "or all of it in tar shards or an LMDB"
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
    layouts: tuple[Path, ...] = ()
    shards: tuple[Path, ...] = ()
    databases: tuple[Path, ...] = ()
    other_tables: tuple[Path, ...] = ()
    named: set[str] = field(default_factory=set)
    tolerated: Counter[str] = field(default_factory=Counter)


DATABASE = "data.mdb"
"""What the file of an LMDB is called in its folder."""
_HEADED = "metadata.csv"
"""The table of Hugging Face's ImageFolder, whose first line always names columns."""
_TABLE_NAMES = frozenset(
    {"labels.tsv", "labels.csv", "labels.jsonl", "metadata.jsonl", _HEADED}
    | {"labels.json"}  # of docTR
    | {"gt.txt"}  # of deep-text-recognition-benchmark
    | {f"rec_gt{part}.txt" for part in ("", "_train", "_val", "_eval", "_test")}  # of PaddleOCR
)
_UNNAMED = (".tsv", ".csv", ".jsonl")
"""Endings under which a table of another name is likely one of labels."""
_TEXTS = (".gt.txt", ".txt")


def find_labels(folder: Path) -> Found:
    """Look through a folder, or take one table of labels; raises LabelError where the path is neither."""
    if folder.is_file():
        if _is_shard(folder):
            return Found(root=folder.parent, tables=(), shards=(folder,))
        if folder.suffix.lower() == ".xml":
            return Found(root=folder.parent, tables=(), layouts=(folder,))
        if folder.suffix.lower() not in _TABLES:
            raise LabelError(
                f"{folder}: neither a folder nor a table of labels; "
                f"give a folder, a .tsv, .csv, .jsonl, .json, .txt, .xml or .tar"
            )
        return Found(root=folder.parent, tables=(folder,))
    if not folder.is_dir():
        raise LabelError(f"{folder}: no such folder; check the path")
    files = tuple(find_files(folder))
    pictures = tuple(file for file in files if is_picture(file))
    stems = {picture.with_suffix("") for picture in pictures}
    # Beside gt.png, gt.txt is that picture's text.
    tables = tuple(file for file in files if file.name.lower() in _TABLE_NAMES and file.with_suffix("") not in stems)
    others = frozenset(files).difference(tables)
    return Found(
        root=folder,
        tables=tables,
        texts=tuple(file for file in files if file.suffix.lower() == ".txt" and file in others),
        pictures=pictures,
        layouts=tuple(file for file in files if file.suffix.lower() == ".xml"),
        databases=tuple(file for file in files if file.name == DATABASE),
        shards=tuple(file for file in files if _is_shard(file)),
        other_tables=tuple(file for file in files if file.suffix.lower() in _UNNAMED and file in others),
    )


def _is_shard(file: Path) -> bool:
    return file.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2"))  # packed ones to say that they are


def nothing_found(found: Found) -> str:
    """The error for a folder without any label, with the forms that were looked for."""
    remedy = f"put {FORMS_IN_WORDS}"
    if found.other_tables:
        remedy += f"; if {found.other_tables[0].name} is the table of labels, give its path in place of the folder"
    return f"{found.root}: no labels found for {len(found.pictures)} pictures; {remedy}"


# --- tables ---


def tables(found: Found) -> Iterator[Sample | Problem]:
    """Entries of every table, each a picture and its text, as the ending of its name has them."""
    for table in found.tables:
        yield from _TABLES[table.suffix.lower()](table, found)


_IMAGE_COLUMNS = frozenset(
    {"image", "img", "picture", "path", "image_path", "file", "filename", "file_name", "image_name"}
)
TEXT_COLUMNS = frozenset({"text", "label", "labels", "transcription", "transcript", "ground_truth", "gt", "words"})


@dataclass(frozen=True)
class _Columns:
    """Which cell of a line is what, and how many cells a line has."""

    image: int = 0
    text: int = 1
    document: int | None = None
    count: int = 2


def _cell_table(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.tsv` or `.csv`, whose first line may name columns."""
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
                if table.name.lower() == _HEADED:
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
        yield _empty(table)


def _empty(table: Path) -> Problem:
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
    return ","


def _named_columns(cells: list[str]) -> _Columns | None:
    """Columns, if these cells name at least the picture's and the text's."""
    names = [cell.strip().lower() for cell in cells]
    image, text = column_of(names, _IMAGE_COLUMNS), column_of(names, TEXT_COLUMNS)
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
    picture = _located(table.parent, name, found.root)
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


def _located(folder: Path, name: str, root: Path) -> Path:
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


# --- lists: lines of a path, a tab and a text ---


def _list(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.txt` as PaddleOCR and deep-text-recognition-benchmark have them: no names of columns, no quotes.

    Nothing is escaped: a backslash or a quote in a text is one. In place of a path there may be a JSON list of several,
    which PaddleOCR takes for pictures of one text. It also reads a text up to its first tab: here, such a line is bad.
    """
    empty = True
    for line in _lines(table, found.tolerated):
        empty = False
        if isinstance(line, Problem):
            yield line
            continue
        number, content = line
        path, *rest = content.split("\t")
        for name in _listed(path):
            yield _row(table, number, [name, *rest], _Columns(), found)
    if empty:
        yield _empty(table)


def _listed(path: str) -> list[str]:
    if path.lstrip().startswith("["):
        try:
            names = json.loads(path)
        except (ValueError, RecursionError):
            return [path]
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return names
    return [path]


# --- JSON ---


def _json_lines(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.jsonl`, an object on each line, as Hugging Face's ImageFolder has them in `metadata.jsonl`."""
    empty = True
    for line in _lines(table, found.tolerated):
        empty = False
        yield line if isinstance(line, Problem) else _json_line(table, *line, found)
    if empty:
        yield _empty(table)


def _json_line(table: Path, number: int, content: str, found: Found) -> Sample | Problem:
    where, remedy = f"{table}:{number}", 'write {"file_name": "line.png", "text": "its text"}'
    try:
        entry = json.loads(content)
    except json.JSONDecodeError as fault:
        return Problem(where, f"not JSON at column {fault.colno} ({fault.msg})", remedy)
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        return Problem(where, "not JSON of a label", remedy)
    if not isinstance(entry, dict):
        return Problem(where, f"{_json_kind(entry)} where an object is expected", remedy)
    names = [key.strip().lower() for key in entry]
    values = list(entry.values())
    image, text = column_of(names, _IMAGE_COLUMNS), column_of(names, TEXT_COLUMNS)
    if image is None:
        return Problem(where, "no picture is named", "write the picture's path as file_name")
    sample = _json_entry(table, number, table.parent, values[image], "" if text is None else values[text], found)
    if isinstance(sample, Problem):
        return sample
    if text is None:
        found.named.add(picture_key(sample.image))
        return Problem(where, f"no text is written for {sample.image.name}", "write it as text")
    document = values[names.index("document")] if "document" in names else ""
    return replace(sample, document=document.strip() if isinstance(document, str) else "")


def _json_object(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.json`, one object of names and texts as docTR has them: the names count from images beside it."""
    content: list[str] = []
    faults = 0
    for line in _lines(table, found.tolerated):
        if isinstance(line, Problem):
            yield line
            faults += 1
        else:
            content += [""] * (line[0] - len(content) - 1) + [line[1]]  # every line under its number
    number = 0
    try:
        for number, name, text in _json_pairs("\n".join(content)) if content else ():
            yield _json_entry(table, number, table.parent / "images", name, text, found)
    except json.JSONDecodeError as fault:
        yield Problem(
            f"{table}:{fault.lineno}",
            f"not JSON at column {fault.colno} ({fault.msg})",
            'mend it, as nothing behind it is read; the whole is {"line.png": "its text", ...}',
        )
    except (ValueError, RecursionError):
        yield Problem(str(table), "not JSON of labels", 'write {"line.png": "its text", ...}')
    else:
        if not number and not faults:
            yield _empty(table)


def _json_pairs(content: str) -> Iterator[tuple[int, str, object]]:
    """Line number, name and value of each pair of an object, in turn; raises JSONDecodeError where it is none.

    Unlike `json.loads`, this knows the lines and loses no value of a name that is there twice.
    """
    decode = json.JSONDecoder().raw_decode
    place = _after(content, 0, "{", "an object of names and texts")
    number, counted = 1, 0
    first = _blank(content, place)
    more = content[first : first + 1] != "}"
    place = place if more else first + 1
    while more:
        place = _blank(content, place)
        number, counted = number + content.count("\n", counted, place), place
        if content[place : place + 1] != '"':
            raise json.JSONDecodeError("Expecting the name of a picture in double quotes", content, place)
        name, place = decode(content, place)
        place = _after(content, place, ":", "':'")
        value, place = decode(content, _blank(content, place))
        yield number, name, value
        place = _after(content, place, ",}", "',' or '}'")
        more = content[place - 1] == ","
    place = _blank(content, place)
    if place < len(content):
        raise json.JSONDecodeError("Extra data", content, place)


def _blank(content: str, place: int) -> int:
    """The first place from this one on that is not blank."""
    while content[place : place + 1] in {" ", "\t", "\n", "\r"}:
        place += 1
    return place


def _after(content: str, place: int, signs: str, expected: str) -> int:
    """The place behind one of these signs, which is the next that is not blank."""
    place = _blank(content, place)
    if place == len(content) or content[place] not in signs:
        raise json.JSONDecodeError(f"Expecting {expected}", content, place)
    return place + 1


def _json_entry(table: Path, number: int, folder: Path, name: object, text: object, found: Found) -> Sample | Problem:
    where = f"{table}:{number}"
    picture = _located(folder, name.strip(), found.root) if isinstance(name, str) else None
    if picture is None or not (is_picture(picture) or os.path.isfile(picture)):
        return Problem(where, f"{shortened(str(name))} is not the name of a picture", "write its path")
    if not isinstance(text, str):
        found.named.add(picture_key(picture))
        return Problem(
            where, f"the label of {picture.name} is {_json_kind(text)} and no text", "write the text between quotes"
        )
    return Sample(picture, text, label_file=table, line_number=number)


def _json_kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


_TABLES: dict[str, Callable[[Path, Found], Iterator[Sample | Problem]]] = {
    ".tsv": _cell_table,
    ".csv": _cell_table,
    ".txt": _list,
    ".jsonl": _json_lines,
    ".json": _json_object,
}
"""What reads a table of labels, by the ending of its name."""


# --- a text beside each picture ---

_PASSES = (".bin", ".nrm")
"""Second endings that line tools give to forms of one picture: 0001.bin.png and 0001.nrm.png share 0001.gt.txt."""


def beside(found: Found) -> Iterator[Sample | Problem]:
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
            remedy = f"put {Path(stem).name}.png beside it or remove the label"
            yield Problem(str(label), "the label has no picture", remedy, "label without picture")


def _stems(picture: Path) -> list[str]:
    stem = picture.with_suffix("")
    stems = [str(stem)]
    if stem.suffix.lower() in _PASSES:
        stems.append(str(stem.with_suffix("")))
    return stems


def _text_beside(picture: Path, label: Path, tolerated: Counter[str]) -> Sample | Problem:
    text = only_line(label, _lines(label, tolerated))
    return text if isinstance(text, Problem) else Sample(picture, text[1], label_file=label, line_number=text[0])


# --- what all forms share ---


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
            "keep the line that the picture shows",
        )
    return found[0] if found else (1, "")


_BOM = "\ufeff"
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _lines(file: Path, tolerated: Counter[str]) -> Iterator[tuple[int, str] | Problem]:
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
