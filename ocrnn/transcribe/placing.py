"""Readings where they stand: the pages of a source, their lines, and the place of each word and character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ocrnn.folders import is_page_file
from ocrnn.reading import Character, Reading, Word

if TYPE_CHECKING:
    from ocrnn.data.pages import Placement
    from ocrnn.transcribe.result import Result

Points = tuple[tuple[float, float], ...]
"""Corners (x, y) in pixels of the page, clockwise from the upper left."""


@dataclass(frozen=True)
class PlacedLine:
    """A line of a page: what it is called there, how it reads, its outline.

    One that was cut out of a page has its `placement`; its places are in pixels of the picture, or with `in_units` in
    those of the file that the page is described in.
    """

    id: str
    reading: Reading
    outline: Points
    placement: Placement | None = None
    in_units: bool = False

    def corners(self, left_px: float, right_px: float) -> Points:
        """Outline of a piece of the line between two of its own columns, as high as the line."""
        corners = box(*self.reading.box(left_px, right_px))
        if self.placement is None:
            return corners
        corners = self.placement.on_picture(corners)
        return self.placement.in_units(corners) if self.in_units else corners


@dataclass(frozen=True)
class Page:
    """A page: the path of its picture, its number in there from 1, its size in pixels, its lines from top to bottom."""

    picture: str
    number: int
    width: float
    height: float
    lines: tuple[PlacedLine, ...]


def placed(path: str, results: Sequence[Result]) -> Iterator[Page]:
    """Pages of one source, what could be read of them: a picture of a line is a page that holds nothing else.

    A PAGE or ALTO file is one page: `results` are its lines, none where it is blank.
    """
    if is_page_file(path):
        yield from _described(path, results)
        return
    for result in results:
        if isinstance(result.outcome, Reading):
            reading = result.outcome
            width, height = reading.width_px, reading.height_px
            line = PlacedLine("line_1", reading, box(0, 0, width, height))
            yield Page(path, result.page, width, height, (line,))


def placed_line(result: Result, *, in_units: bool = False) -> PlacedLine:
    """A line of a PAGE or ALTO file, which was read."""
    assert isinstance(result.outcome, Reading) and result.placement is not None
    placement = result.placement
    outline = placement.in_units(placement.outline) if in_units else placement.outline
    return PlacedLine(result.line, result.outcome, outline, placement, in_units)


def _described(path: str, results: Sequence[Result]) -> Iterator[Page]:
    from ocrnn.data.layout import Layout, picture_of, read_layout

    layout = read_layout(Path(path))
    if isinstance(layout, Layout) and (any(result.line for result in results) or not results):
        lines = tuple(placed_line(result) for result in results if isinstance(result.outcome, Reading))
        width, height = lines[0].placement.size if lines and lines[0].placement else (layout.width, layout.height)
        picture = picture_of(Path(path), layout.picture)
        yield Page(str(picture or layout.picture), 1, width, height, lines)


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
