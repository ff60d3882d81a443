"""Two models on the same lines: which reads better, whether chance could make it so, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import numpy.typing as npt

from ocrnn.evaluation.score import Evaluation, ReadSample, evaluate
from ocrnn.metrics import distance, fold

RESAMPLES = 2000
_SELDOM = 0.05


@dataclass(frozen=True)
class Difference:
    """An error rate of two models on the same lines, 0..1 each: `gap` is the second's less the first's.

    `low` to `high` is the 95 % interval of the gap from drawing the lines anew, each with what both models made of it
    (the paired bootstrap, as Bisani and Ney 2004 use it).
    `better` is the share of these drawings in which the second has the lower rate, those in which both are equal
    counted half. `by_chance` is how often the gap is as large either way where a coin says of each line which model
    read what (approximate randomisation, Noreen 1989).
    """

    first: float
    second: float
    low: float
    high: float
    better: float
    by_chance: float

    @property
    def gap(self) -> float:
        """How much more the second has wrong; below 0 where it reads better."""
        return self.second - self.first

    @property
    def proven(self) -> bool:
        """Tell whether chance is no likely reason: the interval leaves 0 out, and a coin seldom makes so large a gap.

        The interval alone calls the best of one line, or of four that differ, proven: where two equal readers differ in
        four to twenty lines it does so in 5 to 13 of 100 sets.
        """
        return (self.low > 0 or self.high < 0) and self.by_chance < _SELDOM


@dataclass(frozen=True)
class Change:
    """A confusion, `truth` read as `reading` (folded), that one model has more often than the other."""

    truth: str
    reading: str
    first: int
    second: int


@dataclass(frozen=True)
class Comparison:
    """What two models made of the same lines, line for line, and their errors in characters and words.

    `won` and `lost` are places of lines that the second reads with fewer and with more wrong characters, the largest
    gap first; `alike` counts those that both read with the same text after folding, `failed` those that not both could
    read. `changes` are the confusions that differ most.
    """

    first: Evaluation
    second: Evaluation
    cer: Difference
    wer: Difference
    won: tuple[int, ...]
    lost: tuple[int, ...]
    alike: int
    failed: int
    changes: tuple[Change, ...]


def compare(
    first: Sequence[ReadSample], second: Sequence[ReadSample], *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare what two models read in the same lines, given in the same order.

    Raises ValueError for other lines, or none.
    """
    if [(line.name, line.truth) for line in first] != [(line.name, line.truth) for line in second]:
        raise ValueError("the two models read different lines; give both the same")
    one, other = evaluate(first), evaluate(second)
    words = [fold(line.truth).split() for line in first]
    one_words, other_words = (
        [distance(fold(line.reading).split(), truth) for line, truth in zip(lines, words, strict=True)]
        for lines in (first, second)
    )
    one_edits, other_edits = [line.edits for line in first], [line.edits for line in second]
    gaps = [after - before for before, after in zip(one_edits, other_edits, strict=True)]
    return Comparison(
        one,
        other,
        _difference(one_edits, other_edits, [len(fold(line.truth)) for line in first], resamples, seed),
        _difference(one_words, other_words, [len(truth) for truth in words], resamples, seed),
        tuple(sorted((place for place, gap in enumerate(gaps) if gap < 0), key=lambda place: gaps[place])),
        tuple(sorted((place for place, gap in enumerate(gaps) if gap > 0), key=lambda place: -gaps[place])),
        sum(
            fold(a.reading) == fold(b.reading) and not (a.problem or b.problem)
            for a, b in zip(first, second, strict=True)
        ),
        sum(bool(a.problem or b.problem) for a, b in zip(first, second, strict=True)),
        _changes(one, other),
    )


def _difference(
    first: Sequence[int], second: Sequence[int], lengths: Sequence[int], resamples: int, seed: int
) -> Difference:
    """Rates of N lines from their edits and the lengths of their truths."""
    before, after, of = np.array(first), np.array(second), np.array(lengths)
    rng = np.random.default_rng(seed)
    gaps = np.empty(resamples)
    for turn in range(resamples):
        drawn = rng.integers(len(of), size=len(of))
        gaps[turn] = (after[drawn] - before[drawn]).sum() / max(1, of[drawn].sum())
    low, high = np.percentile(gaps, (2.5, 97.5))
    whole = max(1, int(of.sum()))
    better = float((gaps < 0).mean() + (gaps == 0).mean() / 2)
    by_chance = _by_chance((after - before)[after != before], resamples, rng)
    return Difference(int(before.sum()) / whole, int(after.sum()) / whole, float(low), float(high), better, by_chance)


def _by_chance(gaps: npt.NDArray[np.int64], throws: int, rng: np.random.Generator) -> float:
    """How often gaps of lines sum to as much, either way, where a coin gives each its sign: all falls, or `throws`."""
    falls: Iterable[npt.ArrayLike] = product((-1, 1), repeat=len(gaps))
    if 2 ** len(gaps) > throws:
        # As it was read is one way that the coins may fall: without it 0 could come out.
        falls = chain([[1] * len(gaps)], (rng.choice((-1, 1), len(gaps)) for _ in range(throws)))
    sums = np.array([int(gaps @ np.array(fall, int)) for fall in falls])
    return float((abs(sums) >= abs(gaps.sum())).mean())


def _changes(first: Evaluation, second: Evaluation) -> tuple[Change, ...]:
    before, after = (
        {(each.truth, each.reading): each.count for each in evaluation.confusions().found}
        for evaluation in (first, second)
    )
    changes = [Change(*slip, before.get(slip, 0), after.get(slip, 0)) for slip in {**before, **after}]
    differing = [change for change in changes if change.first != change.second]
    return tuple(sorted(differing, key=lambda change: -abs(change.second - change.first)))
