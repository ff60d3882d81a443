"""Draws the sample lines of this folder: NAME.png and NAME.gt.txt.

usage: python samples/make.py [--fonts DIR] [--out DIR]

Takes each face by its family and style from the fonts that fontconfig knows, or from a folder. The families are
under the SIL Open Font License or the Apache License, which let pictures of their letters go anywhere.
The same fonts give the same pictures, pixel for pixel.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Ink = npt.NDArray[np.float32]
"""A drawn line (h, w), 0 paper to 1 ink."""
Picture = npt.NDArray[np.uint8]
"""A finished picture, (h, w) grey or (h, w, 3) RGB."""

SCALE = 4
"""Lines are drawn this much larger and brought down, so that strokes have the soft edges of a scan."""


@dataclass(frozen=True)
class Sample:
    """One line: its text, the face and height it is drawn with, and what happens to it on its way to a file.

    `size` is the letters' em as a share of the height; `shaky` strikes each letter by itself. The truth on file has
    single spaces, whatever gaps the line is set with.
    """

    name: str
    text: str
    family: str
    style: str
    height: int
    finish: Callable[[Ink, np.random.Generator], Picture]
    size: float = 0.62
    shaky: bool = False


def receipt(ink: Ink, rng: np.random.Generator) -> Picture:
    """Thermal print: the head's rows show, and ink is thin on greyish paper."""
    ink = np.clip(1.6 * _soft(ink, 0.7), 0, 1)
    ink *= (0.86 + 0.14 * np.cos(np.arange(ink.shape[0]) * np.pi))[:, None].astype(np.float32)
    return _paper(ink, rng, ground=226, stroke=70, noise=5)


def book(ink: Ink, rng: np.random.Generator) -> Picture:
    """Letterpress, scanned to black and white."""
    grey = _soft(ink, 0.9) + 0.08 * _clouds(ink.shape, rng, 1.2)
    return np.where(grey > 0.3, 0, 255).astype(np.uint8)


def typewriter(ink: Ink, rng: np.random.Generator) -> Picture:
    """Ribbon ink: uneven within a letter, soft at its edge."""
    ink = np.asarray(_soft(ink, 0.8) * np.clip(0.8 + 0.25 * _clouds(ink.shape, rng, 3), 0.3, 1), np.float32)
    return _paper(ink, rng, ground=236, stroke=48, noise=4)


def form(ink: Ink, rng: np.random.Generator) -> Picture:
    """A low resolution scan of a filled field."""
    return _paper(_soft(ink, 0.4), rng, ground=246, stroke=60, noise=6)


