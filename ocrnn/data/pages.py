"""Lines on pages: each is cut out of its page's picture where PAGE or ALTO say that it is."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.data.found import Found
from ocrnn.data.layout import Layout, Points, picture_of, read_layout
from ocrnn.data.samples import Problem, Sample, name_of, picture_key, shortened
from ocrnn.errors import ImageError, LabelError
from ocrnn.image import MAX_PIXELS, Grey, load_lines

_LEVEL = math.radians(0.5), math.radians(45)
"""Slopes of a baseline that are turned level: what leans less reads as well, what leans more is no line that leans."""
_SAME_SHAPE = 0.02
"""Share by which a picture's sides may be in another proportion than the file says."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a line that was cut out lies on its page.

    `across` and `down` are (a, b, c): the point (x, y) of the cut is at a x + b y + c on the page's picture, in pixels.
    `outline` is that of the line and `size` that of the picture, in pixels; a unit of the file is `scale` pixels.
    """

    line: str
    across: tuple[float, float, float]
    down: tuple[float, float, float]
    outline: Points
    size: tuple[int, int]
    scale: tuple[float, float]

    def on_picture(self, points: Points) -> Points:
        """Points of the cut on the page's picture, none beyond its edges."""
        (a, b, c), (d, e, f), (width, height) = self.across, self.down, self.size
        moved = ((a * x + b * y + c, d * x + e * y + f) for x, y in points)
        return tuple((min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in moved)

    def in_units(self, points: Points) -> Points:
        """Points of the picture in the units of the file."""
        return tuple((x / self.scale[0], y / self.scale[1]) for x, y in points)


@dataclass(frozen=True, slots=True)
class Cut:
    """A line on a page: what it is called there, its outline and its baseline, in units of which a page has `size`.

    The size is (0, 0) where they are pixels of the picture; else the picture may be one of another resolution.
    """

    line: str
    outline: Points
    baseline: Points = ()
    size: tuple[float, float] = (0, 0)

    def __str__(self) -> str:
        """`line r1l3`."""
        return f"line {self.line}"

    def load(self, holder: Path, max_pixels: int = MAX_PIXELS) -> Grey:
        """Picture (h, w) of the line; raises ImageError where the page cannot be opened, and as `out_of`."""
        return self.out_of(_opened(holder, max_pixels), holder, max_pixels)[0]

    def out_of(self, page: Grey, holder: Path, max_pixels: int = MAX_PIXELS) -> tuple[Grey, Placement]:
        """Picture (h, w) of the line on a page (h, w), what lies outside of its outline filled with the ground inside.

        Where it has a baseline that leans, it is turned level. Raises ImageError where the page is not the one its
        points are of, or does not hold the line.
        """
        scale = self._scale(holder, page)
        outline = np.array(self.outline) * scale
        corners = outline
        matrix = _levelling(np.array(self.baseline).reshape(-1, 2) * scale, corners)
        corners = corners @ matrix[:, :2].T + matrix[:, 2]
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
        if matrix[0, 1] == 0:  # nothing is turned: the page ends the picture
            low, high = np.maximum(low, 0), np.minimum(high, page.shape[::-1])
        width, height = (high - low).astype(int).tolist()
        if width < 1 or height < 1 or width * height > max_pixels:
            raise ImageError(
                f"{holder}: {self} is not on the page of {page.shape[1]}x{page.shape[0]} pixels; mend its outline"
            )
        matrix[:, 2] -= low
        if matrix[0, 1] == 0:
            left, top = low.astype(int).tolist()
            cut = page[top : top + height, left : left + width].copy()
        else:
            cut = np.asarray(
                cv2.warpAffine(page, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
                np.uint8,
            )
        inside = np.zeros(cut.shape, np.uint8)
        cv2.fillPoly(inside, [np.rint(corners - low).astype(np.int32)], 1)
        if not inside.any():
            raise ImageError(f"{holder}: the outline of {self} holds no pixel; mend it")
        # Letters cover less than half of a line: the middle grey is ground, whether dark or light.
        cut[inside == 0] = np.uint8(np.median(cut[inside == 1]))
        across, down = cv2.invertAffineTransform(matrix).tolist()
        shape = page.shape[1], page.shape[0]
        return cut, Placement(self.line, tuple(across), tuple(down), _points(outline), shape, tuple(scale.tolist()))

    def read(self, holder: Path) -> None:
        """None: a line is no file of its own."""

    def _scale(self, holder: Path, page: Grey) -> npt.NDArray[np.float64]:
        """Pixels for each unit, across and down."""
        if not all(self.size):
            return np.ones(2)
        scale = np.array(page.shape[::-1]) / self.size
        if abs(scale[0] / scale[1] - 1) > _SAME_SHAPE:
            raise ImageError(
                f"{holder}: is {page.shape[1]}x{page.shape[0]} pixels, but its lines are on a page of "
                f"{self.size[0]:g}x{self.size[1]:g}; give the picture that they were drawn on"
            )
        return np.asarray(scale)


def _points(corners: npt.NDArray[np.float64]) -> Points:
    return tuple((x, y) for x, y in corners.tolist())


def _levelling(baseline: npt.NDArray[np.float64], corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The turn (2, 3) that makes a line level, about its middle; none where it has no baseline or hardly leans."""
    across, down = (baseline[-1] - baseline[0]).tolist() if len(baseline) > 1 else (1.0, 0.0)
    slope = math.atan2(down, across)
    if not _LEVEL[0] < abs(slope) < _LEVEL[1]:
        return np.eye(2, 3)
    middle = corners.mean(axis=0).tolist()
    return np.asarray(cv2.getRotationMatrix2D(middle, math.degrees(slope), 1.0), np.float64)


def _opened(picture: Path, max_pixels: int) -> Grey:
    """Picture (h, w) of a page, kept for its other lines; raises ImageError."""
    try:
        state = os.stat(picture)
    except OSError:
        return load_lines(picture)[0]  # which says what it is
    return _decoded(picture, max_pixels, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=2)  # one that is read and one that threads are still at: a page at 600 dpi takes 35 MB
def _decoded(picture: Path, max_pixels: int, time: int, size: int) -> Grey:
    pages = load_lines(picture, max_pixels=max_pixels)
    if len(pages) > 1:
        raise ImageError(f"{picture}: {len(pages)} pages with one layout; save each page as a picture of its own")
    pages[0].flags.writeable = False
    return pages[0]


@dataclass(frozen=True, slots=True)
class PageFile:
    """A PAGE or ALTO file, the picture it is of, and its lines: what they are called, and how to cut them out.

    A line without an outline is no Cut but the problem that it is.
    """

    file: Path
    picture: Path
    lines: tuple[tuple[str, Cut | Problem], ...]

    @classmethod
    def open(cls, file: Path) -> PageFile:
        """Read a page; ImageError where it is spoiled, no page, or has no picture, and where lxml is missing."""
        try:
            layout = read_layout(file)
        except LabelError as fault:
            raise ImageError(str(fault)) from None
        if layout is None:
            raise ImageError(f"{file}: neither PAGE nor ALTO; give one of them, or a picture")
        if isinstance(layout, Problem):
            raise ImageError(str(layout))
        picture = picture_of(file, layout.picture)
        if picture is None:
            raise ImageError(str(_pictureless(file, layout.picture)))
        return cls(file, picture, tuple(_cuts(file, layout)))

    def cut(self, max_pixels: int = MAX_PIXELS) -> Iterator[tuple[str, tuple[Grey, Placement] | ImageError]]:
        """Each line with its picture (h, w), cut out when it is asked for, or why it has none; the page is opened once.

        Raises ImageError where the page's picture cannot be opened.
        """
        page = _opened(self.picture, max_pixels)
        for name, line in self.lines:
            if isinstance(line, Problem):
                yield name, ImageError(str(line))
                continue
            try:
                yield name, line.out_of(page, self.picture, max_pixels)
            except ImageError as error:
                yield name, error


def pages(found: Found) -> Iterator[Sample | Problem]:
    """Every line of each page that a PAGE or ALTO file describes; of several, the first that holds texts.

    Transkribus exports each page as both, and one line with two outlines would stand on both sides of a split. Its
    folder `alto` comes last: `page` has the outlines as they were drawn, where that has boxes around them.
    """
    taken: dict[str, Path] = {}
    for file in sorted(found.layouts, key=lambda file: file.parent.name.lower() == "alto"):
        layout = read_layout(file)
        if isinstance(layout, Problem):
            yield layout
        elif layout is not None:
            yield from _lines(file, layout, found, taken)


def _lines(file: Path, layout: Layout, found: Found, taken: dict[str, Path]) -> Iterator[Sample | Problem]:
    picture = picture_of(file, layout.picture)
    if picture is None:
        absent = file.parent / (layout.picture or f"{file.stem}.png")
        lines = tuple(line for line in _written(file, layout, absent, found) if isinstance(line, Sample))
        yield _pictureless(file, layout.picture, lines)
        return
    found.named.add(picture_key(picture))
    first = taken.get(picture_key(picture))
    if first is not None:
        what = f"the lines of {picture.name} are taken from {first}"
        yield Problem(str(file), what, "remove the file that is not meant", "page described twice")
        return
    if any(line.text.strip() for line in layout.lines):
        taken[picture_key(picture)] = file
    if not layout.lines:
        yield Problem(str(file), "the page has no lines", "find its lines first, or remove the file", "empty label")
    yield from _written(file, layout, picture, found)


def _written(file: Path, layout: Layout, picture: Path, found: Found) -> Iterator[Sample | Problem]:
    """Lines of a page with their texts."""
    below = name_of(picture, found.root).rpartition(".")[0]
    for line, (called, cut) in zip(layout.lines, _cuts(file, layout), strict=True):
        if not line.text.strip():
            where, remedy = f"{file}:{line.line_number}", "write it, or remove the line"
            yield Problem(where, f"line {shortened(called)} has no text", remedy, "empty label")
        elif isinstance(cut, Problem):
            yield cut
        else:
            yield Sample(
                picture,
                line.text,
                label_file=file,
                line_number=line.line_number,
                name=f"{below}/{called.replace('/', '_')}.png",  # as if it were cut out into a folder of its page
                part=cut,
            )


def _cuts(file: Path, layout: Layout) -> Iterator[tuple[str, Cut | Problem]]:
    """Each line of a page: what it is called, by its number where its id is none of its own, and where it is."""
    named: Counter[str] = Counter(line.id for line in layout.lines)
    for number, line in enumerate(layout.lines, 1):
        called = line.id if line.id and named[line.id] == 1 else f"line_{number}"
        if len(line.outline) < 3:
            where, remedy = f"{file}:{line.line_number}", "draw one: Coords (PAGE), Shape (ALTO)"
            yield called, Problem(where, f"line {shortened(called)} has no outline", remedy)
        else:
            yield called, Cut(called, line.outline, line.baseline, (layout.width, layout.height))


def _pictureless(file: Path, name: str, lines: tuple[Sample, ...] = ()) -> Problem:
    what = f"no picture at {name}" if name else "no picture is named"
    remedy = "put it beside the file, or mend imageFilename (PAGE), fileName (ALTO)"
    return Problem(str(file), what, remedy, "label without picture", lines)
