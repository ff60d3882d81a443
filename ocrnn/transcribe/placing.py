"""Readings where they stand: the pages of a source, their lines, and the place of each word and character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ocrnn.reading import Character, Reading, Word

if TYPE_CHECKING:
    from ocrnn.transcribe.reader import Result

Points = tuple[tuple[float, float], ...]
"""Corners (x, y) in pixels of the page, clockwise from the upper left."""


@dataclass(frozen=True)
class PlacedLine:
    """A line of a page: what it is called there, how it reads, its outline."""

    id: str
    reading: Reading
    outline: Points

    def corners(self, left_px: float, right_px: float) -> Points:
        """Outline of a piece of the line between two of its own columns, as high as the line."""
        return box(left_px, 0, right_px, self.reading.height_px)


@dataclass(frozen=True)
class Page:
    """A page: the path of its picture, its number in there from 1, its size in pixels, its lines from top to bottom."""

    picture: str
    number: int
    width: float
    height: float
    lines: tuple[PlacedLine, ...]


def placed(path: str, results: Sequence[Result]) -> Iterator[Page]:
    """Pages of one source, those that could be read: a picture of a line is a page that holds nothing else."""
    for result in results:
        if isinstance(result.outcome, Reading):
            reading = result.outcome
            width, height = reading.width_px, reading.height_px
            line = PlacedLine("line_1", reading, box(0, 0, width, height))
            yield Page(path, result.page, width, height, (line,))


def spelled(reading: Reading) -> Iterator[tuple[Word, tuple[Character, ...]]]:
    """Words of a reading, each with its characters."""
    runs = groupby(reading.characters, key=lambda character: character.text.isspace())
    return zip(reading.words, (tuple(run) for is_space, run in runs if not is_space), strict=True)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Corners of an upright rectangle."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def bounds(points: Points) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the smallest upright rectangle around some points."""
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)


def pixels(points: Points) -> tuple[int, int, int, int]:
    """The same in whole pixels, at least one wide and one high, nothing left of or above the page."""
    left, top, right, bottom = (max(0, round(side)) for side in bounds(points))
    return left, top, max(right, left + 1), max(bottom, top + 1)
