"""Labels become samples: what every form of them found is cleaned and checked the same way for all."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from ocrnn.data.formats import FORMS, Found, find_labels, nothing_found
from ocrnn.data.samples import Problem, Sample, picture_key, shortened
from ocrnn.errors import LabelError
from ocrnn.folders import is_picture

__all__ = ["LabelSet", "Problem", "Sample", "read_labels", "twice"]


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

    Looks everywhere below the folder for tables of labels, then for `STEM.gt.txt`, or where there is none `STEM.txt`,
    beside each picture STEM.png that no table names (STEM.bin.png and STEM.nrm.png too). The tables are:

    - `labels.tsv`, `labels.csv`, and `metadata.csv` as Hugging Face's ImageFolder has it: a picture and its text on
      each line. The first line may name columns, that of metadata.csv must: one of image, path, file_name..., one of
      text, label, transcription..., and document. TSV knows no quotes: text stands as it is between the tabs. CSV is
      cut at commas, or at semicolons or tabs where its first line shows those, and quotes as spreadsheets do.
    - `labels.jsonl` and ImageFolder's `metadata.jsonl`: an object on each line, with those names for its keys.
    - `gt.txt` of deep-text-recognition-benchmark, `rec_gt.txt` of PaddleOCR, and its parts (`rec_gt_train.txt`): a
      path, a tab and a text on each line, as they stand. All parts in a folder are read; give one by its path to read
      it alone.
    - `labels.json` of docTR: one object of names and texts.

    Pictures count from the table's own folder, those of docTR from images in it; or from a folder above, where that
    leads to a picture in the data folder.

    A line's document is what a table's column of that name says; else the first folder between data folder and
    picture, unless it is only called images or lines; else the file name without its last number, `page_018` of
    `page_018_line_3.png`. A single bad line, file or picture becomes a Problem and costs only itself. Raises LabelError
    where no label is found at all.
    """
    found = find_labels(Path(folder))
    samples: dict[str, Sample] = {}
    problems: list[Problem] = []
    for form in FORMS:
        for entry in form(found):
            cleaned = _cleaned(entry, samples, found) if isinstance(entry, Sample) else entry
            if isinstance(cleaned, Problem):
                problems.append(cleaned)
            else:
                samples[picture_key(cleaned.image)] = cleaned
    if not samples and not problems:
        raise LabelError(nothing_found(found))
    problems += (
        Problem(str(picture), "the picture has no label", "write one or remove the picture", "picture without label")
        for picture in found.pictures
        if picture_key(picture) not in found.named
    )
    tolerated = {what: count for what, count in sorted(found.tolerated.items()) if count}
    return LabelSet(tuple(samples.values()), tuple(problems), tolerated)


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


_NO_CHARACTERS = {"Cc": "a control character", "Cs": "half a character"}
"""Categories of code points that no picture shows; JSON can write half of a pair of UTF-16."""


def _cleaned(sample: Sample, samples: Mapping[str, Sample], found: Found) -> Sample | Problem:
    """A sample with its text in order and its name and document known; or the reason why it is none."""
    key = picture_key(sample.image)
    found.named.add(key)
    # Not is_file of a Path: a name too long for the system raises there.
    if not os.path.isfile(sample.image):
        return _missing(sample)
    text = unicodedata.normalize("NFC", sample.text)
    stripped = text.strip()
    if not stripped:
        what = f"the label of {sample.title} is empty"
        return Problem(sample.where, what, "write its text or remove the line", "empty label")
    bad = next((c for c in stripped if c == "\ufffd" or unicodedata.category(c) in _NO_CHARACTERS), None)
    if bad is not None:
        kind = "the mark of a lost character" if bad == "\ufffd" else _NO_CHARACTERS[unicodedata.category(bad)]
        what = f"the label holds {kind}, U+{ord(bad):04X}"
        return Problem(sample.where, what, "write the character that the picture shows", "character without a shape")
    found.tolerated["texts brought to NFC"] += text != sample.text
    found.tolerated["spaces at the ends of texts"] += stripped != text
    name = _name(sample.image, found.root)
    sample = replace(sample, text=stripped, name=name, document=sample.document or _document(name))
    return twice(sample, samples[key]) if key in samples else sample


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
    return Problem(sample.where, f"no picture at {sample.image}", remedy, "label without picture")


def _name(picture: Path, root: Path) -> str:
    try:
        name = os.path.relpath(picture, root)
    except ValueError:  # another drive of Windows
        name = str(picture)
    return unicodedata.normalize("NFC", PurePath(name).as_posix())


_HOLDERS = frozenset({"images", "image", "imgs", "img", "pictures", "crops", "crop_img", "lines"})
"""Folders that say what they hold and not which document it is from."""


def _document(name: str) -> str:
    folders = [part for part in name.split("/")[:-1] if part != ".."]
    if folders and folders[0].lower() not in _HOLDERS:
        return folders[0]
    stem = PurePath(name).name.split(".")[0]
    return stem.rstrip("0123456789").rstrip("-_ ") if stem[-1:].isdigit() else ""
