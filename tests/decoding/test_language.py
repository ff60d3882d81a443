"""The guide of a language, against sums over the model itself and the beam against every text there is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.ctc import log_probability
from ocrnn.decoding.guide import combined, score
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.language import WEIGHT, Language
from ocrnn.decoding.ngram import UNKNOWN, Ngrams
from ocrnn.errors import UsageError

LINES = ["abba", "baba", "abab", "bb", "ab", "aab", "ca"]


@pytest.fixture(scope="module")
def model() -> Ngrams:
    return estimate(LINES, 3)


def truth(model: Ngrams, text: str, weight: float) -> float:
    """The same from whole lines: each probability is that of a line over that of the line before it went on."""
    alone = dict(zip(model.tokens, model.logps.tolist(), strict=False))
    return float(weight * (model.logp(text) - sum(alone.get(c, alone[UNKNOWN]) for c in text) - alone["</s>"]))


@pytest.mark.parametrize("weight", [0.0, 0.3, 2.0])
def test_score_of_a_text(model: Ngrams, weight: float) -> None:
    charset = Charset("bxca")
    language = Language(model, charset, weight)
    for length in range(6):
        for classes in itertools.product(range(1, 5), repeat=length):
            text = charset.decode(classes)
            assert score(language, classes) == pytest.approx(truth(model, text, weight), abs=1e-9)
            assert -math.inf < score(language, classes) < math.inf


def test_no_score_is_above_the_most(model: Ngrams) -> None:
    """Also with back-off weights above 1, as files of others have them."""
    charset = Charset("abcx")
    for factor in (1.0, -0.5):
        changed = Ngrams(model.tokens, model.keys, model.logps, factor * model.backoffs)
        language = Language(changed, charset, 1.0)
        states = range(len(model.keys) + 1)
        highest = max(language.scores(state)[1:].max() for state in states if changed.row(state) is not None)
        assert highest <= language.most + 1e-12
    assert Language(model, charset, 1.0).most == pytest.approx(
        max(Language(model, charset, 1.0).scores(state)[1:].max() for state in range(len(model.keys) + 1)), abs=0.5
    )


@pytest.mark.parametrize("seed", range(20))
def test_beam_finds_the_best_of_all_texts(model: Ngrams, seed: int) -> None:
    charset = Charset("abc")
    rng = np.random.default_rng(seed)
    frames = np.log(0.01 + 0.96 * rng.dirichlet(np.full(4, 0.7), size=int(rng.integers(1, 6))))
    found = beam_search(frames, 2000, guide=Language(model, charset, 0.8))
    every = [
        classes
        for length in range(len(frames) + 1)
        for classes in itertools.product(range(1, 4), repeat=length)
        if log_probability(frames, classes) > -math.inf
    ]
    ranked = {c: log_probability(frames, c) + truth(model, charset.decode(c), 0.8) for c in every}
    assert [hypothesis.classes for hypothesis in found] == sorted(ranked, key=lambda c: -ranked[c])
    for hypothesis in found:
        assert hypothesis.logp + hypothesis.score == pytest.approx(ranked[hypothesis.classes])


def test_a_narrow_beam_prunes_by_the_language_too(model: Ngrams) -> None:
    """What is a little less probable in the picture, and much more in the language, comes out on top."""
    charset = Charset("abc")
    frames = np.log([[0.01, 0.97, 0.01, 0.01], [0.01, 0.01, 0.44, 0.54], [0.97, 0.01, 0.01, 0.01]])
    assert charset.decode(beam_search(frames, 4)[0].classes) == "ac"
    assert charset.decode(beam_search(frames, 4, guide=Language(model, charset, WEIGHT))[0].classes) == "ab"


def test_what_the_picture_does_not_show_is_not_tried(model: Ngrams) -> None:
    charset = Charset("abc")
    for logp, tried in ((-6.9, True), (-7.1, False)):
        shown = np.array([[-9.0, -0.01, -9.0, -9.0], [-9.0, -9.0, logp, -0.01], [-0.01, -9.0, -9.0, -9.0]])
        found = beam_search(shown, 16, guide=Language(model, charset, 9.0))
        assert ("ab" in [charset.decode(text.classes) for text in found]) is tried
        assert (charset.decode(found[0].classes) == "ab") is tried


def test_look_alikes_count_as_what_they_fold_to() -> None:
    model = estimate(["l'oiseau", "s'asseoit"], 4)
    charset = Charset("seo'’ſaitlu–")
    language = Language(model, charset)
    for text, plain in (("l’oiſeau", "l'oiseau"), ("ſ", "s")):
        assert score(language, charset.encode(text)) == pytest.approx(truth(model, plain, WEIGHT))
    assert score(language, charset.encode("–")) == pytest.approx(truth(model, "?", WEIGHT))
    typographic = Language(estimate(["l’oiseau l'eau"], 4), charset)
    assert score(typographic, charset.encode("l’")) > score(typographic, charset.encode("e’"))


def test_it_stands_beside_constraints(model: Ngrams) -> None:
    charset = Charset("abc")
    both = combined([Language(model, charset, 1.0), Language(model, charset, 0.5)])
    one = Language(model, charset, 1.5)
    assert np.allclose(both.scores(both.start)[1:], one.scores(one.start)[1:])
    assert both.most == pytest.approx(one.most)


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan])
def test_weights_that_make_no_sense(model: Ngrams, weight: float) -> None:
    with pytest.raises(UsageError, match=f"--lm-weight {weight}: "):
        Language(model, Charset("ab"), weight)
