from pathlib import Path

import numpy as np
from PIL import Image

from ocrnn.data.labels import Sample
from ocrnn.spec import ModelSpec
from ocrnn.training.plans import permuted
from ocrnn.training.sheet import is_sheet, save_sheet
from ocrnn.training.sources import RealLines


def test_the_sheet_shows_the_prepared_lines(digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    plan = permuted(RealLines(digits, None), seed=0, epoch=1, least=1)
    save_sheet(tmp_path / "sheet.png", plan, spec, seed=0, lines=5)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape[0] == 5 * (16 + 6)
    for row in range(5):
        line = spec.line_format.prepare(digits[plan[row][1]].load())[0]
        shown = sheet[row * 22 : row * 22 + 16, : line.shape[1]]
        assert np.abs(shown.astype(float) - 255 * (1 - line)).max() < 0.51  # half a grey, and the rounding of float32


def test_a_sheet_is_told_from_other_pictures(digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    save_sheet(tmp_path / "sheet.png", permuted(RealLines(digits, None), 0, 1, least=1), spec, seed=0, lines=1)
    assert is_sheet((tmp_path / "sheet.png").read_bytes()[:4096])
    assert not any(is_sheet(digit.image.read_bytes()) for digit in digits)
