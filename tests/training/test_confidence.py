"""The power of a second look, against the share of lines that are right."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.image import LineFormat
from ocrnn.reading import Reading
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.training.confidence import second_look
from ocrnn.transcribe.reader import Reader

Frames = npt.NDArray[np.float32]


class Undecided:
    """Reads `a` in any picture, with a probability of 0.5 at its own width of 30 or 60 and of 0.7 at any other."""

    def __init__(self, doubt: float, power: float = 1.0) -> None:
        line_format = LineFormat(height=8, width_step=1, margin=0)
        self.spec = ModelSpec(
            Charset("abc"), line_format, Architecture(height=8), doubt=doubt, again_power=power, temperature=1.0
        )
        self.lines = 0
        self.further: list[Undecided] = []

    def infer(self, images: Frames) -> Frames:
        self.lines += len(images)
        sure = 0.5 if images.shape[3] in (30, 60) else 0.7
        shares = np.array([1e-9, sure, 0.9 * (1 - sure), 0.1 * (1 - sure)])
        return np.asarray(np.log(np.tile(shares / shares.sum(), (1, len(images), 1))), np.float32)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Two hundred lines, 160 of which say `a`."""
    pixels = np.full((8, 60), 255, np.uint8)
    pixels[2:5, 4:40] = 0
    Image.fromarray(pixels).save(tmp_path / "line.png")
    return [Sample(tmp_path / "line.png", "b" if number % 5 == 0 else "a") for number in range(200)]


def agreed(exponent: float = 16) -> float:
    """Power mean over the views: the first, four widths, and no slopes, which words alone have."""
    shown = np.array([0.5, 0.7, 0.7, 0.7, 0.7])
    weights = np.exp(5 * (np.log(shown) - math.log(0.7)))
    return float((weights @ shown**exponent / weights.sum()) ** (1 / exponent))


def test_further_networks_take_part(samples: list[Sample]) -> None:
    model, other = Undecided(0.85), Undecided(0.85)
    model.further = [other]
    second_look(model, samples)
    assert other.lines == 2 * 3 * len(samples), "twice: the picture as it is and every second view"


def test_the_power_holds_for_what_it_settles_itself(samples: list[Sample]) -> None:
    """At first all views are needed, and at the power that makes those come true the picture as it is suffices."""
    model = Undecided(0.6)
    model.further = [Undecided(0.6)]
    found, lines = second_look(model, samples)
    model.spec = found
    model.further[0].lines = 0
    results = list(Reader(model).read_many(samples[:10]))
    assert model.further[0].lines == 10, "no further views"
    assert lines == 200
    said = [result.outcome.confidence for result in results if isinstance(result.outcome, Reading)]
    assert said == pytest.approx([0.8] * 10, abs=0.04), "0.67 with the power of all views"


@pytest.mark.parametrize("power", [1.0, 0.4])
def test_the_power_makes_the_second_look_come_true(samples: list[Sample], power: float) -> None:
    """Whatever power the model had; of 200 lines the old one is all but forgotten."""
    found, lines = second_look(Undecided(0.85, power), samples)
    assert lines == 200
    assert agreed() ** found.again_power == pytest.approx(0.8, abs=0.03)
    assert found.word_power == 1.0, "no word was among them"


def test_words_have_a_power_of_their_own(samples: list[Sample], tmp_path: Path) -> None:
    """Of the lines four in five are right, of the words half, where the network is as sure of either."""
    pixels = np.full((8, 30), 255, np.uint8)
    pixels[2:5, 4:20] = 0
    Image.fromarray(pixels).save(tmp_path / "word.png")
    words = [Sample(tmp_path / "word.png", "b" if number % 2 else "a") for number in range(200)]
    both, count = second_look(Undecided(0.85), [*samples, *words])
    assert count == 400
    assert both.again_power == second_look(Undecided(0.85), samples)[0].again_power
    assert both.word_power > 1.5
    assert both.again_power < 1.0


def test_lines_are_taken_evenly_up_to_a_number(samples: list[Sample]) -> None:
    found, lines = second_look(Undecided(0.85), samples, most=50)
    assert lines == 50
    assert agreed() ** found.again_power == pytest.approx(0.8, abs=0.05)


def test_what_is_not_looked_at_again_leaves_the_power(samples: list[Sample]) -> None:
    model = Undecided(0.0, 0.7)
    assert second_look(model, samples) == (model.spec, 0) and model.lines == 0
    for unasked, lines in ((Undecided(0.4, 0.7), samples[:3]), (Undecided(0.85, 0.7), [])):
        assert second_look(unasked, lines) == (unasked.spec, 0)


def test_the_language_keeps_silent_and_has_the_power_of_the_mean(samples: list[Sample]) -> None:
    told = Undecided(0.85)
    told.spec = dataclasses.replace(told.spec, language="not even a model", language_weight=0.5)
    spec, lines = second_look(told, samples)
    assert (spec.language, spec.language_weight, lines) == ("not even a model", 0.5, 200)
    alone = second_look(Undecided(0.85), samples)[0].again_power
    assert agreed(1) ** spec.again_power == pytest.approx(agreed() ** alone, abs=0.002) == pytest.approx(0.8, abs=0.03)
    assert spec.again_power < alone - 0.01
