"""Views: a line that was read in doubt is looked at again, wider, narrower, closer and upright, and read as one clip.

Letters that share a frame of the network come apart in a wider picture; a word that climbs stands lower in its box than
one that is level, and small letters in a large box are as low; letters that lean share frames again. Which view is
right nobody knows beforehand, so the text that fits all of them best is taken, as of the frames of a film (`clips`).
The same with labels in mind is test-time augmentation (Krizhevsky et al. 2012).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec

_WIDTHS = (1.15, 1.3, 1.5, 0.85)
_WORD_WIDTHS = (1.5,)
"""Of a word, which has slopes and leans beside: all four widths and views from closer take half as long again and
change nothing."""
_SLOPES_DEG = (8, -8, 16, -16, 24, -24)
_LEANS = (0.5, -0.5)
"""Columns to the right for each row upwards: half of it is an italic's lean."""
_CLOSE = 1.3
"""Width of the closer view beside the plain one: letters far from the edges of their box are narrow in the line."""
_CLOSER = 0.7
"""Share of the rows up to which the text in a box is worth a closer view."""
_BARE = 0.4
"""Of the way from the emptiest row to the fullest: how far those of the text stand out at the least."""
_WORD = 4.0
"""Width over height up to which a picture holds a word more often than a line."""
_CLIMBING = 6.0
"""Width over height up to which the text may climb or fall; lines are cut along their baselines."""
_STEEPEST = 0.85
"""Of the height of a box: what its text may climb over all of its width and still stand in it. Views that are steeper
take a third of the time of a word's and change nothing."""
_CUT = 0.6
"""Of the height that a slope adds to a box: what is cut off once the word is level."""
_ROOM = 0.15
"""Of the height of the text: what is left above it and below in a closer view."""
_SETTLED = 0.5
"""How sure several networks must be of the picture as it is, at the least, for no other view to be taken."""
_LEAST_HEIGHT = 8
_FINEST = 4
"""Rows of a kept picture for each of a prepared line: finer ones make no better views."""
_WIDEST = 2000
"""Columns of a prepared line up to which it is looked at again: a long one is always in doubt somewhere."""


@dataclass(frozen=True)
class View:
    """A picture (h, w) seen otherwise; from column `left` on, `width` of its columns show what all of it shows."""

    grey: Grey
    left: int
    width: int

    @classmethod
    def whole(cls, grey: Grey) -> View:
        """A view as wide as the picture."""
        return cls(grey, 0, grey.shape[1])


def kept(grey: Grey, spec: ModelSpec) -> Grey | None:
    """As much of a picture (h, w) as its views need: none where a model never looks again, else 160 rows at most."""
    height, width = grey.shape
    columns = spec.line_format.width(height, width)
    if not _threshold(height, width, spec) or columns > _WIDEST:
        return None
    most = _FINEST * spec.line_format.height
    if height <= most:
        return grey
    return cv2.resize(grey, (max(1, round(width * most / height)), most), interpolation=cv2.INTER_AREA).astype(np.uint8)


def in_doubt(reading: Reading, grey: Grey, spec: ModelSpec) -> bool:
    """Whether a model is to look again at a picture (h, w) that it read so."""
    height, width = grey.shape
    return reading.confidence < _threshold(height, width, spec)


def is_settled(reading: Reading, grey: Grey, spec: ModelSpec) -> bool:
    """Whether what the networks agree on of a picture (h, w) as it is needs no further views."""
    height, width = grey.shape
    return reading.confidence >= max(_SETTLED, _threshold(height, width, spec))


