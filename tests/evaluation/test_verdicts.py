"""Words and characters whose being right is seen at a glance."""

from __future__ import annotations

import pytest

from ocrnn.evaluation.verdicts import verdicts
from ocrnn.reading import Character, Reading, Word


def read(text: str) -> Reading:
    """A reading whose n-th word is sure to n/10, and its n-th character to n/100."""
    words = [Word(word, 0, 1, number / 10) for number, word in enumerate(text.split())]
    characters = [Character(sign, 0, 1, number / 100) for number, sign in enumerate(text)]
    return Reading(text, 0.5, tuple(characters), 10, 10, words=tuple(words))


@pytest.mark.parametrize(
    ("text", "truth", "words", "characters"),
    [
        ("one two", "one two", [True, True], "111111"),
        ("one  two", "one two", [True, True], "111111"),
        ("one tvo", "one two", [True, False], "111101"),
        ("onetwo", "one two", [False], "111111"),
        ("on e two", "one two", [False, False, True], "111111"),
        ("one two", "one two three", [True, False], "111111"),
        ("„so‟ – so", '"ſo" - so', [True, True, True], "1111111"),
        ("", "lost", [], ""),
        ("x", "", [False], "0"),
    ],
)
def test_right_and_wrong(text: str, truth: str, words: list[bool], characters: str) -> None:
    found_words, found_characters = verdicts(read(text), truth)
    assert [right for _, right in found_words] == words
    assert [sure for sure, _ in found_words] == pytest.approx([number / 10 for number in range(len(words))])
    assert [right for _, right in found_characters] == [sign == "1" for sign in characters]
    places = [place for place, sign in enumerate(text) if not sign.isspace()]
    assert [sure for sure, _ in found_characters] == pytest.approx([place / 100 for place in places])


def test_signs_that_fold_to_several_say_nothing_of_characters() -> None:
    words, characters = verdicts(read("so … on"), "so ... on")
    assert [right for _, right in words] == [True, True, True] and not list(characters)
