"""What peers are given to read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from ocrnn.bench.engines import RapidOcr

FAKE = """
import types
class RapidOCR:
    def __init__(self, params):
        pass
    def __call__(self, picture, **options):
        return types.SimpleNamespace(txts=(" ".join(map(str, picture[0, 0])),))
"""


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [("RGBA", (0, 0, 0, 0), "255 255 255"), ("LA", (0, 0), "255 255 255"), ("RGB", (1, 2, 3), "3 2 1")],
)
def test_rapidocr_sees_transparent_ground_as_white(
    tmp_path: Path, mode: str, colour: tuple[int, ...], seen: str
) -> None:
    """As its own loading and both other readers take it; colours are in the order of OpenCV."""
    (tmp_path / "rapidocr.py").write_text(FAKE)
    Image.new(mode, (4, 3), colour).save(tmp_path / "line.png")
    done = subprocess.run(
        RapidOcr().one(tmp_path / "line.png"),
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == f"{tmp_path / 'line.png'}\t{seen}\n"