def views(grey: Grey) -> Iterator[View]:
    """Further views of a picture (h, w), as many as its shape asks for.

    Of a line four widths, and two from closer where its text is low in it; of a word one width. Where it is short
    enough, up to six slopes, which a text in that box may have, and two leans.
    """
    height, width = grey.shape
    word = is_word(height, width)
    for factor in _WORD_WIDTHS if word else _WIDTHS:
        yield View.whole(_stretched(grey, factor))
    first, last = _rows(grey)
    text = grey[first:last]
    if not _LEAST_HEIGHT <= last - first < _CLOSER * height:
        text = grey
    elif not word:
        yield View.whole(text)
        yield View.whole(_stretched(text, _CLOSE))
    if width <= _CLIMBING * height:
        for degrees in _SLOPES_DEG:
            if _slope(abs(degrees)) * width <= _STEEPEST * height:
                yield View.whole(_levelled(grey, degrees))
        yield from (_upright(text, lean) for lean in _LEANS)


def is_word(height: int, width: int) -> bool:
    """Whether a picture of this size holds a word more often than a line."""
    return width <= _WORD * height


def by_network(count: int, networks: Sequence[ModelSpec], *, word: bool) -> list[list[int]]:
    """Which of so many views each network reads: the model's own, then further ones.

    View 0 is the picture as it is, which the model's own has read; every further network that knows words, or lines,
    reads it too. Of the others of a line each is read by one network in turn: no more views take no more time. Those of
    a word are short; networks that know words alone read them all, and where there is none all that know words do.
    """
    asked = [0, *(n for n, spec in enumerate(networks[1:], 1) if (spec.word_doubt if word else spec.doubt))]
    alone = [n for n in asked[1:] if not networks[n].doubt] if word else []
    shares: list[list[int]] = [[] for _ in networks]
    for turn, n in enumerate(asked):
        others = range(1, count) if n in (alone or asked) else range(0)
        if not word:
            others = range(turn or len(asked), count, len(asked))
        shares[n] = [*([0] if n else ()), *others]
    return shares


def _threshold(height: int, width: int, spec: ModelSpec) -> float:
    return max(spec.doubt, spec.word_doubt if is_word(height, width) else 0.0)


def _stretched(grey: Grey, factor: float) -> Grey:
    height, width = grey.shape
    size = (max(1, round(width * factor)), height)
    return cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _rows(grey: Grey) -> tuple[int, int]:
    """Rows [first, last) of the text: those around the busiest that have much more of edges than the emptiest."""
    height = len(grey)
    reach = max(1, height // 12)
    edges = np.abs(np.diff(grey.astype(np.float32), axis=1, append=grey[:, -1:])).mean(axis=1)
    busy = cv2.blur(edges[:, None], (1, 2 * reach + 1), borderType=cv2.BORDER_REPLICATE)[:, 0]
    bare = np.flatnonzero(busy <= busy.min() + _BARE * (busy.max() - busy.min()))
    middle = int(busy.argmax())
    first = int(bare[bare < middle].max(initial=-1)) + 1
    last = int(bare[bare > middle].min(initial=height))
    room = round(_ROOM * (last - first))
    return max(0, first - room), min(height, last + room)


def _upright(grey: Grey, lean: float) -> View:
    """The picture with each row moved so that what leans so much to the right stands upright, and room for its ends."""
    height, width = grey.shape
    room = math.ceil(abs(lean) * height / 2)
    matrix = np.array([[1, lean, room - lean * height / 2], [0, 1, 0]], np.float64)
    size = (width + 2 * room, height)
    moved = cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return View(moved.astype(np.uint8), room, width)


def _levelled(grey: Grey, slope_deg: float) -> Grey:
    """The picture with each column moved so that what falls to the right by so many degrees is level."""
    height, width = grey.shape
    slope = _slope(slope_deg)
    left = max(_LEAST_HEIGHT, round(height - _CUT * abs(slope) * width))
    matrix = np.array([[1, 0, 0], [-slope, 1, (left - height + slope * width) / 2]], np.float64)
    return cv2.warpAffine(grey, matrix, (width, left), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8
    )


def _slope(degrees: float) -> float:
    return math.tan(math.radians(degrees))
