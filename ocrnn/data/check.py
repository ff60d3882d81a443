"""Samples are looked through before training, so that what cannot be learned is named now and not met hours later."""

from __future__ import annotations

import shlex
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from ocrnn.charset import Charset
from ocrnn.data.counting import counted
from ocrnn.data.labels import twice
from ocrnn.data.lines import chosen
from ocrnn.data.outliers import Outliers
from ocrnn.data.remarks import Kind, Remarks, named
from ocrnn.data.samples import UNLABELLED, Problem, Sample, shortened
from ocrnn.data.spelling import Spelling
from ocrnn.data.twins import Prints, fingerprint, groups
from ocrnn.errors import ImageError
from ocrnn.image import Grey, LineFormat
from ocrnn.spec import Architecture

MAX_COLUMNS = 2400
"""Widest prepared line that training takes: one such line costs as much as eight usual ones."""
SHOWN = 5
"""Places of a kind that are named where not all are asked for."""


@dataclass(frozen=True)
class Stranger:
    """A character outside the charset: how often it is written, and the first places where."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True)
class CheckReport:
    """Samples fit to train on, in their order; the width W in pixels of each once prepared; a problem for every other.

    `strangers` are the characters outside the charset in all labels, the most frequent first; `remarks` what is to be
    looked at in samples that are fit, the most frequent kind first. `prints` are the fingerprints of the samples'
    pictures, and `twins` the places among the samples of pictures that are the same to the pixel.
    """

    samples: Sequence[Sample]
    widths: Sequence[int]
    problems: tuple[Problem, ...]
    strangers: Mapping[str, Stranger]
    remarks: tuple[Remarks, ...]
    prints: Prints = field(compare=False)
    twins: tuple[tuple[int, ...], ...]


def check_samples(
    samples: Iterable[Sample],
    charset: Charset,
    architecture: Architecture,
    line_format: LineFormat,
    *,
    apart_from: CheckReport | None = None,
    most: int | None = SHOWN,
) -> CheckReport:
    """Sort out the samples that cannot be learned, each with a problem, and remark what is odd in the others.

    A sample is sorted out when its label is empty or holds characters outside the charset; when its picture is missing,
    damaged, of several pages, or makes a line of over `MAX_COLUMNS`; when CTC cannot align the label, because that
    needs more frames than the picture gives (`minimum_frames`); when its picture is in `apart_from`, which is validated
    with; when an earlier sample has its picture and another text, or is of the same file. The same pixels with the same
    text under two names are learned from twice, and remarked. `most` places of each kind of remark are written out,
    all where it is None.

    Samples are gone through once, and of each a few numbers are kept. Every picture is decoded by the function that
    training uses: 4,000 receipts take 1.4 s on one core, and 0.8 s of that is to open them.
    """
    given = samples if isinstance(samples, Sequence) else tuple(samples)
    problems: dict[int, Problem] = {}
    strangers: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    spelling, outliers = Spelling(), Outliers(line_format)
    fit, widths, prints = array("i"), array("i"), array("Q")
    for number, sample in enumerate(given):
        for character in charset.strangers(sample.text):
            strangers[character] += sample.text.count(character)
            if len(places.setdefault(character, [])) < SHOWN:
                places[character].append(sample.where)
        opened = _label_problem(sample, charset) or _opened(sample)
        if isinstance(opened, Problem):
            problems[number] = opened
        elif problem := _width_problem(sample, charset, architecture, line_format, opened.shape):
            problems[number] = problem
        else:
            fit.append(number)
            widths.append(line_format.width(*opened.shape))
            prints.append(fingerprint(opened))
            outliers.add(number, opened, sample.text)
            spelling.add(number, sample.text)
    prints_of_all = np.array(prints, np.uint64)
    if apart_from is not None:
        problems.update(_leaks(given, fit, prints_of_all, apart_from))
    again = _sort_out_twins(given, fit, prints_of_all, problems)
    kept = np.zeros(len(given), bool)
    kept[fit] = True
    kept[list(problems)] = False
    is_left = kept[fit]
    left = prints_of_all[is_left]
    remarks = [*spelling.remarks(given, kept.tobytes(), most), *outliers.remarks(given, kept.tobytes(), most)]
    if same := _SAME.of(given, again, lambda number, sample: _same_as(sample, given[again[number]]), most):
        remarks.append(same)
    return CheckReport(
        samples=chosen(given, np.flatnonzero(kept)),
        widths=array("i", np.array(widths, np.int32)[is_left].tobytes()),
        problems=tuple(problems[number] for number in sorted(problems)),
        strangers={c: Stranger(n, tuple(places[c])) for c, n in sorted(strangers.items(), key=lambda i: (-i[1], i[0]))},
        remarks=tuple(sorted(remarks, key=lambda remark: -remark.lines)),
        prints=left,
        twins=tuple(groups(left)),
    )


def by_kind(problems: Iterable[Problem]) -> list[tuple[str, list[Problem]]]:
    """Problems of one kind together, the most frequent kind first, pictures without labels last."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    return sorted(kinds.items(), key=lambda kind: (kind[0] == UNLABELLED, -len(kind[1])))


