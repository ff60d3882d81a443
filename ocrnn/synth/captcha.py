"""What captchas do to letters, and strew over and under them."""

from __future__ import annotations

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.synth import degrade
from ocrnn.synth.render import Ink, Setting


def setting(rng: np.random.Generator, em_px: int) -> Setting:
    """How a code is set: letters apart or over one another, upright or turned, of one strength or each of its own."""
    return Setting(
        em_px,
        tracking=float(rng.choice([rng.uniform(-0.2, 0), rng.uniform(0, 0.35), rng.uniform(0.2, 0.6)])),
        jump_px=float(rng.choice([0, 0.05, 0.1])) * em_px,
        turn_deg=float(rng.choice([0, rng.uniform(0, 18)])),
        fade=float(rng.choice([0, 0.45])),
    )


def distort(ink: Ink, rng: np.random.Generator) -> Ink:
    """Bend a code with room around it: slanted as a whole, along its length, and each letter in itself."""
    rows = np.flatnonzero(ink.max(1) > 0.2)
    ink = ink[rows[0] : rows[-1] + 1]
    height = len(ink)
    # Across by down: 0.8 lies lower than any italic; what sways leans one way here and another there.
    lean, sway = (float(rng.choice([0, 0, value])) for value in (rng.uniform(-0.7, 0.8), rng.uniform(0, 0.6)))
    above, below = (int(v) for v in rng.uniform(0.02, rng.choice([0.5, 1.1, 1.6], p=(0.6, 0.2, 0.2)), 2) * height)
    sides = rng.uniform(0.05, 2, 2) * rng.choice([0.2, 1]) + (abs(lean) + sway) / 2
    left, right = (int(v) for v in sides * height)
    ink = cv2.copyMakeBorder(ink, above, below, left, right, cv2.BORDER_CONSTANT).astype(np.float32)
    waves = rng.random() < 0.5
    if not (waves or lean or sway):
        return ink
    down_to, along = np.mgrid[0 : ink.shape[0], 0 : ink.shape[1]].astype(np.float32)

    def wave(over: Ink, longest: float) -> Ink:
        turns = over / np.float32(rng.uniform(1, longest) * height) + np.float32(rng.random())
        return np.asarray(np.sin(np.float32(2 * np.pi) * turns), np.float32)

    leaning = np.float32(lean) + np.float32(sway) * wave(along, 8)
    slanted = along + leaning * (down_to - np.float32(above + height / 2))
    if waves:
        down, across = wave(along, 6), wave(down_to, 3)
        down_to += np.float32(rng.uniform(0, 0.15) * height) * down
        slanted += np.float32(rng.uniform(0, 0.15) * height) * across
    return cv2.remap(ink, slanted, down_to, cv2.INTER_LINEAR, borderValue=0).astype(np.float32)


def strew(ink: Ink, rng: np.random.Generator) -> None:
    """Draw lines, curves and specks over a code, of its own strength or paler."""
    height, width = ink.shape

    def point() -> tuple[int, int]:
        return int(rng.integers(width)), int(rng.integers(height))

    strength, thick = float(rng.choice([1, rng.uniform(0.2, 0.6)])), int(rng.integers(1, 2 + height // 20))
    strewn = np.zeros_like(ink)  # a layer of its own, of which the stronger stays: what is pale hides nothing
    for _ in range(int(rng.choice([0, 0, 2, 6, 14]))):
        cv2.line(strewn, point(), point(), strength, 1, cv2.LINE_AA)
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        # A parabola through three points is bent as the curves of captchas are.
        at = np.linspace(0, 1, 40)[:, None]
        first, middle, last = (np.array(point()) for _ in range(3))
        path = (1 - at) ** 2 * first + 2 * at * (1 - at) * middle + at**2 * last
        cv2.polylines(strewn, [path.round().astype(np.int32)], False, 1.0, thick, cv2.LINE_AA)
    for _ in range(int(rng.choice([0, 0, 15, 50]) * width / (3 * height))):
        cv2.circle(strewn, point(), int(rng.integers(0, 2 + height // 30)), float(rng.uniform(0.2, 1)), -1)
    np.maximum(ink, strewn, out=ink)


def lay(ink: Ink, rng: np.random.Generator) -> Grey:
    """Ink on the ground of a captcha: even, grained, sloping from light to dark, or a raster of dots."""
    if rng.random() < 0.3:
        pitch = int(rng.integers(2, 6))
        raster = np.zeros_like(ink)
        raster[:: max(2, pitch // 2), ::pitch] = raster[pitch // 2 :: max(2, pitch // 2) * 2, pitch // 2 :: pitch] = 1
        ink = np.maximum(ink, raster * np.float32(rng.uniform(0.1, 0.5)))
    return degrade.lay(ink, rng, contrast=(0.5, 1.0), texture=float(rng.choice([0, 0, 0.3, 0.3, 1.0])))
