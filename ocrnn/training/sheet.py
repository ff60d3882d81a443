"""A picture of lines as the network gets them: a wrong polarity or too much augmentation is seen at once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ocrnn.image import Grey
from ocrnn.spec import ModelSpec
from ocrnn.storage import write_whole
from ocrnn.training.batches import prepared_line
from ocrnn.training.plans import Plan

_TITLE = "ocrnn train: lines as the network gets them"
"""Written into a sheet, which is known by it from pictures that are to be kept."""


def augmented_lines(plan: Plan, spec: ModelSpec, seed: int, *, lines: int) -> list[tuple[Grey, str]]:
    """Pictures (H, W), ink dark again, and texts of the first lines of an epoch's plan; none that do not fit."""
    made = [prepared_line(plan, place, spec, seed, epoch=1) for place in range(min(lines, len(plan)))]
    return [
        (255 - np.rint(line[0] * 255).astype(np.uint8), spec.charset.decode(classes))
        for line, classes in filter(None, made)
    ]


def save_sheet(path: Path, plan: Plan, spec: ModelSpec, seed: int, *, lines: int = 40) -> None:
    """Write the first lines of an epoch's plan below one another as a PNG; raises OutputError."""
    shown = [line for line, _ in augmented_lines(plan, spec, seed, lines=lines)]
    gap = 6
    page = np.full((len(shown) * (spec.line_format.height + gap), max(line.shape[1] for line in shown)), 200, np.uint8)
    for row, line in enumerate(shown):
        top = row * (spec.line_format.height + gap)
        page[top : top + spec.line_format.height, : line.shape[1]] = line
    told, picture = PngInfo(), io.BytesIO()
    told.add_text("Title", _TITLE)
    Image.fromarray(page).save(picture, "png", pnginfo=told)
    write_whole(path, picture.getvalue())


def is_sheet(beginning: bytes) -> bool:
    """Tell by its beginning whether a file is a sheet that `save_sheet` wrote."""
    return beginning.startswith(b"\x89PNG") and _TITLE.encode() in beginning
