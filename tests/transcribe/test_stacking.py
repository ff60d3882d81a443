from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.transcribe.stacking import MOST, stacked

Grey = npt.NDArray[np.uint8]


def written(height: int = 40, width: int = 160) -> Grey:
    """A line of strokes that repeats nowhere."""
    grey = np.full((height, width), 220, np.uint8)
    cv2.putText(grey, "Ag7 kW3x", (6, height - 12), cv2.FONT_HERSHEY_SIMPLEX, height / 44, 40, 2, cv2.LINE_AA)
    return grey


def seen(grey: Grey, rng: np.random.Generator, *, shift: float = 4.0, noise: float = 30.0) -> Grey:
    """The line as a shaking camera sees it, in noise."""
    matrix = np.array([[1, rng.uniform(-0.01, 0.01), 0], [0, 1, 0]], np.float64)
    matrix[:, 2] = rng.uniform(-shift, shift, 2)
    moved = cv2.warpAffine(grey, matrix, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved + rng.normal(0, noise, grey.shape), 0, 255).astype(np.uint8)


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two pictures once the one lies best upon the other."""
    part = other[6:-6, 8:-8]
    return float(cv2.matchTemplate(one, np.ascontiguousarray(part), cv2.TM_CCOEFF_NORMED).max())


@pytest.mark.parametrize("seed", range(4))
def test_a_stack_is_more_like_the_line_than_any_of_its_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    line = written()
    frames = [seen(line, rng, noise=80) for _ in range(9)]
    stacks = stacked(frames)
    assert len(stacks) == 2
    for stack in stacks:
        assert stack.shape == line.shape
        assert likeness(stack, line) > max(likeness(frame, line) for frame in frames) + 0.02


def test_it_lies_where_its_first_frame_does() -> None:
    rng = np.random.default_rng(5)
    line = written()
    first = np.roll(line, 5, axis=1)
    for stack in stacked([first, *(seen(line, rng, noise=8) for _ in range(5))]):
        (right, down), _ = cv2.phaseCorrelate(first.astype(np.float32), stack.astype(np.float32))
        assert abs(right) < 0.5 and abs(down) < 0.5


def test_light_that_wanders_is_made_even() -> None:
    rng = np.random.default_rng(6)
    line = written()
    frames = []
    for place in range(0, 160, 20):
        glare = np.exp(-(((np.arange(160) - place) / 25.0) ** 2))
        light = line + (250.0 - line) * 0.9 * glare + rng.normal(0, 4, line.shape)
        frames.append(np.clip(light, 0, 255).astype(np.uint8))
    washed = frames[1:-1]  # in the first and the last it lies beside the letters
    for stack in stacked(frames):
        assert likeness(stack, line) > max(likeness(frame, line) for frame in washed) + 0.05


def test_frames_that_show_something_else_or_nothing_are_left_out() -> None:
    rng = np.random.default_rng(7)
    line = written()
    frames = [seen(line, rng, noise=5) for _ in range(4)]
    others = [
        np.full_like(line, 128),
        rng.integers(0, 255, line.shape, np.uint8),
        np.ascontiguousarray(line[::-1, ::-1]),
    ]
    for with_them, alone in zip(stacked([*frames, *others]), stacked(frames), strict=True):
        assert np.array_equal(with_them, alone)


@pytest.mark.parametrize(
    "frames",
    [
        [written()] * 2,
        [np.full((40, 160), 200, np.uint8)] * 5,
        [written()[:6]] * 5,
        [written()[:, :5]] * 5,
        [np.full((1, 1), 7, np.uint8)] * 5,
    ],
    ids=["two", "bare", "low", "narrow", "a pixel"],
)
def test_there_is_no_stack_of_too_few_or_of_nothing(frames: list[Grey]) -> None:
    assert stacked(frames) == ()


def test_frames_may_differ_in_size_and_large_ones_are_made_smaller() -> None:
    rng = np.random.default_rng(8)
    line = written(160, 640)
    frames = [line, *(cv2.resize(seen(line, rng), size) for size in ((600, 150), (320, 80), (640, 161)))]
    for stack in stacked([np.asarray(frame, np.uint8) for frame in frames]):
        assert stack.shape == (64, 256)
        assert likeness(stack, np.asarray(cv2.resize(line, (256, 64)), np.uint8)) > 0.9


def test_no_more_frames_are_laid_than_it_says() -> None:
    rng = np.random.default_rng(9)
    frames = [seen(written(), rng) for _ in range(MOST + 3)]
    assert all(np.array_equal(*pair) for pair in zip(stacked(frames), stacked(frames[:MOST]), strict=True))
