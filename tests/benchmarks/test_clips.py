"""What the benchmark of clips calls a difference: counted by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def clips(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    monkeypatch.delitem(sys.modules, "clips", raising=False)
    return importlib.import_module("clips")


def test_the_nearest_frame_is_nearest_after_folding(clips: ModuleType) -> None:
    assert clips.nearest(["ab", "‘a’b"], "'a'b") == "‘a’b"  # two differences as they stand, and so has the first
    assert clips.nearest(["no - x", "no  —  a"], "no - a") == "no  —  a"
    assert clips.nearest(["x", "y"], "z") == "x"


def test_points_are_those_of_all_clips_together(clips: ModuleType) -> None:
    fewer = clips.fewer
    truths = ["abcd", "ab", "abcdef", "abcdefgh"]
    worse = ["abcx", "xy", "abcdef", "abcdefgh"]  # three of twenty characters
    points, low, high = fewer(truths, worse, truths)
    assert points == pytest.approx(-15)
    assert low < points < high <= 0
    assert fewer(worse, truths, truths)[0] == pytest.approx(15)
    assert fewer(worse, worse, truths) == [0, 0, 0]
