"""What a run's figures mean, in words: nobody should have to read a flat curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ocrnn.data.labels import Sample
from ocrnn.metrics import Score, distance, fold
from ocrnn.training.loop import Epoch

_FLAT_EPOCHS = 5
_FLAT_GAIN = 0.02
_NOISE = 0.2
"""Nats per character by which a loss may rise of itself: near 0, one hard batch more than doubles it."""
_LOST = 50.0
"""Nats per character that no run of a usual rate has over an epoch: one that knows nothing begins with some ten."""
_BLANK_EPOCHS = 6
"""Every CTC network begins by reading nothing; on a thousand lines an epoch it is past that before."""
_FAR_BELOW, _FAR_ABOVE = 1 / 50, 5
"""Times the usual learning rate, from where on a fault is put down to it."""
_FEW_LINES = 300
_ASKED, _FEWEST = 30, 3
"""Validation lines that are looked for under other labels at most, and that must be found there at least."""
_SHORT = 8
"""Characters below which a text may be like another by chance."""


def explain(epochs: Sequence[Epoch], *, learning_rate: float, usual: float, lines: int) -> str | None:
    """One sentence on what is wrong with a run so far and what to do, None while nothing is.

    `epochs` are those of this run in order; the newest is judged against the ones before it. `learning_rate` is the
    highest of the run, `usual` that of such runs, `lines` how many there are to learn from.
    """
    learned = [epoch for epoch in epochs if epoch.number > 0]
    if not learned:
        return None
    return (
        _exploding(epochs, learned, learning_rate, usual)
        or _silent(learned, learning_rate, usual)
        or _standing(learned, learning_rate, usual)
        or _by_heart(learned, lines)
    )


def astray(start: Epoch, validation: Sequence[Sample], lines: Iterable[Sample]) -> str | None:
    """One sentence where labels stand at other pictures than their own, as after a line too many; None where not.

    `start` is epoch 0, of the model that a run goes on from: it reads what is there, whatever the labels say.
    `validation` are its lines, `lines` all of the run.
    """
    asked = [
        (sample, fold(reading), fold(text))
        for sample, (text, reading) in zip(validation, start.pairs, strict=True)
        if len(fold(reading)) >= _SHORT
    ][:_ASKED]
    strange = [line for line in asked if distance(line[1], line[2]) > len(line[2]) / 2]
    if len(strange) < max(_FEWEST, len(asked) / 4):
        return None
    labels = [(other, fold(other.text)) for other in lines]
    found = []
    for sample, reading, text in strange:
        like = [line for line in labels if abs(len(line[1]) - len(reading)) <= len(reading) / 3]
        wrong, place = min(((distance(reading, label), n) for n, (_, label) in enumerate(like)), default=(math.inf, 0))
        if wrong < min(len(reading), distance(reading, text)) / 2:
            found.append((sample.title, like[place][0].title))
    if len(found) < max(_FEWEST, len(asked) / 4):
        return None
    here, there = found[0]
    return (
        f"of {len(asked)} validation lines the start model reads {len(found)} as the label of another, {here} as that "
        f"of {there}; look whether the labels lack a line or have one too many"
    )


def _exploding(epochs: Sequence[Epoch], learned: Sequence[Epoch], learning_rate: float, usual: float) -> str | None:
    """The loss jumps up, has never been down, or the first epoch undid what the model knew that it started from."""
    losses = [epoch.loss for epoch in learned]
    lowest = min(losses[:-1], default=math.inf)
    if not losses[-1] < max(2 * lowest, lowest + _NOISE):
        jumped = f"the training loss explodes: it jumped from {lowest:.2f} to {losses[-1]:.2f}"
        return _blamed(jumped, learning_rate, usual) or f"{jumped}; try --lr {learning_rate / 3:.1g}"
    if losses[-1] > _LOST and learning_rate > usual:
        stands = f"the training loss explodes: it stands at {losses[-1]:.0f} nats per character"
        return _blamed(stands, learning_rate, usual)
    if epochs[0].number == 0:
        before, after = epochs[0].score.cer, min(epoch.score.cer for epoch in learned)
        if after > max(2 * before, before + _NOISE) and learning_rate > usual:
            return (
                f"the learning rate of {learning_rate:g} is too high to go on from a model: it read with "
                f"CER {before:.1%} and now with {learned[-1].score.cer:.1%}; "
                f"try --lr {min(learning_rate / 3, usual):.1g}"
            )
    return None


def _silent(learned: Sequence[Epoch], learning_rate: float, usual: float) -> str | None:
    """Nothing but blanks comes out, and the loss does not fall any more."""
    newest = learned[-1]
    empty = sum(not reading for _, reading in newest.pairs) / max(1, len(newest.pairs))
    if empty <= 0.9 or len(learned) < _BLANK_EPOCHS or not _is_flat(learned, _BLANK_EPOCHS // 2):
        return None
    silent = (
        f"after {len(learned)} epochs the model still reads nothing on {empty:.0%} of the validation lines, "
        f"and the training loss stands still at {newest.loss:.2f}"
    )
    return _blamed(silent, learning_rate, usual) or (
        f"{silent}: every CTC network starts so, but this one should be past it; "
        "check that the labels belong to their pictures, start --from a model, give it more lines and epochs, "
        f"or try --lr {learning_rate / 4:.1g}"
    )


def _standing(learned: Sequence[Epoch], learning_rate: float, usual: float) -> str | None:
    """The loss stands still where it should not."""
    newest = learned[-1]
    if newest.score.cer < 0.5 or len(learned) <= 2 * _FLAT_EPOCHS or not _is_flat(learned, _FLAT_EPOCHS):
        return None
    standing = (
        f"the training loss has stood still at {newest.loss:.2f} for {_FLAT_EPOCHS} epochs "
        "and most characters are wrong"
    )
    return _blamed(standing, learning_rate, usual) or (
        f"{standing}; check that the labels belong to their pictures (--show-augmented shows some), "
        f"start --from a model, or try --lr {learning_rate / 3:.1g}"
    )


def _by_heart(learned: Sequence[Epoch], lines: int) -> str | None:
    """The lines that are learned from are read far better than those that are not."""
    newest = learned[-1]
    if len(learned) <= _FLAT_EPOCHS:
        return None
    more = (
        f"{lines} lines are few: give it more, start --from a model, or add --synth"
        if lines < _FEW_LINES
        else "give it more lines or --augment strong"
    )
    # The loss per character is -log of what the right one gets, so this much goes wrong in training, and rather less.
    training = -math.expm1(-newest.loss)
    if newest.score.cer > max(0.1, 3 * training):
        return (
            f"validation is much worse than training: CER {newest.score.cer:.1%}, where of the lines it learns from "
            f"at most {training:.1%} go wrong; the model learns its lines by heart, or the validation lines are of "
            f"another kind; {more}"
        )
    if len(learned) <= 2 * _FLAT_EPOCHS:
        return None
    best = min(epoch.score.cer for epoch in learned[:-_FLAT_EPOCHS])
    falling = newest.loss < 0.7 * learned[-_FLAT_EPOCHS - 1].loss
    # Of some hundred validation lines, one read otherwise moves the CER by a tenth: the rise must be beyond chance.
    if newest.score.cer < 0.5 and falling and newest.score.cer_low > best:
        return "the training loss falls while the validation CER rises: the model learns its lines by heart; " + more
    return None


def _is_flat(learned: Sequence[Epoch], over: int) -> bool:
    """Tell whether the loss fell by less than 2 % over so many epochs."""
    return learned[-1].loss > learned[-over - 1].loss * (1 - _FLAT_GAIN)


def _blamed(fault: str, learning_rate: float, usual: float) -> str | None:
    """The fault put down to the learning rate, where that is far from the usual one."""
    if not _FAR_BELOW <= learning_rate / usual <= _FAR_ABOVE:
        far = "high" if learning_rate > usual else "low"
        return f"{fault}: the learning rate of {learning_rate:g} is too {far}; try --lr {usual:g}"
    return None


def verdict(epochs: Sequence[Epoch], written: Score | None = None) -> str:
    """How a run ended: the best CER, against the start where this sitting saw it, and that of the model written.

    `epochs` are those of the last sitting, at least one that learned; what came before is in its history. `written` is
    what the model's file gets on the same lines, told where it is not what its epoch got.
    """
    last = epochs[-1]
    start = epochs[0].score if epochs[0].number == 0 else None
    if last.best_epoch == 0:
        was = "" if start is None else f"CER {_wrong(start.cer, start.cer_raw)} at the start, "
        # A start that many epochs equal and none beats is no worse for it.
        is_equal = start is not None and last.score.cer_raw == start.cer_raw
        came = "training brought nothing" if is_equal else "training made it worse"
        now = _wrong(last.score.cer, last.score.cer_raw)
        ended = f"{came}: {was}{now} at the end; the start is kept as best"
        return ended + (_since(written, start.cer, start.wer) if start is not None else "")
    best = next(row for row in last.history if row["epoch"] == last.best_epoch)
    down = "" if start is None else f", down from {_wrong(start.cer, start.cer_raw)}"
    read = _wrong(best["cer"], best["cer_as_written"])
    told = f"best: epoch {last.best_epoch}, CER {read}{down}; WER {best['wer']:.2%}"
    return told + _since(written, best["cer"], best["wer"])


def _wrong(cer: float, as_written: float) -> str:
    """A CER, and as written where folding hides something."""
    shown, whole = f"{cer:.2%}", f"{as_written:.2%}"
    return shown if shown == whole else f"{shown} ({whole} as written)"


def _since(written: Score | None, cer: float, wer: float) -> str:
    """What of these figures is no longer so of the model that was written; "" where nothing is."""
    now, before = ("", "")
    if written:
        now, before = (f"CER {c:.2%}, WER {w:.2%}" for c, w in ((written.cer, written.wer), (cer, wer)))
    if now == before:
        return ""
    return f"; best.onnx has {now}: how sure it is was fitted since, and with that what it looks at again"
