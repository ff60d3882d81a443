"""Two models against one another, with differences whose distribution is known."""

from __future__ import annotations

from math import comb

import pytest

from ocrnn.evaluation.compare import Change, compare
from ocrnn.evaluation.score import ReadSample


def line(name: str, truth: str, reading: str, edits: int) -> ReadSample:
    return ReadSample(name, truth, reading, 0.9, edits)


def coins(wrong: list[int], lines: int = 400) -> list[ReadSample]:
    """Lines of one character, wrong at some places."""
    return [line(f"{n}", "a", "x" if n in wrong else "a", int(n in wrong)) for n in range(lines)]


def test_the_interval_is_that_of_the_difference_not_of_the_rates() -> None:
    """The second is right in 30 lines where the first is not, wrong in 10 where it is right, and both err in 100.

    The gap of a line is -1, 1 or 0 with shares 30, 10 and 360 of 400: by hand a mean of -0.05 and a variance of
    0.1 - 0.0025. Rates drawn apart from one another would vary five times as much.
    """
    first = coins(list(range(130)))
    second = coins([*range(100), *range(200, 210)])
    found = compare(first, second, resamples=4000)
    assert (found.cer.first, found.cer.second) == (130 / 400, 110 / 400)
    assert found.cer.gap == pytest.approx(-0.05)
    half = 1.96 * (0.0975 / 400) ** 0.5
    assert (found.cer.low, found.cer.high) == pytest.approx((-0.05 - half, -0.05 + half), abs=0.004)
    assert found.cer.proven and found.cer.better > 0.99
    assert (len(found.won), len(found.lost), found.alike) == (30, 10, 360)
    assert found.changes == (Change("a", "x", 130, 110),)


def test_two_ways_round() -> None:
    first, second = coins(list(range(130))), coins([*range(100), *range(200, 210)])
    there, back = compare(first, second), compare(second, first)
    assert (back.cer.low, back.cer.high) == pytest.approx((-there.cer.high, -there.cer.low))
    assert back.cer.better == pytest.approx(1 - there.cer.better)
    assert (back.won, back.lost) == (there.lost, there.won)


@pytest.mark.parametrize(("more", "proven"), [(2, False), (40, True)])
def test_chance_is_told_from_what_is_more_than_chance(more: int, proven: bool) -> None:
    assert compare(coins(list(range(20))), coins(list(range(20, 40 + more)))).cer.proven == proven
    same = compare(coins([1, 2]), coins([1, 2]))
    assert not same.cer.proven and same.cer.better == 0.5 and same.won == same.lost == ()


@pytest.mark.parametrize(("lines", "differing"), [(1, 1), (3, 3), (400, 4), (400, 5), (400, 6), (400, 10)])
def test_few_lines_prove_nothing(lines: int, differing: int) -> None:
    """Of k lines, all read better by one model, a coin makes as much in 2 of 2^k throws: fewer than 5 % from six on."""
    found = compare(coins(list(range(differing)), lines), coins([], lines)).cer
    assert found.high < 0  # what lines drawn anew say by themselves
    assert found.by_chance == 2 / 2**differing
    assert found.proven == (differing > 5)


def test_falls_are_drawn_as_they_are_counted() -> None:
    """30 lines read better and 14 worse: two tails of a binomial, of more falls than are drawn."""
    found = compare(coins(list(range(30))), coins(list(range(50, 64)))).cer
    tails = 2 * sum(comb(44, worse) for worse in range(15)) / 2**44
    assert found.by_chance == pytest.approx(tails, abs=0.008)


def test_lines_and_words_by_hand() -> None:
    first = [line("1", "one two", "one tow", 2), line("2", "barn", "barn", 0), line("3", "„a‟", '"a"', 0)]
    second = [line("1", "one two", "one two", 0), line("2", "barn", "bam", 2), line("3", "„a‟", "“a”", 0)]
    second.append(line("4", "x y", "", 3))
    first.append(line("4", "x y", "x", 2))
    found = compare(first, second)
    assert (found.won, found.lost) == ((0,), (1, 3))
    assert found.alike == 1  # quotes of another shape are the same text
    assert (found.wer.first, found.wer.second) == (2 / 6, 3 / 6)
    assert (found.cer.first, found.cer.second) == (4 / 17, 5 / 17)
    assert Change("rn", "m", 0, 1) in found.changes


def test_lines_that_not_both_could_read_are_counted_apart() -> None:
    lost = [ReadSample(name, "a", "", 0.0, 1, "no such file") for name in "123"]
    read = [line("1", "a", "a", 0), line("2", "a", "", 1), line("3", "a", "", 1), line("4", "b", "c", 1)]
    found = compare([*lost[:2], *read[2:]], [read[0], *lost[1:], read[3]])
    assert (found.alike, found.failed) == (1, 3)


def test_the_confusions_that_differ_most_come_first() -> None:
    names = [str(number) for number in range(12)]
    first = [line(n, "a", "x", 1) for n in names[:9]] + [line(n, "b", "b", 0) for n in names[9:]]
    second = [line(n, "a", "x", 1) for n in names[:8]] + [line(names[8], "a", "a", 0)]
    second += [line(n, "b", "y", 1) for n in names[9:]]
    assert compare(first, second).changes == (Change("b", "y", 0, 3), Change("a", "x", 9, 8))


def test_other_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="different lines"):
        compare(coins([1]), coins([1], 300))
    with pytest.raises(ValueError, match="no lines"):
        compare([], [])
