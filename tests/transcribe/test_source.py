from __future__ import annotations

import io
import operator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.samples import Sample
from ocrnn.transcribe.source import Counted, Source, is_page, name_of


def test_each_source_has_a_name(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as file:
        assert name_of(file) == str(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert name_of(picture) == str(tmp_path / "a.png")
    names: list[tuple[Source, str]] = [
        ("a.png", "a.png"),
        (Path("a.png"), "a.png"),
        (b"\x89PNG", "picture"),
        (io.BytesIO(), "stdin"),
        (np.zeros((9, 9), np.uint8), "array"),
        (Image.new("L", (9, 9)), "picture"),
        (Sample(Path("a.png"), "text"), "a.png"),
    ]
    for source, name in names:
        assert name_of(source) == name


@pytest.mark.parametrize(
    ("source", "page"), [("a.xml", True), (Path("a.xml"), True), ("a.png", False), (b".xml", False)]
)
def test_a_page_is_a_path_that_ends_in_xml(source: Source, page: bool) -> None:
    assert is_page(source) is page


def test_what_is_drawn_is_counted_and_its_number_known() -> None:
    counted = Counted(["a.png", "b.png", "c.png"])
    assert operator.length_hint(counted) == 3
    drawn = iter(counted)
    assert (next(drawn), next(drawn), counted.drawn) == ("a.png", "b.png", 2)
    assert operator.length_hint(Counted(name for name in "abc")) > 10**9, "unknown is many"
