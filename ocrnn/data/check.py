"""Samples are looked through before training, so that what cannot be learned is named now and not met hours later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ocrnn.charset import Charset
from ocrnn.data.labels import twice
from ocrnn.data.samples import Problem, Sample
from ocrnn.errors import ImageError
from ocrnn.image import LineFormat
from ocrnn.spec import Architecture

MAX_COLUMNS = 2400
"""Widest prepared line that training takes: one such line costs as much as eight usual ones."""


@dataclass(frozen=True)
class CheckReport:
    """Samples fit to train on, in their order; the width W in pixels of each once prepared; a problem for every other.

    `strangers` counts the characters outside the charset over all labels, the most frequent first.
    """

    samples: tuple[Sample, ...]
    widths: tuple[int, ...]
    problems: tuple[Problem, ...]
    strangers: Mapping[str, int]


def check_samples(
    samples: Iterable[Sample], charset: Charset, architecture: Architecture, line_format: LineFormat
) -> CheckReport:
    """Sort out the samples that cannot be learned: each gives one problem, by file and line number, in their order.

    A sample is sorted out when an earlier one that is fit has its picture; when its label is empty or holds characters
    outside the charset; when its picture is missing, damaged, of several pages, or makes a line of over `MAX_COLUMNS`;
    and when CTC cannot align the label, because that needs more frames than the picture gives (`minimum_frames`).
    Every picture is decoded by the function that training uses: 16,000 lines of usual size took 3.4 s on one core.
    """
    usable: list[Sample] = []
    widths: list[int] = []
    problems: list[Problem] = []
    strangers: Counter[str] = Counter()
    taken: dict[object, Sample] = {}
    width = 0
    for sample in samples:
        strangers.update(character for character in sample.text if character not in charset)
        page = sample.key
        problem = twice(sample, taken[page]) if page in taken else _label_problem(sample, charset)
        if problem is None:
            try:
                height_px, width_px = sample.load().shape
            except ImageError as error:
                what, _, remedy = str(error).rpartition("; ")
                # That limit can be raised for reading alone: what is so large is no line to learn from.
                problem = Problem(sample.where, what, "cut it into lines" if "--max-pixels" in remedy else remedy)
            else:
                width = line_format.width(height_px, width_px)
                if width > MAX_COLUMNS:
                    problem = _size_problem(sample, width, line_format.height)
                else:
                    problem = _width_problem(sample, charset, architecture.frames(width), (height_px, width_px))
        if problem is None:
            taken[page] = sample
            usable.append(sample)
            widths.append(width)
        else:
            problems.append(problem)
    by_count = sorted(strangers.items(), key=lambda item: (-item[1], item[0]))
    return CheckReport(tuple(usable), tuple(widths), tuple(problems), dict(by_count))


def minimum_frames(classes: Sequence[int]) -> int:
    """Frames that CTC needs to align S classes: one for each, and a blank between equal neighbours (Graves 2006).

    >>> minimum_frames([8, 5, 12, 12, 15])
    6
    """
    return len(classes) + sum(left == right for left, right in pairwise(classes))


_NAMED = 6
"""Characters that one problem spells out; `CheckReport.strangers` has them all."""


def _label_problem(sample: Sample, charset: Charset) -> Problem | None:
    if not sample.text.strip():
        return Problem(sample.where, f"the label of {sample.title} is empty", "write its text or remove the line")
    strangers = charset.strangers(sample.text)
    if strangers:
        named = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in strangers[:_NAMED])
        if len(strangers) > _NAMED:
            named += f" and {len(strangers) - _NAMED} more"
        verb = "is" if len(strangers) == 1 else "are"
        return Problem(sample.where, f"{named} {verb} not in the charset", "use a larger --charset or --new-chars add")
    return None


def _size_problem(sample: Sample, width: int, height: int) -> Problem:
    return Problem(
        sample.where,
        f"{sample.title} makes a line of {width}x{height} pixels, over the {MAX_COLUMNS} columns of training",
        "cut the picture into shorter lines",
    )


def _width_problem(sample: Sample, charset: Charset, frames: int, size_px: tuple[int, int]) -> Problem | None:
    needed = minimum_frames(charset.encode(sample.text))
    if needed <= frames:
        return None
    height_px, width_px = size_px
    upright = "turn the picture" if height_px > width_px else "stretch the picture sideways"
    return Problem(
        sample.where,
        f"{len(sample.text)} characters need {needed} frames, but {sample.title} "
        f"of {width_px}x{height_px} px gives {frames}",
        f"check that the text is this picture's; if it is, {upright} or train without it",
    )
