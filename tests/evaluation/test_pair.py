"""Label against reading, whose differences are counted elsewhere."""

from __future__ import annotations

import random
import re

import pytest

from ocrnn.evaluation.pair import _pieces, pair
from ocrnn.metrics import distance, fold


@pytest.mark.parametrize(
    ("truth", "reading", "runs"),
    [
        ("Total 12", "Total 12", [("Total ", "Total ", True), ("12", "12", True)]),
        ("Müller & Co", "Muller  & C0", [
            ("M", "M", True), ("ü", "u", False), ("ller ", "ller ", True), ("& ", "& ", True), ("C", "C", True),
            ("o", "0", False),
        ]),
        ("ab", "a b", [("a", "a", True), ("", " ", False), ("b", "b", True)]),
        ("", "x", [("", "x", False)]),
        ("x", "", [("x", "", False)]),
        ("", "", []),
        # Folded alike: long s, quotes, an ellipsis, a letter with its mark apart.
        ("ſo „gut‟…", 'so "gut"...', [("ſo ", "so ", True), ("„gut‟...", '"gut"...', True)]),
        ("a\u0364b", "ab", [("a\u0364", "a", False), ("b", "b", True)]),
    ],
)  # fmt: skip
def test_differences(truth: str, reading: str, runs: list[tuple[str, str, bool]]) -> None:
    assert list(_pieces(truth, reading)) == runs


def test_as_many_are_marked_as_are_counted() -> None:
    rng = random.Random(4)
    for _ in range(200):
        truth, reading = ("".join(rng.choice("abc ") for _ in range(rng.randrange(12))).strip() for _ in "12")
        truth, reading = " ".join(truth.split()), " ".join(reading.split())
        runs = list(_pieces(truth, reading))
        assert "".join(above for above, _, _ in runs) == truth and "".join(below for _, below, _ in runs) == reading
        marked = sum(max(len(above), len(below)) for above, below, same in runs if not same)
        # A run that lacks something on either side counts each character by itself, so it can only seem shorter.
        assert marked <= distance(fold(reading), fold(truth))
        assert (marked == 0) == (truth == reading)


def test_a_space_too_many_is_seen_and_so_is_what_lacks() -> None:
    texts = re.findall(r">([^<>]+)<", pair("ab", "a b"))
    assert texts == ["label", "read", "a", "a", "∅", "␣", "b", "b"]


def test_very_long_texts_take_no_time() -> None:
    assert list(_pieces("x" + "a" * 3000 + "y", "x" + "b" * 3000 + "y"))[1] == ("a" * 3000, "b" * 3000, False)
