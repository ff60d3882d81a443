"""What the benchmark of places takes for the truth: glyphs where they were drawn, and overlaps by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ocrnn.reading import Character, Reading
from ocrnn.synth.fonts import open_faces


@pytest.fixture
def boxes(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    monkeypatch.delitem(sys.modules, "boxes", raising=False)
    return importlib.import_module("boxes")


def test_overlap_by_hand(boxes: ModuleType) -> None:
    assert boxes.overlap((0, 10), (0, 10)) == 1
    assert boxes.overlap((0, 10), (5, 15)) == pytest.approx(1 / 3)
    assert boxes.overlap((0, 10), (2, 4)) == pytest.approx(0.2)
    assert boxes.overlap((0, 10), (10, 12)) == boxes.overlap((0, 1), (5, 6)) == 0


def test_a_character_that_was_not_read_counts_as_nothing(boxes: ModuleType) -> None:
    line = boxes.Drawn(np.zeros((4, 40), np.uint8), "abc", ((0.0, 10.0), (10.0, 20.0), (20.0, 30.0)))
    read = Reading("ax", 1.0, (Character("a", 0, 10, 1.0), Character("x", 20, 30, 1.0)), 40, 4)
    assert sorted(value for _, value in boxes.overlaps(line, read)) == [0, 1, 1]


def test_glyphs_are_where_the_ink_is(boxes: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that stand apart: the runs of inked columns are the places, the gaps between words the spaces."""
    fonts = sorted(Path(path) for path in Path("/usr/share/fonts").rglob("DejaVuSans.ttf"))
    if not fonts:
        pytest.skip("DejaVu Sans is not installed")
    (tmp_path / "face.ttf").write_bytes(fonts[0].read_bytes())
    (face,) = open_faces(tmp_path, "Hill oud")
    monkeypatch.setattr(boxes, "_printed", lambda ink, rng: ((255 - 255 * ink).astype(np.uint8), 1.0))
    line = boxes.draw("Hill oud", face, 40, np.random.default_rng(1))
    edges = np.flatnonzero(np.diff(np.r_[0, (line.grey < 255 * (1 - boxes.INKED)).any(axis=0).astype(int), 0]))
    letters = [place for place, letter in zip(line.places, line.text, strict=True) if letter != " "]
    assert np.array_equal(np.array(letters), edges.reshape(-1, 2))
    assert line.places[4] == (letters[3][1], letters[4][0])
