"""Pictures to measure with, where no others are given: drawn in Pillow's own face, the same on every machine."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path


def draw(folder: Path, count: int) -> list[Path]:
    """Write so many pictures of lines, 40 px high and some 300 wide, most of them degraded as print and scans are."""
    from PIL import Image

    from ocrnn.image import LineFormat
    from ocrnn.model.quantise import draw_lines

    paths = []
    for number, line in enumerate(draw_lines(LineFormat(), count)):
        paths.append(folder / f"{number:06}.png")
        Image.fromarray((255 * (1 - line[0])).round().astype("uint8")).save(paths[-1])
    return paths


def gathered(pictures: Sequence[Path], folder: Path, times: int = 1) -> list[Path]:
    """Copy pictures into one folder under new names, each so many times: for readers that take a folder."""
    paths = []
    for time in range(times):
        for number, picture in enumerate(pictures):
            paths.append(folder / f"{time}-{number:06}{picture.suffix.lower()}")
            shutil.copyfile(picture, paths[-1])
    return paths
