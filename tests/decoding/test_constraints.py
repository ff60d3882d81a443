"""Constraints side by side, and what a picture says without them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.constraints import constraints, decode
from ocrnn.decoding.guide import allowed, combined
from ocrnn.decoding.lexicon import WORD_COST
from ocrnn.errors import UsageError

CHARSET = Charset("abcAB1 ")


def test_each_constraint_that_is_given_has_a_guide() -> None:
    assert constraints(CHARSET) == []
    guides = constraints(CHARSET, allow="[:alpha:]1", block="c", lexicon=["# lines", "ab1", "ac1", "ba"], regex="a.1")
    assert len(guides) == 3
    both = combined(guides)
    texts = ("ab1", "ac1", "ba", "aa1")
    assert [allowed(both, CHARSET.encode(text)) for text in texts] == [True, False, False, False]
    (words,) = constraints(CHARSET, lexicon=["a"], lexicon_cost=2.5)
    assert words.scores(words.start)[CHARSET.encode("b")] == [-2.5]
    (words,) = constraints(CHARSET, lexicon=["a"])
    assert words.scores(words.start)[CHARSET.encode("b")] == [-WORD_COST]


def peaked(text: str, sure: float) -> npt.NDArray[np.float64]:
    """Frames (T, C) of a text and the blanks between, each other class e**-sure as probable."""
    path = [number for character in CHARSET.encode(text) for number in (character, 0)]
    logits = np.eye(CHARSET.classes)[path] * sure
    log_probs: npt.NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs


def test_what_is_read_freely_stands_beside_where_it_is_another() -> None:
    frames = peaked("abc", 5.0)
    (guide,) = constraints(CHARSET, regex="a.a")
    decoded = decode(frames, 16, best=3, guide=guide)
    assert decoded.texts == tuple(beam_search(frames, 16, best=3, guide=guide))
    assert CHARSET.decode(decoded.texts[0].classes) == "aba"
    assert decoded.free == beam_search(frames, 16, best=1)[0]
    assert decode(frames, 16).free is None
    assert decode(frames, 16, guide=constraints(CHARSET, regex="a..")[0]).free is None
    assert decode(peaked("abc", 0.1), 16, guide=constraints(CHARSET, block=" 1")[0]).texts


def test_the_same_text_stands_beside_nothing_however_unsure_it_is() -> None:
    frames = peaked("abc", 2.0)
    decoded = decode(frames, 64, guide=constraints(CHARSET, regex="[abc]{3}")[0])
    assert CHARSET.decode(decoded.texts[0].classes) == "abc"
    assert decoded.texts[0].logp < math.log(0.5)
    assert decoded.free is None


@pytest.mark.parametrize(("option", "needed"), [("lexicon_cost", "give a lexicon"), ("lm_weight", "give an lm")])
def test_what_belongs_to_a_constraint_is_refused_without_it(option: str, needed: str) -> None:
    with pytest.raises(UsageError, match=f"{option}: .*{needed}"):
        constraints(CHARSET, **{option: 1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(("pattern", "sure", "fits"), [("bbb", 7.8, True), ("bbb", 8.2, False), ("b", 12.5, False)])
def test_what_is_too_far_from_the_picture_does_not_fit(pattern: str, sure: float, fits: bool) -> None:
    frames = peaked("abc" if len(pattern) == 3 else "a", sure)
    (guide,) = constraints(CHARSET, regex=pattern)
    decoded = decode(frames, 64, guide=guide)
    cost = beam_search(frames, 64)[0].logp - beam_search(frames, 64, guide=guide)[0].logp
    assert (cost <= 10 + 2 * len(pattern)) == fits
    assert bool(decoded.texts) == fits
    assert decoded.free is not None


def test_nothing_is_read_where_no_text_can_be() -> None:
    (guide,) = constraints(CHARSET, regex="a{9}")
    frames = peaked("abc", 5.0)
    decoded = decode(frames, 16, guide=guide)
    assert decoded.texts == ()
    assert decoded.free is not None
    assert decoded.free.classes == tuple(CHARSET.encode("abc"))
    assert decode(np.full((3, CHARSET.classes), -math.inf), 16, guide=guide).free is None
