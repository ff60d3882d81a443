"""A labelled picture is opened the same way whatever holds it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.samples import Problem, Sample
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


def test_only_a_file_of_its_own_is_given_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"any bytes")
    assert Sample(tmp_path / "a.png", "a").read() == b"any bytes"
    assert Sample(tmp_path / "a.png", "a", page=0).read() is None
    with pytest.raises(ImageError, match=r"gone\.png: no such file|gone\.png: cannot be read"):
        Sample(tmp_path / "gone.png", "a").read()


def test_a_finding_is_one_line_of_characters_that_show() -> None:
    found = Problem("a\nb.tsv:1", "a tab '\t'", "mend it")
    assert str(found) == "a\\u000ab.tsv:1: a tab '\\u0009'; mend it"
    assert found.place == "a\\u000ab.tsv:1: a tab '\\u0009'"
