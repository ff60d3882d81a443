"""A small world to train in: drawn digits, and a network that learns them in seconds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.image import LineFormat
from ocrnn.spec import Architecture, ModelSpec, Stage

SMALL = Architecture(
    height=16,
    stages=(Stage(8, kernel=3, stride=2, pool=(1, 1)), Stage(16, pool=(2, 1)), Stage(24)),
    hidden=24,
    layers=1,
)


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn on the processor, whatever the machine has: what is expected to the last bit holds there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(Charset("0123456789"), LineFormat(height=16, width_step=8, margin=2), SMALL)


@pytest.fixture
def digits(tmp_path: Path) -> list[Sample]:
    return draw_digits(tmp_path / "digits", 60)


@pytest.fixture
def many_digits(tmp_path: Path) -> list[Sample]:
    return draw_digits(tmp_path / "many digits", 300)


@pytest.fixture
def other_digits(tmp_path: Path) -> list[Sample]:
    return draw_digits(tmp_path / "other digits", 60, seed=6)


@pytest.fixture
def short_lines(tmp_path: Path) -> Path:
    """Twenty numbers of two digits, narrow: the network of `--arch fast` goes through a thousand in seconds."""
    folder = tmp_path / "lines"
    folder.mkdir()
    font = ImageFont.load_default(24)
    for number in range(20):
        picture = Image.new("L", (32, 32), 255)
        ImageDraw.Draw(picture).text((2, 2), str(37 + number), font=font, fill=0)
        picture.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(str(37 + number), encoding="utf-8")
    return folder


def draw_digits(folder: Path, count: int, seed: int = 5) -> list[Sample]:
    """Pictures of 2 to 5 digits in Pillow's own face, with their labels beside them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    font = ImageFont.load_default(20)
    samples = []
    for number in range(count):
        text = "".join(str(d) for d in rng.integers(10, size=rng.integers(2, 6)))
        picture = Image.new("L", (8 + round(font.getlength(text)), 28), 255)
        ImageDraw.Draw(picture).text((4, 2), text, font=font, fill=0)
        path = folder / f"{number:03}.png"
        picture.save(path)
        path.with_suffix(".gt.txt").write_text(text + "\n", encoding="utf-8")
        samples.append(Sample(path, text, name=path.name))
    return samples


@pytest.fixture
def fonts(tmp_path: Path) -> Path:
    """A folder with one face, so that no test depends on what the system has."""
    matplotlib = pytest.importorskip("matplotlib")
    folder = tmp_path / "fonts"
    folder.mkdir()
    face = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    (folder / face.name).write_bytes(face.read_bytes())
    return folder
