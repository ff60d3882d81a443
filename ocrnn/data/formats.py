"""Forms of labels: each is one function from what lies in a folder to the samples and problems it finds there.

What they give is cleaned by `ocrnn.data.labels`, which says in which order they are asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from ocrnn.data.cells import HEADED, cell_table, list_table, lists_lines
from ocrnn.data.found import DATABASE, Found
from ocrnn.data.objects import object_lines, object_table
from ocrnn.data.samples import Problem, Sample, picture_key
from ocrnn.data.textfile import lines_in, only_line
from ocrnn.errors import LabelError
from ocrnn.folders import find_files, is_picture

_FORMS_IN_WORDS = (
    "the text of line.png in line.gt.txt or line.txt beside it, or pictures and texts in labels.tsv, labels.csv, "
    "labels.jsonl, labels.json, metadata.jsonl, metadata.csv, gt.txt or rec_gt.txt, or pages with PAGE or ALTO files, "
    "or all of it in tar shards or an LMDB"
)
"""The forms of labels that are known, for errors."""
_TABLE_NAMES = frozenset(
    {"labels.tsv", "labels.csv", "labels.jsonl", "metadata.jsonl", HEADED}
    | {"labels.json"}  # of docTR
    | {"gt.txt"}  # of deep-text-recognition-benchmark
    | {f"rec_gt{part}.txt" for part in ("", "_train", "_val", "_eval", "_test")}  # of PaddleOCR
)
_PART_NAMES = frozenset(f"{part}{ending}.txt" for part in ("train", "val", "test") for ending in ("", "_list"))
"""What PaddleOCR's splitter and its configurations call lists of lines. Its lists of pages have the same names, and so
have those of other tools: the first line must look like one of a picture and a text."""
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
        if folder.suffix.lower() not in TABLES:
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
    tables = tuple(file for file in files if _is_table(file) and file.with_suffix("") not in stems)
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


def _is_table(file: Path) -> bool:
    name = file.name.lower()
    return name in _TABLE_NAMES or (name in _PART_NAMES and lists_lines(file))


def _is_shard(file: Path) -> bool:
    return file.name.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2"))  # packed ones to say that they are


def nothing_found(found: Found) -> str:
    """The error for a folder without any label, with the forms that were looked for."""
    remedy = f"put {_FORMS_IN_WORDS}"
    table = next(chain(found.other_tables, filter(lists_lines, found.texts)), None)
    if table is not None:
        remedy += f"; if {table.name} is the table of labels, give its path in place of the folder"
    return f"{found.root}: no labels found for {len(found.pictures)} pictures; {remedy}"


def tables(found: Found) -> Iterator[Sample | Problem]:
    """Entries of every table, each a picture and its text, as the ending of its name has them."""
    for table in found.tables:
        yield from TABLES[table.suffix.lower()](table, found)


TABLES: dict[str, Callable[[Path, Found], Iterator[Sample | Problem]]] = {
    ".tsv": cell_table,
    ".csv": cell_table,
    ".txt": list_table,
    ".jsonl": object_lines,
    ".json": object_table,
}
"""What reads a table of labels, by the ending of its name."""


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
            text = _text_beside(Path(f"{stem}.png"), label, Counter())
            lines = (text,) if isinstance(text, Sample) else ()
            yield Problem(str(label), "the label has no picture", remedy, "label without picture", lines)


def _stems(picture: Path) -> list[str]:
    stem = picture.with_suffix("")
    stems = [str(stem)]
    if stem.suffix.lower() in _PASSES:
        stems.append(str(stem.with_suffix("")))
    return stems


def _text_beside(picture: Path, label: Path, tolerated: Counter[str]) -> Sample | Problem:
    text = only_line(label, lines_in(label, tolerated))
    return text if isinstance(text, Problem) else Sample(picture, text[1], label_file=label, line_number=text[0])
