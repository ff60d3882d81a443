"""Draws the sample lines of this folder, NAME.png and NAME.gt.txt, and the sample pages, pages/NAME.png and NAME.xml.

usage: python samples/make.py [--fonts DIR] [--out DIR]

Takes each face by its family and style from the fonts that fontconfig knows, or from a folder. The families are
under the SIL Open Font License or the Apache License, which let pictures of their letters go anywhere.
The same fonts give the same pictures, pixel for pixel.
"""

from __future__ import annotations

import argparse
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Ink = npt.NDArray[np.float32]
"""A drawn line (h, w), 0 paper to 1 ink."""
Picture = npt.NDArray[np.uint8]
"""A finished picture, (h, w) grey or (h, w, 3) RGB."""

_DATE = "2026-01-01T00:00:00Z"
"""No clock: the same fonts give the same files."""

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


@dataclass(frozen=True)
class Block:
    """Lines of one face, from the upper left of the first: where they stand, their em and their distance in pixels."""

    left: int
    top: int
    em: int
    leading: int
    family: str
    style: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """A page of blocks, turned by `tilt_deg` as a hand lays it on the glass, and who describes it: PAGE or ALTO."""

    name: str
    kind: str
    size: tuple[int, int]
    tilt_deg: float
    blocks: tuple[Block, ...]


CASLON, SANS = ("Libre Caslon Text", "Regular"), ("Open Sans", "Regular")
PAGES = (
    Page(
        "letter", "PAGE", (860, 420), 1.3,
        (
            Block(250, 46, 34, 50, *CASLON, ("The Harbour Office",)),
            Block(
                70, 122, 24, 40, *CASLON,
                (
                    "Sir, the three barrels that you asked for in your letter of",
                    "9 October left this morning with the Marguerite, and will,",
                    "if the wind holds, be at your quay by Saturday noon. The",
                    "captain has the bill, 48 pounds 6 shillings, and will wait.",
                ),
            ),
            Block(480, 318, 24, 40, *CASLON, ("Your servant, J. Whitlow",)),
        ),
    ),
    Page(
        "notice", "ALTO", (760, 330), 0.0,
        (
            Block(60, 40, 34, 46, "Lato", "Bold", ("Opening hours",)),
            Block(60, 110, 22, 38, *SANS, ("Monday to Friday", "Saturday", "Sunday and holidays", "Telephone")),
            Block(440, 110, 22, 38, *SANS, ("08:30 to 17:00", "09:00 to 12:30", "closed", "+49 30 555 0199")),
        ),
    ),
)  # fmt: skip


