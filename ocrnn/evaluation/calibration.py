"""Confidence that means what it says: one temperature, fitted so that of lines read with 0.9 nine in ten are right.

Why one number and no more: kinds of lines that nothing was fitted on are the test, 13 kinds of drawn lines and six sets
of real ones, 5,700 lines in all. There, and on nine sets of yet other real lines, a power of the line's risk, alone or
with its length, its least sure character, its entropy, its height or a second temperature, leave log-losses within
0.003 of the temperature's 0.32, or higher ones by up to 0.012: what is gained on drawn lines, 0.005, stays there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrnn.data.labels import Sample
from ocrnn.data.lines import evenly
from ocrnn.decoding.ctc import greedy, log_probabilities, tempered
from ocrnn.metrics import fold
from ocrnn.model.executors import Model

Numbers = npt.NDArray[np.float64]

MOST_LINES = 1000
"""Lines a temperature is fitted on at the end of a run, a minute at most. Drawn anew, it varies by 4 %."""
BINS = 10

_GRID = np.geomspace(0.25, 8.0, 21)
"""Temperatures at which lines are looked at; between them log(-logp) is all but straight, to 2 % of logp."""
_TRIED = np.geomspace(0.25, 8.0, 401)
_PRIOR = 4.0
"""Weight, in lines, of the belief that the network is right about itself: a dozen lines, all right, prove little."""
_SURE = 1e-6
"""A line is never quite sure to be wrong: 1 - p is kept from 0, where one mistake would outweigh all lines."""


@dataclass(frozen=True)
class Bin:
    """Lines of like confidence: how many, their mean confidence, and the share that is right with its 95 % interval.

    The interval is Wilson's (1927), which holds for few lines and at 0 and 1.
    """

    lines: int
    confidence: float
    right: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """How far confidence and truth lie apart over a set of lines; every number but `lines` is 0..1.

    `error` is the expected calibration error over `bins` of equal count: the mean distance between the confidence of a
    bin and the share of it that is right. Chance alone makes it more than 0: a reader whose confidence is the truth
    would show `by_chance` on so many lines with these confidences, and less than `chance_high` 39 times in 40.
    `without_chance` is what is left when that is taken out as one side of a right triangle, and `low` to `high` is its
    95 % interval. In simulated sets of 90 to 400 lines whose truth is known it is on average a third as far from it as
    `error`, and nearer than the estimates of Roelofs et al. (2022, arXiv 2012.08668) and Kumar et al. (2019, arXiv
    1909.10155); see benchmarks/calibration.py. `whole` is all lines as one bin: few lines suffice to tell its
    confidence from the share that is right.
    """

    lines: int
    error: float
    without_chance: float
    low: float
    high: float
    by_chance: float
    chance_high: float
    whole: Bin
    bins: tuple[Bin, ...]

    @property
    def proven(self) -> bool:
        """Tell whether the error is more than chance would make of a calibrated reader."""
        return self.error > self.chance_high

    @property
    def leaning(self) -> int:
        """1 where the reader is surer than right on the whole, -1 where it is too modest, 0 where neither is proven."""
        return (self.whole.confidence > self.whole.high) - (self.whole.confidence < self.whole.low)


@dataclass(frozen=True)
class Calibration:
    """A temperature and what it is worth: `reliability` is of lines that it was not fitted on (cross-fitting).

    The lines are halved, and each half is judged by the temperature of the other; `temperature` is that of both.
    """

    temperature: float
    reliability: Reliability

    def told(self) -> dict[str, float]:
        """What a model's description says of it, for people."""
        found = self.reliability
        return {"lines": found.lines, "error": round(found.error, 4), "of it by chance": round(found.by_chance, 4)}


def calibrate(model: Model, samples: Sequence[Sample], *, most: int = MOST_LINES) -> Calibration:
    """Temperature by which to divide the model's logits (Guo et al. 2017, arXiv 1706.04599), 0.25 to 8.

    It maximises the likelihood of what came true: each line's reading, folded, is its label or is not, and the
    confidence at that temperature said how likely that was. Takes at most `most` of the samples, evenly spread; the
    temperature they were read with so far does not matter. Raises ImageError, and ValueError for no samples.
    """
    read = [_read(model, sample) for sample in evenly(samples, most)]
    curves = np.stack([curve for curve, _ in read])
    right = np.array([true for _, true in read])
    halves = np.arange(len(read)) % 2
    confidences = np.empty(len(read))
    for half in {0, 1} & set(halves.tolist()):
        other = _fitted(curves[halves != half], right[halves != half])
        confidences[halves == half] = np.exp(_logp(curves[halves == half], np.array([other]))[:, 0])
    return Calibration(round(_fitted(curves, right), 3), reliability(confidences.tolist(), right.tolist()))


def likeliest_power(confidences: Sequence[float], right: Sequence[bool], *, before: float = 1.0) -> float:
    """Power that confidences are to be raised to so that what came true is most likely; `before` for none.

    From an eighth of `before`, the one that was taken so far, to four times as much. For readings that no logits stand
    behind, such as what several views of a line agree on.
    """
    logs = before * np.log(np.maximum(np.asarray(confidences, float), 1e-300))
    return round(before / _likeliest(logs[:, None] / _TRIED, np.asarray(right, bool)), 3) if len(logs) else before


