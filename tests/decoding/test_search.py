from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.constraints import constraints
from ocrnn.decoding.search import BEAM_WIDTH, Search, likely
from ocrnn.errors import UsageError


@pytest.fixture
def lines() -> list[npt.NDArray[np.float32]]:
    """Log-probabilities (T, 4) of three lines of four and five frames."""
    rng = np.random.default_rng(5)
    logits = [rng.normal(size=(frames, 4)) * 2 for frames in (4, 5, 4)]
    return [(each - np.logaddexp.reduce(each, axis=1, keepdims=True)).astype(np.float32) for each in logits]


def brute_force(log_probs: npt.NDArray[Any]) -> dict[tuple[int, ...], float]:
    """Log-probability of every text over all paths through (T, C)."""
    texts: dict[tuple[int, ...], float] = defaultdict(lambda: -np.inf)
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = tuple(number for number, _ in itertools.groupby(path) if number)
        texts[merged] = np.logaddexp(texts[merged], sum(log_probs[range(len(path)), path]))
    return texts


def test_the_greedy_text_is_the_best_path_and_as_probable_as_all_of_its_paths(lines: list[Any]) -> None:
    for line, found in zip(lines, Search().texts(lines), strict=True):
        (best,) = found.texts
        assert best.classes == tuple(number for number, _ in itertools.groupby(line.argmax(axis=1)) if number)
        assert best.logp == pytest.approx(brute_force(line)[best.classes], abs=1e-4)


def test_a_wide_beam_finds_the_best_texts_of_all(lines: list[Any]) -> None:
    search = Search.chosen(beam_width=500, alternatives=3)
    for line, found in zip(lines, search.texts(lines), strict=True):
        ranked = sorted(brute_force(line).items(), key=lambda item: -item[1])[:4]
        assert [text.classes for text in found.texts] == [classes for classes, _ in ranked]
        assert [text.logp for text in found.texts] == pytest.approx([logp for _, logp in ranked], abs=1e-4)


def test_likely_texts_are_those_that_a_language_allows(lines: list[Any]) -> None:
    (only_a,) = constraints(Charset("abc"), allow="a")
    for line, found in zip(lines, likely(lines, only_a, 2), strict=True):
        fitting = {text: logp for text, logp in brute_force(line).items() if set(text) <= {1}}
        assert found == sorted(fitting, key=lambda text: -fitting[text])[:2]


def test_what_needs_a_beam_gets_one_that_is_wide_enough() -> None:
    guides = constraints(Charset("abc"), allow="a")
    assert Search.chosen() == Search("greedy", BEAM_WIDTH, 0, None)
    assert Search.chosen("greedy") == Search.chosen()
    assert Search.chosen("beam") == Search("beam", BEAM_WIDTH)
    assert Search.chosen(beam_width=2, alternatives=5) == Search("beam", 6, 5)
    assert Search.chosen(guides=guides) == Search("beam", BEAM_WIDTH, 0, guides[0])
    needs: dict[str, Any]
    for needs in ({"alternatives": 1}, {"guides": guides}):
        with pytest.raises(UsageError, match="belong to the beam"):
            Search.chosen("greedy", **needs)
    with pytest.raises(UsageError, match="alternatives"):
        Search.chosen(alternatives=-1)
    with pytest.raises(UsageError, match="beam"):
        Search.chosen("beam", beam_width=0)


def test_the_best_text_is_the_first_of_those_found_or_none(lines: list[Any]) -> None:
    for search in (Search(), Search.chosen("beam"), Search.chosen(alternatives=2)):
        assert search.best(lines) == [found.texts[0].classes for found in search.texts(lines)]
    too_long = Search.chosen(guides=constraints(Charset("abc"), regex="a{9}"))
    assert too_long.best(lines) == [None] * 3
