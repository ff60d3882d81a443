"""Labels become samples: a picture, its text, and where that was written.

Each form of labels is one function from what lies in a folder to the samples and problems it finds there, named in
`_FORMS`; `read_labels` tries them in turn and cleans what they found the same way for all.
"""

from __future__ import annotations

import codecs
import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from ocrnn.errors import LabelError
from ocrnn.folders import find_files, is_picture

FORMS_IN_WORDS = (
    "the text of line.png in line.gt.txt or line.txt beside it, or pictures and texts in labels.tsv or labels.csv"
)
"""The forms of labels that are known, for errors and help."""


@dataclass(frozen=True)
class Sample:
    """A picture and its text, in Unicode form NFC and without spaces at its ends.

    `page` counts from 0 in a picture of several; `label_file` and `line_number` (from 1) say where the text is written.
    `document` is the book, page or form the line belongs to, "" where nothing tells; `name` is the picture's path
    from the data folder on, with slashes: it stays the same when the folder moves.
    """

    image: Path
    text: str
    page: int = 0
    label_file: Path | None = None
    line_number: int | None = None
    document: str = ""
    name: str = ""

    @property
    def where(self) -> str:
        """Where the text is written, for a person: `labels.tsv:17`; the picture where that is not known."""
        if self.label_file is None:
            return str(self.image)
        return str(self.label_file) if self.line_number is None else f"{self.label_file}:{self.line_number}"