def reliability(
    confidences: Iterable[float],
    right: Iterable[bool],
    *,
    resamples: int = 1000,
) -> Reliability:
    """Hold confidences against what came true, in at most `BINS` bins of at least ten lines where there are so many.

    Chance is drawn `resamples` times, and so are the lines anew. Raises ValueError for no lines.
    """
    said, true = np.asarray(list(confidences), float), np.asarray(list(right), float)
    if not len(said):
        raise ValueError("no lines to calibrate with")
    order = said.argsort(kind="stable")
    said, true = said[order], true[order]
    edges = np.linspace(0, len(said), max(1, min(BINS, len(said) // 10)) + 1).astype(int)[:-1]
    rng = np.random.default_rng(0)
    chance, drawn = [], []
    for _ in range(resamples):
        chance.append(_error(said, (rng.random(len(said)) < said).astype(float), edges))
        picked = np.sort(rng.integers(len(said), size=len(said)))
        drawn.append(_error(said[picked], true[picked], edges))
    error, by_chance, chance_high = _error(said, true, edges), float(np.mean(chance)), float(np.quantile(chance, 0.975))
    # Lines drawn anew add chance to chance: they tell how far the error varies, not where it lies. The normal law then
    # holds the truth more often than their quantiles, reflected or not.
    half = 1.96 * float(np.std(drawn))
    low = _without(error - half, by_chance) if error > chance_high else 0.0
    high = min(1.0, _without(error + half, by_chance))
    counted = zip(np.split(said, edges[1:]), np.split(true, edges[1:]), strict=True)
    return Reliability(
        lines=len(said),
        error=error,
        without_chance=_without(error, by_chance),
        low=low,
        high=high,
        by_chance=by_chance,
        chance_high=chance_high,
        whole=_bin(said, true),
        bins=tuple(_bin(*part) for part in counted),
    )


def caught(confidences: Sequence[float], edits: Sequence[int], share: float) -> tuple[int, float, float]:
    """What a person finds who looks through the most doubtful `share` of lines.

    Number of lines looked at, share of the wrong lines and share of the wrong characters among them; 0 where nothing
    is wrong. `edits` are the wrong characters of each line. Ties go as the lines came.

    >>> caught([0.9, 0.2, 0.95, 0.8], [0, 3, 1, 0], 0.25)
    (1, 0.5, 0.75)
    """
    looked = math.ceil(round(share * len(edits), 9))
    doubtful = sorted(range(len(edits)), key=lambda place: confidences[place])[:looked]
    wrong = sum(edit > 0 for edit in edits)
    found = sum(edits[place] > 0 for place in doubtful)
    return looked, found / max(1, wrong), sum(edits[place] for place in doubtful) / max(1, sum(edits))


def _error(said: Numbers, true: Numbers, edges: npt.NDArray[np.intp]) -> float:
    """Mean distance of confidence and truth over bins that begin at `edges`, weighed by their lines."""
    return float(np.abs(np.add.reduceat(said - true, edges)).sum() / len(said))


def _without(error: float, by_chance: float) -> float:
    """What of an error is left without chance; 0 where chance makes as much."""
    return math.sqrt(max(0.0, max(0.0, error) ** 2 - by_chance**2))


def _bin(said: Numbers, true: Numbers) -> Bin:
    z, count, share = 1.96, len(true), float(true.mean())
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Bin(count, float(said.mean()), share, max(0.0, middle - half), min(1.0, middle + half))


def _read(model: Model, sample: Sample) -> tuple[Numbers, bool]:
    """Log-probability of a sample's reading at each temperature of the grid, and whether it is the label."""
    line = model.spec.line_format.prepare(sample.load())
    log_probs = np.ascontiguousarray(model.infer(line[None])[:, 0])
    classes = greedy(log_probs).classes
    heated = np.stack([tempered(log_probs, float(temperature)) for temperature in _GRID], axis=1)  # (T, grid, C)
    curve = log_probabilities(list(heated.swapaxes(0, 1)), [classes] * len(_GRID))
    return curve, fold(model.spec.charset.decode(classes)) == fold(sample.text)


def _logp(curves: Numbers, temperatures: Numbers) -> Numbers:
    """Log-probabilities (N, temperatures) of N lines known on the grid (N, grid)."""
    logs = np.log(np.maximum(-curves, 1e-12))
    between = [np.interp(np.log(temperatures), np.log(_GRID), line) for line in logs]
    return -np.exp(np.stack(between)) if between else np.empty((0, len(temperatures)))


def _fitted(curves: Numbers, right: npt.NDArray[np.bool_]) -> float:
    """Temperature of the least negative log-likelihood (nats) of what came true, with the prior."""
    return _likeliest(_logp(curves, _TRIED), right)


def _likeliest(logp: Numbers, right: npt.NDArray[np.bool_]) -> float:
    """The same from log-probabilities (N, temperatures) at each temperature that is tried."""
    wrong = np.log(np.maximum(-np.expm1(logp), _SURE))
    losses = _PRIOR * np.log(_TRIED) ** 2 - np.where(right[:, None], logp, wrong).sum(axis=0)
    return float(_TRIED[losses.argmin()])
