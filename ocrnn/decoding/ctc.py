"""Connectionist temporal classification (Graves et al. 2006): from frames to text and back to frames.

Every function takes `log_probs` (T, C), natural log-probabilities of the C classes in each of T frames, blank = 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK

LogProbs = npt.NDArray[np.floating[Any]]
"""Natural log-probabilities (T, C) of any float type; each row is a distribution."""
Scores = npt.NDArray[np.float64]
"""Log-probabilities in the precision all sums are taken in."""
Span = tuple[int, int]
"""Frames [first, last) of one character."""

_CELLS = 8_000_000  # cells (frames x texts x states) aligned at a time: 8 MB of moves; a page-wide line has 50,000
_BLOCK = 8  # frames between two scalings: float32 log-softmax goes down to -100 a frame, e**-800 is nothing in float64
_WHOLE_STATES = 2048  # texts of over 1,000 characters are summed and aligned in a window that moves along the line
_LEAST_SHARE = -230.0  # logarithm of the share under which a state is left out of it: 100 orders of magnitude
_MASSES = 1_000_000  # cells (frames x lines x states) of the recursion in probabilities at a time: 8 MB
_NO_CLASS = -1


@dataclass(frozen=True)
class Hypothesis:
    """A text as classes (S of them, none the blank), its log-probability, and the frames [first, last) of each class.

    `logp` is a natural logarithm: of the best path alone where `greedy` made it, of all paths found where a beam did.
    `score` is what a guide of the beam added to it, and no part of it.
    """

    classes: tuple[int, ...]
    logp: float
    spans: tuple[Span, ...]
    score: float = 0.0


def tempered(log_probs: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Log-probabilities (..., C) of logits divided by a temperature (Guo et al. 2017, arXiv 1706.04599)."""
    if temperature == 1.0:
        return log_probs
    scaled: npt.NDArray[np.float32] = log_probs / np.float32(temperature)
    # No class is above 0 and the best is near it, so the sum of exponentials neither overflows nor vanishes.
    scaled -= np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    return scaled


def greedy(log_probs: LogProbs) -> Hypothesis:
    """Text of the single best path through (T, C), with its log-probability; no frames make the empty text.

    >>> frames = np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2], [0.3, 0.1, 0.6]])
    >>> greedy(frames).classes
    (1, 1, 2)
    >>> greedy(frames).spans
    ((0, 2), (3, 4), (4, 5))
    """
    return greedy_all([log_probs])[0]


def greedy_all(lines: Sequence[LogProbs]) -> list[Hypothesis]:
    """What `greedy` finds in each of N lines (T, C) of any lengths: of 32 lines, three times as fast as one by one."""
    if not lines:
        return []
    for line in lines:
        _check_shape(line)
    paths = [line.argmax(axis=1) for line in lines]
    # The highest of a frame stands for the whole of it: NaN is the highest of whatever holds it.
    highest = [line[np.arange(len(path)), path] for line, path in zip(lines, paths, strict=True)]
    checked(np.concatenate(highest)[:, None])
    # All paths behind one another, each after a class that is none: where the class changes, a run begins.
    row = np.concatenate([part for path in paths for part in ((_NO_CLASS,), path)])
    borders = np.append(np.flatnonzero(np.diff(row, prepend=BLANK)), len(row))
    seen = row[borders[:-1]] > BLANK
    firsts, lasts = borders[:-1][seen], borders[1:][seen]
    starts = np.cumsum([0, *(len(path) + 1 for path in paths)])
    cuts = np.searchsorted(firsts, starts)
    found = []
    for first, last, start, best in zip(cuts, cuts[1:], starts + 1, highest, strict=False):
        spans = zip((firsts[first:last] - start).tolist(), (lasts[first:last] - start).tolist(), strict=True)
        classes = row[firsts[first:last]].tolist()
        found.append(Hypothesis(tuple(classes), float(best.sum(dtype=np.float64)), tuple(spans)))
    return found


