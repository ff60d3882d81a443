"""Views: a line that was read in doubt is looked at again, wider, narrower and set upright, and read as one clip.

Letters that share a frame of the network come apart in a wider picture; a word that climbs stands lower in its box than
one that is level. Which view is right nobody knows beforehand, so the text that fits all of them best is taken, as of
the frames of a film (`clips`). The same with labels in mind is test-time augmentation (Krizhevsky et al. 2012).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.reading import Reading

_WIDTHS = (1.15, 1.3, 1.5, 0.85)
_SLOPES_DEG = (8, -8, 16, -16, 24, -24)
_WORD = 6.0
"""Width over height up to which a picture may hold a word that climbs or falls; lines are cut along their baselines."""
_CUT = 0.6
"""Of the height that a slope adds to a box: what is cut off once the word is level."""
_LEAST_HEIGHT = 8
_WIDEST = 2000
"""Columns of a prepared line up to which it is looked at again: a long one is always in doubt somewhere."""


@dataclass(frozen=True)
class View:
    """A picture (h, w) of the same line, `stretch` times as wide as the one it was made of."""

    picture: Grey
    stretch: float = 1.0


def in_doubt(reading: Reading, columns: int, doubt: float) -> bool:
    """Whether a model of such `doubt` (0..1) is to look again at a line of W prepared `columns` that it read so."""
    return reading.confidence < doubt and columns <= _WIDEST


def views(grey: Grey) -> Iterator[View]:
    """Further views of a picture (h, w): four widths, and six slopes where it is short enough for one word."""
    height, width = grey.shape
    for factor in _WIDTHS:
        wide = max(1, round(width * factor))
        yield View(cv2.resize(grey, (wide, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8), wide / width)
    if width <= _WORD * height:
        for degrees in _SLOPES_DEG:
            yield View(_levelled(grey, degrees))


def _levelled(grey: Grey, slope_deg: float) -> Grey:
    """The picture with each column moved so that what falls to the right by so many degrees is level."""
    height, width = grey.shape
    slope = math.tan(math.radians(slope_deg))
    left = max(_LEAST_HEIGHT, round(height - _CUT * abs(slope) * width))
    matrix = np.array([[1, 0, 0], [-slope, 1, (left - height + slope * width) / 2]], np.float64)
    return cv2.warpAffine(grey, matrix, (width, left), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8
    )
