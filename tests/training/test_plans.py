import tracemalloc
from collections import Counter
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest

from ocrnn.data.labels import Sample
from ocrnn.data.lines import Store
from ocrnn.training.plans import mixed, permuted
from ocrnn.training.sources import RealLines


def test_a_small_set_makes_a_whole_epoch(digits: list[Sample]) -> None:
    plan = permuted(RealLines(digits[:7], None), seed=0, epoch=1, least=20)
    assert Counter(index for _, index in plan) == dict.fromkeys(range(7), 3)


class Numbered(Store):
    """Samples that are only made when they are asked for, in shards of these sizes."""

    def __init__(self, sizes: list[int]) -> None:
        self._ends = list(accumulate(sizes))

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, number: int) -> Sample:
        return Sample(Path(f"{number}.png"), str(number))

    def blocks(self) -> list[int]:
        return self._ends


def test_shards_are_shuffled_within_a_window_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_LINES", 50)
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_SHARDS", 3)
    sizes = [10] * 20 + [70, 5, 5]
    source = RealLines(Numbered(sizes), None)
    orders = {}
    for seed, epoch in ((0, 1), (0, 2), (1, 1)):
        plan = permuted(source, seed, epoch, least=1)
        order = [index for _, index in plan]
        assert sorted(order) == list(range(sum(sizes)))
        assert order == [plan[place][1] for place in range(len(plan))]
        # From the middle of a new plan, as a run that is resumed asks, the same.
        assert order[137:] == [index for _, index in permuted(source, seed, epoch, least=1)[137:]]
        orders[seed, epoch] = order
        shards = np.searchsorted(list(accumulate(sizes)), np.array(order), side="right")
        near = [len(set(shards[place : place + 50])) for place in range(0, len(order), 10)]
        assert max(near) <= 2 * 7 and min(near[:-5]) >= 3
        assert list(shards) != sorted(shards)
    assert len({tuple(order) for order in orders.values()}) == 3


@pytest.mark.parametrize(("size", "together"), [(10, 5), (70, 3)])
def test_a_window_has_lines_enough_and_shards_enough(size: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_LINES", 50)
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_SHARDS", 3)
    order = [index for _, index in permuted(RealLines(Numbered([size] * 30), None), 0, 1, least=1)]
    for first in range(0, len(order), size * together):
        window = order[first : first + size * together]
        assert Counter(index // size for index in window) == dict.fromkeys({index // size for index in window}, size)
        assert window != sorted(window)
        assert any(index // size != following // size for index, following in pairwise(window[: size // 2]))


def test_a_plan_of_a_million_lines_costs_next_to_nothing() -> None:
    tracemalloc.start()
    plan = permuted(RealLines(Numbered([5000] * 200), None), 0, 1, least=1)
    plan = mixed(plan, [(RealLines(Numbered([10]), None), 0.5)])
    assert len(plan) == 1_500_000
    assert len({plan[place] for place in range(700_000, 700_400)}) == 400
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.parametrize("rates", [[1.0], [0.25], [2.5, 0.3], [0.0]])
def test_other_sources_stand_evenly_between_the_lines(rates: list[float], digits: list[Sample]) -> None:
    lines = permuted(RealLines(digits, None), 0, 1, least=1)
    sources = [(RealLines(digits, None), rate) for rate in rates]
    expected: list[tuple[object, int]] = []
    for place, line in enumerate(lines):
        expected.append(line)
        for source, rate in sources:
            expected += [(source, number) for number in range(int(place * rate), int((place + 1) * rate))]
    plan = mixed(lines, sources)
    assert list(plan) == expected
    assert len(plan) == len(expected)
