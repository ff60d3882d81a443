"""The table of confidences, by a model that is always surer than right, and by drawn sets whose truth is known."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.conftest import Bars


@pytest.fixture
def script(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    return importlib.import_module("confidence")


def test_how_often_a_true_reader_is_over_a_limit(script: ModuleType) -> None:
    """Ten lines said 0.5 are one bin: the share that is right is a tenth or more away unless it is 5 of 10."""
    figures = script.judged(np.full(10, 0.5), np.array([True] * 8 + [False] * 2), 0.05)
    assert figures["over"] == pytest.approx(1 - 252 / 1024, abs=0.06)
    assert (figures["said"], figures["right"], figures["error"]) == pytest.approx((0.5, 0.8, 0.3))
    assert script.judged(np.full(4000, 0.5), np.tile([True, False], 2000), 0.05)["over"] == 0


def test_a_row_for_each_set_and_one_for_all(root: Path, tmp_path: Path, bars: Bars, bars_file: str) -> None:
    for name, truths in (("easy", ("123", "45")), ("wrong", ("9",)), ("forms", ("7",))):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for number, truth in enumerate(truths):
            Image.fromarray(bars.draw("8" if name == "wrong" else truth)).save(
                tmp_path / "sets" / name / f"{number}.png"
            )
            (tmp_path / "sets" / name / f"{number}.gt.txt").write_text(truth, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "confidence.py"), "--sets", str(tmp_path / "sets"), "-m", bars_file],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line][2:]
    assert [(row[0], row[2], row[4]) for row in rows] == [
        ("easy", "2", "100.0"), ("wrong", "1", "0.0"), ("together", "3", "66.7")
    ]  # fmt: skip
