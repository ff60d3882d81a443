"""A picture of lines as the network gets them: a wrong polarity or too much augmentation is seen at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ocrnn.spec import ModelSpec
from ocrnn.storage import write_whole
from ocrnn.training.batches import Plan, prepared_line


def save_sheet(path: Path, plan: Plan, spec: ModelSpec, seed: int, *, lines: int = 40) -> None:
    """Write the first lines of an epoch's plan below one another as a PNG, ink dark again; raises OutputError."""
    made = [prepared_line(plan, place, spec, seed, epoch=1) for place in range(min(lines, len(plan)))]
    shown = [line for line, _ in filter(None, made)]
    gap = 6
    width = max(line.shape[2] for line in shown)
    page = np.full((len(shown) * (spec.line_format.height + gap), width), 200, np.uint8)
    for row, line in enumerate(shown):
        top = row * (spec.line_format.height + gap)
        page[top : top + spec.line_format.height, : line.shape[2]] = 255 - np.rint(line[0] * 255).astype(np.uint8)
    write_whole(path, cv2.imencode(".png", page)[1].tobytes())
