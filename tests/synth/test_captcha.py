from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.synth import captcha

Ink = npt.NDArray[np.float32]


@pytest.fixture
def ink() -> Ink:
    """Three bars of full ink with bare rows above and below."""
    ink = np.zeros((60, 120), np.float32)
    ink[20:44, 10:18] = ink[20:44, 50:58] = ink[20:44, 100:108] = 1
    return ink


def rngs(count: int = 40) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_a_distorted_code_keeps_its_ink_and_gets_room(ink: Ink) -> None:
    for rng in rngs():
        bent = captcha.distort(ink, rng)
        # A bent stroke may leave the picture by its tip, not by half.
        assert bent.sum() > 0.6 * ink.sum()
        assert bent.shape[1] >= ink.shape[1]
        assert bent.shape[0] <= 4.2 * 24 + 1
        assert 0 <= bent.min() <= bent.max() <= 1


def test_some_codes_lean_as_a_whole(ink: Ink) -> None:
    def lean(bent: Ink) -> float:
        """How far the ink goes to the right for each pixel it goes up: the slope of its columns over its rows."""
        down, across = np.nonzero(bent > 0.5)
        return -float(np.cov(down, across)[0, 1] / np.var(down))

    leans = np.array([lean(captcha.distort(ink, rng)) for rng in rngs(200)])
    assert 0.1 < np.mean(leans > 0.4) < 0.3
    assert 0.1 < np.mean(leans < -0.4) < 0.3
    assert np.mean(np.abs(leans) < 0.05) > 0.25


def test_what_is_strewn_over_a_code_hides_none_of_it(ink: Ink) -> None:
    changed = 0
    for rng in rngs():
        strewn = ink.copy()
        captcha.strew(strewn, rng)
        assert (strewn >= ink).all()
        assert strewn.max() <= 1
        changed += bool((strewn > ink).any())
    assert 20 < changed < 40


def test_letters_stay_darker_than_their_ground(ink: Ink) -> None:
    for rng in rngs():
        grey = captcha.lay(ink, rng)
        assert grey[ink == 1].mean() < grey[ink == 0].mean() - 40


def test_settings_differ(ink: Ink) -> None:
    settings = [captcha.setting(rng, 40) for rng in rngs()]
    assert {setting.fade for setting in settings} == {0, 0.45}
    assert min(setting.tracking for setting in settings) < 0 < max(setting.tracking for setting in settings)
