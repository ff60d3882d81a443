"""What several tests need: a drawn line, the checkout, and the shipped model where it is already there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def drawn() -> npt.NDArray[np.uint8]:
    """A printed line, grey (48, w), black on white, drawn with the one face that Pillow carries."""
    font = ImageFont.load_default(28)
    picture = Image.new("L", (round(font.getlength("Total 12.40 EUR")) + 20, 48), 255)
    ImageDraw.Draw(picture).text((10, 24), "Total 12.40 EUR", fill=0, font=font, anchor="lm")
    return np.asarray(picture).copy()


@pytest.fixture(scope="session")
def latin(root: Path) -> str:
    """Name of the shipped model; skips where it has not been trained yet."""
    if not (root / "ocrnn" / "models" / "latin.onnx").exists():
        pytest.skip("the shipped model is not there; train it as training/README.md says")
    return "latin"
