"""Stacking: frames of a clip are laid upon one another, and their mean shows what no single one does.

The line stays the same while noise, glare and focus differ from frame to frame. A frame is brought onto the first by
phase correlation (Kuglin and Hines 1975) and from there by the affine map of the best correlation (Evangelidis and
Psarakis 2008). Astronomers call it so; of nine shaken, noisy frames such a mean is read better than the surest one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.image import Grey

_Detail = npt.NDArray[np.float32]

MOST = 16
"""Frames that are laid upon one another: noise falls with their root, and each takes a millisecond or more."""
_LEAST = 3
"""Frames that make a stack: two are hardly more than the better one of them."""
_ROWS = 64
"""Rows of a frame at the most: more are no sharper in a line of some 40, and take the time of their square."""
_SMALLEST = 8
"""Rows and columns from which on a frame shows a line."""
_GROUND = 0.3
"""Of the height: how far light and ground are taken to be even."""
_COARSE = 0.05
"""Of the height: strokes blurred so much still fall upon one another where noise does not."""
_FINE = 0.03
"""Of the height: blur that leaves edges and takes noise, so that what is left tells how sharp a frame is."""
_PREFERENCE = 4
"""Power of the sharpness that a frame counts by: 7 leaves too few frames, 1 too many that are out of focus."""
_FITS = 0.7
"""Correlation from which on a frame shows the same as the first: of drawn clips a fifth have less, of other lines 95 in
100."""
_FAINT = 6.0
"""Levels of 255 that are noise: what stands out by less is not made louder."""
_TURNS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
_REACH = 3  # px of the blur that the search for the best map begins with


def stacked(frames: Sequence[Grey]) -> tuple[Grey, ...]:
    """Two means of frames (h, w) of one line, laid upon the first, which counts as the best; none where too few fit.

    In one each frame is made as bright everywhere as the others beforehand, in the other it counts less where it is
    pale. Both are as the first is, but for its size where that has over 64 rows. At most `MOST` frames are taken.
    """
    height, width = frames[0].shape
    rows = min(height, _ROWS)
    size = (max(1, round(width * rows / height)), rows)
    if min(size) < _SMALLEST:
        return ()
    laid = _laid([_detail(frame, size) for frame in frames[:MOST]])
    if len(laid) < _LEAST:
        return ()
    even = [_even(detail) for detail in laid]
    weights = np.array([_sharpness(detail) for detail in even]) ** _PREFERENCE
    if not weights.sum():
        return ()
    weights /= weights.sum()
    before, after = (np.tensordot(weights, np.stack(details), 1).astype(np.float32) for details in (even, laid))
    return _grey(before), _grey(_even(after))


def _laid(details: Sequence[_Detail]) -> list[_Detail]:
    """The first of some frames' details and those of the others that fit it, where it has them."""
    height, width = details[0].shape
    coarse = [_blurred(_even(detail), _COARSE * height) for detail in details]
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    laid = [details[0]]
    for detail, its in zip(details[1:], coarse[1:], strict=True):
        (right, down), _ = cv2.phaseCorrelate(coarse[0], its, window)
        there = np.array([[1, 0, right], [0, 1, down]], np.float32)
        try:
            fit, there = cv2.findTransformECC(  # type: ignore[call-overload]  # a mask of None is everywhere
                coarse[0], its, there, cv2.MOTION_AFFINE, _TURNS, None, _REACH
            )
        except cv2.error:  # nothing in common
            continue
        if fit >= _FITS:
            flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            moved = cv2.warpAffine(detail, there, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            laid.append(moved.astype(np.float32))
    return laid


def _detail(grey: Grey, size: tuple[int, int]) -> _Detail:
    """What stands out of the ground in a picture brought to a width and a height, in levels."""
    levels = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return levels - _blurred(levels, _GROUND * len(levels))


def _even(detail: _Detail) -> _Detail:
    """The same, as strong everywhere."""
    return np.asarray(detail / (np.sqrt(_blurred(detail * detail, _GROUND * len(detail))) + _FAINT), np.float32)


def _sharpness(detail: _Detail) -> float:
    edges = cv2.Sobel(_blurred(detail, _FINE * len(detail)), cv2.CV_32F, 1, 0)
    return float(np.abs(edges).mean())


def _blurred(picture: _Detail, sigma_px: float) -> _Detail:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _grey(detail: _Detail) -> Grey:
    """Details as a picture (h, w), dark where they are lowest."""
    lowest, highest = np.percentile(detail, (1, 99))
    levels: _Detail = (detail - lowest) / max(highest - lowest, 1e-6) * 235 + 10
    return np.clip(levels, 0, 255).astype(np.uint8)
