"""Temperature against models whose overconfidence is known by construction."""

from __future__ import annotations

import dataclasses
import doctest
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.decoding.ctc import greedy, log_probability, tempered
from ocrnn.evaluation import calibration
from ocrnn.evaluation.calibration import calibrate, caught, likeliest_power, reliability
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
    assert calibrate(Oracle(sharpness), samples).temperature == pytest.approx(sharpness, rel=0.25)


def test_a_fitted_model_says_how_often_it_is_right(tmp_path: Path) -> None:
    samples = lines(tmp_path / "lines")
    errors = []
    model = Oracle(4.0)
    for temperature in (1.0, calibrate(model, samples[::2]).temperature):
        model.spec = ModelSpec(**{**vars(model.spec), "temperature": temperature})
        readings = [Reader(model).read(sample.image) for sample in samples[1::2]]
        right = [reading.text == sample.text for reading, sample in zip(readings, samples[1::2], strict=True)]
        errors.append(reliability((reading.confidence for reading in readings), right).error)
    assert errors[1] < 0.1 < errors[0]


def test_few_lines_prove_little(tmp_path: Path) -> None:
    right = [sample for sample in lines(tmp_path / "lines") if sample.text == "a"][:3]
    assert 0.5 < calibrate(Oracle(1.0), right).temperature < 1.5


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
    assert math.isfinite(calibrate(Oracle(30.0), samples).temperature)


def test_the_reliability_told_is_that_of_lines_not_fitted_on(tmp_path: Path) -> None:
    """Half of the lines say nothing about the other half: fitted on themselves, they would look calibrated."""
    samples = lines(tmp_path / "lines")
    # Every second line is read right although its picture says otherwise, so that each half wants its own temperature.
    torn = [Sample(sample.image, "a") if place % 2 else sample for place, sample in enumerate(samples)]
    honest = calibrate(Oracle(1.0), samples).reliability
    fooled = calibrate(Oracle(1.0), torn).reliability
    assert honest.lines == fooled.lines == 400
    assert not honest.proven and fooled.proven


def test_the_temperature_a_model_has_already_changes_nothing(tmp_path: Path) -> None:
    samples = lines(tmp_path / "lines", 60)
    hot, plain = Oracle(2.0), Oracle(2.0)
    hot.spec = dataclasses.replace(hot.spec, temperature=5.0)
    assert calibrate(hot, samples) == calibrate(plain, samples)


def test_between_the_temperatures_of_the_grid_lines_are_as_sure_as_the_decoder_says() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 4, (30, 12))
    log_probs = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
    classes = greedy(log_probs).classes
    grid = [[log_probability(tempered(log_probs, float(heat)), classes) for heat in calibration._GRID]]
    for heat in (0.3, 0.81, 1.27, 6.0):
        expected = log_probability(tempered(log_probs, heat), classes)
        assert calibration._logp(np.array(grid), np.array([heat]))[0, 0] == pytest.approx(expected, rel=0.03)


def test_the_error_of_twenty_lines_by_hand() -> None:
    # Two bins of ten: said 0.2 and 3 of 10 right; said 0.9 and 7 of 10 right.
    said = [0.9] * 10 + [0.2] * 10
    found = reliability(said, [True] * 7 + [False] * 3 + [True] * 3 + [False] * 7)
    assert found.error == pytest.approx((0.1 + 0.2) / 2)
    assert [(one.lines, one.right) for one in found.bins] == [(10, 0.3), (10, 0.7)]
    assert [one.confidence for one in found.bins] == pytest.approx([0.2, 0.9])
    # Wilson's interval of 3 in 10, from a published table (Newcombe 1998 has the method): 0.108 to 0.603.
    assert (found.bins[0].low, found.bins[0].high) == pytest.approx((0.108, 0.603), abs=5e-4)
    # Chance of a calibrated reader: half the mean distance of a binomial share from 0.2, half of that from 0.9.
    chance = sum(
        math.comb(10, k) * p**k * (1 - p) ** (10 - k) * abs(k / 10 - p) / 2 for p in (0.2, 0.9) for k in range(11)
    )
    assert found.by_chance == pytest.approx(chance, abs=0.005)
    [alone] = reliability([0.5], [True]).bins
    assert (alone.lines, alone.confidence, alone.right, alone.high) == (1, 0.5, 1.0, 1.0)
    assert alone.low == pytest.approx(0.207, abs=1e-3)
    with pytest.raises(ValueError, match="no lines"):
        reliability([], [])


