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
    height, width = ink.shape
    parts = max(1, round(width / (_STRIP * height)))
    # As np.array_split does it: those in front have the columns that are over.
    starts = [part * (width // parts) + min(part, width % parts) for part in range(parts)]
    profiles = np.add.reduceat(ink, starts, axis=1, dtype=np.int32).T.tolist()
    # Lists and not arrays: of 40 numbers each a sum takes a tenth of the time, and most strips need no more.
    ends = [_ends(profile) for profile in profiles]
    inked = [span for span in ends if span is not None]
    if not inked:
        return False
    least = _WHOLE * (max(last for _, last in inked) - min(first for first, _ in inked))
    found = []
    for profile, span, left, right in zip(profiles, ends, starts, [*starts[1:], width], strict=True):
        if span is not None and span[1] - span[0] >= least:
            first, last = span
            found.append(_divided(profile[first:last], ink[first:last, left:right]))
    return 2 * sum(found) >= len(found) > 0


def _ends(profile: list[int]) -> tuple[int, int] | None:
    """First row that is inked, and the one after the last; None where none is."""
    if not any(profile):
        return None
    first = next(row for row, count in enumerate(profile) if count)
    return first, len(profile) - next(row for row, count in enumerate(reversed(profile)) if count)


def _divided(profile: list[int], ink: npt.NDArray[np.bool_]) -> bool:
    """Whether the ink (h, w), whose rows have so many inked pixels, has a valley with letters on either side."""
    height = len(profile)
    margin = max(1, round(_LEAST_PART * height))
    if height <= 2 * margin:
        return False
    empty = _VALLEY * (sum(profile) / height)
    if min(profile[margin : height - margin]) > empty:  # most strips have no valley, and this tells it soonest
        return False
    valleys = [row for row in range(margin, height - margin) if profile[row] <= empty]
    # Four rows have three valleys, and the middle one leaves as much above as below.
    valley = min(valleys, key=lambda row: abs(row - height // 2))
    heights = [sum(count > empty for count in part) for part in (profile[:valley], profile[valley + 1 :])]
    if min(heights) < _LEAST_RATIO * max(heights):
        return False
    return all(_strokes(part) >= _STROKES for part in (ink[:valley], ink[valley + 1 :]))


def _strokes(ink: npt.NDArray[np.bool_]) -> float:
    """Strokes that a row of pixels of the part crosses, of those that are inked at all, in the middle of all rows."""
    starts = np.count_nonzero(ink[:, 1:] & ~ink[:, :-1], axis=1) + ink[:, 0]
    inked = starts[starts > 0]
    return float(np.median(inked)) if len(inked) else 0.0
