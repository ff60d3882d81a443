"""Labels become samples: what every form of them found is cleaned and checked the same way for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocrnn.data.database import read_databases
from ocrnn.data.formats import beside, find_labels, nothing_found, tables
from ocrnn.data.found import Found
from ocrnn.data.lines import joined
from ocrnn.data.pages import pages
from ocrnn.data.samples import (
    UNLABELLED,
    Part,
    Problem,
    Sample,
    cleaned,
    document_of,
    name_of,
    picture_key,
    shortened,
    text_problem,
    tolerate,
)
from ocrnn.data.shards import read_shards
from ocrnn.errors import NoLabelsError
from ocrnn.folders import is_picture

__all__ = ["LabelSet", "Problem", "Sample", "read_labels", "twice"]


@dataclass(frozen=True)
class LabelSet:
    """Samples in the order of their labels, problems in the same order, pictures without a label last.

    The samples are a tuple; with stores of many lines among them, such as tar shards, a sequence that reads each line
    when it is asked for (`data.lines`).
    `tolerated` counts what was put right on the way and needs no remedy: byte order marks, UTF-16, CRLF line ends,
    blank lines, spaces at the ends of texts, texts brought to NFC.
    """

    samples: Sequence[Sample]
    problems: tuple[Problem, ...]
    tolerated: Mapping[str, int] = field(default_factory=dict)


def read_labels(folder: str | Path) -> LabelSet:
    """Samples of every label below a folder, or of one table of labels given by its own path.

    Looks everywhere below the folder for tables of labels, then for `STEM.gt.txt`, or where there is none `STEM.txt`,
    beside each picture STEM.png that no table names (STEM.bin.png and STEM.nrm.png too). The tables are:

    - `labels.tsv`, `labels.csv`, and `metadata.csv` as Hugging Face's ImageFolder has it: a picture and its text on
      each line. The first line may name columns, that of metadata.csv must: one of image, path, file_name..., one of
      text, label, transcription..., and document. TSV knows no quotes: text stands as it is between the tabs. CSV is
      cut at commas, or at semicolons or tabs where its first line shows those, and quotes as spreadsheets do.
    - `labels.jsonl` and ImageFolder's `metadata.jsonl`: an object on each line, with those names for its keys.
    - `gt.txt` of deep-text-recognition-benchmark, `rec_gt.txt` of PaddleOCR, and its parts (`rec_gt_train.txt`,
      `train.txt`, `train_list.txt`): a path, a tab and a text on each line, as they stand. All parts in a folder are
      read; give one by its path to read it alone.
    - `labels.json` of docTR: one object of names and texts.

    Pages come with files of PAGE or ALTO, `*.xml`: each line with a text is cut out of its page's picture (see
    `data.pages`).

    Further it takes the lines of tar shards, `*.tar`, as WebDataset has them (see `data.shards`), and of the LMDB of
    deep-text-recognition-benchmark, a folder with data.mdb.

    Pictures count from the table's own folder, those of docTR from images in it; or from a folder above, where that
    leads to a picture in the data folder.

    A line's document is what a table's column of that name says; else the first folder between data folder and
    picture, unless it is only called images or lines; else the file name without its last number, `page_018` of
    `page_018_line_3.png`. A single bad line, file or picture becomes a Problem and costs only itself. Raises LabelError
    where the path is nothing of all that, and NoLabelsError where it is and no label is found at all.
    """
    found = find_labels(Path(folder))
    samples: dict[_Key, Sample] = {}
    problems: list[Problem] = []
    for form in (tables, pages, beside):
        for entry in form(found):
            sample = _checked(entry, samples, found) if isinstance(entry, Sample) else entry
            if isinstance(sample, Problem):
                lines = (_finished(line, found) for line in sample.pictureless)
                problems.append(replace(sample, pictureless=tuple(line for line in lines if not text_problem(line))))
            else:
                samples[_key(sample)] = sample
    shards = read_shards(found.shards, problems, found.tolerated)
    databases = read_databases(found.databases, found.root, problems, found.tolerated)
    if not samples and not shards and not databases and not problems:
        raise NoLabelsError(nothing_found(found))
    # A label that looks for its picture elsewhere is one fault, and not a second one of the picture.
    sought = {line.image.stem for problem in problems for line in problem.pictureless}
    problems += [
        Problem(str(picture), "the picture has no label", "write one or remove the picture", UNLABELLED)
        for picture in found.pictures
        if picture_key(picture) not in found.named and picture.stem not in sought
    ]
    tolerated = {what: count for what, count in sorted(found.tolerated.items()) if count}
    return LabelSet(joined((tuple(samples.values()), shards, *databases)), tuple(problems), tolerated)


def twice(sample: Sample, first: Sample) -> Problem:
    """Problem of a sample whose picture an earlier one has named."""
    if sample.text == first.text:
        what = f"{sample.title} already has this label at {first.where}"
        return Problem(sample.where, what, "remove one of the two", "picture labelled twice")
    return Problem(
        sample.where,
        f"{sample.title} already has another label at {first.where}, which is taken: {shortened(first.text)}",
        "keep the right one of the two",
        "picture labelled twice",
    )


_Key = tuple[str, Part | None]


def _key(sample: Sample) -> _Key:
    return picture_key(sample.image), sample.part


def _checked(sample: Sample, samples: Mapping[_Key, Sample], found: Found) -> Sample | Problem:
    """A sample with its text in order and its name and document known; or the reason why it is none."""
    found.named.add(picture_key(sample.image))
    # Not is_file of a Path: a name too long for the system raises there.
    if not os.path.isfile(sample.image):
        return _missing(sample)
    raw, sample = sample.text, _finished(sample, found)
    if problem := text_problem(sample):
        return problem
    tolerate(raw, found.tolerated)
    return twice(sample, samples[_key(sample)]) if _key(sample) in samples else sample


def _finished(sample: Sample, found: Found) -> Sample:
    """A sample with its text cleaned, and its name and document known."""
    name = sample.name or name_of(sample.image, found.root)
    return replace(sample, text=cleaned(sample.text), name=name, document=sample.document or document_of(name))


def _missing(sample: Sample) -> Problem:
    if not is_picture(sample.image):
        return Problem(
            sample.where,
            f"{shortened(sample.image.name)} is not the name of a picture",
            "write the picture first, then its text; call the columns image and text if this line names them",
        )
    is_doctr = sample.label_file is not None and sample.label_file.suffix.lower() == ".json"
    base = "images beside the labels" if is_doctr else "the folder of the labels"
    remedy = f"check the path, which counts from {base}"
    return Problem(sample.where, f"no picture at {sample.image}", remedy, "label without picture", (sample,))
