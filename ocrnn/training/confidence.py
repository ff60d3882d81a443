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


def second_look(model: Model, samples: Sequence[Sample], *, most: int = MOST_LINES, jobs: int = 1) -> tuple[float, int]:
    """Power for `ModelSpec.again_power`, and how many lines it is fitted on: those that the model looks at again.

    At most `most` of the samples are read, evenly spread. The language that a model brings keeps silent: it knows what
    drawn lines say better than what real ones do, and what it adds to the pictures is reckoned (`clips.in_language`).
    The fewer the lines, the less the power leaves the one that the model has.
    """
    silent = dataclasses.replace(model.spec, language="", again_power=1.0)
    if not (silent.doubt or silent.word_doubt):
        return model.spec.again_power, 0
    taken = samples[:: -(-len(samples) // most)] if samples else ()
    first = _read(_Told(dataclasses.replace(silent, doubt=0.0, word_doubt=0.0), model), taken, jobs)
    second = _read(_Told(silent, model), taken, jobs)
    again = [
        (later.confidence, fold(later.text) == fold(sample.text))
        for sample, before, later in zip(taken, first, second, strict=True)
        if before and later and before.confidence != later.confidence
    ]
    said, right = [said for said, _ in again], [right for _, right in again]
    return likeliest_power(said, right, before=model.spec.again_power), len(again)


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
