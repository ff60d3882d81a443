"""A set of lines in numbers: how many, of what length and size, and which characters."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ocrnn.data.samples import Sample
from ocrnn.errors import ImageError


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some numbers; 0 where there are none."""

    least: float = 0
    median: float = 0
    most: float = 0

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Spread:
        """Spread of these numbers."""
        return cls(min(numbers), statistics.median(numbers), max(numbers)) if numbers else cls()


@dataclass(frozen=True)
class Stats:
    """Figures of a set: characters with their counts, the most frequent first; documents with their lines.

    `length` is in characters; `height_px` and `width_px` are of the pictures that can be opened, `unopened` counts
    the others.
    """

    lines: int
    characters: dict[str, int]
    documents: dict[str, int]
    length: Spread
    height_px: Spread
    width_px: Spread
    unopened: int


def count(samples: Iterable[Sample]) -> Stats:
    """Figures over samples, gone through once; of each a few numbers are kept."""
    characters: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    lengths, heights, widths = array("I"), array("I"), array("I")
    unopened = 0
    for sample in samples:
        characters.update(sample.text)
        documents[sample.document] += 1
        lengths.append(len(sample.text))
        try:
            height_px, width_px = sample.load().shape
        except ImageError:
            unopened += 1
        else:
            heights.append(height_px)
            widths.append(width_px)
    return Stats(
        lines=len(lengths),
        characters=dict(sorted(characters.items(), key=lambda item: (-item[1], item[0]))),
        documents=dict(sorted(documents.items(), key=lambda item: (-item[1], item[0]))),
        length=Spread.of(lengths),
        height_px=Spread.of(heights),
        width_px=Spread.of(widths),
        unopened=unopened,
    )
