"""Samples in any number: what holds them may read each from the disk when it is asked for, and keep none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt

from ocrnn.data.samples import Sample

Numbers = npt.NDArray[np.int64]
_Item = TypeVar("_Item")

_AT_ONCE = 1 << 14
"""Numbers that are spelled out together when all samples are gone through."""


class Store(Sequence[Sample]):
    """Samples that are read when they are asked for, such as those of tar shards.

    A subclass gives `__len__`, `sample` and `blocks`, and iterates faster than one by one where it can.
    """

    def sample(self, number: int) -> Sample:
        """The sample of a number from 0 to below the length."""
        raise NotImplementedError

    def blocks(self) -> list[int]:
        """Where in the sequence a part that lies together on the disk ends; the last end is the length."""
        raise NotImplementedError

    def picked(self, numbers: Numbers) -> Iterator[Sample]:
        """Samples of these numbers, in their order."""
        return map(self.sample, numbers.tolist())

    def __iter__(self) -> Iterator[Sample]:
        """Every sample in turn."""
        for start in range(0, len(self), _AT_ONCE):
            yield from self.picked(np.arange(start, min(start + _AT_ONCE, len(self))))

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...
    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        """One sample, or several without reading them yet."""
        if isinstance(place, slice):
            return chosen(self, range(*place.indices(len(self))))
        if not -len(self) <= place < len(self):
            raise IndexError(f"{len(self)} lines have no number {place}")
        return self.sample(place % len(self))


def by_part(numbers: Numbers, ends: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Numbers in their order, those of one part that follow one another together: the part, and their numbers in it.

    `ends` are the ends of the parts, as of `Store.blocks`.

    >>> [(part, own.tolist()) for part, own in by_part(np.array([1, 0, 7, 2]), np.array([3, 5, 9]))]
    [(0, [1, 0]), (2, [2]), (0, [2])]
    """
    owners = np.searchsorted(ends, numbers, side="right")
    starts = np.concatenate(([0], ends[:-1]))
    cuts = np.flatnonzero(np.diff(owners)) + 1
    for own, of in zip(np.split(numbers, cuts), np.split(owners, cuts), strict=True):
        if len(own):
            yield int(of[0]), own - starts[of[0]]


def joined(parts: Iterable[Sequence[Sample]]) -> Sequence[Sample]:
    """Samples of several sequences behind one another: a tuple where all are in memory, else read when asked for."""
    parts = [part for part in parts if len(part)]
    if any(isinstance(part, Store) for part in parts):
        return parts[0] if len(parts) == 1 else _Joined(parts)
    return tuple(sample for part in parts for sample in part)


def chosen(samples: Sequence[Sample], numbers: Iterable[int]) -> Sequence[Sample]:
    """Samples of some numbers: a tuple where they are in memory, else read when asked for, at eight bytes a number."""
    if isinstance(samples, Store):
        return _Chosen(samples, np.fromiter(numbers, np.int64))
    return tuple(samples[number] for number in numbers)


def evenly(items: Sequence[_Item], most: int) -> Sequence[_Item]:
    """At most so many of some items, evenly spread from the first on.

    >>> [list(evenly(range(10), most)) for most in (3, 4, 12)]
    [[0, 4, 8], [0, 3, 6, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
    """
    return items[:: max(1, -(-len(items) // most))]


def blocks(samples: Sequence[Sample]) -> list[int]:
    """Ends of the parts that lie together on the disk, the last of them the length; one for samples in memory."""
    return samples.blocks() if isinstance(samples, Store) else [len(samples)]


class _Joined(Store):
    """Stores, and samples in memory, behind one another."""

    def __init__(self, parts: Sequence[Sequence[Sample]]) -> None:
        self._parts = parts
        self._ends: Numbers = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def sample(self, number: int) -> Sample:
        return next(self.picked(np.array([number])))

    def picked(self, numbers: Numbers) -> Iterator[Sample]:
        for part, own in by_part(numbers, self._ends):
            lines = self._parts[part]
            yield from lines.picked(own) if isinstance(lines, Store) else (lines[number] for number in own.tolist())

    def blocks(self) -> list[int]:
        starts = (0, *self._ends.tolist())
        return [start + end for start, part in zip(starts, self._parts, strict=False) for end in blocks(part)]


class _Chosen(Store):
    """Some samples of a store."""

    def __init__(self, store: Store, numbers: Numbers) -> None:
        self._store: Store = store._store if isinstance(store, _Chosen) else store
        self._numbers: Numbers = store._numbers[numbers] if isinstance(store, _Chosen) else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def sample(self, number: int) -> Sample:
        return self._store.sample(int(self._numbers[number]))

    def picked(self, numbers: Numbers) -> Iterator[Sample]:
        return self._store.picked(self._numbers[numbers])

    def blocks(self) -> list[int]:
        owners = np.searchsorted(self._store.blocks(), self._numbers, side="right")
        return [*(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(self)] if len(self) else []