@dataclass(frozen=True)
class Problem:
    """Why something is not learned from: where it stands, what is wrong, what to do; `str` is one line of all three."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """`labels.tsv:17: the label is empty; write its text or remove the line`."""
        return _visible(f"{self.where}: {self.what}; {self.remedy}")


@dataclass(frozen=True)
class LabelSet:
    """Samples in the order of their labels, problems in the same order, pictures without a label last.

    `tolerated` counts what was put right on the way and needs no remedy: byte order marks, CRLF line ends, blank lines,
    spaces at the ends of texts, texts brought to NFC.
    """

    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    tolerated: Mapping[str, int] = field(default_factory=dict)


def read_labels(folder: str | Path) -> LabelSet:
    """Samples of every label below a folder, or of one table of labels given by its own path.

    Looks everywhere below the folder for tables called `labels.tsv` or `labels.csv`, then for `STEM.gt.txt`, or where
    there is none `STEM.txt`, beside each picture STEM.png that no table names (STEM.bin.png and STEM.nrm.png too).
    A table has a picture and its text on each line, the picture's path counted from the table's own folder. Its first
    line may name columns: one of image, path, file..., one of text, label, transcription..., and document. TSV knows no
    quotes: text stands as it is between the tabs. CSV is cut at commas, or at semicolons or tabs where its first line
    shows those, and quotes as spreadsheets do.

    A line's document is what a table's column of that name says; else the first folder between data folder and
    picture, unless it is only called images or lines; else the file name without its last number, `page_018` of
    `page_018_line_3.png`. A single bad line, file or picture becomes a Problem and costs only itself. Raises LabelError
    where no label is found at all.
    """
    found = _found(Path(folder))
    samples: dict[str, Sample] = {}
    problems: list[Problem] = []
    for form in _FORMS:
        for entry in form(found):
            cleaned = _cleaned(entry, samples, found) if isinstance(entry, Sample) else entry
            if isinstance(cleaned, Problem):
                problems.append(cleaned)
            else:
                samples[picture_key(cleaned.image)] = cleaned
    if not samples and not problems:
        raise LabelError(_nothing(found))
    problems += (
        Problem(str(picture), "the picture has no label", "write one or remove the picture")
        for picture in found.pictures
        if picture_key(picture) not in found.named
    )
    tolerated = {what: count for what, count in sorted(found.tolerated.items()) if count}
    return LabelSet(tuple(samples.values()), tuple(problems), tolerated)


def picture_key(picture: Path) -> str:
    """The same string for two spellings of one path."""
    return os.path.normcase(os.path.normpath(picture))


def twice(sample: Sample, first: Sample) -> Problem:
    """Problem of a sample whose picture an earlier one has named."""
    if sample.text == first.text:
        return Problem(
            sample.where, f"{sample.image.name} already has this label at {first.where}", "remove one of the two"
        )
    return Problem(
        sample.where,
        f"{sample.image.name} already has another label at {first.where}, which is taken: {_short(first.text)}",
        "keep the right one of the two",
    )


@dataclass(frozen=True)
class _Found:
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


def _found(folder: Path) -> _Found:
    if folder.is_file():
        if folder.suffix.lower() not in _TABLES:
            raise LabelError(f"{folder}: neither a folder nor a table of labels; give a folder, a .tsv or a .csv")
        return _Found(root=folder.parent, tables=(folder,))
    if not folder.is_dir():
        raise LabelError(f"{folder}: no such folder; check the path")
    files = tuple(find_files(folder))
    return _Found(
        root=folder,
        tables=tuple(file for file in files if file.name.lower() in _TABLE_NAMES),
        texts=tuple(file for file in files if file.suffix.lower() == ".txt"),
        pictures=tuple(file for file in files if is_picture(file)),
        other_tables=tuple(
            file for file in files if file.suffix.lower() in _TABLES and file.name.lower() not in _TABLE_NAMES
        ),
    )


def _nothing(found: _Found) -> str:
    remedy = f"put {FORMS_IN_WORDS}"
    if found.other_tables:
        remedy += f"; if {found.other_tables[0].name} is the table of labels, give its path in place of the folder"
    return f"{found.root}: no labels found for {len(found.pictures)} pictures; {remedy}"


# --- tables ---


def _tables(found: _Found) -> Iterator[Sample | Problem]:
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


def _table(table: Path, found: _Found) -> Iterator[Sample | Problem]:
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


def _row(table: Path, number: int, cells: list[str], columns: _Columns, found: _Found) -> Sample | Problem:
    where = f"{table}:{number}"
    kind = "tab" if table.suffix.lower() == ".tsv" else "comma or semicolon"
    if len(cells) == 1 and columns.count > 1:
        return Problem(where, f"no {kind} in {_short(cells[0])}", f"write the picture, a {kind}, and its text")
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


def _beside(found: _Found) -> Iterator[Sample | Problem]:
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


_FORMS: tuple[Callable[[_Found], Iterator[Sample | Problem]], ...] = (_tables, _beside)


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
            what = f"byte 0x{line[fault.start]:02x} is not UTF-8 ({_short(line.decode(errors='replace'))})"
            yield Problem(f"{file}:{number}", what, "save the file as UTF-8")
            continue
        if content.startswith(_BOM):  # of the file, or within one made of several
            tolerated["byte order marks"] += 1
            content = content.lstrip(_BOM)
        if content.strip():
            yield number, content
        else:
            tolerated["blank lines"] += 1


def _cleaned(sample: Sample, samples: Mapping[str, Sample], found: _Found) -> Sample | Problem:
    """A sample with its text in order and its name and document known; or the reason why it is none."""
    key = picture_key(sample.image)
    found.named.add(key)
    # Not is_file of a Path: a name too long for the system raises there.
    if not os.path.isfile(sample.image):
        return _missing(sample)
    text = unicodedata.normalize("NFC", sample.text)
    stripped = text.strip()
    if not stripped:
        return Problem(sample.where, f"the label of {sample.image.name} is empty", "write its text or remove the line")
    bad = next((c for c in stripped if c == "\ufffd" or unicodedata.category(c) == "Cc"), None)
    if bad is not None:
        kind = "the mark of a lost character" if bad == "\ufffd" else "a control character"
        return Problem(
            sample.where, f"the label holds {kind}, U+{ord(bad):04X}", "write the character that the picture shows"
        )
    found.tolerated["texts brought to NFC"] += text != sample.text
    found.tolerated["spaces at the ends of texts"] += stripped != text
    name = _name(sample.image, found.root)
    sample = replace(sample, text=stripped, name=name, document=sample.document or _document(name))
    return twice(sample, samples[key]) if key in samples else sample


def _missing(sample: Sample) -> Problem:
    if not is_picture(sample.image):
        return Problem(
            sample.where,
            f"{_short(sample.image.name)} is not the name of a picture",
            "write the picture first, then its text; call the columns image and text if this line names them",
        )
    return Problem(
        sample.where, f"no picture at {sample.image}", "check the path, which counts from the folder of the labels"
    )


def _name(picture: Path, root: Path) -> str:
    try:
        name = os.path.relpath(picture, root)
    except ValueError:  # another drive of Windows
        name = str(picture)
    return unicodedata.normalize("NFC", PurePath(name).as_posix())


_HOLDERS = frozenset({"images", "image", "imgs", "img", "pictures", "crops", "lines"})
"""Folders that say what they hold and not which document it is from."""


def _document(name: str) -> str:
    folders = [part for part in name.split("/")[:-1] if part != ".."]
    if folders and folders[0].lower() not in _HOLDERS:
        return folders[0]
    stem = PurePath(name).name.split(".")[0]
    return stem.rstrip("0123456789").rstrip("-_ ") if stem[-1:].isdigit() else ""


def _short(text: str) -> str:
    """A text quoted in an error, cut after 40 characters."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _visible(text: str) -> str:
    """Text with control characters, line breaks and undecodable bytes of file names spelled out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
