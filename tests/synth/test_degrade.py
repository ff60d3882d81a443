from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.synth import degrade

Rng = np.random.Generator
Picture = npt.NDArray[Any]


def rngs(count: int = 25) -> list[Rng]:
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.fixture
def ink() -> npt.NDArray[np.float32]:
    """Bars of full ink on bare ground, 40 rows high."""
    ink = np.zeros((40, 160), np.float32)
    ink[8:32, 10:150:14] = ink[8:32, 11:150:14] = ink[8:32, 12:150:14] = 1
    return ink


@pytest.fixture
def grey(ink: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return (230 - 200 * ink).astype(np.uint8)


SAME_SIZE_INK: list[Callable[[Any, Rng], Picture]] = [
    partial(degrade.spread, grain=1.0),
    degrade.fade,
    degrade.dots,
    degrade.streaks,
    degrade.matrix,
    degrade.specks,
    degrade.embolden,
]


@pytest.mark.parametrize(
    "change", SAME_SIZE_INK, ids=["spread", "fade", "dots", "streaks", "matrix", "specks", "embolden"]
)
def test_ink_stays_ink(change: Callable[[Any, Rng], Picture], ink: npt.NDArray[np.float32]) -> None:
    before = ink.copy()
    changed = 0
    for rng in rngs():
        after = change(ink, rng)
        assert after.dtype == np.float32
        assert after.shape == ink.shape
        assert 0 <= after.min() <= after.max() <= 1
        assert after.sum() > 0.2 * ink.sum(), "the text is still there"
        changed += not np.array_equal(after, ink)
    assert np.array_equal(ink, before), "what was given is not written to"
    assert changed > 10


SAME_SIZE_GREY: list[Callable[[Any, Rng], Picture]] = [
    partial(degrade.blur, most=0.05),
    degrade.binarise,
    partial(degrade.compress, worst=20),
    degrade.sharpen,
]


@pytest.mark.parametrize("change", SAME_SIZE_GREY, ids=["blur", "binarise", "compress", "sharpen"])
def test_grey_stays_grey(change: Callable[[Any, Rng], Picture], grey: npt.NDArray[np.uint8]) -> None:
    bars = grey < 100
    for rng in rngs():
        after = change(grey, rng)
        assert after.dtype == np.uint8
        assert after.shape == grey.shape
        assert after[bars].mean() < after[~bars].mean() - 60, "ink stays darker than ground"


def test_bold_letters_are_no_thinner_anywhere(ink: npt.NDArray[np.float32]) -> None:
    for rng in rngs(10):
        bold = degrade.embolden(ink, rng)
        assert (bold >= ink).all()
        assert bold.sum() > 1.1 * ink.sum()


def test_sharpened_edges_have_a_seam(grey: npt.NDArray[np.uint8]) -> None:
    soft = degrade.blur(grey, np.random.default_rng(0), 0.03)
    for rng in rngs(10):
        sharp = degrade.sharpen(soft, rng)
        assert sharp.max() > soft.max(), "paler than the ground beside dark strokes"
        assert np.ptp(sharp) > np.ptp(soft)


def test_binarised_is_black_and_white(grey: npt.NDArray[np.uint8]) -> None:
    assert set(np.unique(degrade.binarise(grey, np.random.default_rng(0)))) == {0, 255}


def test_noise_has_mean_0_and_deviation_1() -> None:
    for scale in (0.0, 0.8, 1.6, 4.0):
        samples = np.concatenate([degrade.noise((100, 900), rng, scale).ravel() for rng in rngs(12)])
        assert abs(samples.mean()) < 0.1, scale
        assert samples.std() == pytest.approx(1, abs=0.1), scale
    grains = [degrade.noise((100, 900), rngs(1)[0], scale) for scale in (0.0, 0.8, 1.6, 4.0, 16.0)]
    steps = [float(np.abs(np.diff(grain, axis=1)).mean()) for grain in grains]
    assert steps == sorted(steps, reverse=True), "a coarser grain changes less from one pixel to the next"


@pytest.mark.parametrize("shape", [(1, 1), (128, 1024), (129, 3), (700, 40), (20, 9000), (255, 2047), (256, 2048)])
def test_noise_of_any_size(shape: tuple[int, int]) -> None:
    for rng in rngs(5):
        assert degrade.noise(shape, rng, 0.8).shape == shape


def test_a_matrix_prints_the_same_bars_in_dots(ink: npt.NDArray[np.float32]) -> None:
    wide = np.kron(ink, np.ones((10, 10), np.float32))
    for rng in rngs():
        printed = degrade.matrix(wide, rng)
        assert np.corrcoef(printed.sum(0), wide.sum(0))[0, 1] > 0.5
    dotted = [degrade.matrix(wide, rng)[200] for rng in rngs()]
    assert any((row[wide[200] > 0] < 0.5).mean() > 0.1 for row in dotted)


def test_what_falls_between_the_needles_is_left_as_it_was() -> None:
    hairline = np.zeros((80, 200), np.float32)
    hairline[40] = 0.2
    assert all(degrade.matrix(hairline, rng) is hairline for rng in rngs())


def test_specks_add_ink_and_take_none(ink: npt.NDArray[np.float32]) -> None:
    made = [degrade.specks(ink, rng) for rng in rngs()]
    assert all((spotted >= ink).all() for spotted in made)
    assert any((spotted > ink).any() for spotted in made)


@pytest.mark.parametrize("size", [(40, 160), (40, 30), (25, 400)])
def test_warp_keeps_the_whole_line(size: tuple[int, int]) -> None:
    """Shearing keeps areas, so all of a bright picture on black ground must be found again, but for a seam."""
    picture = np.full(size, 1.0, np.float32)
    for rng in rngs():
        after = degrade.warp(picture, rng, tilt_deg=12, shear=0.3, fill=0.0)
        seam = 2 * sum(after.shape)
        assert abs(after.sum() - picture.sum()) < seam
        assert after.shape[0] >= size[0]
        assert after.shape[1] >= size[1]


def test_warp_keeps_each_corner() -> None:
    height, width = 40, 160
    for top, left in ((0, 0), (0, width - 6), (height - 6, 0), (height - 6, width - 6)):
        picture = np.zeros((height, width), np.float32)
        picture[top : top + 6, left : left + 6] = 1
        for rng in rngs():
            after = degrade.warp(picture, rng, tilt_deg=8, shear=0.25, fill=0.0)
            assert after.sum() == pytest.approx(36, abs=14)


def test_warp_of_nothing_changes_nothing(grey: npt.NDArray[np.uint8]) -> None:
    assert np.array_equal(degrade.warp(grey, rngs(1)[0], tilt_deg=0, shear=0, fill=0), grey)


def test_perspective_keeps_the_whole_line(ink: npt.NDArray[np.float32]) -> None:
    for rng in rngs():
        after = degrade.tilt_in_depth(ink, rng, 0.16, 0.0)
        assert after.dtype == np.float32
        # Its sides move by 0.16 of the height and twice that of the width at most: a share of 0.5 to 1.6 is left.
        assert 0.5 < after.sum() / ink.sum() < 1.6
        assert np.count_nonzero(np.diff((after.max(0) > 0.5).astype(int)) == 1) == 10, "all ten bars"


def test_wave_moves_columns_up_and_down(ink: npt.NDArray[np.float32]) -> None:
    for rng in rngs():
        after = degrade.wave(ink, rng, 3.0, 0.0)
        assert after.shape == ink.shape
        assert after.sum(0) == pytest.approx(ink.sum(0), abs=0.1), "no ink is lost in any column"
        assert not np.array_equal(after, ink)


def test_an_arch_lifts_the_middle_or_the_ends_and_loses_no_ink(ink: npt.NDArray[np.float32]) -> None:
    lifted = []
    for rng in rngs():
        after = degrade.arch(ink, rng, 0.5)
        assert after.sum(0) == pytest.approx(ink.sum(0), abs=0.1)
        assert len(after) <= 60
        tops = [int(np.flatnonzero(after[:, column] > 0.5)[0]) for column in (11, 81)]
        lifted.append(tops[0] - tops[1])
    assert min(lifted) < -5
    assert max(lifted) > 5


def test_warp_turns_layers_alike(ink: npt.NDArray[np.float32]) -> None:
    after = degrade.warp(np.dstack([ink, 2 * ink]), rngs(1)[0], tilt_deg=12, shear=0.3, fill=0.0)
    assert np.allclose(2 * after[:, :, 0], after[:, :, 1])


def test_ink_on_paper_is_darker(ink: npt.NDArray[np.float32]) -> None:
    bars = ink == 1
    for rng in rngs():
        even = degrade.lay(ink, rng, contrast=(0.4, 0.5), texture=0)
        assert even.dtype == np.uint8
        assert len(np.unique(even[~bars])) == len(np.unique(even[bars])) == 1
        gap = int(even[~bars][0]) - int(even[bars][0])
        assert 255 * 0.4 - 1 <= gap <= 255 * 0.5 + 1
        rough = degrade.lay(ink, rng, contrast=(0.4, 0.5), texture=1)
        assert len(np.unique(rough[~bars])) > 1
        assert rough[~bars].mean() > rough[bars].mean() + 60


@pytest.mark.parametrize("height", [1, 13, 33, 200])
def test_lower_keeps_the_aspect_ratio(grey: npt.NDArray[np.uint8], height: int) -> None:
    for rng in rngs(8):
        after = degrade.lower(grey, rng, height)
        assert after.dtype == np.uint8
        assert after.shape == (height, 4 * height)


@pytest.mark.parametrize(("strength", "bound"), [("light", 1.9), ("strong", 3.2)])
def test_augmented_lines_keep_their_text(
    strength: degrade.Strength, bound: float, drawn: npt.NDArray[np.uint8]
) -> None:
    before = drawn.copy()
    shapes = set()
    for rng in rngs(150):
        after = degrade.augment(drawn, rng, strength)
        assert after.dtype == np.uint8
        assert after.flags.c_contiguous
        ratio = (after.shape[1] / after.shape[0]) / (drawn.shape[1] / drawn.shape[0])
        assert 1 / bound < ratio < bound
        # Ink and gaps alternate along the line: its vertical projection is not flat.
        projection = after.astype(float).mean(0)
        assert projection.std() > 1.5
        shapes.add(after.shape)
    assert np.array_equal(drawn, before)
    assert len(shapes) > 40


def test_strong_changes_more_than_light(drawn: npt.NDArray[np.uint8]) -> None:
    ratio = drawn.shape[1] / drawn.shape[0]

    def change(strength: degrade.Strength) -> float:
        sizes = [degrade.augment(drawn, rng, strength).shape for rng in rngs(100)]
        return float(np.mean([abs(np.log(width / height / ratio)) for height, width in sizes]))

    assert change("strong") > 1.3 * change("light") > 0


@pytest.mark.parametrize("strength", ["light", "strong"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 5), (500, 700), (20, 12_000), (40, 33_000)])
def test_any_picture_can_be_augmented(shape: tuple[int, int], strength: degrade.Strength) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for rng in rngs(12 if max(shape) > 1000 else 60):
        after = degrade.augment(grey, rng, strength)
        assert after.dtype == np.uint8
        assert after.ndim == 2
        assert after.size


def test_the_same_state_gives_the_same_picture(drawn: npt.NDArray[np.uint8]) -> None:
    for seed in range(30):
        first, second = (degrade.augment(drawn, np.random.default_rng(seed), "strong") for _ in range(2))
        assert np.array_equal(first, second)
