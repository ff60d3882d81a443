"""Prefix beam search over CTC frames (Graves 2006, section 3.2; Hannun et al. 2014, arXiv 1408.2873).

A prefix is a text begun. Frame by frame each prefix in the beam stays as it is or grows by one class, and the `width`
best go on. All paths of a prefix that are found count towards it, those that end in the blank apart from the others,
because only they may be followed by the same class again. A guide adds to each prefix what it thinks of its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK
from ocrnn.decoding.ctc import Hypothesis, LogProbs, Scores, align_all, checked
from ocrnn.decoding.guide import Guide
from ocrnn.errors import UsageError

_Numbers = npt.NDArray[np.intp]
Trace: TypeAlias = "Callable[[int, Sequence[tuple[tuple[int, ...], float]]], None]"
"""Is told the number of a frame and the prefixes in the beam after it, with what ranks them, best first."""


def beam_search(
    log_probs: LogProbs,
    width: int = 16,
    *,
    best: int | None = None,
    guide: Guide | None = None,
    trace: Trace | None = None,
) -> list[Hypothesis]:
    """Texts of (T, C) found with `width` prefixes kept, all different, the most probable first.

    Returns the first `best` of them (all by default, at most `width`); asking for fewer saves their alignment.
    `logp` sums the paths that stayed in the beam: never more than `log_probability`, equal to it when `width` is
    unlimited. `spans` are those of the text's best path, by `align`. No frames make the empty text; texts of
    probability 0 are left out, so that the list is empty where every path has it.
    With a `guide`, texts are ranked by `logp` plus its score, and those it forbids are left out: the list is empty
    where none of the last prefixes may end.
    `trace` is called after each frame; a frame that leaves every prefix as it is may be passed over.
    Raises UsageError for a width below 1.

    Here the most probable path is blank, but the paths that read 1 weigh more together:

    >>> frames = np.log([[0.6, 0.4], [0.6, 0.4]])
    >>> [(found.classes, round(math.exp(found.logp), 2)) for found in beam_search(frames)]
    [((1,), 0.64), ((), 0.36)]
    """
    frames = checked(log_probs)
    found = _found(frames, width, guide, trace)[:best]
    spans = align_all(frames, [classes for classes, _, _ in found])
    return [Hypothesis(classes, logp, span, score) for (classes, logp, score), span in zip(found, spans, strict=True)]


def beam_texts(log_probs: LogProbs, width: int, *, best: int, guide: Guide) -> list[tuple[int, ...]]:
    """Classes of the first `best` texts that `beam_search` finds, without the time it takes to say where they stand."""
    return [classes for classes, _, _ in _found(checked(log_probs), width, guide, None)[:best]]


def _found(
    frames: Scores, width: int, guide: Guide | None, trace: Trace | None
) -> list[tuple[tuple[int, ...], float, float]]:
    if width < 1:
        raise UsageError(f"--beam-width {width}: no prefix would be left; give 1 or more")
    beam = _Beam(width, guide)
    for number, frame in enumerate(frames):
        beam.advance(frame)
        if trace is not None:
            trace(number, [(classes, logp + score) for classes, logp, score in beam.texts()])
    return beam.texts(ended=True)


class _Beam:
    """Up to `width` prefixes and their log-probabilities; prefixes are numbered nodes of a tree rooted in no text.

    A prefix always has the same node, also when it leaves the beam and comes back, so no text is ever found twice.
    One slot (index into the arrays) for each prefix B in the beam.
    """

    def __init__(self, width: int, guide: Guide | None) -> None:
        self._width = width
        self._guide = guide
        self._parents = [-1]  # node -> the node it grew from
        self._classes = [BLANK]  # node -> its last class
        self._children: dict[tuple[int, int], int] = {}  # (node, class) -> node
        self._states = [0 if guide is None else guide.start]  # node -> state of the guide, one for each node with one
        self._nodes = [0]  # slot -> node
        self._last = np.zeros(1, dtype=np.intp)  # slot -> last class
        self._in_blank = np.zeros(1)  # slot -> log-probability of its paths that end in the blank
        self._in_class = np.full(1, -math.inf)  # slot -> the same of its paths that end in the last class
        self._paths = np.zeros(1)  # slot -> both together
        self._scores = np.zeros(1)  # slot -> what the guide has added; with `_paths` it ranks the prefix
        self._link()

    def advance(self, frame: Scores) -> None:
        """Take one frame (C,) in."""
        in_blank = self._paths + frame[BLANK]
        in_class = self._in_class + frame[self._last]
        # Paths that make one prefix of the beam into another count towards that one.
        if len(self._grown):
            arriving = self._grow(self._origins, self._last[self._grown], frame)
            in_class[self._grown] = np.logaddexp(in_class[self._grown], arriving)
        paths = np.logaddexp(in_blank, in_class)
        full = len(paths) == self._width
        weakest = float((paths + self._scores).min()) if full else -math.inf
        growth = self._growth(frame, weakest)
        # Most frames end here: no grown prefix can pass the weakest that stays.
        grown = self._grown_by(growth, frame, weakest) if len(growth) else None
        self._in_blank, self._in_class, self._paths = in_blank, in_class, paths
        if grown is not None:
            self._select(*grown)

    def texts(self, *, ended: bool = False) -> list[tuple[tuple[int, ...], float, float]]:
        """Every text in the beam with its log-probability and its score, the best first.

        With `ended` the score includes that of the end of the text, and texts that may not end are left out.
        """
        scores = self._scores
        if ended and self._guide is not None:
            scores = scores + [self._guide.end(self._states[node]) for node in self._nodes]
        ranks = self._paths + scores
        order = [slot for slot in (-ranks).argsort(kind="stable").tolist() if ranks[slot] > -math.inf]
        return [(self._text(self._nodes[slot]), float(self._paths[slot]), float(scores[slot])) for slot in order]

    def _growth(self, frame: Scores, weakest: float) -> _Numbers:
        """Classes (K,) by which at least one prefix may grow in a frame and pass the weakest that stays.

        Without a guide, more than the `width + 1` most probable are of no use. Take a class with width + 1 better ones
        in its frame: of any prefix grown by those, one at most is held back (by the class it ends in, which needs a
        blank between), and the other `width` are all different texts and all more probable.
        """
        least = weakest - float((self._paths + self._scores).max(initial=-math.inf))
        if self._guide is not None:
            least = max(least - self._guide.most, self._guide.floor)
        growth = (frame[BLANK + 1 :] > least).nonzero()[0] + (BLANK + 1)
        if self._guide is None and len(growth) > self._width + 1:
            growth = growth[frame[growth].argpartition(-self._width - 1)[-self._width - 1 :]]
        return growth

    def _grow(self, slots: _Numbers, numbers: _Numbers, frame: Scores) -> Scores:
        """Log-probability of the prefixes in some slots once each has grown by a class; the two arrays broadcast."""
        doubled = self._last[slots] == numbers
        return np.where(doubled, self._in_blank[slots], self._paths[slots]) + frame[numbers]

    def _grown_by(self, growth: _Numbers, frame: Scores, weakest: float) -> tuple[_Numbers, _Numbers, Scores, Scores]:
        """New prefixes (G,) that pass the weakest: slot they grow from, class, log-probability and score of each."""
        paths = self._grow(np.arange(len(self._nodes))[:, None], growth, frame)  # (B, K)
        if len(self._grown):
            pairs, columns = (self._last[self._grown, None] == growth).nonzero()
            paths[self._origins[pairs], columns] = -math.inf  # they are in the beam
        ranks = paths + self._scores[:, None]
        if self._guide is None:
            origins, columns = (ranks > weakest).nonzero()
            return origins, growth[columns], paths[origins, columns], self._scores[origins]
        added = np.array([self._guide.scores(self._states[node])[growth] for node in self._nodes])  # (B, K)
        origins, columns = (ranks + added > weakest).nonzero()
        return origins, growth[columns], paths[origins, columns], self._scores[origins] + added[origins, columns]

    def _select(self, origins: _Numbers, numbers: _Numbers, paths: Scores, scores: Scores) -> None:
        """Keep the `width` best of the B slots as they stay and of G new prefixes."""
        slots = len(self._nodes)
        ranks = np.concatenate((self._paths + self._scores, paths + scores))
        kept = np.arange(len(ranks))
        if len(ranks) > self._width:
            kept = ranks.argpartition(len(ranks) - self._width)[-self._width :]
        kept = kept[ranks[kept] > -math.inf]
        staying, growing = kept[kept < slots], kept[kept >= slots] - slots
        numbers, paths = numbers[growing], paths[growing]
        nodes = [self._nodes[slot] for slot in staying.tolist()]
        for origin, number in zip(origins[growing].tolist(), numbers.tolist(), strict=True):
            nodes.append(self._child(self._nodes[origin], number))
        self._nodes = nodes
        self._last = np.concatenate((self._last[staying], numbers))
        self._in_blank = np.concatenate((self._in_blank[staying], np.full(len(growing), -math.inf)))
        self._in_class = np.concatenate((self._in_class[staying], paths))
        self._paths = np.concatenate((self._paths[staying], paths))
        self._scores = np.concatenate((self._scores[staying], scores[growing]))
        self._link()

    def _child(self, node: int, number: int) -> int:
        child = self._children.setdefault((node, number), len(self._parents))
        if child == len(self._parents):
            self._parents.append(node)
            self._classes.append(number)
            if self._guide is not None:
                self._states.append(self._guide.step(self._states[node], number))
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
