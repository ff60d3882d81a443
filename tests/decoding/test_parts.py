"""Words and their confidence against every path written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.characters import alphabet
from ocrnn.decoding.ctc import Hypothesis, greedy, log_probability
from ocrnn.decoding.parts import alternatives, confidences, exchanges, words
from ocrnn.decoding.regex import Regex

SPACE = 2


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        ((), ()),
        ((SPACE, SPACE), ()),
        ((1, 3), ((0, 2),)),
        ((SPACE, 1, SPACE, SPACE, 3, 3, SPACE), ((1, 2), (4, 6))),
        ((1, SPACE, 4, 9, 1), ((0, 1), (2, 3), (4, 5))),
    ],
)
def test_words_are_what_stands_between_spaces(classes: tuple[int, ...], parts: tuple[tuple[int, int], ...]) -> None:
    assert words(classes, {SPACE, 9}) == parts


def probability(probs: npt.NDArray[np.float64], text: tuple[int, ...]) -> float:
    """Of a text, over every path through (T, C)."""
    paths = itertools.product(range(probs.shape[1]), repeat=len(probs))
    return math.fsum(
        math.prod(row[number] for row, number in zip(probs, path, strict=True))
        for path in paths
        if tuple(number for number, _ in itertools.groupby(path) if number) == text
    )


def test_a_word_is_as_sure_as_all_paths_between_its_spaces_make_it() -> None:
    path = [1, 0, SPACE, SPACE, 3, 1, SPACE, 0, 3]
    rng = np.random.default_rng(3)
    probs = np.eye(4)[path] * 2 + rng.random((9, 4))
    probs[2, SPACE], probs[3, SPACE] = 1.0, 9.0  # the second frame of the first space is the surer one
    probs /= probs.sum(axis=1, keepdims=True)
    log_probs = np.log(probs).astype(np.float32)
    found = greedy(log_probs)
    assert found.classes == (1, SPACE, 3, 1, SPACE, 3)
    (sure,) = confidences([log_probs], [found], [words(found.classes, {SPACE})])
    expected = [
        probability(probs[:4], (1, SPACE)),
        probability(probs[3:7], (SPACE, 3, 1, SPACE)),
        probability(probs[6:], (SPACE, 3)),
    ]
    assert sure == pytest.approx(expected, rel=1e-5)


def test_a_line_without_spaces_is_one_word_as_sure_as_its_text() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(30, 3, 5)) * 3
    log_probs = (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float32)
    found = [greedy(log_probs[:, line]) for line in range(3)]
    found[1] = Hypothesis((), 0.0, ())
    sure = confidences(list(log_probs.swapaxes(0, 1)), found, [words(hypothesis.classes, {9}) for hypothesis in found])
    assert [len(line) for line in sure] == [1, 0, 1]
    for line in (0, 2):
        assert math.log(sure[line][0]) == pytest.approx(
            log_probability(log_probs[:, line], found[line].classes), rel=1e-4
        )


def test_nothing_to_judge() -> None:
    nothing = Hypothesis((), 0.0, ())
    assert confidences([np.zeros((0, 4), np.float32)], [nothing], [()]) == [()]
    assert exchanges(np.zeros((3, 4), np.float32), nothing, []) == []


def test_what_else_could_stand_there_is_weighed_over_all_paths() -> None:
    path = [1, 0, 3, 3, 0, 1, 3, 0, 3]
    probs = np.eye(4)[path] * 2 + np.random.default_rng(4).random((9, 4))
    probs[3, 3] = 9.0
    probs /= probs.sum(axis=1, keepdims=True)
    log_probs = np.log(probs).astype(np.float32)
    found = greedy(log_probs)
    assert found.classes == (1, 3, 1, 3, 3)
    shares = exchanges(log_probs, found, [(2, 3), (3, 0), (), (1, 0), (3,)])
    surest = [
        first + int(probs[first:last, number].argmax())
        for number, (first, last) in zip(found.classes, found.spans, strict=True)
    ]
    expected = [
        (probability(probs[: surest[1] + 1], (2, 3)), probability(probs[: surest[1] + 1], (3, 3))),
        (
            probability(probs[surest[0] : surest[2] + 1], (1, 3, 1)),
            probability(probs[surest[0] : surest[2] + 1], (1, 1)),
        ),
        (),
        (probability(probs[surest[2] :], (1, 1, 3)), probability(probs[surest[2] :], (1, 3))),
        (probability(probs[surest[3] :], (3, 3)),),
    ]
    for found_here, expected_here in zip(shares, expected, strict=True):
        assert found_here == pytest.approx(expected_here, rel=1e-5)


def test_alternatives_are_the_shares_of_what_was_tried() -> None:
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(12, 6)) * 2
    log_probs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    found = greedy(log_probs)
    most = 2
    for place, others in enumerate(alternatives(log_probs, found, most)):
        span = slice(*found.spans[place])
        peaks = {number: log_probs[span, number].max() for number in range(1, 6) if number != found.classes[place]}
        tried = [found.classes[place], 0, *sorted(peaks, key=lambda number: -peaks[number])[:most]]
        (sums,) = exchanges(log_probs, found, [()] * place + [tried] + [()] * (len(found.classes) - place - 1))[
            place : place + 1
        ]
        shares = dict(zip(tried, np.array(sums) / sum(sums), strict=True))
        assert len(others) <= most
        assert [share for _, share in others] == sorted((share for _, share in others), reverse=True)
        for number, share in others:
            assert share == pytest.approx(shares[number])
            assert number != found.classes[place]
        left_out = set(tried[1:]) - {number for number, _ in others}
        assert all(shares[number] < 0.001 or len(others) == most for number in left_out)


def test_alternatives_are_what_a_guide_allows() -> None:
    log_probs = np.log(np.full((5, 4), 0.25, np.float32))
    hypothesis = Hypothesis((1, 2), -1.0, ((0, 1), (3, 4)))
    found = alternatives(log_probs, hypothesis, 5, guide=alphabet(Charset("abc"), allow="ab"))
    assert [{number for number, _ in others} for others in found] == [{0, 2}, {0, 1}]
    assert alternatives(log_probs, Hypothesis((), -1.0, ()), 5) == []


def test_an_alternative_is_allowed_by_the_whole_text_that_it_makes() -> None:
    charset = Charset("abc")
    log_probs = np.log(np.full((7, 4), 0.25, np.float32))
    hypothesis = Hypothesis(tuple(charset.encode("abc")), -1.0, ((0, 1), (3, 4), (6, 7)))
    found = alternatives(log_probs, hypothesis, 5, guide=Regex("[ab]bc|aac|ac", charset))
    assert [{number for number, _ in others} for others in found] == [{2}, {0, 1}, set()]
