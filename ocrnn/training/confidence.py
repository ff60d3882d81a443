"""How sure a second look is: fitted at the end of a run, as the temperature is for the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ocrnn.data.labels import Sample
from ocrnn.data.lines import evenly
from ocrnn.evaluation.calibration import MOST_LINES, likeliest_power
from ocrnn.metrics import fold
from ocrnn.model.executors import Array, Model
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.views import is_word

_PASSES = 4
"""Times that what is in doubt is read at the most, with the powers of the time before; two or three mostly do."""


def second_look(
    model: Model, samples: Sequence[Sample], *, most: int = MOST_LINES, jobs: int = 1
) -> tuple[ModelSpec, int]:
    """The model's spec with the powers of its second look, and how many lines they are fitted on: all looked at again.

    At most `most` of the samples are read, evenly spread; words have a power of their own. What is sure enough to need
    no further views depends on the powers, and they on that: reading and fitting take turns until neither changes. The
    language that a model brings keeps silent: it knows what drawn lines say better than what real ones do, and what it
    adds to the pictures is reckoned (`clips.in_language`). The fewer the lines, the less a power leaves the one that
    the model has.
    """
    spec = model.spec
    if not (spec.doubt or spec.word_doubt):
        return spec, 0
    taken = evenly(samples, most)
    fitted = dataclasses.replace(spec, language_weight=0.0)
    first = _read(_Told(dataclasses.replace(fitted, doubt=0.0, word_doubt=0.0), model), taken, jobs)
    before = list(zip(taken, first, strict=True))
    for _ in range(_PASSES):
        second = _read(_Told(fitted, model), [sample for sample, _ in before], jobs)
        again = [
            (sample, early, later)
            for (sample, early), later in zip(before, second, strict=True)
            if early and later and early.confidence != later.confidence
        ]
        before, last = [(sample, early) for sample, early, _ in again], fitted
        seen = [(later, fold(later.text) == fold(sample.text)) for sample, _, later in again]
        lines, words = ([each for each in seen if _is_word(each[0]) == word] for word in (False, True))
        fitted = dataclasses.replace(
            last,
            again_power=_likeliest(lines, last.again_power, spec.again_power),
            word_power=_likeliest(words, last.word_power, spec.word_power),
        )
        if fitted == last:
            break
    return dataclasses.replace(spec, again_power=fitted.again_power, word_power=fitted.word_power), len(again)


def _likeliest(seen: Sequence[tuple[Reading, bool]], power: float, before: float) -> float:
    """The likeliest power of readings, each with whether it is right, that were told with another power."""
    plain = [reading.confidence ** (1 / power) for reading, _ in seen]
    return likeliest_power(plain, [right for _, right in seen], before=before)


def _is_word(reading: Reading) -> bool:
    sides = reading.height_px, reading.width_px
    return is_word(*(sides[::-1] if reading.turned_deg % 180 else sides))


@dataclass(frozen=True)
class _Told:
    """A model that is told otherwise when to look again."""

    spec: ModelSpec
    model: Model

    @property
    def further(self) -> Sequence[Model]:
        return getattr(self.model, "further", ())

    def infer(self, images: Array) -> Array:
        return self.model.infer(images)


def _read(model: Model, samples: Sequence[Sample], jobs: int) -> list[Reading | None]:
    results = Reader(model, parts=False, jobs=jobs).read_many(samples)
    return [result.outcome if isinstance(result.outcome, Reading) else None for result in results]
