from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from ocrnn.synth.fonts import Face, open_faces
from ocrnn.synth.render import Setting, draw


@pytest.fixture
def face(fonts: Path) -> Face:
    return open_faces(fonts, "abcABC")[0]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_word_is_as_long_as_the_font_says(face: Face) -> None:
    font = ImageFont.truetype(face.path, 40, layout_engine=ImageFont.Layout.BASIC)
    ink = draw("Hello", face, Setting(40), rng())
    assert ink.dtype == np.float32
    assert 0 == ink.min() < ink.max() == 1
    # An advance has bearings on either side of the ink, together less than a tenth of an em.
    assert font.getlength("Hello") - 6 < ink.shape[1] < font.getlength("Hello")
    ascent, descent = font.getmetrics()
    assert ink.shape[0] == ascent + descent + 40
    assert ink[:, 0].any(), "tight on the left"
    assert ink[:, -1].any(), "tight on the right"


def test_letters_stand_apart(face: Face) -> None:
    """Six upright strokes have five gaps between them, and tracking makes them wider."""
    plain = draw("llllll", face, Setting(40), rng())
    spaced = draw("llllll", face, Setting(40, tracking=0.5), rng())
    for ink in (plain, spaced):
        assert np.count_nonzero(np.diff((ink.max(0) > 0.5).astype(int)) == -1) == 5
    assert spaced.shape[1] - plain.shape[1] == pytest.approx(5 * 0.5 * 40, abs=8)


def test_space_width(face: Face) -> None:
    narrow, wide = (draw("a a", face, Setting(40, space=space), rng(1)) for space in (1, 3))
    blank = ImageFont.truetype(face.path, 40, layout_engine=ImageFont.Layout.BASIC).getlength(" ")
    assert wide.shape[1] - narrow.shape[1] == pytest.approx(2 * blank, abs=2)


def test_a_stroke_is_drawn_where_the_face_has_none(face: Face) -> None:
    """The same letter, and above it ink that it does not have without."""
    assert not face.draws("ẽ")
    bare = dataclasses.replace(face, characters=face.characters | {"e"})
    assert bare.draws("aẽ")
    plain, stroked = draw("aeea", bare, Setting(40), rng()), draw("aẽea", bare, Setting(40), rng())
    added = (stroked - plain) > 0.5
    assert plain.shape == stroked.shape
    assert not ((plain - stroked) > 0.5).any()
    rows, columns = np.nonzero(added)
    top = np.flatnonzero(plain.max(1) > 0.5)[0]
    assert len(rows)
    assert rows.max() < top, "above the letters"
    # The second of four letters that are about as wide.
    assert 0.2 * plain.shape[1] < columns.min() < columns.max() < 0.55 * plain.shape[1]


def test_letters_jump_turn_and_fade(face: Face) -> None:
    text = "HHHHHHHH"
    still = draw(text, face, Setting(40), rng())
    jumped = draw(text, face, Setting(40, jump_px=3), rng())
    assert np.count_nonzero(jumped.max(1)) > np.count_nonzero(still.max(1)) + 2
    turned = draw(text, face, Setting(40, turn_deg=15), rng())
    assert turned.sum() == pytest.approx(still.sum(), rel=0.25)
    assert np.count_nonzero(turned.max(1)) > np.count_nonzero(still.max(1)) + 2
    faded = draw(text, face, Setting(40, fade=0.4), rng())
    assert 0.2 * still.sum() < faded.sum() < 0.95 * still.sum()


def test_what_has_no_ink_is_one_column(face: Face) -> None:
    ink = draw(" ", face, Setting(40), rng())
    assert ink.shape[1] == 1
    assert not ink.any()
