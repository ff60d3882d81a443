"""Labels that the pictures contradict: where a model reads otherwise and is surer than it ever errs.

Training on a wrong label teaches a fault, and testing on one blames the reader. Both texts are held against the picture
by their probability under CTC; what counts is how much likelier the reading is, for each place where the two differ.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ocrnn.charset import Charset
from ocrnn.data.check import minimum_frames
from ocrnn.decoding.ctc import LogProbs, log_probability
from ocrnn.evaluation.alignment import Place, align
from ocrnn.evaluation.score import ReadSample

SUSPICIOUS = 4.0
"""Evidence, in powers of ten, from which a label is suspected."""

_HABIT, _HABIT_LINES = 0.01, 3
"""A difference that so large a share of a character's occurrences shows, in so many other lines at least, is a habit of
the labels (all in capitals, spaces before colons) or of the reader; it says nothing against one label."""
_DOUBT = 2.0
"""How far a reader's doubt of its own reading speaks against it. On training sets with planted faults
(`benchmarks/suspects.py`) 1 and 4 find about as much."""
_FLOOR = -40.0  # natural logarithm: below it a probability is no opinion, and -inf would end all comparison


@dataclass(frozen=True)
class Suspect:
    """A label that is probably wrong: `place` of its line among those that were read.

    `evidence` is in powers of ten: at 6 the picture makes the reading a million times likelier than the label at each
    place where they differ, what the set's habits explain and the reader's own doubt taken off. It ranks; as odds it
    is too high, for networks err more surely than they say.
    """

    place: int
    evidence: float


def suspects(
    lines: Sequence[ReadSample], charset: Charset, frames: Callable[[int], LogProbs], *, least: float = SUSPICIOUS
) -> list[Suspect]:
    """Labels with at least so much evidence against them, the most suspicious first; equal ones as they came.

    `frames` gives the calibrated log-probabilities (T, C) of a line by its place. It is called for lines alone whose
    reading is not their label. Characters that the charset lacks are passed over: of them the model knows nothing.
    """
    read = [(number, line) for number, line in enumerate(lines) if not line.problem]
    habits = _Habits(align(line.truth, line.reading) for _, line in read)
    found = []
    for number, line in read:
        if line.edits:
            places = align(line.truth, line.reading)  # once more: those of all lines would fill the memory
            rates = [
                1.0 if _strange(place, charset) else rate
                for place, rate in zip(places, habits.rates(places), strict=True)
            ]
            passed = [rate >= _HABIT for rate in rates]
            if not all(passed):
                excused = sum(math.log(rate) for rate in rates if rate >= _HABIT)
                evidence = _evidence(places, passed, excused, line.confidence, charset, frames(number))
                found.append(Suspect(number, evidence))
    found = [suspect for suspect in found if suspect.evidence >= least]
    return sorted(found, key=lambda suspect: -suspect.evidence)


class _Habits:
    """How often the labels of a set differ from its readings in the same way."""

    def __init__(self, lines: Iterable[Sequence[Place]]) -> None:
        self._slips: Counter[tuple[str, str]] = Counter()
        self._lines: Counter[tuple[str, str]] = Counter()
        self._read: Counter[str] = Counter()
        for places in lines:
            slips, read = _counted(places)
            self._slips += slips
            self._lines.update(slips.keys())
            self._read += read

    def rates(self, places: Sequence[Place]) -> list[float]:
        """For each place of a line, 0..1: the share of what was read there that other lines' labels have as this one.

        1 where the two are the same; 0 where too few other lines differ so. What labels have more than the reading
        is counted against all places.
        """
        slips, read = _counted(places)

        def rate(place: Place) -> float:
            if place.same:
                return 1.0
            slip = place.sign, place.read
            if self._lines[slip] - 1 < _HABIT_LINES:
                return 0.0
            return min(1.0, (self._slips[slip] - slips[slip]) / max(1, self._read[place.read] - read[place.read]))

        return [rate(place) for place in places]


def _counted(places: Sequence[Place]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Differences of a line, and what was read in it, with the number of its places under ""."""
    slips = Counter((place.sign, place.read) for place in places if not place.same)
    read = Counter(place.read for place in places)
    read[""] = len(places)
    return slips, read


def _evidence(
    places: Sequence[Place],
    passed: Sequence[bool],
    excused: float,
    confidence: float,
    charset: Charset,
    frames: LogProbs,
) -> float:
    """Powers of ten for the reading and against the label, whose passed places are taken as they were read."""
    reading = _known("".join(place.reading for place in places), charset)
    label = _known("".join(p.reading if same else p.truth for p, same in zip(places, passed, strict=True)), charset)
    # Where a label needs more frames than there are, each stands for several: very unlikely, and not impossible.
    times = -(-max(1, minimum_frames(label), minimum_frames(reading)) // max(1, len(frames)))
    frames = np.maximum(frames, _FLOOR).repeat(times, axis=0)
    ratio = (log_probability(frames, reading) - log_probability(frames, label)) / times
    differing = sum(not same for same, _ in groupby(passed))
    return ((ratio + excused) / differing + _DOUBT * math.log(max(confidence, math.exp(_FLOOR)))) / math.log(10)


def _strange(place: Place, charset: Charset) -> bool:
    """Tell whether a label has something here, and nothing that the model could write."""
    return bool(place.truth) and not _known(place.truth, charset)


def _known(text: str, charset: Charset) -> list[int]:
    return charset.encode("".join(character for character in text if character in charset))
