"""Where a text was looked for: what each part of a line is worth to its reading, found by covering it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import Span, log_probabilities
from ocrnn.image import Line
from ocrnn.model.executors import Model
from ocrnn.transcribe import stretches

MOST_PATCHES, MOST_COLUMNS = 640, 2_000_000
"""Lines with a patch that the network gets at most, and columns of all of them; a receipt takes 2 s of one core."""
MOST_FALL = 100.0
"""Nats; a text that has lost so much is gone, and no float tells how far."""

_SHARES = (4, 2, 1)
"""Parts of the line's height that a patch may be: the smallest for which the bounds leave columns close enough."""
_STEP_PX = 6
"""Half of a patch's width: a narrow letter is 12 columns wide where lines are 40 px high."""
_BATCH_SIZE, _BATCH_COLUMNS = 16, 32_768
_LEAST = 1000.0  # keeps what has no probability in the realm of numbers


@dataclass(frozen=True)
class Saliency:
    """What a reading loses when a patch of ground covers a part of the prepared line.

    This is the occlusion of Zeiler and Fergus 2014 (arXiv 1311.2901, section 4.2). A patch is `height_px` by `width_px`
    of the prepared line, its upper left corner at `tops_px` (R,) and `lefts_px` (P,). `reading` (R, P) is by how many
    nats the log-probability of the text falls under it; `characters` (S, R, P) the same of the highest log-posterior
    of each character within its frames and one on either side. Above 0 the patch hides what the reading rests on,
    below 0 what spoke against it; at most MOST_FALL.
    """

    height_px: int
    width_px: int
    tops_px: tuple[int, ...]
    lefts_px: tuple[int, ...]
    reading: npt.NDArray[np.float32]
    characters: npt.NDArray[np.float32]

    @property
    def spread_px(self) -> tuple[int, int]:
        """Height and width in the prepared line of what `spread` makes of one of the falls."""
        return self.height_px // 2 * (len(self.tops_px) + 1), self.width_px // 2 * (len(self.lefts_px) + 1)


def spread(falls: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Falls (R, P) as a picture (R + 1, P + 1) of fields half a patch high and wide: the mean of all patches over each.

    >>> spread(np.array([[4.0, 0.0]], np.float32)).tolist()
    [[4.0, 2.0, 0.0], [4.0, 2.0, 0.0]]
    """
    rows, columns = falls.shape
    total, patches = np.zeros((2, rows + 1, columns + 1), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            total[down : down + rows, right : right + columns] += falls
            patches[down : down + rows, right : right + columns] += 1
    mean: npt.NDArray[np.float32] = total / patches
    return mean


def occlude(
    model: Model, line: Line, classes: Sequence[int], spans: Sequence[Span], bounds: Sequence[Span] = ()
) -> Saliency:
    """Saliency of a prepared line (1, H, W) for the S classes read in it and their frames.

    `bounds` are those of its layout, where it has several stretches.
    The patch moves by half of itself. On lines of up to some 550 columns it is a quarter of the height, up to 1,280
    half of it, and on longer ones all of it, wider from 3,400 on, so that the bounds above hold. Where nothing but
    ground lies under it, the network is not asked.
    """
    height, width = line.shape[1:]
    size, tops, lefts = _grid(height, width)
    places = [(row, column) for row in range(len(tops)) for column in range(len(lefts))]
    inked = [
        (row, column)
        for row, column in places
        if line[0, tops[row] : tops[row] + size[0], lefts[column] : lefts[column] + size[1]].any()
    ]
    before, before_each = _scores(model, line[None], classes, spans, bounds)
    reading = np.zeros((len(tops), len(lefts)), np.float32)
    characters = np.zeros((len(classes), *reading.shape), np.float32)
    together = max(1, min(_BATCH_SIZE, _BATCH_COLUMNS // width))
    for some in (inked[first : first + together] for first in range(0, len(inked), together)):
        images = np.repeat(line[None], len(some), axis=0)  # (N, 1, H, W)
        for image, (row, column) in zip(images, some, strict=True):
            image[0, tops[row] : tops[row] + size[0], lefts[column] : lefts[column] + size[1]] = 0.0
        after, after_each = _scores(model, images, classes, spans, bounds)
        rows, columns = (list(numbers) for numbers in zip(*some, strict=True))
        reading[rows, columns] = np.minimum(before - after, MOST_FALL)
        characters[:, rows, columns] = np.minimum(before_each - after_each, MOST_FALL).T
    return Saliency(size[0], size[1], tops, lefts, reading, characters)


def _grid(height: int, width: int) -> tuple[tuple[int, int], tuple[int, ...], tuple[int, ...]]:
    """Height and width of a patch, and where its upper left corner is put."""
    most = max(1, min(MOST_PATCHES, MOST_COLUMNS // width))
    for share in _SHARES:
        size, step = max(2, height // share), _STEP_PX
        tops = tuple(range(0, height - size + 1, size // 2))
        if share == _SHARES[-1]:
            step = max(step, -(-width // most))
        lefts = tuple(range(0, max(step, width - step), step))
        if len(tops) * len(lefts) <= most:
            break
    return (size, 2 * step), tops, lefts


def _scores(
    model: Model,
    images: npt.NDArray[np.float32],
    classes: Sequence[int],
    spans: Sequence[Span],
    bounds: Sequence[Span],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Log-probability (N,) of the text in each prepared line (N, 1, H, W), and the highest of each character (N, S)."""
    log_probs = stretches.posteriors(model, images, bounds)  # (T, N, C)
    text = log_probabilities([log_probs[:, n] for n in range(len(images))], [classes] * len(images))
    each = np.zeros((len(images), len(classes)))
    for place, (number, (first, last)) in enumerate(zip(classes, spans, strict=True)):
        # The frame of a sure character moves by one for reasons of its own; its neighbours' frames are not its own.
        left = spans[place - 1][1] if place else 0
        right = spans[place + 1][0] if place + 1 < len(spans) else len(log_probs)
        frames = log_probs[max(left, first - 1) : min(right, last + 1), :, number]
        each[:, place] = frames.max(axis=0)
    return np.maximum(text, -_LEAST), np.maximum(each, -_LEAST)
