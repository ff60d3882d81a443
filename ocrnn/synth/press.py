"""The press and what comes after it: all that happens to the ink of a line until it is a picture."""

from __future__ import annotations

import cv2
import numpy as np

from ocrnn.image import Grey
from ocrnn.synth import boxes, captcha, degrade, grounds
from ocrnn.synth.boxes import Neighbour
from ocrnn.synth.kinds import Kind
from ocrnn.synth.render import Ink, Setting

_OLD = ("book", "early", "fraktur", "incunable")
"""Kinds of old books: worn type on paper with specks, often scanned in black and white."""


def setting(kind: Kind, rng: np.random.Generator) -> Setting:
    """How a line of a kind is set: size, spaces, letters that jump or touch."""
    em = int(rng.integers(28, 60)) // 4 * 4
    if kind.name == "typewriter":
        jump = float(rng.choice([0, 0.01, 0.025])) * em
        pitch, fade = float(rng.choice([0, 0, 0.05])), float(rng.choice([0, 0.15, 0.3]))
        return Setting(em, space=1.0, tracking=pitch, jump_px=jump, fade=fade)
    if kind.name == "captcha":
        return captcha.setting(rng, em)
    if kind.name == "handwriting":
        # A hand never makes two letters alike, nor keeps to its line.
        return Setting(em, space=float(np.exp(rng.normal(0.4, 0.3))), jump_px=float(rng.choice([0, 0.015, 0.03])) * em)
    tracking = float(rng.uniform(-0.03, 0.2)) if rng.random() < 0.15 else 0.0
    if kind.name == "word" and rng.random() < 0.3:
        tracking = float(rng.uniform(-0.09, 0.0))  # letters of a sign touch
    return Setting(em, space=float(np.exp(rng.normal(0.05, 0.25))), tracking=tracking)