def main() -> None:
    """Draw every sample; exits with one line where a face is not to be found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, help="folder to look for the faces in; default: ask fontconfig")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the lines go; default: here")
    options = parser.parse_args()
    wanted = {(sample.family, sample.style) for sample in SAMPLES}
    wanted |= {(block.family, block.style) for page in PAGES for block in page.blocks}
    faces = find(options.fonts, wanted)
    options.out.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(SAMPLES):
        rng = np.random.default_rng(number)
        picture = sample.finish(draw(sample, faces[sample.family, sample.style], rng), rng)
        Image.fromarray(picture).save(options.out / f"{sample.name}.png", optimize=True)
        truth = " ".join(sample.text.split())
        (options.out / f"{sample.name}.gt.txt").write_text(truth + "\n", encoding="utf-8", newline="\n")
        print(f"{sample.name}.png  {picture.shape[1]}x{picture.shape[0]}  {truth}")
    folder = options.out / "pages"
    folder.mkdir(exist_ok=True)
    for page in PAGES:
        light, described = set_page(page, faces)
        Image.fromarray(light).save(folder / f"{page.name}.png", optimize=True)
        ElementTree.indent(described, "  ")
        xml = ElementTree.tostring(described, encoding="unicode").replace(" />", "/>")
        declared = '<?xml version="1.0" encoding="UTF-8"?>\n' + xml + "\n"
        (folder / f"{page.name}.xml").write_text(declared, encoding="utf-8", newline="\n")
        print(f"pages/{page.name}.png  {light.shape[1]}x{light.shape[0]}  {page.kind}")


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


def set_page(page: Page, faces: dict[tuple[str, str], Path]) -> tuple[npt.NDArray[np.bool_], ElementTree.Element]:
    """A page in black and white, and what says where its lines are and what they say."""
    width, height = page.size
    canvas = Image.new("L", (width * SCALE, height * SCALE), 0)
    pen = ImageDraw.Draw(canvas)
    described = _Described(page)
    for block in page.blocks:
        font = ImageFont.truetype(faces[block.family, block.style], block.em * SCALE)
        up, down = (round(share * block.em) for share in (0.95, 0.35))
        wide = max(math.ceil(font.getlength(line) / SCALE) for line in block.lines)
        below = block.leading * (len(block.lines) - 1)
        described.block(block.left - 8, block.top - 6, block.left + wide + 8, block.top + below + up + down + 6)
        for number, line in enumerate(block.lines):
            base = block.top + number * block.leading + up
            pen.text((block.left * SCALE, base * SCALE), line, fill=255, font=font, anchor="ls")
            starts = [font.getlength(line[: match.start()]) / SCALE for match in re.finditer(r"\S+", line)]
            ends = [font.getlength(line[: match.end()]) / SCALE for match in re.finditer(r"\S+", line)]
            words = [(block.left + start, block.left + end) for start, end in zip(starts, ends, strict=True)]
            described.line(line, block.left - 5, base - up, words[-1][1] + 5, base + down, base, words)
    small = cv2.resize(np.asarray(canvas, np.float32) / 255, page.size, interpolation=cv2.INTER_AREA)
    turned = np.asarray(cv2.warpAffine(small, described.turn, page.size, flags=cv2.INTER_CUBIC), np.float32)
    return _soft(turned, 0.5) < 0.4, described.root


class _Described:
    """A PAGE or ALTO file as it is written, block by block and line by line, in pixels before the page is turned."""

    def __init__(self, page: Page) -> None:
        width, height = page.size
        self.turn = cv2.getRotationMatrix2D((width / 2, height / 2), -page.tilt_deg, 1.0)
        self._kind = page.kind
        self._blocks = self._lines = 0
        if page.kind == "PAGE":
            namespace = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
            self.root = ElementTree.Element("PcGts", {"xmlns": namespace})
            metadata = ElementTree.SubElement(self.root, "Metadata")
            for name, text in (("Creator", "samples/make.py"), ("Created", _DATE), ("LastChange", _DATE)):
                ElementTree.SubElement(metadata, name).text = text
            size = {"imageWidth": str(width), "imageHeight": str(height)}
            self._page = ElementTree.SubElement(self.root, "Page", {"imageFilename": f"{page.name}.png", **size})
        else:
            namespace = "http://www.loc.gov/standards/alto/ns-v4#"
            self.root = ElementTree.Element("alto", {"xmlns": namespace})
            description = ElementTree.SubElement(self.root, "Description")
            ElementTree.SubElement(description, "MeasurementUnit").text = "pixel"
            source = ElementTree.SubElement(description, "sourceImageInformation")
            ElementTree.SubElement(source, "fileName").text = f"{page.name}.png"
            size = {"WIDTH": str(width), "HEIGHT": str(height)}
            layout = ElementTree.SubElement(self.root, "Layout")
            sheet = ElementTree.SubElement(layout, "Page", {"ID": "page_1", "PHYSICAL_IMG_NR": "1", **size})
            self._page = ElementTree.SubElement(sheet, "PrintSpace", {"HPOS": "0", "VPOS": "0", **size})

    def block(self, left: float, top: float, right: float, bottom: float) -> None:
        """Begin a block."""
        self._blocks += 1
        self._lines = 0
        if self._kind == "PAGE":
            self._block = ElementTree.SubElement(self._page, "TextRegion", {"id": f"r{self._blocks}"})
            self._coords(self._block, "Coords", [(left, top), (right, top), (right, bottom), (left, bottom)])
        else:
            place = self._place(left, top, right, bottom)
            self._block = ElementTree.SubElement(self._page, "TextBlock", {"ID": f"block_{self._blocks}", **place})

    def line(
        self,
        text: str,
        left: float,
        top: float,
        right: float,
        bottom: float,
        base: float,
        words: list[tuple[float, float]],
    ) -> None:
        """Add a line to the block."""
        self._lines += 1
        if self._kind == "PAGE":
            line = ElementTree.SubElement(self._block, "TextLine", {"id": f"r{self._blocks}l{self._lines}"})
            self._coords(line, "Coords", [(left, top), (right, top), (right, bottom), (left, bottom)])
            self._coords(line, "Baseline", [(left, base), (right, base)])
            equivalent = ElementTree.SubElement(line, "TextEquiv")
            ElementTree.SubElement(equivalent, "Unicode").text = text
            return
        place = self._place(left, top, right, bottom)
        name = {"ID": f"line_{self._blocks}_{self._lines}"}
        line = ElementTree.SubElement(self._block, "TextLine", {**name, **place, "BASELINE": str(round(base))})
        for number, (word, (start, end)) in enumerate(zip(text.split(), words, strict=True)):
            if number:
                gap = self._place(words[number - 1][1], top, start, bottom)
                ElementTree.SubElement(line, "SP", gap)
            ElementTree.SubElement(line, "String", {"CONTENT": word, **self._place(start, top, end, bottom)})

    def _coords(self, parent: ElementTree.Element, name: str, corners: list[tuple[float, float]]) -> None:
        turned = np.array(corners) @ self.turn[:, :2].T + self.turn[:, 2]
        points = " ".join(f"{x},{y}" for x, y in np.rint(turned).astype(int).tolist())
        ElementTree.SubElement(parent, name, {"points": points})

    @staticmethod
    def _place(left: float, top: float, right: float, bottom: float) -> dict[str, str]:
        sides = {"HPOS": left, "VPOS": top, "WIDTH": right - left, "HEIGHT": bottom - top}
        return {name: str(round(side)) for name, side in sides.items()}


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
