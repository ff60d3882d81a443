"""Remarks are gathered by their kind, as numbers of lines; only those that are shown become words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ocrnn.data.samples import Remark, Sample


@dataclass(frozen=True)
class Remarks:
    """What is remarked of a kind: on how many lines, and of the first of them in full."""

    kind: str
    lines: int
    first: tuple[Remark, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of remark, and what to do about it."""

    name: str
    remedy: str

    def of(
        self, samples: Sequence[Sample], numbers: Iterable[int], say: Callable[[int, Sample], str], most: int | None
    ) -> Remarks | None:
        """Remarks on the samples of these numbers, in their order, `say` telling what is seen; None where none are.

        At most `most` are written out; None writes all.
        """
        kept = np.unique(np.fromiter(numbers, np.int64))
        if not len(kept):
            return None
        shown = ((number, samples[number]) for number in kept[:most].tolist())
        first = tuple(Remark(sample.where, say(number, sample), self.remedy, self.name) for number, sample in shown)
        return Remarks(self.name, len(kept), first)


def named(character: str) -> str:
    """A character as an error names it: `'ß' (U+00DF)`."""
    return f"{character!r} (U+{ord(character):04X})"
