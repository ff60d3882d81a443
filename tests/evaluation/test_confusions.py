"""Confusions that were put in on purpose must be counted, with where they were put."""

from __future__ import annotations

import random

from ocrnn.evaluation.confusions import Context, confusions


def test_a_model_with_known_habits() -> None:
    """It reads `e` as `c` before `n` always, loses every comma, and puts a dot behind each line that ends in `d`."""
    rng = random.Random(2)
    truths = ["".join(rng.choice("aend, ") for _ in range(20)).strip() for _ in range(50)]
    truths = [" ".join(truth.split()) for truth in truths]
    # Neighbouring faults are one confusion, so they are kept apart.
    truths = [truth.replace(",", "a,a").replace("ee", "ea") for truth in truths]
    readings = [truth.replace("en", "cn").replace(",", "") + ("." if truth.endswith("d") else "") for truth in truths]
    found = confusions(zip(truths, readings, strict=True))
    told = {(each.truth, each.reading): each for each in found.found}
    assert told.keys() == {("e", "c"), (",", ""), ("", ".")}
    letters = "|".join(truths)
    assert told["e", "c"].count == letters.count("en") == found.substitutions
    assert told["e", "c"].of == letters.count("e")
    assert told[",", ""].count == told[",", ""].of == letters.count(",") == found.deletions
    ends = sum(truth.endswith("d") for truth in truths)
    assert told["", "."].count == told["", "."].of == ends == found.insertions
    assert [each.kind for each in told.values()].count("deletion") == 1 and told["", "."].kind == "insertion"
    assert told["", "."].contexts == (Context("d", "|", ends, ends),)
    # What stands around: all of the `e` between some letter and n were misread.
    for context in told["e", "c"].contexts:
        edged = "|".join(["", *truths, ""])
        assert context.after == "n" and context.count == context.of == edged.count(f"{context.before}en")
    assert [each.count for each in found.found] == sorted((each.count for each in found.found), reverse=True)


def test_folding_comes_first() -> None:
    assert confusions([("„ſo‟ – so", '"so" - so')]).found == ()


def test_letters_for_two_and_two_for_one() -> None:
    found = confusions([("barn", "bam"), ("room", "roorn"), ("m", "rn")]).found
    assert {(each.truth, each.reading, each.count, each.of) for each in found} == {("rn", "m", 1, 1), ("m", "rn", 2, 2)}


def test_capitals_are_counted_letter_by_letter() -> None:
    found = confusions([("TOTAL", "Total")]).found
    assert {(each.truth, each.reading) for each in found} == {("O", "o"), ("T", "t"), ("A", "a"), ("L", "l")}


def test_a_lost_line_is_no_confusion() -> None:
    found = confusions([("all of it", ""), ("ab", "xb")])
    assert (found.stretches, found.deletions, found.substitutions) == (1, 9, 1)
    assert [(each.truth, each.reading) for each in found.found] == [("a", "x")]
    empty = confusions([])
    assert (empty.stretches, empty.found) == (0, ())
