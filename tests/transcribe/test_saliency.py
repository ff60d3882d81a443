"""Occlusion against a model whose frames know nothing of one another, and against a plain loop over all patches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding.ctc import align, greedy, log_probability
from ocrnn.image import Line
from ocrnn.transcribe.saliency import MOST_COLUMNS, MOST_FALL, MOST_PATCHES, occlude, spread

if TYPE_CHECKING:
    from tests.conftest import Bars


def prepared(bars: Bars, text: str) -> Line:
    return bars.spec.line_format.prepare(bars.draw(text))


def test_falls_are_those_of_covering_the_line_by_hand(bars: Bars) -> None:
    line = prepared(bars, "4071")
    log_probs = bars.infer(line[None])[:, 0]
    classes = greedy(log_probs).classes
    spans = align(log_probs, classes)
    found = occlude(bars, line, classes, spans)
    assert found.reading.shape == (len(found.tops_px), len(found.lefts_px)) == (7, 10)
    assert found.characters.shape == (4, 7, 10)
    assert (found.tops_px[-1] + found.height_px, found.lefts_px[-1] + found.width_px) == (40, 66)
    for row, top in enumerate(found.tops_px):
        for column, left in enumerate(found.lefts_px):
            covered = line.copy()
            covered[0, top : top + found.height_px, left : left + found.width_px] = 0
            after = bars.infer(covered[None])[:, 0]
            fall = log_probability(log_probs, classes) - log_probability(after, classes)
            assert found.reading[row, column] == pytest.approx(min(fall, MOST_FALL), abs=1e-3)
            for place, (number, (first, last)) in enumerate(zip(classes, spans, strict=True)):
                lost = log_probs[first - 1 : last + 1, number].max() - after[first - 1 : last + 1, number].max()
                assert found.characters[place, row, column] == pytest.approx(min(lost, MOST_FALL), abs=1e-3)


def test_each_character_is_looked_for_where_it_stands(bars: Bars) -> None:
    line = prepared(bars, "4071")
    log_probs = bars.infer(line[None])[:, 0]
    classes = greedy(log_probs).classes
    found = occlude(bars, line, classes, align(log_probs, classes))
    for place, falls in enumerate(found.characters):
        left, right = 8 + 12 * place, 16 + 12 * place  # of the bar in the prepared line
        touching = [left_px < right + 4 and left_px + found.width_px > left - 4 for left_px in found.lefts_px]
        assert not falls[:, ~np.array(touching)].any()
        assert falls[-1].max() > 1 and found.tops_px[-1] == 30  # every bar stands on the lower edge


@pytest.mark.parametrize("width", [16, 272, 544, 1008, 2400, 5008, 40_000])
def test_the_network_is_asked_so_often_and_no_oftener(bars: Bars, width: int) -> None:
    asked = []

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        asked.append((images.shape[0], images.shape[3]))
        return bars.infer(images)

    line = np.full((1, 40, width), 0.05, np.float32)
    found = occlude(SimpleNamespace(spec=bars.spec, infer=infer), line, [1], [(0, 2)])
    patches = len(found.tops_px) * len(found.lefts_px)
    assert patches <= MOST_PATCHES and patches * width <= MOST_COLUMNS
    if width <= 4096:
        assert {columns for _, columns in asked} == {width} and sum(lines for lines, _ in asked) == 1 + patches
    else:  # such a line is read in pieces that share some columns
        assert sum(lines * columns for lines, columns in asked) < 1.2 * (1 + patches) * width
    assert max(lines * columns for lines, columns in asked) <= 32_768
    covered = np.zeros((40, width), bool)
    for top in found.tops_px:
        for left in found.lefts_px:
            covered[top : top + found.height_px, left : left + found.width_px] = True
    assert covered.all()
    assert width > 5000 or found.width_px == 12


def test_ground_is_not_covered_by_ground(bars: Bars) -> None:
    line = np.zeros((1, 40, 240), np.float32)
    line[0, :, 100:104] = 1
    asked: list[npt.NDArray[np.float32]] = []

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        asked.extend(images)
        return bars.infer(images)

    occlude(SimpleNamespace(spec=bars.spec, infer=infer), line, [], [])
    assert len(asked) == 1 + 7 * 3  # in each row three patches of 12 columns, 6 apart, touch the stroke


def test_what_is_spread_over_the_line_is_the_mean_of_the_patches_there() -> None:
    falls = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = [[0, 0.5, 1.5, 2], [1.5, 2, 3, 3.5], [3, 3.5, 4.5, 5]]
    np.testing.assert_allclose(spread(falls), expected)
