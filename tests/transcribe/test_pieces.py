from __future__ import annotations

import doctest
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding.ctc import tempered
from ocrnn.image import load_lines
from ocrnn.metrics import score
from ocrnn.spec import Architecture
from ocrnn.transcribe import pieces
from ocrnn.transcribe.pieces import OVERLAP, PIECE, WIDEST, cut, posteriors, stitched
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars

Array = npt.NDArray[np.float32]


class Watched:
    """A model that remembers how wide the lines were that it was given."""

    def __init__(self, bars: Bars) -> None:
        self.spec = bars.spec
        self.widths: list[int] = []
        self._bars = bars

    def infer(self, images: Array) -> Array:
        self.widths.append(images.shape[3])
        return self._bars.infer(images)


def lines(bars: Bars, *texts: str, width: int) -> Array:
    made = [bars.spec.line_format.prepare(bars.draw(text)) for text in texts]
    return np.stack([np.pad(line, ((0, 0), (0, 0), (0, width - line.shape[2]))) for line in made])


@pytest.mark.parametrize("width", [4112, 6144, 9984, 25_008])
def test_a_network_that_looks_at_one_frame_at_a_time_reads_the_same_in_pieces(bars: Bars, width: int) -> None:
    images = lines(bars, "0123456789" * 30, "27182818" * 40, width=width)
    watched = Watched(bars)
    assert np.array_equal(posteriors(watched, images), bars.infer(images))
    assert max(watched.widths) <= PIECE + OVERLAP


def test_wide_lines_are_as_calibrated_as_narrow_ones(bars: Bars) -> None:
    warm = type(bars)(temperature=2.5)
    images = lines(bars, "0123456789" * 30, width=6144)
    expected = tempered(bars.infer(images), 2.5)
    assert np.array_equal(posteriors(warm, images), expected)
    assert not np.allclose(posteriors(bars, images), expected)


def test_lines_up_to_a_width_are_read_whole(bars: Bars) -> None:
    images = lines(bars, "407", "1", width=WIDEST)
    watched = Watched(bars)
    assert np.array_equal(posteriors(watched, images), bars.infer(images))
    assert watched.widths == [WIDEST]


@pytest.mark.parametrize("stride", [1, 4, 6, 16])
def test_pieces_cover_the_line_and_share_columns_with_their_neighbours(stride: int) -> None:
    for width in (1, 255, 256, 257, 2048, 2049, 4097, 5000, 100_000, 1_600_000):
        found = cut(width, stride)
        assert found[0][0] == 0 and found[-1][1] == width
        assert all(first % stride == 0 and 0 < last - first < PIECE + stride + OVERLAP for first, last in found)
        for (_, left), (right, _) in pairwise(found):
            assert left - right == OVERLAP
        assert len({last - first for first, last in found[:-1]}) <= 1


@pytest.mark.parametrize("preset", ["fast", "accurate", "paper"])
def test_a_piece_has_the_frames_of_the_line_from_where_it_is_cut(preset: str) -> None:
    """Against the count of frames itself: what is cut off in front takes its frames with it, no more, no fewer."""
    architecture = Architecture.named(preset)
    for width in (5008, 9984):
        for first, _ in cut(width, architecture.stride):
            assert architecture.frames(width - first) + first // architecture.stride == architecture.frames(width)


def frames(path: list[int], sure: float = 0.9) -> Array:
    probs = np.full((len(path), 4), (1 - sure) / 3)
    probs[np.arange(len(path)), path] = sure
    return np.asarray(np.log(probs), np.float32)


def test_the_seam_lies_on_ground_and_neither_piece_is_heard_at_its_end() -> None:
    truth = [1, 0, 2, 2, 3, 1, 3, 2, 0, 0, 0, 1, 3, 1, 2, 0, 3, 3, 1, 0]
    whole = frames(truth)
    left = np.concatenate((whole[:13], frames([3, 3, 3])))  # frames 0 to 15, of which the last are misread
    right = np.concatenate((frames([2, 2, 2]), whole[7:]))  # frames 4 to 19, of which the first are misread
    assert np.array_equal(stitched([left, right], [0, 4]), whole)


@pytest.mark.parametrize(
    ("path", "seam"),
    [
        ([0] * 12, 6),  # on empty ground in the middle
        ([0] * 5 + [2, 2, 2] + [0] * 4, 3),  # beside what one piece shows and the other does not
        ([1, 3] * 5 + [0, 0], 8),  # never in the last quarter of what they share, however bare that is
        ([0, 0] + [1, 3] * 5, 3),  # nor in the first
    ],
)
def test_the_seam_lies_in_the_middle_half_where_both_see_most_ground(path: list[int], seam: int) -> None:
    left, right = frames([1] * 4 + [0] * 12, 0.8), frames(path + [2] * 4)
    expected = np.concatenate((left[: 4 + seam], right[seam:]))
    assert np.array_equal(stitched([left, right], [0, 4]), expected)


def test_three_pieces_and_one() -> None:
    rng = np.random.default_rng(5)
    whole = np.log(rng.dirichlet(np.ones(5), 90)).astype(np.float32)
    assert np.array_equal(stitched([whole[:40], whole[25:65], whole[50:]], [0, 25, 50]), whole)
    assert np.array_equal(stitched([whole], [0]), whole)


def test_a_line_of_100_000_pixels_reads_like_its_hundred_lines(latin: str, root: Path) -> None:
    """Sample lines as they are prepared, each in a thousand columns of one line; spaces between them do not count."""
    reader = Reader.open(latin, threads=1)
    cells: list[npt.NDArray[np.uint8]] = []
    texts: list[str] = []
    alone: list[str] = []
    for path in sorted((root / "samples").glob("*.png")):
        (grey,) = load_lines(path)
        texts.append(path.with_suffix(".gt.txt").read_text(encoding="utf-8").strip())
        alone.append(reader.read(grey).text)
        ink = np.rint(255 - 255 * reader.model.spec.line_format.prepare(grey)[0]).astype(np.uint8)
        cells.append(np.pad(ink, ((0, 0), (0, 1000 - ink.shape[1])), constant_values=255))
    order = [number % len(cells) for number in range(100)]
    widths: list[int] = []

    def watched(images: Array) -> Array:
        widths.append(images.shape[3])
        return reader.model.infer(images)

    wide = np.hstack([cells[number] for number in order])
    assert wide.shape == (40, 100_000)
    reading = Reader(SimpleNamespace(spec=reader.model.spec, infer=watched)).read(wide)
    truth = " ".join(texts[number] for number in order)
    one_by_one = score([" ".join(alone[number] for number in order)], [truth]).cer_spaceless
    assert score([reading.text], [truth]).cer_spaceless <= one_by_one + 0.005
    assert max(widths) <= PIECE + OVERLAP
    places = [character.left_px for character in reading.characters]
    assert places == sorted(places) and places[-1] > 99_000


def test_examples_run() -> None:
    outcome = doctest.testmod(pieces)
    assert (outcome.failed, outcome.attempted) == (0, 1)
