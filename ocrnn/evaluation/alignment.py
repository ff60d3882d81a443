"""A label laid against a reading, character by character: what was kept, replaced, left out or put in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ocrnn.metrics import fold

_MOST_CELLS = 1_000_000
"""Texts that differ over more than this, characters times characters, are not compared one by one: it takes seconds."""
_EDIT, _KIN = 1 << 20, (1 << 20) - 1
"""What a difference costs, and one between two shapes of a letter: it only ever decides between equally many edits."""


@dataclass(frozen=True, slots=True)
class Place:
    """A character of a label and what was read for it, each with its marks as written; "" where one lacks it.

    `same` tells whether the two count as one after folding, `sign` and `read` are what they fold to.
    """

    truth: str
    reading: str
    same: bool
    sign: str
    read: str

    @property
    def akin(self) -> bool:
        """Tell whether these are two shapes of one letter: another case, or other marks."""
        return bool(self.sign) and _kin(self.sign) == _kin(self.read)


def align(truth: str, reading: str) -> list[Place]:
    """Places of two texts, in order, with the fewest differences; runs of spaces are one space.

    Among equally few the one that sets a letter against its like, another case or another mark, is taken. What folds
    to several characters (… or ﬁ) is several places.

    >>> [(place.truth, place.reading) for place in align("ca. 5", "Ca, 5O") if not place.same]
    [('c', 'C'), ('.', ','), ('', 'O')]
    """
    return list(_aligned(_units(truth), _units(reading)))


def runs(places: Iterable[Place]) -> Iterator[tuple[list[Place], int]]:
    """Differences that stand beside one another, together: what one slip of a reader or writer makes.

    With each the number of places that were kept between it and the one before, or the beginning.
    """
    kept = 0
    for same, together in groupby(places, key=lambda place: place.same):
        if same:
            kept = len(list(together))
        else:
            yield list(together), kept


def visible(text: str) -> str:
    """A piece of text in which spaces, and that it is empty, can be seen.

    >>> visible("a b"), visible("")
    ('a␣b', '∅')
    """
    return text.replace(" ", "␣") or "∅"


_Unit = tuple[str, str]
"""A character with its marks as it is written, and after folding."""


def _units(text: str) -> list[_Unit]:
    """Characters of a text, each with its combining marks; what folds to several (… or ﬁ) is written so.

    Two single quotes that fold to a double one are one character.
    """
    units: list[_Unit] = []
    # Composed first, as parts of syllables (Hangul, Bengali) are no combining marks, and would be characters.
    for cluster in _clusters(unicodedata.normalize("NFC", " ".join(text.split()))):
        folded = list(_clusters(fold(cluster) or " "))
        if folded == ["'"] and units and units[-1][1] == "'":
            units[-1] = (units[-1][0] + cluster, '"')
        else:
            units += [(cluster, folded[0])] if len(folded) == 1 else [(part, part) for part in folded]
    return units


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for character in text:
        if cluster and not unicodedata.combining(character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _aligned(truth: Sequence[_Unit], reading: Sequence[_Unit]) -> Iterator[Place]:
    start, end = 0, 0
    shorter = min(len(truth), len(reading))
    while start < shorter and truth[start][1] == reading[start][1]:
        start += 1
    while end < shorter - start and truth[-1 - end][1] == reading[-1 - end][1]:
        end += 1
    yield from (_place(t, r) for t, r in zip(truth[:start], reading[:start], strict=True))
    yield from _compared(truth[start : len(truth) - end], reading[start : len(reading) - end])
    yield from (_place(t, r) for t, r in zip(truth[len(truth) - end :], reading[len(reading) - end :], strict=True))


def _compared(truth: Sequence[_Unit], reading: Sequence[_Unit]) -> Iterator[Place]:
    """Places by the table of Wagner and Fischer 1974; all in one where the texts are too long for it."""
    if len(truth) * len(reading) > _MOST_CELLS:
        above, below = (("".join(t for t, _ in units), "".join(f for _, f in units)) for units in (truth, reading))
        yield _place(above, below)
        return
    above_kin, below_kin = ([_kin(sign) for _, sign in units] for units in (truth, reading))

    def cost(i: int, j: int) -> int:
        if truth[i][1] == reading[j][1]:
            return 0
        return _KIN if above_kin[i] == below_kin[j] else _EDIT

    # costs[i][j]: least cost between what follows unit i of the truth and unit j of the reading.
    costs = [[0] * len(reading) + [_EDIT * (len(truth) - i)] for i in range(len(truth))]
    costs.append([_EDIT * (len(reading) - j) for j in range(len(reading) + 1)])
    for i in range(len(truth) - 1, -1, -1):
        row, under = costs[i], costs[i + 1]
        for j in range(len(reading) - 1, -1, -1):
            row[j] = min(under[j + 1] + cost(i, j), _EDIT + under[j], _EDIT + row[j + 1])
    i = j = 0
    while i < len(truth) or j < len(reading):
        both = i < len(truth) and j < len(reading)
        if both and costs[i][j] == costs[i + 1][j + 1] + cost(i, j):
            yield _place(truth[i], reading[j])
            i, j = i + 1, j + 1
        elif i < len(truth) and costs[i][j] == _EDIT + costs[i + 1][j]:
            yield _place(truth[i], ("", ""))
            i += 1
        else:
            yield _place(("", ""), reading[j])
            j += 1


def _place(truth: _Unit, reading: _Unit) -> Place:
    return Place(truth[0], reading[0], truth[1] == reading[1], truth[1], reading[1])


def _kin(sign: str) -> str:
    """A letter without case and marks; what is no letter stands for itself."""
    return unicodedata.normalize("NFD", sign.casefold())[:1]
