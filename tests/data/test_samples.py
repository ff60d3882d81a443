"""A labelled picture is opened the same way whatever holds it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.samples import Sample
from ocrnn.errors import ImageError


def test_a_file_is_its_picture(tmp_path: Path) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(Sample(tmp_path / "a.png", "a").load(), grey)


def test_a_page_must_be_said_where_there_are_several(tmp_path: Path) -> None:
    pages = [Image.new("L", (5, 3), shade) for shade in (10, 20)]
    scan = tmp_path / "scan.tif"
    pages[0].save(scan, save_all=True, append_images=pages[1:])
    assert [int(Sample(scan, "a", page=page).load()[0, 0]) for page in (0, 1)] == [10, 20]
    with pytest.raises(ImageError, match=r"scan\.tif: has no page 3; mend the label"):
        Sample(scan, "a", page=2).load()
    with pytest.raises(ImageError, match=r"scan\.tif: 2 pages with one label; save each page as a picture"):
        Sample(scan, "a").load()


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        Sample(tmp_path / "gone.png", "a").load()
    Image.new("L", (50, 50)).save(tmp_path / "big.png")
    with pytest.raises(ImageError, match=r"big\.png: 50x50 pixels, over the limit of 99"):
        Sample(tmp_path / "big.png", "a").load(max_pixels=99)


def test_a_sample_travels_and_is_a_key(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "a.png", "a", name="a.png")
    assert pickle.loads(pickle.dumps(sample)) == sample
    assert len({sample, Sample(tmp_path / "a.png", "a", name="a.png")}) == 1
    (tmp_path / "sub").mkdir()
    assert sample.key == Sample(tmp_path / "sub" / ".." / "a.png", "b").key
    assert sample.key != Sample(tmp_path / "a.png", "a", page=1).key
