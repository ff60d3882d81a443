"""Guides side by side, against the sums of what each says of a text by itself."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding.guide import Guide, allowed, combined, score

CLASSES = 4


class Table:
    """A guide with random scores, some of them forbidden, over a few states."""

    def __init__(self, seed: int, states: int) -> None:
        rng = np.random.default_rng(seed)
        self.start = int(rng.integers(states))
        self.most = 2.0
        self.floor = -5.0 * seed
        self.rows: npt.NDArray[np.float64] = rng.normal(-1.0, 1.0, (states, CLASSES))
        self.rows[rng.random(self.rows.shape) < 0.2] = -math.inf
        self.steps = rng.integers(states, size=self.rows.shape)
        self.ends = np.where(rng.random(states) < 0.3, -math.inf, rng.normal(-1.0, 1.0, states))

    def scores(self, state: int) -> npt.NDArray[np.float64]:
        row: npt.NDArray[np.float64] = self.rows[state]
        return row

    def step(self, state: int, number: int) -> int:
        assert self.rows[state, number] > -math.inf, "nothing is asked of what a text may not go on with"
        return int(self.steps[state, number])

    def end(self, state: int) -> float:
        return float(self.ends[state])


def summed(guide: Guide, text: Sequence[int]) -> float:
    total, state = 0.0, guide.start
    for number in text:
        gained = float(guide.scores(state)[number])
        if gained == -math.inf:
            return gained
        total += gained
        state = guide.step(state, number)
    return total + guide.end(state)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_score_of_guides_side_by_side_is_their_sum(count: int) -> None:
    guides = [Table(seed, states=3 + seed) for seed in range(count)]
    both = combined(guides)
    assert both.most == 2.0 * count
    assert both.floor == -5.0 * (count - 1)
    finite = 0
    for length in range(5):
        for text in itertools.product(range(1, CLASSES), repeat=length):
            expected = sum(summed(guide, text) for guide in guides)
            assert summed(both, text) == pytest.approx(expected)
            assert score(both, text) == pytest.approx(expected)
            assert allowed(both, text) == (expected > -math.inf)
            finite += expected > -math.inf
    assert finite > 3


def test_states_keep_apart_up_to_the_largest() -> None:
    class Counter(Table):
        def step(self, state: int, number: int) -> int:
            return 2**32 - number

        def scores(self, state: int) -> npt.NDArray[np.float64]:
            return np.full(CLASSES, -float(state % 7))

        def end(self, state: int) -> float:
            return -float(state % 11)

    guides = [Counter(seed, 3) for seed in range(3)]
    assert summed(combined(guides), (1, 3)) == sum(summed(guide, (1, 3)) for guide in guides)


def test_rows_of_one_guide_stay_as_they_are_when_it_is_combined() -> None:
    first, second = Table(0, 3), Table(1, 3)
    before = first.rows.copy()
    both = combined([first, second])
    both.scores(both.start)
    both.scores(both.start)
    assert (first.rows == before).all()
