"""A model is measured: labelled lines in, their readings and the figures over all of them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import tee
from typing import TYPE_CHECKING

from ocrnn.data.lines import evenly
from ocrnn.errors import ImageError
from ocrnn.evaluation.calibration import Reliability, caught, reliability
from ocrnn.evaluation.confusions import Confusions, confusions
from ocrnn.evaluation.verdicts import Verdicts, verdicts
from ocrnn.metrics import Score, distance, fold, score
from ocrnn.reading import Reading

if TYPE_CHECKING:
    from ocrnn.data.labels import Sample
    from ocrnn.transcribe.reader import Reader

_MOST_PARTS = 5000
"""Words or characters that a reliability is of."""


@dataclass(frozen=True)
class ReadSample:
    """A labelled line and what was read in it.

    `edits` counts the wrong characters after folding, `confidence` is the reader's, 0..1. Where the picture could not
    be read `problem` says why, the reading is empty, and all of the line counts as wrong. `words` and `characters` are
    what `verdicts` says of them.
    """

    name: str
    truth: str
    reading: str
    confidence: float
    edits: int
    problem: str = ""
    words: Verdicts = field(default=Verdicts(), repr=False)
    characters: Verdicts = field(default=Verdicts(), repr=False)


@dataclass(frozen=True)
class Evaluation:
    """Every line with its reading, in the order of the labels, and the figures over all of them."""

    score: Score
    lines: tuple[ReadSample, ...]

    def worst(self, count: int) -> list[ReadSample]:
        """Lines with the most wrong characters, worst first, none that are right; ties stand as they came."""
        return [self.lines[place] for place in self.worst_places(count)]

    def worst_places(self, count: int) -> list[int]:
        """Where in `lines` the worst ones stand, in the order of `worst`."""
        wrong = (place for place, line in enumerate(self.lines) if line.edits)
        return sorted(wrong, key=lambda place: -self.lines[place].edits)[:count]

    def reliability(self) -> Reliability | None:
        """How far the confidence of the lines that could be read is true; None where there are none."""
        read = [line for line in self.lines if not line.problem]
        if not read:
            return None
        return reliability((line.confidence for line in read), (not line.edits for line in read))

    def word_reliability(self) -> Reliability | None:
        """How far the confidence of words is true; None where there are none. Words of a line err together."""
        return _reliability([verdict for line in self.lines for verdict in line.words])

    def character_reliability(self) -> Reliability | None:
        """How far the confidence of characters is true; None where there are none."""
        return _reliability([verdict for line in self.lines for verdict in line.characters])

    @property
    def failed(self) -> int:
        """Lines whose picture could not be read, which count as wrong."""
        return sum(bool(line.problem) for line in self.lines)

    def confusions(self) -> Confusions:
        """What was taken for what in the lines that could be read."""
        return confusions((line.truth, line.reading) for line in self.lines if not line.problem)

    def caught(self, share: float) -> tuple[int, float, float]:
        """What looking through the most doubtful `share` of all lines would find; see `calibration.caught`."""
        return caught([line.confidence for line in self.lines], [line.edits for line in self.lines], share)


def read_samples(samples: Iterable[Sample], reader: Reader, *, batch_size: int = 16) -> Iterator[ReadSample]:
    """Read labelled lines in their order, each as soon as it is there; a picture that fails stops nothing."""
    samples, sources = tee(samples)  # the reader is ahead by a window of lines, and no more are held
    for sample, result in zip(samples, reader.read_many(sources, batch_size=batch_size), strict=True):
        yield _read_sample(sample, result.outcome)


def evaluate(lines: Iterable[ReadSample]) -> Evaluation:
    """Figures over lines that were read; raises ValueError where there are none."""
    lines = tuple(lines)
    readings, truths = [line.reading for line in lines], [line.truth for line in lines]
    return Evaluation(score(readings, truths), lines)


def _read_sample(sample: Sample, outcome: Reading | ImageError) -> ReadSample:
    name = sample.name or str(sample.image)
    if isinstance(outcome, ImageError):
        return ReadSample(name, sample.text, "", 0.0, len(fold(sample.text)), str(outcome))
    edits = distance(fold(outcome.text), fold(sample.text))
    words, characters = verdicts(outcome, sample.text)
    return ReadSample(name, sample.text, outcome.text, outcome.confidence, edits, words=words, characters=characters)


def _reliability(said: Sequence[tuple[float, bool]]) -> Reliability | None:
    # Evenly spread: a thousand drawings of all characters of a book would take minutes and say no more.
    taken = evenly(said, _MOST_PARTS)
    return reliability((confidence for confidence, _ in taken), (true for _, true in taken)) if taken else None
