"""Alignments whose differences are counted by another program, and whose choice among equals is known."""

from __future__ import annotations

import random
import unicodedata

import pytest

from ocrnn.evaluation.alignment import align, runs
from ocrnn.metrics import distance, fold


def test_differences_are_as_few_as_levenshtein_counts() -> None:
    rng = random.Random(4)
    for _ in range(300):
        truth, reading = ("".join(rng.choice("abAä .'") for _ in range(rng.randrange(14))) for _ in "12")
        places = align(truth, reading)
        assert "".join(place.truth for place in places) == " ".join(truth.split())
        assert "".join(place.reading for place in places) == " ".join(reading.split())
        assert sum(not place.same for place in places) == distance(fold(reading), fold(truth))


@pytest.mark.parametrize(
    ("truth", "reading", "pairs"),
    [
        # Both pairings have three differences; letters go with their like.
        ("BALL", "Ba ll", [("A", "a"), ("", " "), ("L", "l"), ("L", "l")]),
        ("né", "nxe", [("", "x"), ("é", "e")]),
    ],
)
def test_among_equals_letters_stand_against_their_like(truth: str, reading: str, pairs: list[tuple[str, str]]) -> None:
    found = [(place.truth, place.reading) for place in align(truth, reading) if not place.same]
    assert found == pairs


def test_two_single_quotes_are_a_double_one() -> None:
    assert [(p.truth, p.reading, p.same) for p in align("''a", "“a")] == [("''", "“", True), ("a", "a", True)]
    assert [(p.truth, p.same) for p in align("``a'''", "“a”'")] == [
        ("``", True),
        ("a", True),
        ("''", True),
        ("'", True),
    ]
    assert sum(not place.same for place in align("l'a'", "l''a")) == distance(fold("l''a"), fold("l'a'"))


@pytest.mark.parametrize("text", ["한글", "ཀཱི", "কো", "é", "שָׁלוֹם"])
def test_decomposed_text_is_the_same_text(text: str) -> None:
    """Parts of a syllable that are no combining marks compose too: vowels of Hangul and of Bengali."""
    apart = unicodedata.normalize("NFD", text)
    assert distance(fold(apart), fold(text)) == 0
    assert all(place.same for one, other in ((text, apart), (apart, text)) for place in align(one, other))


def test_runs_are_what_stands_together() -> None:
    found = [(("".join(p.truth for p in run), "".join(p.reading for p in run)), kept)
             for run, kept in runs(align("xmodern corn", "modem cornz"))]  # fmt: skip
    assert found == [(("x", ""), 0), (("rn", "m"), 4), (("", "z"), 5)]


def test_kin_are_shapes_of_one_letter() -> None:
    kin = {(place.sign, place.read): place.akin for place in align("AéA1", "aE41") if not place.same}
    assert kin == {("A", "a"): True, ("é", "E"): True, ("A", "4"): False}
