"""Temperature against models whose overconfidence is known by construction."""

from __future__ import annotations

import doctest
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.decoding.ctc import tempered
from ocrnn.evaluation import calibration
from ocrnn.evaluation.calibration import calibration_error, fit_temperature
from ocrnn.image import LineFormat
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.transcribe.reader import Reader

Frames = npt.NDArray[np.float32]


class Oracle:
    """Reads a one-character line: the picture's width picks logits for `a` and `b`, which it divides by `sharpness`.

    At temperature `sharpness`, the probability it gives is the one with which labels were drawn.
    """

    def __init__(self, sharpness: float) -> None:
        self.spec = ModelSpec(Charset("ab"), LineFormat(height=8, width_step=8, margin=0), Architecture(height=8))
        self._sharpness = sharpness

    def infer(self, images: Frames) -> Frames:
        # The number of inked columns says how sure the line is: 0 to 40 of the 48.
        inked = (images[:, 0] > 0.5).any(axis=1).sum(axis=1)
        sure = np.log(0.5 + inked / 100) - np.log(0.5 - inked / 100)
        logits = np.full((1, len(images), 3), -40.0)
        logits[0, :, 1], logits[0, :, 2] = sure * self._sharpness, 0.0
        logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
        return logits.astype(np.float32)


def lines(folder: Path, count: int = 400) -> list[Sample]:
    """Lines whose label is `a` exactly as often as the picture's ink says."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    samples = []
    for number in range(count):
        inked = int(rng.integers(4, 41))
        pixels = np.full((8, 48), 255, np.uint8)
        pixels[2:5, :inked] = 0
        path = folder / f"{number:03}.png"
        Image.fromarray(pixels).save(path)
        samples.append(Sample(path, "a" if rng.random() < 0.5 + inked / 100 else "b"))
    return samples


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_known_sharpness(sharpness: float, tmp_path: Path) -> None:
    samples = lines(tmp_path / "lines")
    assert fit_temperature(Oracle(sharpness), samples) == pytest.approx(sharpness, rel=0.25)


def test_a_fitted_model_says_how_often_it_is_right(tmp_path: Path) -> None:
    samples = lines(tmp_path / "lines")
    errors = []
    model = Oracle(4.0)
    for temperature in (1.0, fit_temperature(model, samples[::2])):
        model.spec = ModelSpec(**{**vars(model.spec), "temperature": temperature})
        readings = [Reader(model).read(sample.image) for sample in samples[1::2]]
        right = [reading.text == sample.text for reading, sample in zip(readings, samples[1::2], strict=True)]
        errors.append(calibration_error((reading.confidence for reading in readings), right))
    assert errors[1] < 0.1 < errors[0]


def test_few_lines_prove_little(tmp_path: Path) -> None:
    right = [sample for sample in lines(tmp_path / "lines") if sample.text == "a"][:3]
    assert 0.5 < fit_temperature(Oracle(1.0), right) < 1.5


def test_a_temperature_keeps_distributions_and_their_order() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 5, (4, 3, 6))
    log_probs = (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float32)
    for temperature in (0.3, 1.0, 2.5):
        warmer = tempered(log_probs, temperature)
        np.testing.assert_allclose(np.exp(warmer).sum(axis=2), 1, rtol=1e-5)
        assert (warmer.argsort(axis=2) == log_probs.argsort(axis=2)).all()
        odds = (warmer[..., 1] - warmer[..., 0]) * temperature
        np.testing.assert_allclose(odds, log_probs[..., 1] - log_probs[..., 0], atol=1e-4)


def test_no_line_is_infinitely_wrong(tmp_path: Path) -> None:
    """A sure mistake costs much, but no more than all other lines together."""
    samples = [Sample(sample.image, "b") for sample in lines(tmp_path / "lines", 20)]
    assert math.isfinite(fit_temperature(Oracle(30.0), samples))


def test_examples_run() -> None:
    assert doctest.testmod(calibration) == (0, 1)
