"""Where characters stand: from the frames a decoder saw them in to the columns of their ink.

CTC says no more of a character than about where it is: a sure frame or two near its middle, blanks around. Between two
such middles the line is cut where it has the least ink, as old readers cut whole lines by their projection (Casey and
Lecolinet 1996, IEEE PAMI 18(7), section 3.1), and a character is as wide as the ink between its cuts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import Span
from ocrnn.image import Line

Places = npt.NDArray[np.float64]
"""First columns of S characters and the columns behind their last, (S, 2)."""

# Of 4,600 letters drawn in 179 faces, half were placed to 0.94 (intersection over union); thresholds of 0.3 and 0.5
# and half or twice the pull lose up to 0.01 of it.
_INKED = 0.4
"""Ink, 0 to 1, from which a column belongs to a character."""
_GROUND = 0.25
"""Ink up to which a pixel counts as bare where the line is cut: grain must not decide."""
_PULL = 0.01
"""Ink, in rows, that a cut one column off the middle is worth: a stroke between two letters is not followed far."""
_REACH = 0.6
"""How far a character may reach to either side of its middle, in heights of the line: more is ink of none."""


def places(line: Line, spans: Sequence[Span], frames: int, spaces: Sequence[bool]) -> Places:
    """Columns (S, 2) of S characters in a prepared line (1, H, W) that were seen in these of its frames.

    Characters do not overlap and stand in the order of their spans. One that is a space, as `spaces` tells, reaches
    from the ink before it to the ink behind; a character without ink has all between its cuts.
    """
    if not spans:
        return np.empty((0, 2))
    _, height, width = line.shape
    middles = np.asarray(spans, np.float64).mean(axis=1) * (width / frames)
    cuts = _cuts(line[0], middles)  # (S + 1,)
    reach = _REACH * height
    low = np.maximum(cuts[:-1], np.floor(middles - reach).astype(np.intp)).clip(0, width - 1)
    high = np.minimum(cuts[1:], np.ceil(middles + reach).astype(np.intp)).clip(low + 1, width)
    inked = np.flatnonzero(line[0].max(axis=0) > _INKED)
    first, last = np.searchsorted(inked, low), np.searchsorted(inked, high) - 1
    found = np.stack((low, high), axis=1).astype(np.float64)
    has_ink = first <= last
    found[has_ink, 0], found[has_ink, 1] = inked[first[has_ink]], inked[last[has_ink]] + 1
    _stretch(found, cuts, np.asarray(spaces, np.bool_))
    return found


def _cuts(ink: npt.NDArray[np.float32], middles: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Columns (S + 1,) that part S characters: where there is least ink between their middles; the ends of the line."""
    width = ink.shape[1]
    starts = middles.astype(np.intp).clip(0, width - 1)
    first, end = starts[0], starts[-1]
    inner = np.empty(0, np.intp)
    if end > first:
        columns, lengths, segments = np.arange(first, end), np.diff(starts), starts[:-1] - first
        off = columns - np.repeat((middles[1:] + middles[:-1]) / 2, lengths)
        costs = np.maximum(ink[:, first:end] - _GROUND, 0).sum(axis=0) + _PULL * off**2
        least = np.flatnonzero(costs == np.repeat(np.minimum.reduceat(costs, segments), lengths))
        inner = columns[least[np.searchsorted(least, segments)]]
    return np.concatenate(([0], inner, [width])).astype(np.intp)


def _stretch(found: Places, cuts: npt.NDArray[np.intp], spaces: npt.NDArray[np.bool_]) -> None:
    """Let each space reach to the characters beside it, and to the cut where that is another space or the end."""
    found[spaces, 0], found[spaces, 1] = cuts[:-1][spaces], cuts[1:][spaces]
    after, before = spaces[1:] & ~spaces[:-1], spaces[:-1] & ~spaces[1:]  # a character before, behind the space
    found[1:][after, 0] = found[:-1][after, 1]
    found[:-1][before, 1] = found[1:][before, 0]
