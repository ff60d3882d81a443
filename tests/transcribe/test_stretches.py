from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import greedy
from ocrnn.errors import ImageError
from ocrnn.image import Grey, LineFormat, load_lines
from ocrnn.metrics import score
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.stretches import LONGEST, Layout, Stretch, posteriors, prepare, seams

if TYPE_CHECKING:
    from tests.conftest import Bars

SPEC = ModelSpec(Charset("0123456789"))


def painted(drawn: Grey, paper: int, ink: int, height: int) -> Grey:
    """The drawn line on paper and in ink of these greys, so many pixels high."""
    size = (round(drawn.shape[1] * height / drawn.shape[0]), height)
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.rint(ink + (paper - ink) * small / 255).astype(np.uint8)


def side_by_side(drawn: Grey, height: int, grain: float) -> tuple[Grey, list[int]]:
    """Lines on light, grey and dark grounds, with the columns at which they touch."""
    tones = [(250, 20), (190, 60), (30, 220), (240, 90), (60, 230), (120, 10)] * 5
    parts = [painted(drawn, paper, ink, height) for paper, ink in tones]
    rng = np.random.default_rng(3)
    whole = np.hstack(parts) + rng.normal(0, grain, (height, sum(part.shape[1] for part in parts)))
    return np.clip(whole, 0, 255).astype(np.uint8), np.cumsum([part.shape[1] for part in parts])[:-1].tolist()


@pytest.mark.parametrize(("height", "grain"), [(40, 0.0), (40, 6.0), (23, 4.0), (121, 6.0)])
def test_seams_lie_where_the_ground_changes_and_nowhere_else(drawn: Grey, height: int, grain: float) -> None:
    whole, joints = side_by_side(drawn, height, grain)
    found = seams(whole, 40)
    assert len(found) == len(joints)
    assert np.abs(np.subtract(found, joints)).max() <= 2 * max(1, height / 40)


@pytest.mark.parametrize("grain", [0.0, 6.0])
def test_print_on_one_sheet_has_no_seams(drawn: Grey, grain: float, root: Path) -> None:
    rng = np.random.default_rng(0)
    samples = [load_lines(path)[0] for path in sorted((root / "samples").glob("*.png"))]
    for line in (np.hstack([drawn] * 40), *samples):
        whole = line + rng.normal(0, grain, line.shape)
        fading = whole * np.linspace(1 - whole.shape[1] / 20_000, 1, whole.shape[1])
        for grey in (whole, 255 - whole, fading):
            assert seams(np.clip(grey, 0, 255).astype(np.uint8), 40) == []


def test_stems_as_high_as_the_line_are_no_seams() -> None:
    grey = np.full((40, 12_000), 240, np.uint8)
    for place, width in enumerate(range(1, 19)):
        grey[:, 200 + 300 * place : 200 + 300 * place + width] = 20
    grey[:, 6000::4] = 20  # a code of bars
    grey[:, 6001::4] = 20
    assert [seam for seam in seams(grey, 40) if not 5990 < seam < 6010] == []


def test_a_seam_between_two_chunks_is_found_once(drawn: Grey) -> None:
    for shift in range(-3, 4):
        grey = np.full((40, 16_500), 230, np.uint8)
        grey[:, 8192 + shift :] = 40
        assert seams(grey, 40) == [8192 + shift]


def test_a_line_of_ordinary_length_is_what_it_always_was(drawn: Grey) -> None:
    whole, _ = side_by_side(drawn, 40, 6.0)
    line_format = SPEC.line_format
    for grey in (drawn, whole[:, : LONGEST - 16], 255 - drawn):
        line, layout = prepare(grey, SPEC)
        assert np.array_equal(line, line_format.prepare(grey))
        assert layout.bounds == ((0, line.shape[2]),)
        edges = np.array([[0.0, 9.5], [30.25, 33.0], [line.shape[2] - 1, line.shape[2]]])
        pixels = ((edges - line_format.margin) / line_format.scale(*grey.shape)).clip(0, grey.shape[1])
        assert np.array_equal(layout.pixels(edges), pixels)


def test_each_stretch_is_prepared_as_if_it_were_alone(drawn: Grey) -> None:
    whole, joints = side_by_side(drawn, 48, 0.0)
    line, layout = prepare(whole, SPEC)
    assert line.shape[2] > LONGEST
    assert len(layout.stretches) == len(joints) + 1
    for stretch in layout.stretches:
        alone = SPEC.line_format.prepare(np.ascontiguousarray(whole[:, stretch.first_px : stretch.last_px]))
        assert np.array_equal(line[:, :, stretch.first : stretch.last], alone)
    for left, right in pairwise(layout.stretches):
        assert left.last_px == right.first_px
        assert not line[:, :, left.last : right.first].any()


def test_a_line_too_wide_is_refused_before_it_is_made() -> None:
    with pytest.raises(ImageError, match="raise --max-pixels above"):
        prepare(np.zeros((1, 2_000_000), np.uint8), SPEC)


