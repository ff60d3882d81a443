"""Language models from text, against Chen and Goodman's formulas written down as they stand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.ngram import END, ROOT, START, UNKNOWN, Ngrams
from ocrnn.errors import UsageError

Gram = tuple[str, ...]


class Formulas:
    """Interpolated modified Kneser-Ney by its definition: sums over dictionaries, nothing stored but counts."""

    def __init__(self, lines: Sequence[str], order: int, least: int = 1) -> None:
        self.least = least
        sentences = [(START, *line, END) for line in lines]
        self.order = order
        self.seen = Counter(
            sentence[first : first + length]
            for sentence in sentences
            for length in range(1, order + 1)
            for first in range(len(sentence) - length + 1)
        )
        self.words = sorted({token for sentence in sentences for token in sentence} - {START} | {UNKNOWN})
        before = Counter(gram[1:] for gram in self.seen if len(gram) > 1)
        self.counts = {
            gram: times if len(gram) == order or gram[0] == START else before[gram]
            for gram, times in self.seen.items()
            if gram != (START,)
        }
        self.discounts = {length: self._discounts(length) for length in range(1, order + 1)}

    def _discounts(self, length: int) -> list[float]:
        of = Counter(count for gram, count in self.counts.items() if len(gram) == length)
        if not all(of[n] for n in (1, 2, 3, 4)):
            return [0, 0.5, 1, 1.5]
        y = of[1] / (of[1] + 2 * of[2])
        found = [0, 1 - 2 * y * of[2] / of[1], 2 - 3 * y * of[3] / of[2], 3 - 4 * y * of[4] / of[3]]
        return found if all(0 <= d <= n for n, d in enumerate(found)) else [0, 0.5, 1, 1.5]

    def p(self, word: str, context: Gram) -> float:
        following = {v: self.counts[(*context, v)] for v in self.words if (*context, v) in self.counts}
        shorter = self.p(word, context[1:]) if context else 1 / len(self.words)
        if not following:
            return shorter
        discounts = self.discounts[len(context) + 1]
        total = sum(following.values())
        stays = {v for v in following if len(context) < 2 or self.seen[(*context, v)] >= self.least}
        freed = sum(discounts[min(n, 3)] if v in stays else n for v, n in following.items()) / total
        count = following[word] if word in stays else 0
        return max(count - discounts[min(count, 3)], 0) / total + freed * shorter


def probabilities(model: Ngrams, context: Gram) -> dict[str, float]:
    """What the model says after some tokens, which may be none."""
    state = ROOT
    for token in context:
        state = int(model.row(state)[1][model.tokens.index(token)])
    return dict(zip(model.tokens, np.exp(model.row(state)[0]).tolist(), strict=True))


@pytest.mark.parametrize(("order", "least"), [(2, 1), (3, 1), (5, 1), (5, 2), (4, 3)])
def test_every_probability_is_that_of_the_formulas(order: int, least: int, root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    truth, model = Formulas(lines, order, least), estimate(lines, order, least=least)
    assert any(truth.discounts[length][1] != 0.5 for length in range(2, order + 1)), "discounts come from counts"
    contexts = {(), ("§", "§"), ("e", "§"), (START,), (START, "e")}
    contexts |= {gram for gram in sorted(truth.seen)[::7] if len(gram) < order and gram[-1] != END}
    for context in contexts:
        known = tuple(token if token in truth.words or token == START else UNKNOWN for token in context)
        found = probabilities(model, known)
        assert found.keys() - {START} == set(truth.words)
        for word in truth.words:
            assert found[word] == pytest.approx(truth.p(word, context), rel=1e-9), (context, word)


@pytest.mark.parametrize("lines", [["a"], ["ab", "ba", "ab"], ["aaaa"], ["é", "e\u0301"]])
def test_tiny_texts_have_a_model_too(lines: list[str]) -> None:
    truth, model = Formulas(["é"] * 2 if "é" in lines else lines, 4), estimate(lines, 4)
    for gram in [(), *truth.seen]:
        if len(gram) < 4 and gram[-1:] != (END,):
            found = probabilities(model, gram)
            assert math.fsum(p for token, p in found.items() if token != START) == pytest.approx(1)
            assert all(found[word] == pytest.approx(truth.p(word, gram)) for word in truth.words)


def test_lines_are_cleaned() -> None:
    clean = estimate(["a b", "c"], 3)
    other = estimate(["  a \t b\r\n", "", " \n", "c"], 3)
    assert other.tokens == clean.tokens == ("<unk>", "<s>", "</s>", " ", "a", "b", "c")
    assert np.array_equal(other.logps, clean.logps)


def test_characters_outside_of_a_charset_count_as_one() -> None:
    model = estimate(["aXbYc", "aYbXc"], 3, charset=Charset("abc"))
    assert model.tokens == ("<unk>", "<s>", "</s>", "a", "b", "c")
    assert model.logp("aXbYc") == model.logp("aZbZc") > model.logp("abc")


def test_control_characters_are_no_characters() -> None:
    assert estimate(["a\x00b\x07"], 3).tokens == ("<unk>", "<s>", "</s>", "a", "b")


def test_what_is_usual_is_more_probable(root: Path) -> None:
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    model = estimate(lines)
    assert model.order == 6
    assert (
        model.logp("the model reads lines") > model.logp("the rnodel reads lines") > model.logp("xkq zzj wqq vvkkj qjx")
    )


@pytest.mark.parametrize(
    ("lines", "order", "said"),
    [
        (["abc"], 1, "order 1: no character before the next one would be seen; give 2 or more"),
        ([], 3, "there is no text"),
        ([" ", "\n"], 3, "there is no text"),
        (
            ["".join(map(chr, range(0x4E00, 0x4E00 + 4000)))],
            6,
            "order 6: too high for 4003 different characters; give 5",
        ),
    ],
)
def test_what_cannot_be_is_refused(lines: list[str], order: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        estimate(lines, order)
