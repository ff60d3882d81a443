"""A language model of characters: how probable each is after those before it, with back-off (Katz 1987).

An n-gram, up to N tokens in a row, is a node of a tree: its parent is the n-gram without the last token. All nodes lie
in one sorted array, so that a model of a million n-grams is a few arrays and no Python object for each.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import Scores

UNKNOWN, START, END = SPECIAL = "<unk>", "<s>", "</s>"
"""Tokens that are no characters: any character the model does not know, and the two ends of a line."""
NEVER = -99 * math.log(10)
"""Natural log-probability of START, to which nothing leads, as ARPA files have it."""

Numbers = npt.NDArray[np.int64]

Row: TypeAlias = "tuple[Scores, Numbers]"
"""Of each token (V,): its log-probability, and the state it leads to."""

ROOT = 0
"""Node of the empty n-gram."""


@dataclass(frozen=True, eq=False)
class Ngrams:
    """A back-off model over V tokens: UNKNOWN, START, END and characters, each a string of one.

    Node 1 + i of the tree has `keys[i]` = parent x V + last token; keys rise, each is there once, and the first V are
    the tokens alone in their order. `logps[i]` is the natural logarithm of p(last token | parent's tokens), and
    `backoffs[i]` that of the weight that the node gives to shorter contexts, 0 where nothing follows it.
    """

    tokens: tuple[str, ...]
    keys: Numbers
    logps: Scores
    backoffs: Scores

    @cached_property
    def order(self) -> int:
        """N: tokens of the longest n-grams."""
        return len(self.levels) - 1

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """First node of each length from 1 to N, then how many nodes there are."""
        firsts = [1]
        while firsts[-1] <= len(self.keys):
            # Nodes of one length are the children of those one shorter.
            firsts.append(1 + int(np.searchsorted(self.keys, firsts[-1] * len(self.tokens))))
        return tuple(firsts)

    @cached_property
    def start(self) -> int:
        """State of a line before its first character."""
        return int(self._states[1 + self.tokens.index(START)])

    @property
    def parents(self) -> Numbers:
        """Parent of each node but the root."""
        return self.keys // len(self.tokens)

    @property
    def lasts(self) -> Numbers:
        """Last token of each node but the root, by number."""
        return self.keys % len(self.tokens)

    def shorter(self, state: int) -> int:
        """State of one token or more less: what a state but ROOT backs off to."""
        return int(self._shorter[state])

    def row(self, state: int, shorter: Row | None = None) -> Row:
        """Natural log-probability of each token after a state (V,), and the states (V,) that they lead to.

        A state is the node of the last tokens as far as they matter: no n-gram goes on from more of them.
        Who has the row of the shorter state can give it, to save most of the work; it is left as it is.
        """
        if state == ROOT:
            return self.logps[: len(self.tokens)], self._states[1 : 1 + len(self.tokens)]
        logps, states = shorter or self.row(self.shorter(state))
        logps, states = logps + self.backoffs[state - 1], states.copy()
        first, last = self._first_children[state], self._first_children[state + 1]
        numbers = self._lasts[first - 1 : last - 1]
        logps[numbers] = self.logps[first - 1 : last - 1]
        states[numbers] = self._states[first:last]
        return logps, states

    def logp(self, text: str) -> float:
        """Natural log-probability of a line, its ends included, after NFC; unknown characters count as UNKNOWN."""
        numbers = {token: number for number, token in enumerate(self.tokens)}
        total, state = 0.0, self.start
        for token in (*unicodedata.normalize("NFC", text), END):
            logps, states = self.row(state)
            number = numbers.get(token, numbers[UNKNOWN])
            total += float(logps[number])
            state = int(states[number])
        return total

    @cached_property
    def _lasts(self) -> Numbers:
        return self.lasts

    @cached_property
    def _first_children(self) -> Numbers:
        """Where the children of each node begin (nodes + 2,), those of its neighbour being where they end."""
        nodes = len(self.keys) + 1
        return 1 + np.searchsorted(self.keys, np.arange(nodes + 1) * len(self.tokens))

    @cached_property
    def _shorter(self) -> Numbers:
        """Node of the longest proper end of each n-gram that is in the model: what it backs off to."""
        shorter = np.zeros(len(self.keys) + 1, dtype=np.int64)
        parents, lasts = self.parents, self._lasts
        for first, last in pairwise(self.levels[1:]):
            nodes = np.arange(first, last)
            contexts = shorter[parents[nodes - 1]]
            # A pruned model may lack an end of an n-gram it has; then a shorter one does, a single token at the latest.
            while len(nodes):
                found = find(self.keys, contexts * len(self.tokens) + lasts[nodes - 1])
                shorter[nodes] = found
                nodes, contexts = nodes[found < 0], shorter[contexts[found < 0]]
        return shorter

    @cached_property
    def _states(self) -> Numbers:
        """State that each n-gram leads to: itself, or where nothing goes on from it the longest end that does."""
        states = np.arange(len(self.keys) + 1)
        goes_on = (self._first_children[1:] > self._first_children[:-1]) | np.append(False, self.backoffs != 0)
        for first, last in pairwise(self.levels):
            ends = first + np.flatnonzero(~goes_on[first:last])
            states[ends] = states[self._shorter[ends]]
        return states


def find(keys: Numbers, wanted: Numbers) -> Numbers:
    """Nodes whose keys are wanted, -1 for those that are not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places + 1, -1)