def test_faint_writing_beside_black_print_gets_its_own_contrast_and_grain_stays_grain(drawn: Grey) -> None:
    """The ground changes slowly from one to the other, so that no seam tells it."""
    dark, faint = painted(drawn, 250, 10, 40), painted(drawn, 190, 120, 40)
    ground = np.repeat(np.linspace(250, 190, 3000)[None], 40, axis=0)
    rng = np.random.default_rng(1)
    ground += rng.normal(0, 2, ground.shape)
    line, layout = prepare(np.hstack([*[dark] * 12, ground.astype(np.uint8), *[faint] * 12]), SPEC)
    assert len(layout.stretches) == 1
    assert line[0, :, -12 * faint.shape[1] // 2 :].max() > 0.95
    # Without: a fifth of the range between the lightest and the darkest.
    middle = 12 * dark.shape[1] + 1500
    assert line[0, :, middle - 600 : middle + 600].mean() < 0.5


@pytest.mark.parametrize("preset", ["fast", "accurate", "paper"])
def test_frames_stay_where_their_columns_are(preset: str, drawn: Grey) -> None:
    """Against the count of frames itself: each stretch begins in the frame of its first column."""
    architecture = Architecture.named(preset)
    whole, _ = side_by_side(drawn, 40, 0.0)
    line_format = LineFormat(architecture.height)
    spec = ModelSpec(SPEC.charset, line_format, architecture)
    line, layout = prepare(whole, spec)

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        said = np.full((architecture.frames(images.shape[3]), 1, spec.charset.classes), -20, np.float32)
        said[:, :, 1] = np.log1p(-10 * np.exp(-20))
        said[0, :, 1:3] = said[0, :, 2:0:-1]  # the first frame of a stretch is of class 2, all others of class 1
        return said

    best = posteriors(SimpleNamespace(spec=spec, infer=infer), line[None], layout.bounds)[:, 0].argmax(axis=1)
    begun = [stretch.first // architecture.stride for stretch in layout.stretches]
    assert np.flatnonzero(best == 2).tolist() == begun
    assert np.flatnonzero(best == 0).tolist() == [
        frame
        for stretch, begins in zip(layout.stretches, begun[1:], strict=False)
        for frame in range(
            stretch.first // architecture.stride + architecture.frames(stretch.last - stretch.first), begins
        )
    ]
    assert (best == 0).any()


@pytest.mark.parametrize(
    ("characters", "parts", "text"),
    [
        ("ab ", "a,b", "a b"),
        ("ab ", ",a,,b,", "a b"),
        ("ab ", "a ,b", "a b"),
        ("ab ", "a, b", "a b"),
        ("ab", "a,a", "aa"),
    ],
)
def test_a_space_stands_between_two_stretches_that_say_something(characters: str, parts: str, text: str) -> None:
    spec = ModelSpec(Charset(characters))
    said = iter(parts.split(","))

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        probs = np.full((images.shape[3] // 4, 1, spec.charset.classes), 0.01, np.float32)
        probs[:, :, 0] = 1
        for place, number in enumerate(spec.charset.encode(next(said))):
            probs[3 * place + 1, :, number] = 50
        log_probs: npt.NDArray[np.float32] = np.log(probs / probs.sum(axis=2, keepdims=True))
        return log_probs

    count = parts.count(",") + 1
    bounds = [(48 * number, 48 * number + 32) for number in range(count)]
    images = np.zeros((1, 1, 40, 48 * count - 16), np.float32)
    log_probs = posteriors(SimpleNamespace(spec=spec, infer=infer), images, bounds)
    assert log_probs.shape[0] == images.shape[3] // 4
    assert np.allclose(np.exp(log_probs).sum(axis=2), 1, atol=1e-5)
    assert spec.charset.decode(greedy(log_probs[:, 0]).classes) == text


def test_boxes_are_in_the_picture_as_given(bars: Bars) -> None:
    """Bars 12 px apart, every other stretch light on dark, the picture two and a half times as high as the line."""
    text = "8967985698" * 3
    cells = [bars.draw(text) if number % 2 else 255 - bars.draw(text) for number in range(30)]
    narrow = np.hstack(cells)
    wide = cv2.resize(narrow, (narrow.shape[1] * 5 // 2, 100), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    reading = Reader(bars).read(wide)
    assert reading.text == text * 30
    expected = [
        2.5 * (number * cells[0].shape[1] + 4 + 12 * place) for number in range(30) for place in range(len(text))
    ]
    left = np.array([character.left_px for character in reading.characters])
    right = np.array([character.right_px for character in reading.characters])
    assert np.abs(left - expected).max() <= 3
    assert np.abs(right - expected - 20).max() <= 3


def test_the_way_back_to_the_line() -> None:
    layout = Layout((Stretch(0, 100, 0, 64, 4, 0.5), Stretch(100, 400, 72, 240, 76, 0.5)))
    pixels = [0.0, 40.0, 100.0, 101.0, 250.0, 400.0]
    columns = np.array([[layout.column(pixel)] * 2 for pixel in pixels])
    assert np.allclose(layout.pixels(columns), np.array([[pixel] * 2 for pixel in pixels]))
    # What lies on the ground between the two is at the end of one of them.
    assert layout.pixels(np.array([[66.0, 72.0], [72.0, 74.0]])).tolist() == [[100, 100], [100, 100]]


def test_100_sample_lines_side_by_side_read_like_each_of_them(latin: str, root: Path) -> None:
    """As they are given, on paper of their own, dark signs among them; a space is expected where two lines touch."""
    reader = Reader.open(latin, threads=1)
    lines: list[tuple[Grey, str]] = []
    for path in sorted((root / "samples").glob("*.png")):
        (grey,) = load_lines(path)
        size = (round(grey.shape[1] * 64 / grey.shape[0]), 64)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        lines.append((grey, path.with_suffix(".gt.txt").read_text(encoding="utf-8").strip()))
    alone = [reader.read(grey).text for grey, _ in lines]
    order = [number % len(lines) for number in range(100)]
    wide = np.hstack([lines[number][0] for number in order])
    truth = " ".join(lines[number][1] for number in order)
    one_by_one = score([" ".join(alone[number] for number in order)], [truth]).cer
    reading = reader.read(wide)
    assert score([reading.text], [truth]).cer <= one_by_one + 0.005
    ends = np.cumsum([lines[number][0].shape[1] for number in order])
    assert abs(reading.characters[-1].right_px - ends[-1]) < 64
