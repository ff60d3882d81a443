"""Prefix beam search over CTC frames (Graves 2006, section 3.2; Hannun et al. 2014, arXiv 1408.2873).

A prefix is a text begun. Frame by frame each prefix in the beam stays as it is or grows by one class, and the `width`
best go on. All paths of a prefix that are found count towards it, those that end in the blank apart from the others,
because only they may be followed by the same class again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK
from ocrnn.decoding.ctc import Hypothesis, LogProbs, Scores, align_all, checked
from ocrnn.errors import UsageError

_Numbers = npt.NDArray[np.intp]
Trace: TypeAlias = "Callable[[int, Sequence[tuple[tuple[int, ...], float]]], None]"
"""Is told the number of a frame and the prefixes in the beam after it, with their log-probabilities, best first."""


def beam_search(
    log_probs: LogProbs, width: int = 16, *, best: int | None = None, trace: Trace | None = None
) -> list[Hypothesis]:
    """Texts of (T, C) found with `width` prefixes kept, all different, the most probable first.

    Returns the first `best` of them (all by default, at most `width`); asking for fewer saves their alignment.
    `logp` sums the paths that stayed in the beam: never more than `log_probability`, equal to it when `width` is
    unlimited. `spans` are those of the text's best path, by `align`. No frames make the empty text; texts of
    probability 0 are left out, so that the list is empty where every path has it.
    `trace` is called after each frame; a frame that leaves every prefix as it is may be passed over.
    Raises UsageError for a width below 1.

    Here the most probable path is blank, but the paths that read 1 weigh more together:

    >>> frames = np.log([[0.6, 0.4], [0.6, 0.4]])
    >>> [(found.classes, round(math.exp(found.logp), 2)) for found in beam_search(frames)]
    [((1,), 0.64), ((), 0.36)]
    """
    if width < 1:
        raise UsageError(f"--beam-width {width}: no prefix would be left; give 1 or more")
    scores = checked(log_probs)
    beam = _Beam(width)
    for number, (frame, growth) in enumerate(zip(scores, _growth(scores, width), strict=True)):
        beam.advance(frame, growth)
        if trace is not None:
            trace(number, beam.texts())
    found = beam.texts()[:best]
    spans = align_all(scores, [classes for classes, _ in found])
    return [Hypothesis(classes, logp, span) for (classes, logp), span in zip(found, spans, strict=True)]


def _growth(scores: Scores, width: int) -> _Numbers:
    """Classes by which prefixes may grow in each frame (T, K), the `width + 1` most probable, best first.

    This loses nothing. Take a class with width + 1 better ones in its frame: of any prefix grown by those, one at most
    is held back (by the class it ends in, which needs a blank between), and the other `width` are all different texts
    and all more probable. A score for growing that depends on the prefix would break this: it needs every class.
    """
    characters = -scores[:, BLANK + 1 :]
    best = min(width + 1, characters.shape[1])
    if best < characters.shape[1]:
        numbers = np.argpartition(characters, best, axis=1)[:, :best]
        order = np.take_along_axis(characters, numbers, axis=1).argsort(axis=1, kind="stable")
        numbers = np.take_along_axis(numbers, order, axis=1)
    else:
        numbers = characters.argsort(axis=1, kind="stable")
    return numbers + (BLANK + 1)


class _Beam:
    """Up to `width` prefixes and their log-probabilities; prefixes are numbered nodes of a tree rooted in no text.

    A prefix always has the same node, also when it leaves the beam and comes back, so no text is ever found twice.
    One slot (index into the arrays) for each prefix B in the beam.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._parents = [-1]  # node -> the node it grew from
        self._classes = [BLANK]  # node -> its last class
        self._children: dict[tuple[int, int], int] = {}  # (node, class) -> node
        self._nodes = [0]  # slot -> node
        self._last = np.zeros(1, dtype=np.intp)  # slot -> last class
        self._in_blank = np.zeros(1)  # slot -> log-probability of its paths that end in the blank
        self._in_class = np.full(1, -math.inf)  # slot -> the same of its paths that end in the last class
        self._total = np.zeros(1)  # slot -> both together
        self._link()

    def advance(self, frame: Scores, growth: _Numbers) -> None:
        """Take one frame (C,) in, growing by the classes `growth` (K,), the most probable first."""
        in_blank = self._total + frame[BLANK]
        in_class = self._in_class + frame[self._last]
        # Paths that make one prefix of the beam into another count towards that one.
        if len(self._grown):
            arriving = self._grow(self._origins, self._last[self._grown], frame)
            in_class[self._grown] = np.logaddexp(in_class[self._grown], arriving)
        total = np.logaddexp(in_blank, in_class)
        full = len(total) == self._width
        # Many frames between sure characters end here: no grown prefix can pass the weakest that stays.
        if len(growth) == 0 or (full and self._total.max() + frame[growth[0]] <= total.min()):
            self._in_blank, self._in_class, self._total = in_blank, in_class, total
            return
        fresh = self._grow(np.arange(len(total))[:, None], growth, frame)  # (B, K)
        if len(self._grown):
            pairs, columns = (self._last[self._grown, None] == growth).nonzero()
            fresh[self._origins[pairs], columns] = -math.inf  # counted above
        self._select(in_blank, in_class, np.concatenate((total, fresh.ravel())), growth)

    def texts(self) -> list[tuple[tuple[int, ...], float]]:
        """Every text in the beam with its log-probability, the most probable first."""
        totals = self._total.tolist()
        possible = [slot for slot in range(len(totals)) if totals[slot] > -math.inf]
        possible.sort(key=lambda slot: -totals[slot])
        return [(self._text(self._nodes[slot]), totals[slot]) for slot in possible]

    def _grow(self, slots: _Numbers, numbers: _Numbers, frame: Scores) -> Scores:
        """Log-probability of the prefixes in some slots once each has grown by a class; the two arrays broadcast.

        The only place where growing is scored. A preference between texts (a lexicon, a language model) would be one
        more term here, a function of the prefix and its new class; such a term also has to enter the bound in `advance`
        and to let `_growth` give every class.
        """
        doubled = self._last[slots] == numbers
        return np.where(doubled, self._in_blank[slots], self._total[slots]) + frame[numbers]

    def _select(self, in_blank: Scores, in_class: Scores, totals: Scores, growth: _Numbers) -> None:
        """Keep the `width` best of `totals`: the B slots as they stay, then each of them grown by each of K classes."""
        slots = len(in_blank)
        kept = np.arange(len(totals))
        if len(totals) > self._width:
            kept = totals.argpartition(len(totals) - self._width)[-self._width :]
        kept = kept[totals[kept] > -math.inf]
        staying, growing = kept[kept < slots], kept[kept >= slots]
        origins, columns = np.divmod(growing - slots, len(growth))
        numbers = growth[columns]
        nodes = [self._nodes[slot] for slot in staying.tolist()]
        for origin, number in zip(origins.tolist(), numbers.tolist(), strict=True):
            nodes.append(self._child(self._nodes[origin], number))
        self._nodes = nodes
        self._last = np.concatenate((self._last[staying], numbers))
        self._in_blank = np.concatenate((in_blank[staying], np.full(len(growing), -math.inf)))
        self._in_class = np.concatenate((in_class[staying], totals[growing]))
        self._total = np.concatenate((totals[staying], totals[growing]))
        self._link()

    def _child(self, node: int, number: int) -> int:
        child = self._children.setdefault((node, number), len(self._parents))
        if child == len(self._parents):
            self._parents.append(node)
            self._classes.append(number)
        return child

    def _link(self) -> None:
        """Find the pairs of slots where one prefix is another of the beam, its origin, grown by a class."""
        slots = {node: slot for slot, node in enumerate(self._nodes)}
        origins = [slots.get(self._parents[node], -1) for node in self._nodes]
        links = np.array(origins, dtype=np.intp)
        self._grown = (links >= 0).nonzero()[0]
        self._origins = links[self._grown]

    def _text(self, node: int) -> tuple[int, ...]:
        classes: list[int] = []
        while node > 0:
            classes.append(self._classes[node])
            node = self._parents[node]
        return tuple(reversed(classes))
