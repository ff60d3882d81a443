"""What a run's figures mean, in words: nobody should have to read a flat curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ocrnn.training.loop import Epoch

_FLAT_EPOCHS = 5
_FLAT_GAIN = 0.02
_NOISE = 0.2
"""Nats per character by which a loss may rise of itself: near 0, one hard batch more than doubles it."""


def explain(epochs: Sequence[Epoch], *, learning_rate: float) -> str | None:
    """One sentence on what is wrong with a run so far and what to do, None while nothing is.

    `epochs` are those of this run in order; the newest is judged against the ones before it.
    """
    learned = [epoch for epoch in epochs if epoch.number > 0]
    if not learned:
        return None
    newest = learned[-1]
    empty = sum(not reading for _, reading in newest.pairs) / max(1, len(newest.pairs))
    if empty > 0.9 and len(learned) >= 3:
        return (
            f"after {len(learned)} epochs the model still reads nothing on {empty:.0%} of the validation lines: "
            "every CTC network starts so, but this one should be past it; "
            "check that the labels belong to their pictures, start --from a model, or give it more lines and epochs"
        )
    losses = [epoch.loss for epoch in learned]
    lowest = min(losses[:-1], default=math.inf)
    if not losses[-1] < max(2 * lowest, lowest + _NOISE):
        return f"the training loss jumped from {lowest:.2f} to {losses[-1]:.2f}; try --lr {learning_rate / 3:.1g}"
    if len(learned) > 2 * _FLAT_EPOCHS:
        before, after = losses[-_FLAT_EPOCHS - 1], losses[-1]
        readable = newest.score.cer < 0.5
        if not readable and after > before * (1 - _FLAT_GAIN):
            return (
                f"the training loss has stood still at {after:.2f} for {_FLAT_EPOCHS} epochs "
                f"and most characters are wrong; try --lr {learning_rate / 3:.1g}, start --from a model, "
                "or look at some lines with --show-augmented"
            )
        best = min(epoch.score.cer for epoch in learned[:-_FLAT_EPOCHS])
        if readable and newest.loss < 0.7 * before and newest.score.cer > 1.1 * best:
            return (
                "the training loss falls while the validation CER rises: the model learns its lines by heart; "
                "give it more lines or --augment strong"
            )
    return None


def verdict(epochs: Sequence[Epoch]) -> str:
    """One sentence on how a run ended: the best CER, against the start where this sitting saw it.

    `epochs` are those of the last sitting, at least one that learned; what came before is in its history.
    """
    last = epochs[-1]
    start = epochs[0].score.cer if epochs[0].number == 0 else None
    if last.best_epoch == 0:
        was = "" if start is None else f"CER {start:.2%} at the start, "
        return f"training made it worse: {was}{last.score.cer:.2%} at the end; the start is kept as best"
    best = next(row for row in last.history if row["epoch"] == last.best_epoch)
    down = "" if start is None else f", down from {start:.2%}"
    return f"best: epoch {last.best_epoch}, CER {best['cer']:.2%}{down}; WER {best['wer']:.2%}"
