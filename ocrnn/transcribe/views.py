"""Views: a line that was read in doubt is looked at again, wider, narrower and set upright, and read as one clip.

Letters that share a frame of the network come apart in a wider picture; a word that climbs stands lower in its box than
one that is level. Which view is right nobody knows beforehand, so the text that fits all of them best is taken, as of
the frames of a film (`clips`). The same with labels in mind is test-time augmentation (Krizhevsky et al. 2012).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec

_WIDTHS = (1.15, 1.3, 1.5, 0.85)
_SLOPES_DEG = (8, -8, 16, -16, 24, -24)
_WORD = 3.0
"""Width over height up to which a picture holds a word more often than a line."""
_CLIMBING = 6.0
"""Width over height up to which the text may climb or fall; lines are cut along their baselines."""
_CUT = 0.6
"""Of the height that a slope adds to a box: what is cut off once the word is level."""
_LEAST_HEIGHT = 8
_FINEST = 4
"""Rows of a kept picture for each of a prepared line: finer ones make no better views."""
_WIDEST = 2000
"""Columns of a prepared line up to which it is looked at again: a long one is always in doubt somewhere."""


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


def views(grey: Grey) -> Iterator[Grey]:
    """Further views of a picture (h, w): four widths, and six slopes where it is short enough to climb."""
    height, width = grey.shape
    for factor in _WIDTHS:
        yield cv2.resize(grey, (max(1, round(width * factor)), height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    if width <= _CLIMBING * height:
        yield from (_levelled(grey, degrees) for degrees in _SLOPES_DEG)


def _threshold(height: int, width: int, spec: ModelSpec) -> float:
    return max(spec.doubt, spec.word_doubt if width <= _WORD * height else 0.0)


def _levelled(grey: Grey, slope_deg: float) -> Grey:
    """The picture with each column moved so that what falls to the right by so many degrees is level."""
    height, width = grey.shape
    slope = math.tan(math.radians(slope_deg))
    left = max(_LEAST_HEIGHT, round(height - _CUT * abs(slope) * width))
    matrix = np.array([[1, 0, 0], [-slope, 1, (left - height + slope * width) / 2]], np.float64)
    return cv2.warpAffine(grey, matrix, (width, left), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8
    )
