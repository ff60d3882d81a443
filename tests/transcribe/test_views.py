from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.views import by_network, in_doubt, is_settled, kept, views
from tests.transcribe.conftest import spaced

if TYPE_CHECKING:
    from tests.conftest import Bars


def test_every_view_is_read_and_the_picture_as_it_is_by_every_further_network(bars: Bars) -> None:
    own, all_, lines, words = (
        dataclasses.replace(bars.spec, doubt=doubt, word_doubt=word_doubt)
        for doubt, word_doubt in ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    )
    assert by_network(5, [own], word=False) == [[1, 2, 3, 4]]
    assert by_network(5, [own, lines], word=False) == [[2, 4], [0, 1, 3]]
    assert by_network(5, [own, words, lines], word=False) == [[2, 4], [], [0, 1, 3]]
    assert by_network(5, [own, all_, lines], word=False) == [[3], [0, 1, 4], [0, 2]]
    assert by_network(3, [own, all_, lines], word=True) == [[1, 2], [0, 1, 2], []]
    assert by_network(3, [own, all_, words], word=True) == [[], [0], [0, 1, 2]], "who knows words alone takes over"
    assert by_network(1, [own, lines], word=False) == [[], [0]]


def test_lines_get_four_widths_and_words_one_with_slopes_and_leans() -> None:
    line = [view.grey.shape for view in views(np.zeros((40, 400), np.uint8))]
    assert line == [(40, 460), (40, 520), (40, 600), (40, 340)]
    word = list(views(np.zeros((40, 76), np.uint8)))
    assert [view.grey.shape[1] for view in word] == [114] + [76] * 6 + [96] * 2
    assert all((view.left, view.width) == (10, 76) for view in word[7:])
    assert all(min(view.grey.shape) >= 1 for view in views(np.zeros((1, 1), np.uint8)))


def test_small_text_in_a_large_box_is_seen_from_closer() -> None:
    picture = np.full((100, 700), 230, np.uint8)
    picture[60:85, 40:660:9] = 40
    shapes = [view.grey.shape for view in views(picture)]
    assert [width for _, width in shapes[4:]] == [700, 910]
    for view in list(views(picture))[4:]:
        inked = np.flatnonzero((view.grey < 100).any(1))
        assert len(inked) == 25, "all rows of it are there"
        assert 0.6 < len(inked) / len(view.grey) < 0.9
    assert len(list(views(picture[55:90]))) == 4, "a box that fits is close enough"


@pytest.mark.parametrize("lean", [0.5, -0.5])
def test_one_view_sets_upright_what_leans(lean: float) -> None:
    picture = np.full((60, 200), 255, np.uint8)
    for row in range(60):
        column = round(100 + lean * (30 - row))
        picture[row, column : column + 4] = 0
    tallest = [(255 - view.grey.astype(float)).sum(0).max() / 255 for view in views(picture)]
    assert max(tallest) > 50, "an upright bar fills a column"
    assert max(tallest[:-2]) < 20, "no other view does so"
    (view,) = (view for view, height in zip(views(picture), tallest, strict=True) if height > 50)
    middle = float(np.average(np.arange(view.grey.shape[1]), weights=255 - view.grey.mean(0)))
    assert (middle - view.left) / view.width == pytest.approx(0.51, abs=0.01), "it stands where it stood"


@pytest.mark.parametrize(
    ("shape", "left"),
    [((40, 100), (40, 100)), ((1600, 3000), (160, 300)), ((40, 400), None), ((3000, 12010), None)],
)
def test_only_what_may_be_looked_at_again_is_kept_and_not_in_full(
    shape: tuple[int, int], left: tuple[int, int] | None
) -> None:
    spec = ModelSpec(Charset("abc"), word_doubt=0.3)
    found = kept(np.zeros(shape, np.uint8), spec)
    assert (None if found is None else found.shape) == left
    assert kept(np.zeros(shape, np.uint8), dataclasses.replace(spec, word_doubt=0.0)) is None


@pytest.mark.parametrize("degrees", [8, -8, 16, -16, 24, -24])
def test_one_of_the_slopes_levels_a_word_that_climbs_or_falls(degrees: float) -> None:
    height, width = 100, 160
    x = np.arange(width)
    middle = height / 2 + (x - width / 2) * np.tan(np.radians(degrees))
    picture = np.where(abs(np.arange(height)[:, None] - middle) < 4, 0, 255).astype(np.uint8)
    thickness = [(255 - view.grey.astype(float)).sum(1).max() / 255 for view in views(picture)]
    assert max(thickness) > 0.95 * width, "a level bar fills a row"
    assert max(thickness[:4]) < 0.8 * width * 1.5, "no width does so"


@pytest.mark.parametrize(("width", "slopes"), [(76, 6), (100, 4), (200, 2), (240, 2), (241, 0)])
def test_no_slope_is_tried_that_leads_out_of_the_box(width: int, slopes: int) -> None:
    seen = list(views(np.zeros((40, width), np.uint8)))
    assert sum(view.grey.shape[1] == width for view in seen) == slopes


@pytest.mark.parametrize(
    ("confidence", "width", "again"),
    [(0.2, 100, True), (0.4, 100, False), (0.2, 400, False), (0.05, 400, True), (0.1, 400, False)],
)
def test_words_and_lines_have_doubts_of_their_own(confidence: float, width: int, again: bool) -> None:
    spec = ModelSpec(Charset("abc"), doubt=0.1, word_doubt=0.3)
    reading = dataclasses.replace(spaced("abc"), confidence=confidence)
    assert in_doubt(reading, np.zeros((40, width), np.uint8), spec) == again


@pytest.mark.parametrize(
    ("confidence", "width", "settled"),
    [(0.55, 400, True), (0.45, 400, False), (0.55, 100, False), (0.65, 100, True)],
)
def test_settled_is_what_is_likelier_than_not_and_no_longer_in_doubt(
    confidence: float, width: int, settled: bool
) -> None:
    spec = ModelSpec(Charset("abc"), doubt=0.1, word_doubt=0.6)
    reading = dataclasses.replace(spaced("abc"), confidence=confidence)
    assert is_settled(reading, np.zeros((40, width), np.uint8), spec) == settled


def test_long_lines_are_not_looked_at_again() -> None:
    spec = ModelSpec(Charset("abc"), doubt=0.9)
    assert kept(np.zeros((40, 1900), np.uint8), spec) is not None
    assert kept(np.zeros((40, 4000), np.uint8), spec) is None
