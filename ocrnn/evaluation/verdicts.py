"""Which words and characters of a reading are right, each beside how sure the reader was of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ocrnn.evaluation.alignment import Place, align
from ocrnn.reading import Reading

Verdict = tuple[float, bool]
"""Confidence, 0..1, and whether it came true."""


def verdicts(reading: Reading, truth: str) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
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
        tuple(zip(sure_words, words, strict=True)) if len(sure_words) == len(words) else (),
        tuple(zip(sure, characters, strict=True)) if len(sure) == len(characters) else (),
    )


def _words(places: Sequence[Place]) -> Iterator[bool]:
    """Tell of each word of the reading whether it is right, the spaces around it included."""
    spaces = (place for place, each in enumerate(places) if each.reading == " ")
    for before, after in pairwise([-1, *spaces, len(places)]):
        word = places[max(0, before) : after + 1]
        if any(place.reading.strip() for place in word):
            yield all(place.same for place in word)