def sign(ink: Ink, rng: np.random.Generator) -> Picture:
    """White letters on blue enamel, photographed: light from one side, JPEG blocks."""
    ink = _soft(ink, 0.9)[:, :, None]
    light = np.linspace(1.05, 0.8, ink.shape[1], dtype=np.float32)[None, :, None]
    colour = ink * np.array([238, 240, 236], np.float32) + (1 - ink) * np.array([24, 62, 128], np.float32)
    colour = colour * light + rng.normal(0, 3, colour.shape)
    picture = np.clip(colour, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def faint(ink: Ink, rng: np.random.Generator) -> Picture:
    """A grey copy of a copy: little contrast, a shadow towards the gutter."""
    shade = np.linspace(0, 22, ink.shape[1], dtype=np.float32)[None, :]
    return _paper(_soft(ink, 0.9), rng, ground=178, stroke=112, noise=4, shade=shade)


def clean(ink: Ink, rng: np.random.Generator) -> Picture:
    """A good scan of good print."""
    return _paper(_soft(ink, 0.6), rng, ground=244, stroke=30, noise=3)


SAMPLES = (
    Sample("receipt", "TOTAL  12.40 EUR", "IBM 3270", "Regular", 42, receipt, size=0.68),
    Sample("book", "It was the custom of the house to dine at eight,", "Libre Caslon Text", "Regular", 58, book),
    Sample("typewriter", "Your letter of 14 March has come.", "Special Elite", "Regular", 48, typewriter, shaky=True),
    Sample("form", "Invoice No. 20417/B", "Open Sans", "Regular", 17, form, size=0.68),
    Sample("sign", "Platform 7 to City Centre", "Lato", "Bold", 64, sign),
    Sample("faint", "Section 3: Maintenance and repair", "Tinos", "Regular", 44, faint),
    Sample("french", "Les élèves étaient là où le maître a reçu son prix.", "Spectral", "Regular", 50, clean),
    Sample("german", "Prüfen Sie Größe und Gewicht, bevor Sie das Gerät öffnen.", "Vollkorn", "Regular", 46, clean),
)


def main() -> None:
    """Draw every sample; exits with one line where a face is not to be found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, help="folder to look for the faces in; default: ask fontconfig")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the lines go; default: here")
    options = parser.parse_args()
    faces = find(options.fonts, {(sample.family, sample.style) for sample in SAMPLES})
    options.out.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(SAMPLES):
        rng = np.random.default_rng(number)
        picture = sample.finish(draw(sample, faces[sample.family, sample.style], rng), rng)
        Image.fromarray(picture).save(options.out / f"{sample.name}.png", optimize=True)
        truth = " ".join(sample.text.split())
        (options.out / f"{sample.name}.gt.txt").write_text(truth + "\n", encoding="utf-8", newline="\n")
        print(f"{sample.name}.png  {picture.shape[1]}x{picture.shape[0]}  {truth}")


def find(folder: Path | None, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Path]:
    """Files of the wanted faces (family, style); exits naming those that are missing."""
    if folder is None:
        listed = subprocess.run(["fc-list", "--format", "%{file}\n"], capture_output=True, text=True, check=True)
        files = sorted({Path(line) for line in listed.stdout.splitlines()})
    else:
        files = sorted(folder.rglob("*"))
    found: dict[tuple[str, str], Path] = {}
    for file in files:
        if file.suffix.lower() in (".ttf", ".otf"):
            family, style = ImageFont.truetype(file, 16).getname()
            found.setdefault((family or "", style or ""), file)
    missing = sorted(set(wanted) - found.keys())
    if missing:
        sys.exit(f"no face {', '.join(' '.join(face) for face in missing)}; install it or name its folder with --fonts")
    return found


def draw(sample: Sample, face: Path, rng: np.random.Generator) -> Ink:
    """Ink (h, w) of a line at the sample's height, with a margin of a fifth of it at either end."""
    height = sample.height * SCALE
    font = ImageFont.truetype(face, round(height * sample.size))
    margin = height // 5
    canvas = Image.new("L", (round(font.getlength(sample.text)) + 2 * margin, height), 0)
    pen = ImageDraw.Draw(canvas)
    x = float(margin)
    for part in sample.text if sample.shaky else [sample.text]:
        # A typebar strikes each letter by itself: up to a fortieth of the height too high or low, hard or soft.
        y = height * 0.5 + (rng.uniform(-0.025, 0.025) * height if sample.shaky else 0.0)
        middle = -sum(font.getbbox("Hg", anchor="ls")[1::2]) / 2
        strength = int(rng.uniform(190, 255)) if sample.shaky else 255
        pen.text((x, y + middle), part, fill=strength, font=font, anchor="ls")
        x += font.getlength(part)
    size = (max(1, canvas.width // SCALE), sample.height)
    return np.asarray(cv2.resize(np.asarray(canvas, np.float32) / 255, size, interpolation=cv2.INTER_AREA), np.float32)


def _soft(ink: npt.NDArray[np.floating[Any]], blur_px: float) -> Ink:
    return np.asarray(cv2.GaussianBlur(np.asarray(ink, np.float32), (0, 0), blur_px), np.float32)


def _clouds(shape: tuple[int, ...], rng: np.random.Generator, size_px: float) -> Ink:
    """Smooth noise (h, w) with standard deviation 1 and blots of about `size_px`."""
    noise = _soft(rng.normal(size=shape), size_px)
    return np.asarray(noise / noise.std(), np.float32)


def _paper(
    ink: Ink, rng: np.random.Generator, *, ground: float, stroke: float, noise: float, shade: Ink | float = 0.0
) -> Picture:
    """Grey picture of ink on paper, both given as 0 black to 255 white, with a scanner's noise."""
    grey = ground - shade - ink * (ground - stroke) + rng.normal(0, noise, ink.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
