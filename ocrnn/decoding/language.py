"""A language model as a guide of the beam: what a language usually writes, beside what the picture shows."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.guide import CACHED_ROWS
from ocrnn.decoding.ngram import END, ROOT, UNKNOWN, Ngrams, Numbers, Row
from ocrnn.errors import UsageError
from ocrnn.metrics import fold

WEIGHT = 0.3
"""How much a language model counts where the picture counts 1.

On lines to train with, 0.15 to 0.45 left the fewest errors, on the same lines made hard to read 0.6 and more; 0.3 was
never far from the best.
"""


_FLOOR = -7.0
"""Below a thousandth in its frame, no character came out otherwise on real lines, clean or spoiled, at WEIGHT."""


class Language:
    """The guide of texts as a language has them: nothing is forbidden, everything has a score.

    A character scores weight x (log p(character | those before) - log p(character)), so what counts is how much more
    or less usual it is here than anywhere. The network has learned itself how common characters are, and paying for
    that twice would favour short texts and frequent letters (as with hybrid networks, Bourlard and Morgan 1994, and
    the density ratio of McDermott et al. 2019); it also makes a bonus for each character superfluous.

    A character that the model does not know counts as what it folds to, ſ as s and ’ as ', or as unknown.
    """

    floor = _FLOOR

    def __init__(self, model: Ngrams, charset: Charset, weight: float = WEIGHT) -> None:
        """Guide texts of a charset; UsageError for a weight that is below 0 or infinite."""
        if not 0 <= weight < math.inf:
            raise UsageError(f"--lm-weight {weight}: would favour what is unusual; give 0 or more")
        self._model = model
        self._weight = weight
        self._tokens = _tokens(model, charset)  # class -> token, that of the blank without meaning
        self._end = model.tokens.index(END)
        self.start = model.start
        self.most = weight * float(_gains(model)[self._tokens].max())
        self._row = lru_cache(CACHED_ROWS)(self._built)
        self.scores = lru_cache(CACHED_ROWS)(self._scores)

    def step(self, state: int, number: int) -> int:
        """State of the model."""
        return int(self._row(state)[1][self._tokens[number]])

    def end(self, state: int) -> float:
        """Score of the end of the line, as of a character."""
        return self._weight * float(self._row(state)[0][self._end] - self._model.logps[self._end])

    def _scores(self, state: int) -> Scores:
        scores: Scores = (self._row(state)[0] - self._row(ROOT)[0])[self._tokens]
        scores *= self._weight
        return scores

    def _built(self, state: int) -> Row:
        shorter = None if state == ROOT else self._row(self._model.shorter(state))
        return self._model.row(state, shorter)


def _tokens(model: Ngrams, charset: Charset) -> Numbers:
    """Token of each class (C,)."""
    numbers = {token: number for number, token in enumerate(model.tokens)}
    unknown = numbers[UNKNOWN]
    return np.array([unknown, *(numbers.get(c, numbers.get(fold(c), unknown)) for c in charset.characters)])


def _gains(model: Ngrams) -> Scores:
    """What log p(token | before) - log p(token) is never above, for each token (V,)."""
    highest = model.logps[: len(model.tokens)].copy()
    np.maximum.at(highest, model.lasts, model.logps)
    gains: Scores = highest - model.logps[: len(model.tokens)]
    # Weights above 1 are possible in files of others: a shorter context's probability times each of them.
    return gains + (model.order - 1) * max(0.0, float(model.backoffs.max()))
