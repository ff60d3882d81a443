"""Figures against numbers worked out by hand, and edit distance against its definition."""

from __future__ import annotations

import itertools
import random
from functools import cache

import pytest

from ocrnn.metrics import Score, alphanumerics, cer, distance, fold, score, wer


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("plain text", "plain text"),
        ("Case STAYS", "Case STAYS"),
        ("  two   spaces\t and\u00a0others \n", "two spaces and others"),
        ("‘a’ ‚b‛ c′ d´ e` fʼ", "'a' 'b' c' d' e' f'"),
        ("“a” „b‟ c″ «d»", '"a" "b" c" "d"'),
        ("''a''", '"a"'),
        ("‘‘a’’", '"a"'),
        ("a‴", "a\"'"),
        ("a‐b‑c‒d–e—f―g−h﹘i﹣j－k\u00adl⸗m", "a-b-c-d-e-f-g-h-i-j-k-l-m"),
        ("ſo iſt’s", "so ist's"),
        ("ﬁve ½ … ²", "five 1⁄2 ... 2"),
        ("e\u0301", "é"),
        ("Ａ１", "A1"),
        ("", ""),
        (" \u3000 ", ""),
        ("ß Straße", "ß Straße"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_folding_twice_changes_nothing() -> None:
    rng = random.Random(0)
    for _ in range(500):
        text = "".join(chr(rng.choice((rng.randrange(32, 0x250), rng.randrange(0x2000, 0x2100)))) for _ in range(8))
        assert fold(fold(text)) == fold(text)


def test_alphanumerics() -> None:
    assert alphanumerics("Caf\u00e9 No. 5-ſ!") == "cafno5s"


@cache
def edits(a: str, b: str) -> int:
    """Levenshtein's recursion as he wrote it."""
    if not a or not b:
        return len(a) + len(b)
    return min(edits(a[1:], b) + 1, edits(a, b[1:]) + 1, edits(a[1:], b[1:]) + (a[0] != b[0]))


def test_distance_is_levenshteins() -> None:
    texts = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]
    rng = random.Random(0)
    texts += ["".join(rng.choice("abcé€") for _ in range(rng.randrange(9))) for _ in range(40)]
    for a, b in itertools.product(texts, repeat=2):
        assert distance(a, b) == edits(a, b)
    assert distance("kitten", "sitting") == 3
    assert distance(["the", "cat"], ["the", "black", "cat"]) == 1


def test_rates_by_hand() -> None:
    # 1 substitution in 5, 1 insertion in 4, nothing in 3: 2 of 12 characters.
    readings, truths = ["hallo", "worrd", "abc"], ["hello", "word", "abc"]
    assert cer(readings, truths) == pytest.approx(2 / 12)
    # "a b" against "a c d": one changed, one missing; 2 of 3, and the second line's one word is right.
    assert wer(["a b", "x"], ["a c d", "x"]) == pytest.approx(2 / 4)


def test_rates_may_pass_one_and_empty_truths_do_not_divide_by_zero() -> None:
    assert cer(["abcdef"], ["a"]) == 5
    assert cer(["ab"], [""]) == 2
    assert cer([""], [""]) == 0
    assert wer([""], ["a b"]) == 1


def test_numbers_of_lines_must_agree() -> None:
    for rate in (cer, wer):
        with pytest.raises(ValueError, match="argument"):
            rate(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="argument"):
        score(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="no lines"):
        score([], [])


def test_every_figure_by_hand() -> None:
    truths = ["Total: 12", "“Ja”  –  so", "ABC d", "…"]
    readings = ["total 12", '"Ja" - so', "ABCd", "..."]
    found = score(readings, truths)
    # Folded truths: 'Total: 12' (9), '"Ja" - so' (9), 'ABC d' (5), '...' (3): 26 characters.
    assert found.lines == 4
    assert found.cer == pytest.approx((2 + 0 + 1 + 0) / 26)  # T, colon; the space
    assert found.cer_caseless == pytest.approx((1 + 0 + 1 + 0) / 26)
    assert found.cer_spaceless == pytest.approx((2 + 0 + 0 + 0) / (8 + 7 + 4 + 3))
    # As they stand: 9 + 11 + 5 + 1 characters; two quotes, a dash and two spaces; one sign read as three dots.
    assert found.cer_raw == pytest.approx((2 + 5 + 1 + 3) / (9 + 11 + 5 + 1))
    # Words: Total: 12 | "Ja" - so | ABC d | ... ; wrong: total, and ABCd for two.
    assert found.wer == pytest.approx((1 + 0 + 2 + 0) / (2 + 3 + 2 + 1))
    # Without punctuation: Total 12 | Ja so | ABC d | nothing: 8 + 5 + 5 characters; T and the space.
    assert found.cer_unpunctuated == pytest.approx((1 + 0 + 1 + 0) / 18)
    assert found.exact == pytest.approx(2 / 4)
    # The last line has neither letters nor digits; the other three are equal in theirs.
    assert found.alnum_error == 0
    assert score(["x1"], ["x2"]).alnum_error == 1


def test_interval_of_a_coin() -> None:
    """Lines of one character, each wrong with odds 1:3 of 400: the interval is the binomial's, 0.25 ± 1.96 * 0.0217."""
    readings = ["x" if number % 4 == 0 else "a" for number in range(400)]
    found = score(readings, ["a"] * 400, resamples=4000)
    assert found.cer == 0.25
    assert found.cer_low == pytest.approx(0.25 - 1.96 * (0.25 * 0.75 / 400) ** 0.5, abs=0.005)
    assert found.cer_high == pytest.approx(0.25 + 1.96 * (0.25 * 0.75 / 400) ** 0.5, abs=0.005)
    # Words of one letter each: the same lines are wrong.
    assert (found.wer, found.wer_low, found.wer_high) == (found.cer, found.cer_low, found.cer_high)


def test_interval_is_seeded_and_holds_the_rate() -> None:
    rng = random.Random(1)
    truths = ["".join(rng.choice("abcd") for _ in range(rng.randint(1, 30))) for _ in range(60)]
    readings = ["".join(c if rng.random() > 0.1 else "x" for c in truth) for truth in truths]
    first = score(readings, truths)
    assert first == score(readings, truths)
    assert score(readings, truths, seed=1).cer_low != first.cer_low
    assert 0 < first.cer_low < first.cer < first.cer_high < 0.3


def test_a_perfect_reading() -> None:
    assert score(["a b"], ["a b"]) == Score(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
