"""What the benchmark of clips calls a difference: counted by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest


def test_points_are_those_of_all_clips_together(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    monkeypatch.delitem(sys.modules, "clips", raising=False)
    fewer = importlib.import_module("clips").fewer
    truths = ["abcd", "ab", "abcdef", "abcdefgh"]
    worse = ["abcx", "xy", "abcdef", "abcdefgh"]  # three of twenty characters
    points, low, high = fewer(truths, worse, truths)
    assert points == pytest.approx(-15)
    assert low < points < high <= 0
    assert fewer(worse, truths, truths)[0] == pytest.approx(15)
    assert fewer(worse, worse, truths) == [0, 0, 0]