def collapse(path: Iterable[int]) -> tuple[int, ...]:
    """Classes of a path of T classes: repeats merged, then blanks dropped.

    >>> collapse([0, 1, 1, 0, 1, 2, 2])
    (1, 1, 2)
    """
    return tuple(number for number, _ in _runs(path))


def log_probability(log_probs: LogProbs, classes: Sequence[int]) -> float:
    """Natural logarithm of p(text | line), summed over every path that collapses to these S classes; -inf if none does.

    The forward recursion of Graves 2006, section 4.1; the negative of the CTC loss. ValueError for a class outside of
    1..C-1.

    >>> round(math.exp(log_probability(np.log([[0.5, 0.5], [0.25, 0.75]]), [1])), 3)
    0.875
    """
    scores = checked(log_probs)
    states, skips = _states([classes], scores.shape[1])
    last = len(classes) * 2 + 2
    forward = _start(states)
    for frame in scores:
        arrived = np.logaddexp(np.logaddexp(forward[:, 2:], forward[:, 1:-1]), forward[:, :-2] + skips)
        forward[:, 2:] = arrived + frame[states]
    return float(np.logaddexp(forward[0, last], forward[0, last - 1]))


def log_probabilities(lines: Sequence[LogProbs], texts: Sequence[Sequence[int]]) -> Scores:
    """What `log_probability` gives, (N,), for a text of each of N lines (T, C) of any lengths, many times as fast.

    The same recursion in probabilities, scaled after every few frames (Rabiner 1989, section V.A), for many lines at
    once; what is found for one does not depend on the others. What is 300 orders of magnitude less likely than the best
    is lost, 100 orders where a text has over 1,000 characters, so a text must be near the best of its line: one that
    `greedy` or a beam found, not any text whatever.

    >>> frames = np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> np.exp(log_probabilities([frames, frames[:1]], [[1], [1]])).round(3).tolist()
    [0.875, 0.5]
    """
    scores = np.zeros(len(lines))
    longest_first = sorted(range(len(lines)), key=lambda n: -len(lines[n]))
    while longest_first:
        frames, states = len(lines[longest_first[0]]), 2 * max(len(texts[n]) for n in longest_first) + 1
        together = 1 if states > _WHOLE_STATES else max(1, _MASSES // (states * max(1, frames)))
        group = longest_first[:together]
        scores[group] = _scaled_forward([lines[n] for n in group], [texts[n] for n in group])
        longest_first = longest_first[together:]
    return scores


def _scaled_forward(lines: Sequence[LogProbs], texts: Sequence[Sequence[int]]) -> Scores:
    """Log-probability (N,) of a text of each line; no line is longer than the one before it, and a long text alone."""
    states, skips = _states(texts, min(line.shape[1] for line in lines))
    may_skip = np.exp(skips)
    ends = np.array([2 * len(text) + 2 for text in texts])
    frames = np.array([len(line) for line in lines])
    forward = np.exp(_start(states))
    logp = np.zeros(len(texts))
    arrived = np.empty(states.shape)
    low, high = 0, states.shape[1]
    narrow = high > _WHOLE_STATES
    stretch = _BLOCK if narrow else max(1, len(lines[0]))
    for first in range(0, len(lines[0]), stretch):
        if narrow:
            low, high = _narrowed(forward, low, high, forward >= math.exp(_LEAST_SHARE), 0.0)
        masses = np.zeros((min(stretch, len(lines[0]) - first), len(texts), high - low))
        for n, line in enumerate(lines):
            part, own = line[first : first + stretch], states[n, low : min(high, ends[n] - 1)]
            # What is behind the end of a shorter text stays nothing.
            np.exp(part[:, own], out=masses[: len(part), n, : len(own)], dtype=np.float64)
        for number, mass in enumerate(masses, first):
            going = int(np.searchsorted(-frames, -number))  # lines of more frames than these stand first
            near, reached = forward[:going, low : high + 2], arrived[:going, low:high]
            np.multiply(near[:, :-2], may_skip[:going, low:high], out=reached)
            reached += near[:, 1:-1]
            reached += near[:, 2:]
            np.multiply(reached, mass[:going], out=near[:, 2:])
            if number % _BLOCK == _BLOCK - 1:
                # By the largest, not by the sum: that would be rounded by how wide the other texts make the table.
                largest = near.max(axis=1)
                np.divide(near, largest[:, None], out=near, where=largest[:, None] > 0)
                with np.errstate(divide="ignore"):
                    logp[:going] += np.log(largest)
    rows = np.arange(len(texts))
    with np.errstate(divide="ignore"):
        scores: Scores = logp + np.log(forward[rows, ends] + np.where(ends > 2, forward[rows, ends - 1], 0.0))
    return scores


def align(log_probs: LogProbs, classes: Sequence[int]) -> tuple[Span, ...]:
    """Frames [first, last) of each of S classes on the best path that collapses to them.

    Raises ValueError when no path does (fewer frames than S plus its adjacent repeats, or only paths of
    probability 0), and for a class outside of 1..C-1.

    >>> align(np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.3, 0.1, 0.6]]), [1, 2])
    ((0, 2), (3, 4))
    """
    return align_all(log_probs, [classes])[0]


def align_all(log_probs: LogProbs, texts: Sequence[Sequence[int]]) -> list[tuple[Span, ...]]:
    """Spans of several texts on the same frames, each as `align` gives them; 16 texts cost about as much as two."""
    scores = checked(log_probs)
    widest = max((len(classes) for classes in texts), default=0) * 2 + 1
    together = max(1, _CELLS // (widest * (len(scores) + 1)))
    groups = (texts[first : first + together] for first in range(0, len(texts), together))
    return [tuple(span for _, span in _runs(path)) for group in groups for path in _best_paths(scores, group)]


def character_confidences(log_probs: LogProbs, hypothesis: Hypothesis) -> tuple[float, ...]:
    """Confidence (0..1) of each of S characters: the highest posterior its class reaches within its span.

    The highest and not the mean: CTC needs one sure frame for a character, and the frames that lead up to it are torn
    between the character and the blank even where the text is certain.

    >>> frames = np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
    >>> [round(confidence, 2) for confidence in character_confidences(frames, greedy(frames))]
    [0.8, 0.6]
    """
    if not hypothesis.classes:
        return ()
    firsts, lasts = np.array(hypothesis.spans).T
    lengths = lasts - firsts
    starts = np.cumsum(lengths) - lengths  # of each span, with all spans behind one another
    frames = np.arange(lengths.sum()) + np.repeat(firsts - starts, lengths)
    peaks = np.maximum.reduceat(log_probs[frames, np.repeat(hypothesis.classes, lengths)], starts)
    return tuple(np.minimum(1.0, np.exp(peaks, dtype=np.float64)).tolist())


def checked(log_probs: LogProbs) -> Scores:
    """The same (T, C) in float64; ValueError for what is no table of log-probabilities, or holds NaN."""
    _check_shape(log_probs)
    # Rounding leaves a sure class a little above 0; raw logits and NaN are what this is to catch.
    if not (log_probs <= 1e-3).all():
        raise ValueError("log_probs holds NaN or a positive number; give the logarithm of a softmax")
    return np.asarray(log_probs, dtype=np.float64)


def _check_shape(log_probs: LogProbs) -> None:
    if log_probs.ndim != 2 or log_probs.shape[1] == 0:
        raise ValueError(f"log_probs has shape {log_probs.shape}; give (T, C), one line at a time")


def _runs(path: Iterable[int]) -> Iterator[tuple[int, Span]]:
    """Class and frames of each run of equal classes on a path, those of the blank left out."""
    first = 0
    for number, run in groupby(path):
        last = first + sum(1 for _ in run)
        if number != BLANK:
            yield int(number), (first, last)
        first = last


def _best_paths(scores: Scores, texts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Path of T classes with the highest probability among those that collapse to each text (Viterbi)."""
    states, skips = _states(texts, scores.shape[1])
    forward = _start(states)
    moves = []  # for each block its first state, and the states passed on the way into (frame, text, state)
    low, high = 0, states.shape[1]
    for first in range(0, len(scores), _BLOCK):
        if states.shape[1] > _WHOLE_STATES:
            best = forward.max(axis=1, keepdims=True)
            low, high = _narrowed(forward, low, high, forward >= best + _LEAST_SHARE, -math.inf)
        near, numbers, skip = forward[:, low : high + 2], states[:, low:high], skips[:, low:high]
        block = scores[first : first + _BLOCK]
        moves.append((low, np.empty((len(block), len(texts), high - low), dtype=np.uint8)))
        for frame, move in zip(block, moves[-1][1], strict=True):
            stay, step, jump = near[:, 2:], near[:, 1:-1], near[:, :-2] + skip
            arrived = np.maximum(stay, step)
            np.greater(step, stay, out=move.view(np.bool_))
            move[jump > arrived] = 2
            near[:, 2:] = np.maximum(arrived, jump) + frame[numbers]
    rows = np.arange(len(texts))
    ends = np.array([len(classes) * 2 for classes in texts])
    ends -= forward[rows, ends + 1] > forward[rows, ends + 2]
    for classes, logp in zip(texts, forward[rows, ends + 2], strict=True):
        if logp == -math.inf:
            raise ValueError(f"no path of {len(scores)} frames reads as these {len(classes)} classes")
    visited = np.empty((len(scores), len(texts)), dtype=np.intp)
    for frame_number in range(len(scores) - 1, -1, -1):
        visited[frame_number] = ends
        first_state, block_moves = moves[frame_number // _BLOCK]
        ends = ends - block_moves[frame_number % _BLOCK, rows, ends - first_state]
    yield from np.take_along_axis(states, visited.T, axis=1).tolist()


def _states(texts: Sequence[Sequence[int]], classes: int) -> tuple[npt.NDArray[np.intp], Scores]:
    """States of some texts, their classes with a blank around each, and what passing over the state before costs.

    Both are (texts, 2 S + 1) for the longest S. Shorter texts end in blanks that no path has to reach. The cost is 0
    where the blank between two different characters may be left out, -inf elsewhere.
    """
    states = np.full((len(texts), max((len(text) for text in texts), default=0) * 2 + 1), BLANK, dtype=np.intp)
    for row, text in zip(states, texts, strict=True):
        for number in text:
            if not BLANK < number < classes:
                raise ValueError(f"class {number} is not among 1..{classes - 1}")
        row[1 : len(text) * 2 : 2] = text
    skips = np.full(states.shape, -math.inf)
    skips[:, 3::2][states[:, 3::2] != states[:, 1:-2:2]] = 0.0
    return states, skips


def _narrowed(forward: Scores, low: int, high: int, live: npt.NDArray[np.bool_], nothing: float) -> tuple[int, int]:
    """States [low, high) that can matter in the next block of frames: from the first live one to where the last leads.

    The first of them is a blank, as that of all is.
    Those left out get the score `nothing`. On a line of 25,000 frames and 5,000 characters some dozens of the 10,000
    states are live at a time, and going through them all takes a hundred times as long.
    """
    found = np.flatnonzero(live[:, low + 2 : high + 2].any(axis=0))
    if not len(found):  # no path reads as any of the texts, and no window will change that
        return low, high
    first, last = low + int(found[0]) // 2 * 2, min(low + int(found[-1]) + 1 + 2 * _BLOCK, forward.shape[1] - 2)
    forward[:, low : first + 2] = nothing
    forward[:, last + 2 : high + 2] = nothing
    return first, last


def _start(states: npt.NDArray[np.intp]) -> Scores:
    """Scores before the first frame: all in the leading blank; state s in column s + 2, so that s - 2 always exists."""
    forward = np.full((len(states), states.shape[1] + 2), -math.inf)
    forward[:, 2] = 0.0
    return forward
