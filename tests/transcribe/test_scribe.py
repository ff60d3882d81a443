from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding.search import Search
from ocrnn.transcribe.prepared import Opener, Prepared
from ocrnn.transcribe.scribe import Scribe

if TYPE_CHECKING:
    from tests.conftest import Bars


def looked_at(bars: Bars, *texts: str) -> tuple[list[Prepared], list[npt.NDArray[np.float32]]]:
    """Pages of some texts, and what the model says of the line of each."""
    pages = list(Opener(bars.spec).pages(enumerate(map(bars.draw, texts))))
    return pages, [bars.infer(page.line[None])[:, 0] for page in pages if isinstance(page.line, np.ndarray)]


def test_it_writes_down_what_the_model_says(bars: Bars) -> None:
    pages, lines = looked_at(bars, "407", "12")
    first, second = Scribe(bars.spec, Search()).readings(pages, lines)
    assert (first.text, second.text) == ("407", "12")
    assert (first.width_px, first.height_px) == (40, 40)
    drawn = [(4, 12), (16, 24), (28, 36)]  # as Bars draws them: 8 columns wide, 4 of ground around
    for character, (left, right) in zip(first.characters, drawn, strict=True):
        assert (character.left_px, character.right_px) == pytest.approx((left, right), abs=2)
    (word,) = first.words
    assert (word.text, word.left_px, word.right_px) == (
        "407",
        first.characters[0].left_px,
        first.characters[-1].right_px,
    )


def test_without_parts_the_rest_is_the_same(bars: Bars) -> None:
    pages, lines = looked_at(bars, "407")
    (whole,), (bare,) = (Scribe(bars.spec, Search(), parts=parts).readings(pages, lines) for parts in (True, False))
    assert (bare.characters, bare.words) == ((), ())
    assert (bare.text, bare.confidence) == (whole.text, whole.confidence)


def test_several_pictures_make_one_reading(bars: Bars) -> None:
    pages, lines = looked_at(bars, "417", "407", "407")
    reading = Scribe(bars.spec, Search()).fused(pages, lines)
    assert reading.text == "407"
    (alone,) = Scribe(bars.spec, Search()).readings(pages[1:2], lines[1:2])
    assert reading.confidence < alone.confidence, "one of the three shows another text"


def test_of_no_lines_there_are_no_readings(bars: Bars) -> None:
    assert Scribe(bars.spec, Search()).readings([], []) == []
