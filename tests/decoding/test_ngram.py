"""Back-off models, against sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ocrnn.decoding.ngram import ROOT, Ngrams, find

TOKENS = ("<unk>", "<s>", "</s>", "a", "b")
UNK, START, END, A, B = range(5)


def model() -> Ngrams:
    """Single tokens, <s> a, a b, b a, and one of three, b a b; powers of two instead of probabilities."""
    singles = [0, 1, 2, 3, 4]
    pairs = [(1 + START) * 5 + A, (1 + A) * 5 + B, (1 + B) * 5 + A]  # nodes 6, 7, 8
    triple = [8 * 5 + B]  # node 9
    logps = [-8, -99, -3, -1, -2, -4, -5, -6, -7]
    backoffs = [0, -0.5, 0, -0.25, -0.125, 0, 0, -0.0625, 0]
    return Ngrams(TOKENS, np.array(singles + pairs + triple), np.array(logps, float), np.array(backoffs, float))


def test_shape() -> None:
    assert model().order == 3
    assert model().levels == (1, 6, 9, 10)
    assert model().parents.tolist() == [0, 0, 0, 0, 0, 2, 4, 5, 8]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", [-4, -0.25 - 3]),  # <s> a; a backs off to </s>
        ("ab", [-4, -5, -0.125 - 3]),  # after <s> a nothing longer is known, so a b
        ("bab", [-0.5 - 2, -6, -7, -0.125 - 3]),  # b a b is known whole
        ("baa", [-0.5 - 2, -6, -0.0625 - 0.25 - 1, -0.25 - 3]),  # b a and a both back off
        ("b?a", [-0.5 - 2, -0.125 - 8, -1, -0.25 - 3]),  # unknown, after which nothing is known
        ("", [-0.5 - 3]),
    ],
)
def test_log_probability_of_a_line(text: str, terms: list[float]) -> None:
    assert model().logp(text) == pytest.approx(math.fsum(terms))


def test_states_are_no_longer_than_what_goes_on() -> None:
    logps, states = model().row(ROOT)
    assert logps.tolist() == [-8, -99, -3, -1, -2]
    assert states.tolist() == [ROOT, 2, ROOT, 4, 5]  # nothing follows <unk> and </s>
    assert model().row(8)[1].tolist() == [ROOT, 2, ROOT, 4, 5]  # b a b leads to b, as a b has nothing after it
    assert model().row(5)[1][A] == 8  # b a b goes on from b a
    assert model().start == 2


def test_a_row_can_be_built_on_the_shorter_one() -> None:
    short = model().row(model().shorter(8))
    before = [part.copy() for part in short]
    for built, whole in zip(model().row(8, short), model().row(8), strict=True):
        assert np.array_equal(built, whole)
    assert all(np.array_equal(part, old) for part, old in zip(short, before, strict=True))


def test_an_n_gram_whose_end_was_pruned_backs_off_further() -> None:
    """With a b a known but not b a, what follows b a is what follows a."""
    keys = np.array([0, 1, 2, 3, 4, (1 + A) * 5 + B, 6 * 5 + A])
    pruned = Ngrams(TOKENS, keys, np.array([-8, -99, -3, -1, -2, -5, -6.0]), np.array([0, 0, 0, -0.25, 0, -0.5, 0]))
    assert pruned.shorter(7) == 1 + A
    assert pruned.logp("aba") == pytest.approx(-1 - 5 - 6 - 0.25 - 3)


def test_find() -> None:
    keys = np.array([2, 3, 7])
    assert find(keys, np.array([7, 0, 3, 9, 2])).tolist() == [3, -1, 2, -1, 1]