def picture(kind: Kind, ink: Ink, text: str, rng: np.random.Generator, neighbour: Neighbour) -> Grey:
    """Everything that happens to the ink between the press and the file, in the order it happens."""
    words = kind.name in ("word", "captcha", "meter", "plate", "card")
    worn = kind.name in (*_OLD, "typewriter", "receipt")

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    if chance(0.7 if kind.name == "word" else 0.5):
        # The printers of tills set tall, narrow letters.
        # Signs stand at an angle to the street, which makes them narrow: four letters in a box higher than wide.
        mean, spread = {"receipt": (-0.12, 0.22), "word": (-0.2, 0.3)}.get(kind.name, (0.0, 0.13))
        ink = _stretch(ink, float(np.exp(rng.normal(mean, spread))))
    if kind.name == "receipt" and chance(0.15):
        ink = degrade.matrix(ink, rng)
    elif chance(0.6):
        ink = degrade.spread(ink, rng, grain=1.0 if worn else 0.5)
    if kind.name == "word" and chance(0.4):
        ink = degrade.embolden(ink, rng)
    if chance({"typewriter": 0.5, "form": 0.2, "book": 0.12}.get(kind.name, 0)):
        ink = degrade.carbon(ink, rng)
    if kind.name == "typewriter" or chance(0.08):
        ink = degrade.fade(ink, rng)
    if kind.name == "receipt" and chance(0.3):
        ink = degrade.starve(ink, rng)
    if kind.name in ("receipt", "meter"):
        if chance(0.25):
            ink = degrade.dots(ink, rng)
        if chance(0.2):
            ink = degrade.streaks(ink, rng)
    if chance({"form": 0.12, "typewriter": 0.05, "receipt": 0.03}.get(kind.name, 0)):
        grounds.underline(ink, rng)
    if kind.name == "word" and chance(0.08):
        ink = degrade.arch(ink, rng, 0.5)
    askew = kind.name == "word" and chance(0.3)
    if kind.name == "captcha":
        ink = captcha.distort(ink, rng)
    else:
        ink = boxes.hung(ink, rng, neighbour) if askew else boxes.cropped(kind, ink, text, rng, neighbour)
    if chance(0.07 if kind.name != "form" else 0.15):
        grounds.rule(ink, rng)
    if kind.name == "captcha":
        captcha.strew(ink, rng)
    if kind.name == "handwriting" and chance(0.4):
        grounds.squares(ink, rng)
    if kind.name in (*_OLD, "form", "receipt") and chance(0.2):
        ink = degrade.specks(ink, rng)
    tilt = 5.0 if words or len(text) < 12 else min(2.0, float(np.degrees(0.22 * ink.shape[0] / ink.shape[1])))
    if not askew and chance(0.45):
        # Words on signs are photographed from below and from the side; their boxes stay upright.
        tilt *= 4.5 if kind.name == "word" and chance(0.7) else 1
        ink = degrade.warp(ink, rng, tilt_deg=tilt, shear=0.25 if words else 0.1, fill=0.0)
    if chance(0.12):
        ink = degrade.wave(ink, rng, 0.06 * ink.shape[0], 0.0)
    if kind.name in ("word", "plate", "card") and chance(0.45):
        ink = degrade.tilt_in_depth(ink, rng, 0.16, 0.0)
    if words:
        lay = {"captcha": captcha.lay, "card": grounds.card, "meter": grounds.dial}.get(kind.name, grounds.sign)
        grey = lay(ink, rng)
        grey = 255 - grey if chance(0.1 if kind.name == "captcha" else 0.45) else grey
    else:
        # A ground that shows after thresholding hides the text: what becomes black and white starts even.
        bitonal = chance(0.5 if kind.name in (*_OLD, "form") else 0.3)
        clean = bitonal or (kind.name in ("print", "form", "receipt") and chance(0.3))
        contrast = (0.75, 1.0) if clean else (0.22, 0.95)
        if chance(0.06):
            ink = np.maximum(ink, grounds.bleed(ink, rng))
        grey = degrade.lay(ink, rng, contrast=contrast, texture=0.3 if bitonal else 0 if clean else 1)
        if bitonal:
            return _scan(kind, degrade.binarise(grey, rng), rng)
        grey = 255 - grey if chance(0.04) else grey
    return _scan(kind, grey, rng)


def _scan(kind: Kind, grey: Grey, rng: np.random.Generator) -> Grey:
    """Resolution, focus, black and white, compression: what the capturing device adds."""
    street = kind.name == "word"
    low = {"form": 0.75, "word": 0.5, "plate": 0.5, "receipt": 0.45, "captcha": 0.3}.get(kind.name, 0.25)
    if rng.random() < low:
        smallest = {"form": 13, "word": 13, "captcha": 22}.get(kind.name, 16)
        if rng.random() < (0.5 if street else 0.3):
            grey = degrade.blur(grey, rng, 0.04 if street else 0.02)
        height = int(rng.integers(smallest, 36))
        if kind.name == "form" and rng.random() < 0.5:
            grey = degrade.binarise(degrade.lower(grey, rng, 2 * height), rng)
        grey = degrade.lower(grey, rng, height)
    elif rng.random() < (0.4 if street else 0.35):
        grey = degrade.blur(grey, rng, 0.055 if street else 0.025)
    if street and rng.random() < 0.2:
        grey = degrade.sharpen(grey, rng)
    if rng.random() < {"captcha": 0.1, "word": 0.15}.get(kind.name, 0.3):
        grain = degrade.noise(grey.shape, rng, float(rng.choice([0.0, 0.8]))) * np.float32(rng.uniform(1, 9))
        grey = np.clip(grey + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        grey = degrade.compress(grey, rng, 20)
    return np.ascontiguousarray(grey)


def _stretch(ink: Ink, factor: float) -> Ink:
    width = max(2, round(ink.shape[1] * factor))
    return cv2.resize(ink, (width, ink.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32)
