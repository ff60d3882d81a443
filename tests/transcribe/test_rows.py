from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrnn.image import LineFormat
from ocrnn.transcribe.rows import holds_several

Grey = npt.NDArray[np.uint8]
FONT = ImageFont.load_default(28)


def drawn(*lines: str, leading: int = 36, tilt_deg: float = 0.0) -> Grey:
    width = round(max(FONT.getlength(line) for line in lines)) + 20
    picture = Image.new("L", (width, leading * len(lines) + 8), 255)
    for row, line in enumerate(lines):
        ImageDraw.Draw(picture).text((10, 4 + leading * row), line, fill=0, font=FONT)
    return np.asarray(picture.rotate(tilt_deg, expand=False, fillcolor=255))


def seems_several(grey: Grey) -> bool:
    return holds_several(LineFormat().prepare(grey))


LONG = ("Twelve boxing wizards jump", "quickly over a lazy dog, pay")


@pytest.mark.parametrize("lines", [LONG, LONG * 2, ("Total 12.40", "Change 7.60"), (*LONG, "and a third of them all")])
def test_lines_above_one_another_are_several(lines: tuple[str, ...]) -> None:
    grey = drawn(*lines)
    assert seems_several(grey)
    assert seems_several(255 - grey)
    assert seems_several(grey.repeat(3, axis=0).repeat(3, axis=1))


def test_a_little_slope_does_not_hide_them() -> None:
    assert seems_several(drawn(*LONG, tilt_deg=1.0))


@pytest.mark.parametrize(
    "line",
    ["Twelve boxing wizards jump quickly", ":", "=", "i", "ÄÖÜ áéí Ñ jijij", "%", "....", "a"],
)
def test_one_line_is_one(line: str) -> None:
    grey = drawn(line)
    rows, columns = np.nonzero(grey < 128)
    tight = grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert not seems_several(grey)
    assert not seems_several(tight)


def test_the_feet_of_the_line_above_are_no_line() -> None:
    page = drawn("gypsy quay jogging", *LONG)
    assert not seems_several(page[31 : 31 + 46])


def test_a_rule_below_is_no_line() -> None:
    grey = drawn("Signature of the holder")
    grey = np.pad(grey, ((0, 10), (0, 0)), constant_values=255)
    grey[-6:-3, 5:-5] = 0
    assert not seems_several(grey)


@pytest.mark.parametrize("height", [1, 2, 3])
def test_a_thin_rule_is_no_line(height: int) -> None:
    grey = np.full((40, 400), 255, np.uint8)
    grey[20 : 20 + height, 30:370] = 0
    assert not seems_several(grey)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 400)])
def test_an_empty_picture_holds_none(shape: tuple[int, int]) -> None:
    assert not seems_several(np.full(shape, 255, np.uint8))
    assert not seems_several(np.zeros(shape, np.uint8))