@pytest.mark.parametrize(("off", "least", "most"), [(0.0, 0, 3), (0.2, 38, 40)])
def test_what_chance_does_is_told_from_what_is_wrong(off: float, least: int, most: int) -> None:
    """Readers who are right as often as they say are hardly ever accused, those who boast are."""
    rng = np.random.default_rng(7)
    accused = inside = 0
    for _ in range(40):
        said = rng.uniform(0.3, 1.0, 200)
        found = reliability(said, rng.random(200) < said - off, resamples=200)
        accused += found.proven
        inside += found.low <= off <= found.high
        assert found.low <= found.without_chance <= found.high
        assert (found.low > 0) <= found.proven
    assert least <= accused <= most
    assert inside >= 32


@pytest.mark.parametrize(("power", "off"), [(1.0, 0.032), (1.3, 0.012), (0.8, 0.012)])
@pytest.mark.parametrize("count", [90, 400])
def test_without_chance_a_set_shows_the_error_of_its_kind(power: float, off: float, count: int) -> None:
    """On average over sets drawn from a kind of line; where its error is 0, what is left can only be too much."""
    rng = np.random.default_rng(11)
    everything = rng.beta(1.4, 0.5, 200_000)
    truth = np.abs(everything**power - everything).mean()
    found = []
    for _ in range(60):
        said = rng.beta(1.4, 0.5, count)
        found.append(reliability(said, rng.random(count) < said**power, resamples=100))
    shown, left = np.mean([each.error for each in found]), np.mean([each.without_chance for each in found])
    assert abs(left - truth) < off and abs(left - truth) < 0.6 * (shown - truth)
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.9


def test_what_is_left_by_hand() -> None:
    # Ten lines said 0.5 and all right: 0.5 off, where a coin makes 0.123 (mean |k / 10 - 0.5|).
    found = reliability([0.5] * 10, [True] * 10)
    coin = sum(math.comb(10, k) * abs(k / 10 - 0.5) for k in range(11)) / 1024
    assert found.without_chance == pytest.approx(math.sqrt(0.5**2 - coin**2), abs=0.002)
    # All right, drawn anew all right: nothing varies.
    assert found.low == found.high == found.without_chance
    # As many right as said: nothing is left.
    assert reliability([0.5] * 10, [True, False] * 5).without_chance == 0


def test_a_lean_that_bins_are_too_few_for_shows_on_the_whole() -> None:
    rng = np.random.default_rng(5)
    said = rng.uniform(0.2, 1.0, 200)
    for off, leaning in ((0.1, 1), (0.0, 0), (-0.1, -1)):
        chance = rng.random(200)
        found = reliability(said, chance < np.clip(said - off, 0, 1))
        assert found.leaning == leaning
        assert found.whole.lines == 200
        assert found.whole.confidence == pytest.approx(said.mean())
        assert found.whole.right == np.mean(chance < said - off)


def test_a_review_finds_what_stands_among_the_doubtful() -> None:
    assert caught([0.1, 0.2, 0.3, 0.4], [1, 0, 0, 3], 0.5) == (2, 0.5, 0.25)
    assert caught([0.1] * 20, [0] * 20, 0.05) == (1, 0.0, 0.0)
    assert caught([0.9] * 21, [1] * 21, 0.05)[0] == 2


def test_examples_run() -> None:
    assert doctest.testmod(calibration) == (0, 1)


@pytest.mark.parametrize("power", [0.4, 1.0, 2.5])
def test_a_power_makes_confidences_true(power: float) -> None:
    rng = np.random.default_rng(3)
    said = rng.beta(1.5, 0.8, 4000)
    right = rng.random(4000) < said**power
    assert likeliest_power(said.tolist(), right.tolist()) == pytest.approx(power, rel=0.08)


def test_no_lines_and_certain_lines_have_a_power_too() -> None:
    assert (likeliest_power([], []), likeliest_power([], [], before=0.7)) == (1, 0.7)
    assert likeliest_power([0.5], [True], before=0.7) == pytest.approx(0.7, abs=0.1), "one line proves little"
    assert 0.125 <= likeliest_power([0.0, 1.0, 0.5], [True, True, False]) <= 4


def test_the_only_wrong_line_is_all_that_is_wrong() -> None:
    assert caught([0.9, 0.2, 0.8], [0, 1, 0], 0.3) == (1, 1.0, 1.0)
    assert caught([0.9, 0.2, 0.8], [1, 0, 0], 0.3) == (1, 0.0, 0.0)
    assert caught([0.9, 0.2], [0, 0], 0.5) == (1, 0.0, 0.0)
