"""Turning: lines that lie on their side or stand on their head are read upright, the way that reads best.

Angles are degrees that a picture is turned by, clockwise, so that its line runs from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ocrnn.image import Grey
from ocrnn.reading import Reading

Turn = Literal["none", "tall", "auto"]

_TALL = 1.3
"""Height over width from which a picture may hold a line that was turned by a right angle."""
_STANDING = 2.5
"""Height over width from which a line lies on its side more often than it is one narrow character."""
_VERY_TALL = 3.0
"""Height over width from which it must: an upright 1 has less."""
_HEAD_START = 3.0
"""What another turn must be ahead in evidence, a chance of twenty to one: most pictures come as they should."""
_SURE = (5, 3.0)
"""Characters, and the mean evidence of each, from which no other turn is tried: nine lines in ten have them, and one in
forty of those that stand on their head."""
_MOST = 4.0
_LEAST = -3.0


def turns(height: int, width: int, turn: Turn) -> tuple[int, ...]:
    """Angles to try for a picture of this size, the likeliest first; 0 wherever the picture may be as it should.

    "tall" tries other angles only where a picture is over 2.5 times as high as wide: that costs other lines nothing.

    >>> turns(40, 400, "auto"), turns(50, 30, "auto"), turns(400, 40, "auto")
    ((0, 180), (0, 90, 270), (90, 270))
    >>> turns(40, 400, "tall"), turns(50, 30, "tall"), turns(400, 40, "tall")
    ((0,), (0,), (90, 270))
    """
    if turn == "none" or (turn == "tall" and height <= _STANDING * width):
        return (0,)
    if height > _VERY_TALL * width:
        return (90, 270)
    return (0, 90, 270) if height > _TALL * width else (0, 180)


def turned(grey: Grey, turn_deg: int) -> Grey:
    """A picture turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(grey, -turn_deg // 90)) if turn_deg else grey


def evidence(reading: Reading) -> float:
    """How much speaks for a reading: the log-odds of its characters, spaces left out, added up.

    A wrong turn reads little, or much of which it is unsure; a mean over characters would let one lucky letter win over
    a whole line. One character counts for at most 4 and against at most 3, so that none decides alone.
    """
    odds = (
        math.log(max(character.confidence, 1e-9) / (1.001 - character.confidence))
        for character in reading.characters
        if not character.text.isspace()
    )
    return sum(min(max(one, _LEAST), _MOST) for one in odds)


def is_sure(reading: Reading) -> bool:
    """Whether a picture that reads so need not be tried another way."""
    characters, mean = _SURE
    count = sum(not character.text.isspace() for character in reading.characters)
    return reading.turned_deg in (0, 180) and count >= characters and evidence(reading) >= mean * count


def best(readings: Sequence[Reading]) -> Reading:
    """The reading of one picture with the most evidence of those from several turns; at 0 it has a head start.

    "SOS" and "66" read as well on their head: they stay as they came.
    """
    return max(readings, key=lambda reading: evidence(reading) + (_HEAD_START if reading.turned_deg == 0 else 0.0))
