"""Where the box of a line is cut, on bars whose extent is known."""

from __future__ import annotations

import numpy as np

from ocrnn.synth.boxes import cropped, hung
from ocrnn.synth.kinds import KINDS
from ocrnn.synth.render import Ink, Setting

WORD = next(kind for kind in KINDS if kind.name == "word")


def neighbour(setting: Setting) -> Ink:
    """A line as full of ink as can be."""
    return np.ones((2 * setting.em_px, 200), np.float32)


def bar(height: int, width: int) -> Ink:
    ink = np.zeros((64, width), np.float32)
    ink[20 : 20 + height] = 1
    return ink


def test_a_cut_leaves_something_of_the_narrowest_letter() -> None:
    for number in range(300):
        page = cropped(WORD, bar(28, 4), "J", np.random.default_rng(number), neighbour)
        assert page.shape[1] >= 2
        assert page.shape[0] >= 8


def test_a_word_on_a_sign_askew_is_boxed_whole_with_its_neighbours_in_the_corners() -> None:
    """The box is as high as the slope of the word asks, and no higher than that and the room around it."""
    word = bar(28, 200)
    shares = []
    for number in range(60):
        page = hung(word, np.random.default_rng(number), neighbour)
        assert page.shape[1] >= 200
        assert 28 <= page.shape[0] <= 28 + 200 * 0.41 + 64 * 0.25 + 16
        assert page.sum() > 0.9 * word.sum(), "but for a seam"
        shares.append((page.sum() - word.sum()) / page.size)
    assert np.mean(np.array(shares) > 0.01) > 0.3, "neighbours reach in"


def test_a_dash_is_boxed_with_its_line_and_a_space_with_its_sign() -> None:
    for number in range(60):
        rng = np.random.default_rng(number)
        assert len(hung(bar(2, 30), rng, neighbour)) > 10
        assert hung(bar(0, 30), rng, neighbour).shape[1] >= 30
