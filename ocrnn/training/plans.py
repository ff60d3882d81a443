"""Plans: which lines an epoch has, and in which order, worked out as they are asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import overload

import numpy as np
import numpy.typing as npt

from ocrnn.data.lines import blocks
from ocrnn.training.sources import RealLines, Source

Plan = Sequence[tuple[Source, int]]
"""The lines of one epoch, in order: where each comes from, and its number there."""


def permuted(source: RealLines, seed: int, epoch: int, *, least: int) -> Plan:
    """Every line of a source in random order, over again until there are `least`: small sets make whole epochs too.

    Lines in memory are shuffled as one; those of shards shard by shard, and within a window of several shards. The
    order is worked out window by window as it is asked for: it follows from the seed and the epoch alone.
    """
    return _Permuted(source, seed, epoch, max(1, -(-least // len(source.samples))))


_WINDOW_LINES, _WINDOW_SHARDS = 1 << 14, 4
"""What a window has at the least: so much is opened all over the disk, in 64 kB of memory for its order."""


class _LazyPlan(Sequence[tuple[Source, int]]):
    """A plan that works out each entry when it is asked for."""

    def entry(self, place: int) -> tuple[Source, int]:
        """The line at a place from 0 to below the length."""
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> tuple[Source, int]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[Source, int]]: ...
    def __getitem__(self, place: int | slice) -> tuple[Source, int] | Sequence[tuple[Source, int]]:
        if isinstance(place, slice):
            return [self.entry(each) for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"a plan of {len(self)} lines has no place {place}")
        return self.entry(place % len(self))


class _Permuted(_LazyPlan):
    """The numbers of a source, `rounds` times, each time in another order."""

    def __init__(self, source: RealLines, seed: int, epoch: int, rounds: int) -> None:
        self._source = source
        self._seeds = (seed, epoch, 1)
        self._rounds = rounds
        self._blocks = list(pairwise((0, *blocks(source.samples))))
        self._windows = lru_cache(maxsize=2)(self._dealt)
        self._orders = lru_cache(maxsize=3)(self._shuffled)

    def __len__(self) -> int:
        return self._rounds * len(self._source.samples)

    def entry(self, place: int) -> tuple[Source, int]:
        number, at = divmod(place, len(self._source.samples))
        windows, ends = self._windows(number)
        window = bisect_right(ends, at)
        return self._source, int(self._orders(number, window)[at - ends[window] + windows[window].lines])

    def _dealt(self, number: int) -> tuple[list[_Window], list[int]]:
        """Windows of one round and where each ends: the shards in random order, several together."""
        windows = [_Window()]
        for block in np.random.default_rng((*self._seeds, number)).permutation(len(self._blocks)):
            if windows[-1].lines >= _WINDOW_LINES and len(windows[-1].blocks) >= _WINDOW_SHARDS:
                windows.append(_Window())
            first, end = self._blocks[block]
            windows[-1].blocks.append((first, end))
            windows[-1].lines += end - first
        return windows, list(accumulate(window.lines for window in windows))

    def _shuffled(self, number: int, window: int) -> npt.NDArray[np.int64]:
        """Numbers of the lines of one window, in random order."""
        numbers = np.concatenate([np.arange(*block) for block in self._windows(number)[0][window].blocks])
        return np.random.default_rng((*self._seeds, number, window)).permutation(numbers)


@dataclass
class _Window:
    """Shards whose lines are shuffled among one another: first and last number of each, and how many they are."""

    blocks: list[tuple[int, int]] = field(default_factory=list)
    lines: int = 0


def mixed(lines: Plan, drawn: Sequence[tuple[Source, float]]) -> Plan:
    """A plan with lines of other sources evenly between its own: so many of each source to one line.

    Behind line n stand, of a source of rate r, the numbers from floor(n r) to below floor((n + 1) r).
    """
    return _Mixed(lines, drawn) if drawn else lines


class _Mixed(_LazyPlan):
    """A plan and the lines of other sources between its own."""

    def __init__(self, lines: Plan, drawn: Sequence[tuple[Source, float]]) -> None:
        self._lines = lines
        self._drawn = drawn

    def __len__(self) -> int:
        return self._before(len(self._lines))

    def entry(self, place: int) -> tuple[Source, int]:
        line = bisect_right(range(len(self._lines)), place, key=self._before) - 1
        behind = place - self._before(line) - 1
        if behind < 0:
            return self._lines[line]
        for source, rate in self._drawn:
            first, end = int(line * rate), int((line + 1) * rate)
            if behind < end - first:
                return source, first + behind
            behind -= end - first
        raise AssertionError("a place behind a line is that of some source")

    def _before(self, line: int) -> int:
        """How many entries stand before a line of the plan."""
        return line + sum(int(line * rate) for _, rate in self._drawn)
