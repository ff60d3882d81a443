from __future__ import annotations

import doctest
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn import reading as reading_module
from ocrnn.errors import ImageError, UsageError
from ocrnn.image import load_lines
from ocrnn.reading import Character, Reading
from ocrnn.transcribe import turning
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.turning import best, evidence, is_sure, turned, turns

if TYPE_CHECKING:
    from pathlib import Path

ANGLES = (0, 90, 180, 270)


def reading(confidences: Sequence[float], turned_deg: int = 0, text: str = "x") -> Reading:
    characters = tuple(Character(text, 0, 1, confidence) for confidence in confidences)
    return Reading(text * len(confidences), 0.5, characters, 100, 30, turned_deg=turned_deg)


@pytest.mark.parametrize("angle", ANGLES)
def test_a_picture_is_turned_as_another_library_turns_it(angle: int) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (20, 50), np.uint8)
    # Pillow counts the other way round.
    assert np.array_equal(turned(grey, angle), np.asarray(Image.fromarray(grey).rotate(-angle, expand=True)))


@pytest.mark.parametrize("angle", ANGLES)
def test_a_box_is_where_the_ink_was_before_it_was_turned(angle: int) -> None:
    """A mark in the columns 10 to 14 of the upright line, found again by its pixels in the picture as given."""
    upright = np.full((20, 50), 255, np.uint8)
    upright[:, 10:14] = 0
    given = turned(upright, -angle)
    rows, columns = np.nonzero(given == 0)
    seen = Reading("I", 1.0, (), width_px=given.shape[1], height_px=given.shape[0], turned_deg=angle)
    assert seen.box(10, 14) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_evidence_is_the_log_odds_of_the_characters() -> None:
    assert evidence(reading([0.5, 0.5])) == pytest.approx(0, abs=0.01)
    assert evidence(reading([0.9])) == pytest.approx(np.log(9), abs=0.02)
    assert evidence(reading([0.2, 0.8, 0.2])) == pytest.approx(-np.log(4), abs=0.02)
    assert evidence(reading([1.0, 1e-30])) == 1.0  # the most that speaks for, and the least against
    assert evidence(reading([1.0] * 7, text=" ")) == evidence(reading([])) == 0


def test_the_reading_with_more_evidence_wins_and_as_it_came_it_has_a_start() -> None:
    upright, headlong = reading([0.9] * 3), reading([0.9] * 4, 180)
    assert best([upright, headlong]) is upright
    assert best([upright, reading([0.95] * 6, 180)]).turned_deg == 180
    assert best([reading([0.9] * 3, 90), reading([0.9] * 4, 270)]).turned_deg == 270
    assert best([reading([0.99, 0.3, 0.2, 0.4]), reading([0.9] * 4, 180)]).turned_deg == 180


def test_only_many_sure_characters_are_sure() -> None:
    assert is_sure(reading([0.99] * 5))
    assert not is_sure(reading([0.99] * 4))
    assert not is_sure(reading([0.9] * 8))
    assert not is_sure(reading([0.99] * 5, 90))  # which way a line lies is always looked at from both


def test_angles_by_shape() -> None:
    for height, width in itertools.product((10, 100, 1000), repeat=2):
        found = turns(height, width, "auto")
        assert (0 in found) == (height <= width)
        assert (90 in found) == (270 in found) == (height > width)
        assert (180 in found) == (height <= width)


@pytest.mark.parametrize("angle", ANGLES)
def test_sample_lines_read_upright_however_they_lie(latin: str, root: Path, angle: int) -> None:
    reader = Reader.open(latin, threads=1, turn="auto")
    plain = Reader.open(latin, threads=1, turn="none")
    for path in sorted((root / "samples").glob("*.png")):
        (grey,) = load_lines(path)
        found = reader.read(turned(grey, -angle))
        as_it_should = plain.read(grey)
        assert (found.text, found.turned_deg) == (as_it_should.text, angle)
        assert (found.width_px, found.height_px) == ((grey.shape[1], grey.shape[0])[:: 1 if angle % 180 == 0 else -1])
        assert found.characters == as_it_should.characters
        assert replace(found, turned_deg=0, width_px=grey.shape[1], height_px=grey.shape[0]) == as_it_should


def test_unless_asked_only_what_is_far_higher_than_wide_is_turned(latin: str, drawn: npt.NDArray[np.uint8]) -> None:
    reader = Reader.open(latin, threads=1)
    assert reader.read(turned(drawn, 180)).turned_deg == 0
    assert reader.read(turned(drawn, 270)).turned_deg == 90
    assert replace(reader.read(turned(drawn, 270)), turned_deg=0).text == reader.read(drawn).text
    assert turns(25, 10, "tall") == (0,)
    assert turns(26, 10, "tall") == (0, 90, 270)
    assert Reader.open(latin, threads=1, turn="none").read(turned(drawn, 270)).turned_deg == 0
    with pytest.raises(UsageError, match="'left'.*none, tall, auto"):
        Reader(reader.model, turn="left")  # type: ignore[arg-type]


def test_a_line_that_is_too_wide_once_it_is_turned_is_refused_by_the_limit(latin: str) -> None:
    reader = Reader.open(latin, threads=1, turn="auto", max_pixels=20_000)
    with pytest.raises(ImageError, match="--max-pixels"):
        reader.read(np.full((9000, 2), 255, np.uint8))


def test_examples_run() -> None:
    assert doctest.testmod(turning)[:2] == (0, 2)
    assert doctest.testmod(reading_module)[:2] == (0, 1)
