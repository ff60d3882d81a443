"""Parts of a text that CTC found: its words, how sure each is, and what else could stand where a character does."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import groupby, islice

import numpy as np

from ocrnn.charset import BLANK
from ocrnn.decoding.ctc import Hypothesis, LogProbs, Span, log_probabilities
from ocrnn.decoding.guide import Guide, allowed

Part = tuple[int, int]
"""Characters [first, last) of a text, counted from 0."""

_LEAST_SHARE = 0.001


def words(classes: Sequence[int], spaces: Collection[int]) -> tuple[Part, ...]:
    """Runs of classes among which none is one of `spaces`.

    >>> words([7, 1, 2, 7, 7, 3], {7})
    ((1, 3), (5, 6))
    """
    runs = groupby(range(len(classes)), lambda place: classes[place] in spaces)
    places = [list(run) for is_space, run in runs if not is_space]
    return tuple((run[0], run[-1] + 1) for run in places)


def confidences(
    lines: Sequence[LogProbs], found: Sequence[Hypothesis], parts: Sequence[Sequence[Part]]
) -> list[tuple[float, ...]]:
    """Confidence (0..1) of each part of the text found in each of N lines (T, C), words above all.

    It means of a part what the probability of its text means of a line: the sum over all paths that read as it, through
    the frames from the surest one of the character before to the surest one of the character after, both being part of
    what is read: a word is right only where its ends are. A line of one word is as sure as the word. Of `latin`, words
    read with 0.9 are right nine times in ten to 0.2 to 4 % on eight sets of real lines (7 % on forms); the product of
    their characters' confidences is further off on all but one. For single characters `character_confidences` is
    truer: here they would answer for their neighbours too.
    """
    frames, texts = [], []
    for line, text, its in zip(lines, found, parts, strict=True):
        for part in its:
            span, before, after = _surroundings(line, text, part)
            frames.append(line[slice(*span)])
            texts.append((*before, *text.classes[slice(*part)], *after))
    logps = iter(_logps(frames, texts))
    return [tuple(math.exp(next(logps)) for _ in its) for its in parts]


def exchanges(
    log_probs: LogProbs, hypothesis: Hypothesis, candidates: Sequence[Sequence[int]]
) -> list[tuple[float, ...]]:
    """Probability (0..1) of `candidates[s]` each standing where character s of a text does; log_probs is (T, C).

    The sums that `confidences` takes, with another class, or with BLANK for none. What they come to beside the same of
    the character itself is how the choice at this place stood, all around it being as it was read.
    """
    frames, texts = [], []
    for place, numbers in enumerate(candidates):
        span, before, after = _surroundings(log_probs, hypothesis, (place, place + 1))
        for number in numbers:
            frames.append(log_probs[slice(*span)])
            texts.append((*before, *(() if number == BLANK else (number,)), *after))
    logps = iter(_logps(frames, texts))
    return [tuple(math.exp(next(logps)) for _ in numbers) for numbers in candidates]


def alternatives(
    log_probs: LogProbs, hypothesis: Hypothesis, most: int, *, guide: Guide | None = None
) -> list[list[tuple[int, float]]]:
    """Up to `most` classes that could stand for each character of a text, BLANK for none; log_probs is (T, C).

    With each its share (0..1) of what `exchanges` gives to all that were tried there, the character itself included:
    the `most` classes that come highest within its span, and none. Best first; shares below 0.001 and texts that a
    guide forbids are left out.
    """
    candidates = []
    for character, (first, last) in zip(hypothesis.classes, hypothesis.spans, strict=True):
        peaks = log_probs[first:last].max(axis=0)
        others = (number for number in (-peaks).argsort(kind="stable").tolist() if number not in (BLANK, character))
        candidates.append([character, BLANK, *islice(others, most)])
    found = []
    for place, (numbers, sums) in enumerate(zip(candidates, exchanges(log_probs, hypothesis, candidates), strict=True)):
        total = sum(sums)
        shares = [(number, each / total) for number, each in zip(numbers[1:], sums[1:], strict=True) if total > 0]
        shares.sort(key=lambda pair: -pair[1])
        found.append(
            [
                (number, share)
                for number, share in shares
                if share >= _LEAST_SHARE
                and (guide is None or allowed(guide, _exchanged(hypothesis.classes, place, number)))
            ][:most]
        )
    return found


def _exchanged(classes: Sequence[int], place: int, number: int) -> tuple[int, ...]:
    return (*classes[:place], *(() if number == BLANK else (number,)), *classes[place + 1 :])


def _logps(frames: Sequence[LogProbs], texts: Sequence[Sequence[int]]) -> list[float]:
    logps: list[float] = np.minimum(0.0, log_probabilities(frames, texts)).tolist()
    return logps


def _surroundings(
    log_probs: LogProbs, hypothesis: Hypothesis, part: Part
) -> tuple[Span, tuple[int, ...], tuple[int, ...]]:
    """Frames [first, last) that a part is judged in, with the class before it and that after it, none at either end."""
    first, last = part
    before, after = hypothesis.classes[max(0, first - 1) : first], hypothesis.classes[last : last + 1]
    start = _surest(log_probs, hypothesis, first - 1) if before else 0
    end = _surest(log_probs, hypothesis, last) + 1 if after else len(log_probs)
    return (start, end), before, after


def _surest(log_probs: LogProbs, hypothesis: Hypothesis, place: int) -> int:
    """Frame of the highest posterior that a character reaches within its span."""
    first, last = hypothesis.spans[place]
    return first + int(log_probs[first:last, hypothesis.classes[place]].argmax())
