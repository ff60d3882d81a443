"""Simulated sets are as far off as they are said to be, and the estimates of others are theirs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def script(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("calibration_script", root / "benchmarks" / "calibration.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_way_to_be_off_is_as_far_off_as_asked(script: ModuleType) -> None:
    said = np.sort(np.random.default_rng(0).uniform(0.01, 0.99, 5000))
    for bend in script.BENDS:
        right = script.bent(bend, said, 0.02)
        assert np.abs(right - said).mean() == pytest.approx(0.02, abs=1e-6) and 0 <= right.min() <= right.max() <= 1
        np.testing.assert_allclose(script.bent(bend, said, 0.0), said, atol=1e-12)


def test_estimates_by_hand(script: ModuleType) -> None:
    said = np.array([0.1, 0.2, 0.3, 0.9])
    came = np.array([0.0, 1.0, 0.0, 1.0])
    # Fifteen bins: each line its own.
    assert script.by_width(said, came) == pytest.approx((0.1 + 0.8 + 0.3 + 0.1) / 4)
    # Two bins are as good as each other, with three (one, one, two lines) the middle one is the best.
    assert script.sweep(said, came) == pytest.approx((2 * 0.35 + 2 * 0.1) / 4)
    # One bin of ten lines, half of them right as said: the plain error is 0, and what is taken off cannot make it less.
    assert script.debiased(np.full(10, 0.5), np.tile([0.0, 1.0], 5)) == 0
    # All right: a share that does not vary has no chance to take off.
    assert script.debiased(np.full(10, 0.5), np.ones(10)) == pytest.approx(0.5)


def test_the_table_has_every_estimate(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "calibration.py"), "--draws", "1", "--resamples", "20"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 5 and all(line.count("|") == 8 for line in rows)
    assert "holds the truth in" in done.stdout
