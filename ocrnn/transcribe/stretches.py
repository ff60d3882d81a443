"""Stretches: parts of a long line that stand on different ground, each prepared and read as a line of its own.

A line of ordinary length has one ground: `LineFormat.prepare` finds in all of it which greys are ink, and whether these
are the dark ones or the light ones. A strip of signs, labels or clippings has another ground every few words, and what
is right for one of them makes nonsense of its neighbours. So a long line is cut at its seams, where the ground changes
from one column to the next over the whole height; print on one sheet has none. Where light and ink change slowly no
seam tells it: within a stretch the contrast is evened by what stands near.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK
from ocrnn.image import MAX_PIXELS, Grey, Line
from ocrnn.transcribe import pieces

if TYPE_CHECKING:
    from ocrnn.decoding.ctc import LogProbs, Span
    from ocrnn.model.executors import Model
    from ocrnn.spec import ModelSpec

Numbers = npt.NDArray[np.float64]

LONGEST = 4096
"""Columns W of the widest line that has one ground, and is prepared as it always was. Of 3,460 real lines the widest
has 3,584."""

# Of 1,300 and 1,600 seams between lines of thirteen kinds whose papers differ by over 24 and over 60 levels, four and
# nine in ten are found; in 650,000 columns of single lines from nine kinds of documents, 34 that are none.
_SIDE = 2  # columns on either side of a seam that are compared: the picture was resized, and its seams with it
_ROWS = 0.3  # of the rows may step the other way, or not: those where letters touch the seam
_STEP = 1.0  # grey levels of the step in all other rows
_REACH = 1.0  # heights of the line for which either ground has to go on: a stem of a letter ends sooner
_SURE = 1.5  # of 2: the share of rows that step, and of pixels within reach that are nearer to the ground of their side
_NARROWEST = 0.5  # heights of the line that a stretch has at least
_CHUNK = 8192  # columns in which seams are looked for together: memory is that of one chunk

_WINDOW = 10  # heights of the line that contrast is measured over
_FAINTEST = (
    0.25  # of a stretch's contrast that a window has at least: the grain of an empty one must not become strokes
)

_SPACE = 0.9  # probability of the space that is written at a seam


@dataclass(frozen=True)
class Stretch:
    """Columns [first_px, last_px) of a picture, which are columns [first, last) of its prepared line, ground around it.

    `origin` is the column in which `first_px` stands, and `scale` the columns for each one of the picture.
    """

    first_px: int
    last_px: int
    first: int
    last: int
    origin: int
    scale: float


@dataclass(frozen=True)
class Layout:
    """Where the columns of a prepared line came from: one stretch, or several from left to right."""

    stretches: tuple[Stretch, ...]

    @classmethod
    def whole(cls, width_px: int, line: Line, origin: int, scale: float) -> Layout:
        """A picture that is one stretch."""
        return cls((Stretch(0, width_px, 0, line.shape[2], origin, scale),))

    @property
    def bounds(self) -> tuple[Span, ...]:
        """Columns [first, last) of the prepared line that are read together."""
        return tuple((stretch.first, stretch.last) for stretch in self.stretches)

    def pixels(self, edges: Numbers) -> Numbers:
        """Columns of the picture for edges (S, 2), left and right, in columns of the prepared line."""
        starts = [stretch.first for stretch in self.stretches]
        pixels = np.empty_like(edges)
        for side, rule in enumerate(("right", "left")):  # what ends where a stretch begins belongs to the one before
            which = np.searchsorted(starts, edges[:, side], side=rule).clip(1) - 1  # type: ignore[call-overload]
            first, last, origin, scale = (
                np.array([getattr(stretch, name) for stretch in self.stretches])[which]
                for name in ("first_px", "last_px", "origin", "scale")
            )
            pixels[:, side] = (first + (edges[:, side] - origin) / scale).clip(first, last)
        return pixels

    def column(self, pixel: float) -> float:
        """Column of the prepared line for one of the picture."""
        stretch = next((one for one in self.stretches if pixel <= one.last_px), self.stretches[-1])
        return stretch.origin + (pixel - stretch.first_px) * stretch.scale


def prepare(grey: Grey, spec: ModelSpec, *, max_pixels: int = MAX_PIXELS) -> tuple[Line, Layout]:
    """Line (1, H, W) of a grey picture (h, w), and its layout: one stretch where W is `LONGEST` at most.

    A longer one is cut at its `seams`, and each stretch prepared alone and evened; between two of them lies ground for
    a frame at least. Raises ImageError when the line would be wider than `max_pixels` allows.
    """
    line_format = spec.line_format
    line_format.check(*grey.shape, max_pixels=max_pixels)
    if line_format.width(*grey.shape) <= LONGEST:
        whole = line_format.prepare(grey, max_pixels=max_pixels)
        return whole, Layout.whole(grey.shape[1], whole, line_format.margin, line_format.scale(*grey.shape))
    cuts = [0, *seams(grey, line_format.height), grey.shape[1]]
    frames, stride = spec.architecture.frames, spec.architecture.stride
    lines: list[Line] = []
    stretches: list[Stretch] = []
    first = 0
    for first_px, last_px in pairwise(cuts):
        part = line_format.prepare(np.ascontiguousarray(grey[:, first_px:last_px]), max_pixels=max_pixels)
        _even(part[0])
        width = part.shape[2]
        scale = line_format.scale(grey.shape[0], last_px - first_px)
        stretches.append(Stretch(first_px, last_px, first, first + width, first + line_format.margin, scale))
        lines.append(part)
        following = first + max(stride * (frames(width) + 1), -(-(width + 1) // stride) * stride)
        if last_px < grey.shape[1]:
            lines.append(np.zeros((1, line_format.height, following - first - width), np.float32))
        first = following
    return lines[0] if len(lines) == 1 else np.concatenate(lines, axis=2), Layout(tuple(stretches))


def posteriors(model: Model, images: npt.NDArray[np.float32], bounds: Sequence[Span]) -> LogProbs:
    """Calibrated log-probabilities (T, N, C) of prepared lines (N, 1, H, W), each stretch of them read alone.

    `bounds` are those of the layout of all of them. Between two stretches in which something is read stands a space,
    where the charset has one.
    """
    if len(bounds) <= 1:
        return pieces.posteriors(model, images)
    charset, stride = model.spec.charset, model.spec.architecture.stride
    space = charset.encode(" ")[0] if " " in charset else BLANK
    ground = np.full(charset.classes, 1e-9)
    ground[BLANK] = 1.0
    parted = ground.copy()
    parted[space] += _SPACE / (1 - _SPACE)
    gaps = [np.log(gap / gap.sum()).astype(np.float32) for gap in (ground, parted)]
    read: list[LogProbs] = []
    last = np.full(images.shape[0], space)  # the last class that was read of each line
    frames = 0
    for first, end in bounds:
        part = pieces.posteriors(model, images[:, :, :, first:end])
        gap = np.repeat(gaps[0][None, None], first // stride - frames, axis=0).repeat(len(last), axis=1)
        for number, best in enumerate(part.argmax(axis=2).T):
            said = best[best != BLANK]
            if len(said):
                if space not in (last[number], said[0]):
                    gap[0, number] = gaps[1]
                last[number] = said[-1]
        read += [gap, part] if len(gap) else [part]
        frames = first // stride + len(part)
    return np.concatenate(read)


def seams(grey: Grey, height: int) -> list[int]:
    """Columns of a picture (h, w) at which its ground changes, as seen at the height of a line; none in most.

    At a seam one column is lighter than the one before it over most of the height, or darker, and the ground on either
    side goes on: most of what follows is nearer to it than to the other.
    """
    width = grey.shape[1]
    inner = max(1, round(width * height / grey.shape[0]))
    method = cv2.INTER_AREA if grey.shape[0] > height else cv2.INTER_CUBIC
    reach, narrowest = round(_REACH * height), round(_NARROWEST * height)
    found: list[int] = []
    for start in range(0, inner, _CHUNK):
        first, last = max(0, start - reach), min(inner, start + _CHUNK + reach)
        part = grey[:, round(first * width / inner) : max(1, round(last * width / inner))]
        small = cv2.resize(part, (last - first, height), interpolation=method).astype(np.float32)
        for column in (first + step for step in _steps(small, reach)):
            there = start <= column < start + _CHUNK and narrowest <= column <= inner - narrowest
            if there and (not found or column - found[-1] >= narrowest):
                found.append(column)
    return [round(column * width / inner) for column in found]


def _steps(small: npt.NDArray[np.float32], reach: int) -> Iterator[int]:
    """Columns of a part (H, w) of a line at which a new ground begins."""
    height, width = small.shape
    if width <= 2 * _SIDE:
        return
    sums = np.concatenate((np.zeros((height, 1), np.float32), small.cumsum(axis=1)), axis=1)
    columns = np.arange(_SIDE, width - _SIDE + 1)
    before = (sums[:, columns] - sums[:, columns - _SIDE]) / _SIDE
    behind = (sums[:, columns + _SIDE] - sums[:, columns]) / _SIDE
    steps = behind - before
    steps *= np.sign(np.median(steps, axis=0))
    rest = round(_ROWS * height)
    high = np.partition(steps, rest, axis=0)[rest]
    peaks = high >= cv2.dilate(high[None], np.ones((1, 4 * _SIDE + 1), np.uint8))[0]
    for at in np.flatnonzero((high > _STEP) & peaks):
        column = int(columns[at])
        levels = np.median(before[:, at]), np.median(behind[:, at])
        brighter, middle = levels[1] > levels[0], sum(levels) / 2
        left = (small[:, max(0, column - reach) : column] > middle) != brighter
        right = (small[:, column : column + reach] > middle) == brighter
        if min(left.mean(), right.mean()) + (steps[:, at] > 0).mean() > _SURE:
            yield column


def _even(ink: npt.NDArray[np.float32]) -> None:
    """Give each part of a long stretch (H, w) the contrast it would have as a line itself, raised at most fourfold.

    Measured in windows that overlap by half, and between their middles in proportion. Where no seam was found between
    black print and faint handwriting, two thirds of the latter were lost without.
    """
    height, width = ink.shape
    window = _WINDOW * height
    if width <= window:
        return
    starts = np.linspace(0, width - window, 2 * (-(-width // window)) - 1).astype(int)
    ranges = np.array([np.quantile(ink[:, start : start + window], (0.005, 0.995)) for start in starts])
    middles = starts + window / 2
    for first in range(0, width, _CHUNK):
        part = ink[:, first : first + _CHUNK]
        columns = np.arange(first, first + part.shape[1])
        low, high = (np.interp(columns, middles, side).astype(np.float32) for side in ranges.T)
        part -= low
        part /= np.maximum(high - low, np.float32(_FAINTEST))
        np.clip(part, 0.0, 1.0, out=part)
