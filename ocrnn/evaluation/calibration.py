"""Confidence that means what it says: one temperature, fitted so that of lines read with 0.9 nine in ten are right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ocrnn.data.labels import Sample
from ocrnn.decoding.ctc import greedy, log_probability, tempered
from ocrnn.metrics import fold
from ocrnn.model.runtime import Model

Frames = npt.NDArray[np.float32]

MOST_LINES = 500
"""Lines a temperature is fitted on; more make it no better and take longer."""

_RANGE = (0.25, 8.0)
_STEPS = 24
_PRIOR = 4.0
"""Weight, in lines, of the belief that the network is right about itself: a dozen lines, all right, prove little."""


def fit_temperature(model: Model, samples: Sequence[Sample]) -> float:
    """Temperature by which to divide the model's logits (Guo et al. 2017, arXiv 1706.04599), about 0.25 to 8.

    It maximises the likelihood of what came true: each line's reading, folded, is its label or is not, and the
    confidence at that temperature said how likely that was. Takes at most 500 of the samples, evenly spread.
    Raises ImageError.
    """
    read = [_read(model, sample) for sample in samples[:: -(-len(samples) // MOST_LINES)]]
    low, high = (math.log(limit) for limit in _RANGE)
    # Golden section: the loss has one minimum in the temperature, and each look at it costs a second.
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = _loss(read, left), _loss(read, right)
    for _ in range(_STEPS // 2):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = _loss(read, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = _loss(read, right)
    return round(math.exp((low + high) / 2), 3)


def calibration_error(confidences: Iterable[float], right: Iterable[bool], *, bins: int = 10) -> float:
    """Expected calibration error, 0..1: how far confidence and truth lie apart, over bins of equal width.

    >>> calibration_error([0.9, 0.9, 0.2], [True, False, False])
    0.333
    """
    said, true = np.asarray(list(confidences)), np.asarray(list(right), float)
    places = np.minimum((said * bins).astype(int), bins - 1)
    gaps = [abs(float((said - true)[places == place].sum())) for place in range(bins)]
    return round(sum(gaps) / max(1, len(said)), 3)


def _read(model: Model, sample: Sample) -> tuple[Frames, tuple[int, ...], bool]:
    """Log-probabilities (T, C) of a sample, what they read as, and whether that is its label."""
    line = model.spec.line_format.prepare(sample.load())
    log_probs = np.ascontiguousarray(model.infer(line[None])[:, 0])
    classes = greedy(log_probs).classes
    return log_probs, classes, fold(model.spec.charset.decode(classes)) == fold(sample.text)


def _loss(read: Sequence[tuple[Frames, tuple[int, ...], bool]], log_temperature: float) -> float:
    """Negative log-likelihood (nats) of what came true at a temperature, with the prior."""
    total = _PRIOR * log_temperature**2
    for log_probs, classes, right in read:
        logp = log_probability(tempered(log_probs, math.exp(log_temperature)), classes)
        # A line is never quite sure to be wrong: 1 - p is kept from 0, where one mistake would outweigh all lines.
        total -= logp if right else math.log(max(-math.expm1(min(logp, 0.0)), 1e-6))
    return total
