"""Places of characters against lines whose ink is known, and cuts against a search of every column."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.transcribe.boxes import places
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars


def inked(*strokes: tuple[int, int], width: int = 160) -> npt.NDArray[np.float32]:
    """A line (1, 40, width) with ink in these columns [first, last), in half of the rows."""
    line = np.zeros((1, 40, width), np.float32)
    for first, last in strokes:
        line[0, 10:30, first:last] = 1
    return line


def test_a_character_is_as_wide_as_its_ink() -> None:
    line = inked((10, 18), (24, 27), (27, 29), (40, 61))
    found = places(line, [(3, 4), (6, 7), (12, 13)], 40, [False] * 3)
    assert found.tolist() == [[10, 18], [24, 29], [40, 61]]


def test_letters_that_touch_are_cut_where_they_are_thinnest() -> None:
    line = inked((10, 40))
    line[0, :26, 23] = 0
    found = places(line, [(3, 5), (7, 8)], 40, [False] * 2)
    assert found.tolist() == [[10, 23], [23, 40]]


@pytest.mark.parametrize("spans", [[(3, 4), (6, 7), (9, 10)], [(0, 1), (6, 7), (39, 40)]])
def test_spaces_reach_from_ink_to_ink_or_to_the_end(spans: list[tuple[int, int]]) -> None:
    line = inked((10, 18), (24, 29), (36, 44))
    between = places(line, spans, 40, [False, True, False])
    assert between[1].tolist() == [between[0, 1], between[2, 0]]
    ends = places(line, spans, 40, [True, False, True])
    assert ends[0, 0] == 0 and ends[0, 1] == ends[1, 0]
    assert ends[2, 0] == ends[1, 1] and ends[2, 1] == 160


def test_two_spaces_share_the_gap() -> None:
    line = inked((10, 18), (60, 70))
    found = places(line, [(3, 4), (7, 8), (11, 12), (16, 17)], 40, [False, True, True, False])
    assert found[1, 0] == 18 and found[2, 1] == 60
    assert 18 < found[1, 1] == found[2, 0] < 60


def test_ink_that_is_far_belongs_to_none() -> None:
    line = inked((0, 3), (70, 78), (150, 155))
    assert places(line, [(18, 19)], 40, [False]).tolist() == [[70, 78]]


def test_no_characters_and_no_ink() -> None:
    assert places(inked(), [], 40, []).shape == (0, 2)
    found = places(inked(), [(0, 1), (20, 21), (39, 40)], 40, [False, True, False])
    assert (found[:, 0] < found[:, 1]).all()
    assert (found[1:, 0] >= found[:-1, 1]).all() and found.min() >= 0 and found.max() <= 160


def test_any_line_gives_places_in_order_that_hold_their_middles() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        frames, count = 40, int(rng.integers(1, 20))
        width = 4 * frames
        line = (rng.random((1, 40, width)) < rng.uniform(0, 0.2)).astype(np.float32)
        bounds = np.sort(rng.choice(np.arange(frames + 1), 2 * count, replace=False)).reshape(-1, 2)
        spans = [(int(first), int(last)) for first, last in bounds]
        found = places(line, spans, frames, (rng.random(count) < 0.2).tolist())
        assert (found[1:, 0] >= found[:-1, 1]).all()
        assert (found[:, 0] <= found[:, 1]).all() and found.min() >= 0 and found.max() <= width
        # What lies between two characters is bare, or where the search of every column cuts.
        columns = np.maximum(line[0] - 0.25, 0).sum(axis=0)
        middles = [2 * (first + last) for first, last in spans]
        for place, (one, other) in enumerate(pairwise(middles)):
            costs = [columns[x] + 0.01 * (x - (one + other) / 2) ** 2 for x in range(one, other)]
            cut = one + int(np.argmin(costs))
            assert found[place, 1] <= cut or found[place + 1, 0] >= cut


@pytest.mark.parametrize("scale", [1, 2])
def test_a_reading_has_the_columns_of_the_picture(bars: Bars, scale: int) -> None:
    """The bars are eight columns wide with four of ground around each."""
    reading = Reader(bars).read(bars.draw("31415", scale=scale))
    assert reading.text == "31415"
    for number, character in enumerate(reading.characters):
        assert character.left_px == pytest.approx(scale * (4 + 12 * number), abs=scale)
        assert character.right_px == pytest.approx(scale * (12 + 12 * number), abs=scale)
    assert (reading.words[0].left_px, reading.words[0].right_px) == (
        reading.characters[0].left_px,
        reading.characters[-1].right_px,
    )


def test_the_shipped_model_finds_letters_that_stand_apart(drawn: npt.NDArray[np.uint8], latin: str) -> None:
    """The runs of inked columns of the picture are their places."""
    edges = np.flatnonzero(np.diff(np.r_[0, (drawn < 140).any(axis=0).astype(int), 0]))
    runs = edges.reshape(-1, 2)
    letters = [c for c in Reader.open(latin, threads=1).read(drawn).characters if c.text != " "]
    assert len(letters) == len(runs)
    for letter, (left, right) in zip(letters, runs.tolist(), strict=True):
        assert abs(letter.left_px - left) < 2.5 and abs(letter.right_px - right) < 2.5
