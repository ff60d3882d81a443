"""Rows of text in a picture that should hold one: a reader of lines makes nonsense of two, and must say so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ocrnn.image import Line

_STRIP = 2  # heights of the line looked at together: a slope of two degrees shifts the gap by a sixteenth within them
_WIDEST = 64  # heights of the line that are looked at: what stands there stands on the rest too
_INK = 0.3  # of the line's contrast: thin strokes of faint print break at half of it, and seem two rows
_WHOLE = 0.6  # of the height of all ink that a strip must have to tell anything
_VALLEY = 0.25  # of the mean ink of all rows of pixels: in the gap there is less, within letters more
_LEAST_PART = 0.2  # of the height of all ink that a row of text has
_LEAST_RATIO = 0.5  # of the height of the other row: of the line above, a crop often keeps the feet
_STROKES = 3  # that a row of text is crossed by: a colon has one, an equals sign too


def holds_several(line: Line) -> bool:
    """Whether a prepared line (1, H, W) seems to hold more than one row of text.

    Looks, strip by strip, for a valley in the ink of each row of pixels with something like letters above and below;
    half of the strips that are inked from top to bottom must have one. Short words above one another are missed.
    """
    ink = line[0, :, : _WIDEST * line.shape[1]] > _INK
    inked = np.flatnonzero(ink.any(axis=1))
    if not len(inked):
        return False
    found = []
    for strip in np.array_split(ink, max(1, round(ink.shape[1] / (_STRIP * len(ink)))), axis=1):
        rows = np.flatnonzero(strip.any(axis=1))
        if len(rows) and rows[-1] - rows[0] + 1 >= _WHOLE * (inked[-1] - inked[0] + 1):
            found.append(_divided(strip[rows[0] : rows[-1] + 1]))
    return 2 * sum(found) >= len(found) > 0


def _divided(ink: npt.NDArray[np.bool_]) -> bool:
    """Whether there is a valley in the ink (h, w) with letters on either side."""
    height = len(ink)
    margin = max(1, round(_LEAST_PART * height))
    if height <= 2 * margin:
        return False
    profile = ink.sum(axis=1)
    empty = _VALLEY * profile.mean()
    valleys = margin + np.flatnonzero(profile[margin : height - margin] <= empty)
    if not len(valleys):
        return False
    # Four rows have three valleys, and the middle one leaves as much above as below.
    valley = int(valleys[np.abs(valleys - height // 2).argmin()])
    parts = (slice(0, valley), slice(valley + 1, height))
    heights = [np.count_nonzero(profile[part] > empty) for part in parts]
    if min(heights) < _LEAST_RATIO * max(heights):
        return False
    return all(_strokes(ink[part]) >= _STROKES for part in parts)


def _strokes(ink: npt.NDArray[np.bool_]) -> float:
    """Strokes that a row of pixels of the part crosses, of those that are inked at all, in the middle of all rows."""
    starts = np.count_nonzero(ink[:, 1:] & ~ink[:, :-1], axis=1) + ink[:, 0]
    inked = starts[starts > 0]
    return float(np.median(inked)) if len(inked) else 0.0
