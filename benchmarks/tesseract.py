"""Tesseract beside us, in the best single setting found for lines: 48 px high, a border of a fifth, psm 7.

It comes with `apt-get install tesseract-ocr` and `pip install tesserocr`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

HEIGHT, BORDER = 48, 10


def installed() -> bool:
    """Whether Tesseract can be asked from Python."""
    return find_spec("tesserocr") is not None


def version() -> str:
    """Number of the engine's release."""
    import tesserocr

    return str(tesserocr.tesseract_version()).split()[1]


class Tesseract:
    """One open engine of one language, on one thread."""

    def __init__(self, language: str = "eng") -> None:
        """Open the engine; its data lie where TESSDATA_PREFIX says, or where Debian puts them."""
        os.environ["OMP_THREAD_LIMIT"] = "1"
        import tesserocr

        known = sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"))
        data = os.environ.get("TESSDATA_PREFIX") or (str(known[-1]) if known else "")
        self._api: Any = tesserocr.PyTessBaseAPI(path=data, lang=language, psm=tesserocr.PSM.SINGLE_LINE)

    def read(self, picture: Image.Image) -> str:
        """Text of an RGB picture of one line, spaces collapsed."""
        width = max(1, round(picture.width * HEIGHT / picture.height))
        picture = picture.resize((width, HEIGHT), Image.Resampling.BICUBIC)
        # The border continues the ground: the middle grey level of the top row.
        edge = sorted(picture.convert("L").crop((0, 0, width, 1)).resize((16, 1)).tobytes())[8]
        self._api.SetImage(ImageOps.expand(picture, BORDER, (edge,) * 3))
        self._api.SetSourceResolution(300)
        return " ".join((self._api.GetUTF8Text() or "").split())


def opened(path: Path) -> Image.Image:
    """RGB picture of a file, transparent ground made white."""
    with Image.open(path) as picture:
        if "transparency" in picture.info or picture.mode in ("LA", "RGBA", "PA"):
            rgba = picture.convert("RGBA")
            ground = Image.new("RGBA", rgba.size, "white")
            ground.alpha_composite(rgba)
            return ground.convert("RGB")
        return picture.convert("RGB")
