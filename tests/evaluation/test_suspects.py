"""Wrong labels are found with a model whose probabilities are written down by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import LogProbs, log_probability
from ocrnn.evaluation.score import ReadSample
from ocrnn.evaluation.suspects import Suspect, suspects
from ocrnn.metrics import distance, fold

CHARSET = Charset("abcdeABCDE ")


def seen(text: str, sure: float = 0.999, other: str = "") -> LogProbs:
    """Frames that say `text`, each character with probability `sure`, and what is left for that of `other`, if any."""
    rest = (1 - sure) / (CHARSET.classes - 1)
    frames = []
    for place, number in enumerate(CHARSET.encode(text)):
        frame = np.full(CHARSET.classes, rest * 0.01 if other else rest)
        if other:
            frame[CHARSET.encode(other)[place]] = 1 - sure
        frame[number] = sure
        blank = np.full(CHARSET.classes, rest)
        blank[0] = sure
        frames += [frame / frame.sum(), blank / blank.sum()]
    return np.asarray(np.log(frames), np.float64)


def line(truth: str, reading: str, confidence: float = 0.99) -> ReadSample:
    return ReadSample(truth, truth, reading, confidence, distance(fold(reading), fold(truth)))


def search(lines: list[ReadSample], frames: list[LogProbs], least: float = -math.inf) -> list[Suspect]:
    return suspects(lines, CHARSET, lambda place: frames[place], least=least)


def test_evidence_is_the_ratio_of_the_probabilities() -> None:
    frames = seen("abc")
    [found] = search([line("abd", "abc", 0.5)], [frames])
    ratio = log_probability(frames, CHARSET.encode("abc")) - log_probability(frames, CHARSET.encode("abd"))
    assert found.evidence == pytest.approx((ratio + 2 * math.log(0.5)) / math.log(10))


def test_a_sure_reader_accuses_and_a_torn_one_does_not() -> None:
    lines = [line("abd", "abc"), line("abd", "abc", 0.6), line("abc", "abc")]
    frames = [seen("abc", 0.9999), seen("abc", 0.6, other="abd"), seen("abc")]
    assert [found.place for found in search(lines, frames)] == [0, 1]
    assert [found.place for found in search(lines, frames, least=2)] == [0]


def test_many_small_faults_of_a_bad_picture_weigh_less_than_one_sure_one() -> None:
    lines = [line("a b c d e", "b a d c a", 0.02), line("abcde", "abcda")]
    frames = [seen("b a d c a", 0.5, other="a b c d e"), seen("abcda", 0.99999)]
    assert [found.place for found in search(lines, frames)] == [1, 0]


def test_what_the_labels_of_a_set_always_do_is_no_fault() -> None:
    """Labels in capitals of pictures that are not; one of them has another word."""
    lines = [line("ABC", "abc") for _ in range(6)] + [line("ABE", "abc")]
    frames = [seen("abc") for _ in lines]
    assert [found.place for found in search(lines, frames)] == [6]
    # Alone, the same label says otherwise than its picture in three places.
    assert [found.place for found in search(lines[:1], frames)] == [0]


def test_rare_is_no_habit() -> None:
    """Three lines among many that differ alike are a habit of theirs, two are not."""
    for times, accused in ((2, 2), (4, 0)):
        lines = [line("abd", "abc")] * times + [line("abc", "abc")] * 20
        assert len(search(lines, [seen("abc")] * len(lines))) == accused


def test_letters_that_few_labels_have_over_are_no_habit() -> None:
    """Held against all places of the set, of which there are so many that it is under one in a hundred."""
    for others, accused in ((4, 0), (100, 5)):
        lines = [line("abcd", "abc")] * 5 + [line("abcabc", "abcabc")] * others
        frames = [seen("abc")] * 5 + [seen("abcabc")] * others
        assert len(search(lines, frames)) == accused


def test_labels_longer_than_their_picture_and_strangers() -> None:
    lines = [line("abcabcabcabc", "ab"), line("abß", "ab"), line("ß", "ab")]
    frames = [seen("ab"), seen("ab"), seen("ab")]
    found = {suspect.place: suspect.evidence for suspect in search(lines, frames)}
    assert 2 < found[0] < math.inf
    # What the model cannot write it cannot judge; of the third label there is still a letter too few.
    assert 1 not in found or found[1] < 0.1
    assert found[2] > 1


def test_pictures_that_could_not_be_read_are_not_asked_for() -> None:
    lost = ReadSample("x", "abc", "", 0.0, 3, "x: no such file")
    assert search([lost], []) == []


def test_the_most_suspicious_come_first() -> None:
    sureness = [0.9, 0.999, 0.99]
    found = search([line("abd", "abc"), line("abe", "abc"), line("aba", "abc")], [seen("abc", s) for s in sureness])
    assert [suspect.place for suspect in found] == [1, 2, 0]
