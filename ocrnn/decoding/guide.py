"""What a beam is told about the text beforehand: automata over classes that forbid, or score, one after another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from ocrnn.decoding.ctc import Scores

CACHED_ROWS = 4096
"""Rows of scores that a guide keeps at a time: 9 MB for the 267 classes of the model latin."""

_STATE_BITS = 32


class Guide(Protocol):
    """A deterministic automaton over classes 1..C-1. The blank is never stepped: it belongs to paths, not to texts.

    A text of S classes has the score `scores(start)[first] + ... + end(last state)`, a natural logarithm that the beam
    adds to the text's log-probability. What is forbidden has -inf; a mere constraint knows only 0 and -inf.
    A state is a number from 0 to 2**32 - 1. All methods are functions of their arguments: beams may ask in any order,
    leave states at any time, and run side by side in several threads.
    """

    @property
    def start(self) -> int:
        """State before the first class."""

    @property
    def most(self) -> float:
        """What no single score is above, 0 for a constraint: the beam passes over what cannot come up with this."""

    @property
    def floor(self) -> float:
        """Log-probability in a frame that a class must be above to be tried there.

        -inf for a constraint, which may ask for what the picture hardly shows; a guide that only prefers loses nothing
        by leaving such classes out, and the beam is twice as fast.
        """

    def scores(self, state: int) -> Scores:
        """Score of going on from a state by each class (C,), that of the blank without meaning; not to be written to.

        The beam asks once per text it keeps, so rows that are dear to make are worth keeping (`lru_cache`,
        CACHED_ROWS).
        """

    def step(self, state: int, number: int) -> int:
        """State after one more class, one whose score is above -inf."""

    def end(self, state: int) -> float:
        """Score of a text that ends in a state, -inf where none may."""


def combined(guides: Sequence[Guide]) -> Guide:
    """The guide of texts that suit all of one or more guides; its score is the sum of theirs."""
    return guides[0] if len(guides) == 1 else _Product(guides)


def allowed(guide: Guide, classes: Sequence[int]) -> bool:
    """Whether a guide forbids nothing of a text."""
    return score(guide, classes) > -math.inf


def score(guide: Guide, classes: Sequence[int]) -> float:
    """Score of a whole text, its end included: what the beam adds to its log-probability."""
    state, total = guide.start, 0.0
    for number in classes:
        total += float(guide.scores(state)[number])
        if total == -math.inf:
            return total
        state = guide.step(state, number)
    return total + guide.end(state)


class _Product:
    """Guides side by side. States are packed, not numbered as they come: memory stays flat over a million lines."""

    def __init__(self, guides: Sequence[Guide]) -> None:
        self._guides = tuple(guides)
        self.start = self._pack([guide.start for guide in guides])
        self.most = sum(guide.most for guide in guides)
        self.floor = min(guide.floor for guide in guides)
        self.scores = lru_cache(CACHED_ROWS)(self._scores)

    def step(self, state: int, number: int) -> int:
        return self._pack(
            [guide.step(part, number) for guide, part in zip(self._guides, self._parts(state), strict=True)]
        )

    def end(self, state: int) -> float:
        return sum(guide.end(part) for guide, part in zip(self._guides, self._parts(state), strict=True))

    def _scores(self, state: int) -> Scores:
        first, *others = (guide.scores(part) for guide, part in zip(self._guides, self._parts(state), strict=True))
        total = first.copy()
        for row in others:
            total += row
        return total

    def _pack(self, parts: Sequence[int]) -> int:
        packed = 0
        for part in reversed(parts):
            packed = packed << _STATE_BITS | part
        return packed

    def _parts(self, state: int) -> list[int]:
        return [state >> place * _STATE_BITS & (1 << _STATE_BITS) - 1 for place in range(len(self._guides))]