def untranscribed(problems: Iterable[Problem]) -> tuple[int, str]:
    """How many of the problems are pictures without a label, which are no lines that are lost; and that in words."""
    number = sum(problem.kind == UNLABELLED for problem in problems)
    return number, f"; {counted(number, 'picture has', 'pictures have')} no label" if number else ""


def summary(
    learned: int,
    problems: Sequence[Problem],
    remarks: Sequence[Remarks],
    folders: Sequence[Path],
    val: Path | None = None,
) -> str:
    """What the check of some folders came to, in two lines: lines lost and why, and what is remarked most."""
    lost = _most_frequent((kind, len(group)) for kind, group in by_kind(problems) if kind != UNLABELLED)
    bare, no_label = untranscribed(problems)
    odd = _most_frequent((remark.kind, remark.lines) for remark in remarks)
    command = shlex.join(["ocrnn", "check", *map(str, folders), *(("--val", str(val)) if val else ())])
    more = f"; `{command}` names {'them' if odd else 'what cannot'}" if odd or problems else ""
    told = f"{counted(learned, 'line')} can be learned, {len(problems) - bare} cannot{lost and ': '}{lost}"
    return f"check: {told}{no_label}\nremarks: {odd or 'none'}{more}"


_KINDS = 3
"""Kinds of problems, and of remarks, that the summary names."""


def _most_frequent(kinds: Iterable[tuple[str, int]]) -> str:
    named = [f"{kind} {count}" for kind, count in kinds]
    return ", ".join(
        named[:_KINDS] + ([f"and {counted(len(named) - _KINDS, 'kind')} more"] if len(named) > _KINDS else [])
    )


def minimum_frames(classes: Sequence[int]) -> int:
    """Frames that CTC needs to align S classes: one for each, and a blank between equal neighbours (Graves 2006).

    >>> minimum_frames([8, 5, 12, 12, 15])
    6
    """
    return len(classes) + sum(left == right for left, right in pairwise(classes))


_PAGE = 8
"""Times the frames of a picture that its text needs, from where on it is no line: a page of 40 lines has 40 times."""
_NAMED = 6
"""Characters that one problem spells out; `CheckReport.strangers` has them all."""


def _label_problem(sample: Sample, charset: Charset) -> Problem | None:
    if not sample.text.strip():
        what = f"the label of {sample.title} is empty"
        return Problem(sample.where, what, "write its text or remove the line", "empty label")
    strangers = charset.strangers(sample.text)
    if strangers:
        what = ", ".join(map(named, strangers[:_NAMED]))
        if len(strangers) > _NAMED:
            what += f" and {len(strangers) - _NAMED} more"
        what += f" {'is' if len(strangers) == 1 else 'are'} not in the charset"
        return Problem(sample.where, what, "use a larger --charset or --new-chars add", "character outside the charset")
    return None


