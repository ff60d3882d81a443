"""What a model takes for what: each confusion, how often of how many chances, and what stands around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ocrnn.evaluation.alignment import Place, align, runs

Kind = Literal["substitution", "deletion", "insertion"]

_LONGEST = 3
"""Characters that one confusion holds on either side, as rn for m."""
_CONTEXTS = 3
EDGE = "|"
"""Stands for the end of a line where nothing stands around."""


@dataclass(frozen=True)
class Context:
    """What stands around a confusion: the folded character before and after it, `EDGE` at the ends of a line.

    `count` confusions were between these two, of `of` times that the labels have the same there.
    """

    before: str
    after: str
    count: int
    of: int


@dataclass(frozen=True)
class Confusion:
    """`truth` of the labels was read as `reading`, folded, `count` times of `of`; `contexts` are the commonest three.

    A deletion has no reading, an insertion no truth: `of` is then how often the reader says `reading` at all.
    """

    truth: str
    reading: str
    count: int
    of: int
    contexts: tuple[Context, ...]

    @property
    def kind(self) -> Kind:
        """What the reader did to the label."""
        return _kind(self.truth, self.reading)


@dataclass(frozen=True)
class Confusions:
    """All that a model confuses, the commonest first, and how many of its wrong characters are of which kind.

    `stretches` are differences too long to say what was taken for what, a lost word or a picture read as noise: among
    the kinds they count with each of their characters, in `found` they are not.
    """

    substitutions: int
    deletions: int
    insertions: int
    stretches: int
    found: tuple[Confusion, ...]


def confusions(pairs: Iterable[tuple[str, str]]) -> Confusions:
    """Confusions of pairs (label, reading), compared after folding.

    >>> found = confusions([("modern corn", "modem com"), ("barn", "bam")])
    >>> [(each.truth, each.reading, each.count, each.of) for each in found.found]
    [('rn', 'm', 3, 3)]
    >>> [(each.before, each.after, each.count, each.of) for each in found.found[0].contexts]
    [('e', ' ', 1, 1), ('o', '|', 1, 1), ('a', '|', 1, 1)]
    """
    kinds: Counter[Kind] = Counter()
    slips: dict[_Slip, Counter[_Sides]] = {}
    stretches = 0
    labels: Counter[tuple[str, _Sides]] = Counter()
    said: Counter[str] = Counter()
    for truth, reading in pairs:
        line = align(truth, reading)
        kinds.update(_kind(place.truth, place.reading) for place in line if not place.same)
        for slip, sides in _slips(line):
            if max(map(len, slip)) > _LONGEST:
                stretches += 1
            else:
                slips.setdefault(slip, Counter())[sides] += 1
        labels.update(_grams([place.sign for place in line if place.truth]))
        said.update(gram for gram, _ in _grams([place.read for place in line if place.reading]))
    stood: Counter[str] = Counter()
    for (gram, _), count in labels.items():
        stood[gram] += count
    found = [
        Confusion(
            truth,
            reading,
            sides.total(),
            stood[truth] if truth else said[reading],
            tuple(Context(*each, count, labels[truth, each]) for each, count in sides.most_common(_CONTEXTS)),
        )
        for (truth, reading), sides in slips.items()
    ]
    found.sort(key=lambda confusion: -confusion.count)
    return Confusions(kinds["substitution"], kinds["deletion"], kinds["insertion"], stretches, tuple(found))


_Slip = tuple[str, str]
"""Folded (truth, reading) of a confusion."""
_Sides = tuple[str, str]
"""Folded characters of the label before and after something."""


def _kind(truth: str, reading: str) -> Kind:
    return "insertion" if not truth else "substitution" if reading else "deletion"


def _slips(line: Sequence[Place]) -> Iterator[tuple[_Slip, _Sides]]:
    """Confusions of a line, each with what stands around it; longer ones are stretches."""
    signs = [EDGE, *(place.sign for place in line if place.truth), EDGE]
    passed = 0  # characters of the label so far
    for run, kept in runs(line):
        passed += kept
        for part in _parts(run):
            wide = sum(bool(place.truth) for place in part)
            slip = "".join(place.sign for place in part), "".join(place.read for place in part)
            yield slip, (signs[passed], signs[passed + 1 + wide])
            passed += wide


def _parts(run: Sequence[Place]) -> Iterator[Sequence[Place]]:
    """Slips side by side: letters in another case each by itself, and so many characters that match in number."""
    for akin, together in groupby(run, key=lambda place: place.akin):
        part = list(together)
        each = akin or (len(part) > _LONGEST and all(place.truth and place.reading for place in part))
        yield from ([place] for place in part) if each else [part]


def _grams(signs: Sequence[str]) -> Iterator[tuple[str, _Sides]]:
    """Everything of up to three characters in a text, the empty places between them too, with what stands around."""
    edged = [EDGE, *signs, EDGE]
    for first in range(1, len(edged)):
        for last in range(first, min(first + _LONGEST + 1, len(edged))):
            yield "".join(edged[first:last]), (edged[first - 1], edged[last])
