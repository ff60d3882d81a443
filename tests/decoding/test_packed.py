"""Language models in few bytes, against the models they were made of."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.ngram import Ngrams
from ocrnn.decoding.packed import check, pack, unpack


@pytest.fixture(scope="module", params=[1, 2])
def model(root: Path, request: pytest.FixtureRequest) -> Ngrams:
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    return estimate([*lines, "ſo weiß man's €"], 5, charset=Charset.open("latin"), least=request.param)


def test_the_same_n_grams_come_back(model: Ngrams) -> None:
    found = unpack(pack(model))
    assert found.tokens == model.tokens
    assert np.array_equal(found.keys, model.keys)
    assert found.levels == model.levels


def test_probabilities_are_off_by_half_a_step_at_most(model: Ngrams) -> None:
    found = unpack(pack(model))
    likely = model.logps > -20
    assert likely.sum() == len(likely) - 1, "all but the start of a line"
    assert np.abs(found.logps - model.logps)[likely].max() <= 0.0401
    assert np.abs(found.backoffs - model.backoffs).max() <= 0.0201
    assert found.logps[~likely] == model.logps[~likely]
    for text in ("ocrnn reads lines", "xq zzj", ""):
        assert found.logp(text) == pytest.approx(model.logp(text), abs=0.04 * 5 * (len(text) + 1))


def test_it_takes_few_bytes(model: Ngrams) -> None:
    assert len(pack(model)) < 2.5 * len(model.keys)


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_bytes_that_are_no_model_are_refused(model: Ngrams, kept: int) -> None:
    packed = pack(model)
    check(packed)
    for damaged in (packed[:kept], zlib.compress(zlib.decompress(packed)[:kept])):
        for use in (check, unpack):
            with pytest.raises(ValueError, match="no packed language model"):
                use(damaged)


def test_tokens_of_several_characters_are_refused(model: Ngrams) -> None:
    words = Ngrams((*model.tokens[:-1], "word"), model.keys, model.logps, model.backoffs)
    with pytest.raises(ValueError, match="no character"):
        pack(words)
