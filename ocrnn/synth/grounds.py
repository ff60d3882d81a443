"""What stands around the letters: rules, squares, the other side of the sheet, the wall, the card, the dial."""

from __future__ import annotations

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.synth import degrade
from ocrnn.synth.render import Ink


def sign(ink: Ink, rng: np.random.Generator) -> Grey:
    """A word or a plate in the wild: outlined or shadowed letters on a textured, unevenly lit ground."""
    if rng.random() < 0.15:
        shift = max(1, ink.shape[0] // 20)
        shadow = np.roll(np.roll(ink, shift, 0), shift, 1) * np.float32(rng.uniform(0.3, 0.7))
        ink = np.maximum(ink, shadow * (rng.random() < 0.5)) - 0.4 * shadow * (ink < 0.3)
    elif rng.random() < 0.1:
        ink = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
    for _ in range(int(rng.choice((0, 1, 2), p=(0.7, 0.2, 0.1)))):
        ink = ink + _beyond(ink.shape, rng) * np.float32(rng.uniform(-0.6, 0.5)) * (1 - np.clip(ink, 0, 1))
    return degrade.lay(ink, rng, contrast=(0.08, 0.95), texture=float(rng.choice([0.0, 0.0, 0.0, 0.4, 0.8, 1.6])))


def card(ink: Ink, rng: np.random.Generator) -> Grey:
    """Raised figures on a patterned card: lit on one side, in shadow on the other, their tops worn or inked."""
    depth = max(1, ink.shape[0] // 24)
    lit = np.roll(ink, -depth, (0, 1)) - np.roll(ink, depth, (0, 1))
    relief = lit * np.float32(rng.uniform(0.3, 1)) + ink * np.float32(rng.choice([0.0, 0.3, 0.8]))
    if rng.random() < 0.5:
        pattern = degrade.noise(ink.shape, rng, float(rng.choice([4.0, 16.0]))) * np.float32(rng.uniform(0, 0.15))
        relief = relief + pattern
    return degrade.lay(relief.astype(np.float32), rng, contrast=(0.2, 0.8), texture=1)


def dial(ink: Ink, rng: np.random.Generator) -> Grey:
    """The digits of a meter behind its window."""
    return degrade.lay(ink, rng, contrast=(0.35, 1.0), texture=1)


def bleed(ink: Ink, rng: np.random.Generator) -> Ink:
    """The other side of the sheet shining through, mirrored and soft."""
    ghost = cv2.GaussianBlur(np.roll(ink[:, ::-1], int(rng.integers(3, 30)), 1), (0, 0), 1.5)
    return (ghost * np.float32(rng.uniform(0.08, 0.25))).astype(np.float32)


def rule(ink: Ink, rng: np.random.Generator) -> None:
    """An underline, the line of a form, or the side of a box."""
    height, width = ink.shape
    thick = max(1, int(rng.integers(1, 2 + height // 24)))
    if rng.random() < 0.75:
        at = int(height * rng.choice([rng.uniform(0.0, 0.1), rng.uniform(0.82, 1.0)]))
        ink[at : at + thick] = np.float32(rng.uniform(0.5, 1))
    else:
        # Of a box that was filled in without care the side stands anywhere, through a letter too.
        at = int(rng.choice([0, max(0, width - thick), rng.integers(width)]))
        ink[:, at : at + thick] = np.float32(rng.uniform(0.5, 1))


def underline(ink: Ink, rng: np.random.Generator) -> None:
    """A stroke under all or some of the letters, at times through their feet."""
    height, width = ink.shape
    filled = ink.sum(1)
    baseline = int(np.flatnonzero(filled > 0.4 * filled.max())[-1])
    top = baseline + int(rng.uniform(-0.01, 0.1) * height)
    thick = max(1, int(rng.uniform(0.01, 0.05) * height))
    left, right = (0, width) if rng.random() < 0.6 else np.sort(rng.integers(0, width + 1, 2))
    ink[top : top + thick, left:right] = np.float32(rng.uniform(0.6, 1))


def squares(ink: Ink, rng: np.random.Generator) -> None:
    """The squares or lines of an exercise book, paler than the hand that writes on them."""
    height, width = ink.shape
    pitch, strength = max(6, int(height * rng.uniform(0.25, 1.1))), np.float32(rng.uniform(0.1, 0.5))
    at = np.arange(int(rng.integers(pitch)), max(height, width), pitch)
    thick = 1 + int(height > 60)
    for shift in range(thick):
        rows, columns = at + shift, at + shift
        ink[rows[rows < height]] = np.maximum(ink[rows[rows < height]], strength)
        if rng.random() < 0.7:
            ink[:, columns[columns < width]] = np.maximum(ink[:, columns[columns < width]], strength)


def _beyond(shape: tuple[int, int], rng: np.random.Generator) -> Ink:
    """Where (h, w) the wall begins beside a sign that stands askew in its box: 1 beyond one of its edges."""
    height, width = shape
    down, along = np.mgrid[0:height, 0:width].astype(np.float32)
    reach, slope = np.float32(rng.uniform(0.0, 0.3) * height), np.float32(rng.uniform(-0.4, 0.4))
    if rng.random() < 0.6:
        across, middle, far = down, along - width / 2, height
    else:
        across, middle, far = along, down - height / 2, width
    edge = across if rng.random() < 0.5 else far - across
    beyond: Ink = (edge < reach + slope * middle).astype(np.float32)
    return beyond