def _opened(sample: Sample) -> Grey | Problem:
    """Picture (h, w) of a sample, or why it cannot be opened."""
    try:
        return sample.load()
    except ImageError as error:
        what, _, remedy = str(error).rpartition("; ")
        # That limit can be raised for reading alone: what is so large is no line to learn from.
        remedy = "cut it into lines" if "--max-pixels" in remedy else remedy
        return Problem(sample.where, what, remedy, "picture that cannot be opened")


def _width_problem(
    sample: Sample, charset: Charset, architecture: Architecture, line_format: LineFormat, size_px: tuple[int, int]
) -> Problem | None:
    """Why a picture of this height and width makes no line to train on, or none for its text."""
    height_px, width_px = size_px
    width = line_format.width(height_px, width_px)
    if width > MAX_COLUMNS:
        return Problem(
            sample.where,
            f"{sample.title} makes a line of {width}x{line_format.height} pixels, "
            f"over the {MAX_COLUMNS} columns of training",
            "cut the picture into shorter lines",
            "line too wide",
        )
    frames, needed = architecture.frames(width), minimum_frames(charset.encode(sample.text))
    if needed <= frames:
        return None
    if architecture.frames(line_format.width(width_px, height_px)) >= needed:
        upright = "turn the picture"
    elif needed > _PAGE * frames:
        upright = "cut the page into lines, or say in PAGE or ALTO where they are,"
    else:
        upright = "stretch the picture sideways"
    return Problem(
        sample.where,
        f"{len(sample.text)} characters need {needed} frames, but {sample.title} "
        f"of {width_px}x{height_px} px gives {frames}",
        f"check that the text is this picture's; if it is, {upright} or train without it",
        "text too long for its picture",
    )


def _leaks(
    samples: Sequence[Sample], fit: Sequence[int], prints: Prints, apart_from: CheckReport
) -> Iterator[tuple[int, Problem]]:
    """A problem for each sample, by number, whose picture is validated with: it would be judged by heart."""
    order = np.argsort(apart_from.prints, kind="stable")
    for place in np.flatnonzero(np.isin(prints, apart_from.prints)).tolist():
        held_out = apart_from.samples[int(order[np.searchsorted(apart_from.prints, prints[place], sorter=order)])]
        sample = samples[fit[place]]
        what = f"{sample.title} is in --val too, and only validated with"
        if held_out.key != sample.key:
            what += f": it is to the pixel {held_out.title} at {held_out.where}"
        if held_out.text != sample.text:
            what += f", whose text is another, {shortened(held_out.text)}"
        yield fit[place], Problem(sample.where, what, "keep the two sets apart", "picture that is validated with")


_SAME = Kind("same picture and text twice", "remove one of the two")


def _sort_out_twins(
    samples: Sequence[Sample], fit: Sequence[int], prints: Prints, problems: dict[int, Problem]
) -> dict[int, int]:
    """Add a problem for each sample whose picture an earlier one has with another text, or from the same file.

    Gives the others, by number, with the number of the sample that is the same.
    """
    again: dict[int, int] = {}
    for group in groups(prints):
        numbers = [fit[place] for place in group if fit[place] not in problems]
        for number in numbers[1:]:
            sample, taken = samples[number], samples[numbers[0]]
            if sample.key == taken.key:
                problems[number] = twice(sample, taken)
            elif sample.text != taken.text:
                what = f"{_same_as(sample, taken)}, whose text is another and is taken: {shortened(taken.text)}"
                problems[number] = Problem(
                    sample.where, what, "keep the right one of the two", "same picture, other text"
                )
            else:
                again[number] = numbers[0]
    return again


def _same_as(sample: Sample, other: Sample) -> str:
    return f"{sample.title} is to the pixel {other.title} at {other.where}"
