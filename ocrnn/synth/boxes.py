"""Boxes: how a line is cut out of its page, and a word out of the wall that it hangs on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ocrnn.synth import degrade
from ocrnn.synth.kinds import Kind
from ocrnn.synth.render import Ink, Setting

Neighbour = Callable[[Setting], Ink]
"""Draws another line of the same page in a setting."""

_THIN = frozenset(" !\"'()*,-./1:;I[]`fijlrt{|}·‘’“”")
"""Characters of which a cut leaves nothing to know them by."""


def cropped(kind: Kind, ink: Ink, text: str, rng: np.random.Generator, neighbour: Neighbour) -> Ink:
    """Cut the line out of its page: tight, fair or loose, with parts of the neighbours where there is room."""
    rows = np.flatnonzero(ink.max(1) > 0.2)
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, ink.shape[0])
    em = ink.shape[0] * 0.55
    # Boxes drawn by eye hug the ink; boxes of a layout engine follow ascender and descender.
    if bottom - top < 0.35 * em or rng.random() < 0.3:
        top, bottom = min(top, int(0.27 * ink.shape[0])), max(bottom, int(0.76 * ink.shape[0]))
    # Words are boxed one by one, and boxed close.
    loose = rng.random() * (0.75 if kind.name == "word" else 1)
    most = 0.1 if loose < 0.35 else 0.35 if loose < 0.8 else 0.9 if kind.name != "form" else 0.4
    sides = rng.uniform((-0.02, -0.02, 0, 0), (most, most, 1.2 * most, 1.2 * most))
    if kind.name in ("form", "receipt", "word", "plate") and rng.random() < (0.25 if kind.name == "word" else 0.12):
        # Boxes cut into the first letter or the last, and it is still to be read.
        end = int(rng.integers(2))
        if text[-end] not in _THIN:
            sides[2 + end] = -min(rng.uniform(0.03, 0.25), 0.3 * ink.shape[1] / em)
    if kind.name == "word" and rng.random() < 0.15:
        sides[int(rng.integers(2))] = -rng.uniform(0.02, 0.12)  # a slice off their heads or feet
    above, below, left, right = (int(side * em) for side in sides)
    height, width = bottom - top + above + below, ink.shape[1] + left + right
    page = np.zeros((height, width), np.float32)
    _paste(page, ink, above - top, left)
    if kind.name != "meter" and rng.random() < (0.25 if kind.name == "word" else 0.45):
        beside = neighbour(Setting(max(10, int(em * 0.8))))
        leading = rng.uniform(1.0, 1.5) * em
        for direction in (-1, 1):
            if rng.random() < 0.6:
                shift = int(rng.integers(0, 1 + int(em)))
                _paste(page, beside, int(above - top + direction * leading), left - shift)
    return page


def hung(ink: Ink, rng: np.random.Generator, neighbour: Neighbour) -> Ink:
    """A word on a sign that hangs askew: what stands above and below it reaches into the corners of its box."""
    height, width = ink.shape
    em = 0.55 * height
    leading = int(rng.uniform(1.0, 1.7) * em)
    # The sign, as a layer for the word and one for its neighbours, is turned before the word is boxed.
    sign = np.zeros((height + 2 * leading, width, 2), np.float32)
    sign[leading : leading + height, :, 0] = ink
    for direction in (-1, 1):
        if rng.random() < 0.7:
            beside = neighbour(Setting(max(10, int(em * rng.uniform(0.5, 1.0)))))
            _paste(sign[:, :, 1], beside, leading * (1 + direction), -int(rng.integers(0, 1 + int(em))))
    sign = degrade.warp(sign, rng, tilt_deg=22.0, shear=0.25, fill=0.0)
    whole: Ink = sign.max(2)
    rows, columns = (np.flatnonzero(sign[:, :, 0].max(axis) > 0.2) for axis in (1, 0))
    if not len(rows):  # what has no ink is a space
        return whole
    sides = (rng.uniform(0.0, 0.2, 4) * em).astype(int)
    if rows[-1] - rows[0] < 0.35 * em:  # a dash is boxed with its line
        sides[[0, 2]] += int(0.25 * em)
    top, left = max(0, rows[0] - sides[0]), max(0, columns[0] - sides[1])
    return whole[top : rows[-1] + 1 + sides[2], left : columns[-1] + 1 + sides[3]]


def _paste(page: Ink, ink: Ink, top: int, left: int) -> None:
    """Add ink to the page where it falls inside it."""
    y0, y1 = max(0, top), min(page.shape[0], top + ink.shape[0])
    x0, x1 = max(0, left), min(page.shape[1], left + ink.shape[1])
    if y0 < y1 and x0 < x1:
        part = page[y0:y1, x0:x1]
        np.maximum(part, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=part)
