"""Language models in few bytes, against the models they were made of."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.ngram import SPECIAL, Ngrams
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


def test_weights_over_one_are_refused(model: Ngrams) -> None:
    heavy = Ngrams(model.tokens, model.keys, model.logps, model.backoffs + 0.05)
    with pytest.raises(ValueError, match="do not fit"):
        pack(heavy)


def test_what_rounding_made_a_little_more_than_one_is_one(model: Ngrams) -> None:
    rounded = Ngrams(model.tokens, model.keys, model.logps, np.full_like(model.backoffs, 0.03))
    assert not unpack(pack(rounded)).backoffs.any()


def test_what_is_rarer_than_a_byte_can_say_is_as_rare_as_it_can(model: Ngrams) -> None:
    rare = model.logps.copy()
    rare[-1] = -30.0
    found = unpack(pack(Ngrams(model.tokens, model.keys, rare, model.backoffs)))
    assert found.logps[-1] == pytest.approx(-255 * 0.08)


@pytest.mark.parametrize(("count", "fits"), [(65_535, True), (65_536, False)])
def test_tokens_are_as_many_as_two_bytes_can_number(count: int, fits: bool) -> None:
    tokens = (*SPECIAL, *map(chr, range(0x10000, 0x10000 + count - len(SPECIAL))))
    many = Ngrams(tokens, np.arange(count), np.full(count, -8.0), np.zeros(count))
    if fits:
        found = unpack(pack(many))
        assert found.tokens == tokens and np.array_equal(found.keys, many.keys)
    else:
        with pytest.raises(ValueError, match="do not fit"):
            pack(many)


@pytest.mark.parametrize("part", ["last tokens", "numbers of children"])
def test_parts_as_long_as_they_say_that_contradict_one_another_are_refused(model: Ngrams, part: str) -> None:
    data = bytearray(zlib.decompress(pack(model)))
    written, _, nodes = np.frombuffer(data, "<u4", 3).tolist()
    # Of the first token, or of the root, the low byte; the high ones of the tokens stand behind all low ones.
    place = 12 + written + (nodes if part == "last tokens" else 2 * nodes)
    data[place] += 1
    with pytest.raises(ValueError, match="its n-grams belong to none"):
        unpack(zlib.compress(data))
