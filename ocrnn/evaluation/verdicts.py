"""Which words and characters of a reading are right, each beside how sure the reader was of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ocrnn.evaluation.alignment import Place, align
from ocrnn.reading import Reading


@dataclass(frozen=True)
class Verdicts:
    """Confidences, 0..1, and for each whether it came true: five bytes a character, for sets of a million lines.

    >>> list(Verdicts.of([(0.5, True), (0.25, False)]))
    [(0.5, True), (0.25, False)]
    """

    confidences: array[float] = field(default_factory=lambda: array("f"))
    right: bytes = b""

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, bool]]) -> Verdicts:
        """Verdicts from pairs, as they are given back one by one."""
        sure, right = [*zip(*pairs, strict=True)] or [(), ()]
        return cls(array("f", sure), bytes(right))

    def __iter__(self) -> Iterator[tuple[float, bool]]:
        return zip(self.confidences, map(bool, self.right), strict=True)


def verdicts(reading: Reading, truth: str) -> tuple[Verdicts, Verdicts]:
    """Verdicts on the words and on the characters of a reading, spaces left out, compared after folding.

    A word is right where all of it is and both its ends, so that nothing of the label is lost beside it. What one sign
    stands for (… or ﬁ) cannot be told apart: a line that holds any says nothing about its characters.
    """
    places = align(truth, reading.text)
    words = list(_words(places))
    characters = [place.same for place in places for character in place.reading if character != " "]
    sure_words = [word.confidence for word in reading.words]
    sure = [character.confidence for character in reading.characters if not character.text.isspace()]
    return (
        Verdicts.of(zip(sure_words, words, strict=True) if len(sure_words) == len(words) else ()),
        Verdicts.of(zip(sure, characters, strict=True) if len(sure) == len(characters) else ()),
    )


def _words(places: Sequence[Place]) -> Iterator[bool]:
    """Tell of each word of the reading whether it is right, the spaces around it included."""
    spaces = (place for place, each in enumerate(places) if each.reading == " ")
    for before, after in pairwise([-1, *spaces, len(places)]):
        word = places[max(0, before) : after + 1]
        if any(place.reading.strip() for place in word):
            yield all(place.same for place in word)
