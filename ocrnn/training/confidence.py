"""How sure a second look is: fitted at the end of a run, as the temperature is for the first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ocrnn.data.labels import Sample
from ocrnn.evaluation.calibration import MOST_LINES, likeliest_power
from ocrnn.metrics import fold
from ocrnn.model.executors import Array, Model
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.views import is_word


def second_look(
    model: Model, samples: Sequence[Sample], *, most: int = MOST_LINES, jobs: int = 1
) -> tuple[ModelSpec, int]:
    """The model's spec with the powers of its second look, and how many lines they are fitted on: all looked at again.

    At most `most` of the samples are read, evenly spread; words have a power of their own. The language that a model
    brings keeps silent: it knows what drawn lines say better than what real ones do, and what it adds to the pictures
    is reckoned (`clips.in_language`). The fewer the lines, the less a power leaves the one that the model has.
    """
    spec = model.spec
    silent = dataclasses.replace(spec, language="", again_power=1.0, word_power=1.0)
    if not (silent.doubt or silent.word_doubt):
        return spec, 0
    taken = samples[:: -(-len(samples) // most)] if samples else ()
    first = _read(_Told(dataclasses.replace(silent, doubt=0.0, word_doubt=0.0), model), taken, jobs)
    second = _read(_Told(silent, model), taken, jobs)
    again = [
        (_is_word(later), later.confidence, fold(later.text) == fold(sample.text))
        for sample, before, later in zip(taken, first, second, strict=True)
        if before and later and before.confidence != later.confidence
    ]

    def fitted(words: bool, before: float) -> float:
        its = [(said, right) for word, said, right in again if word == words]
        return likeliest_power([said for said, _ in its], [right for _, right in its], before=before)

    lines, words = fitted(False, spec.again_power), fitted(True, spec.word_power)
    return dataclasses.replace(spec, again_power=lines, word_power=words), len(again)


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
