"""Faults are planted as said, and found in lines by a model whose readings are known."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from ocrnn.evaluation.score import ReadSample
from ocrnn.metrics import distance, fold


@pytest.fixture
def script(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("suspects_script", root / "benchmarks" / "suspects.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_three_in_a_hundred_are_spoiled_and_counted(script: ModuleType) -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choice(["one", "two", "34", "a"]) for _ in range(4)) for _ in range(200)]
    lines = [ReadSample(f"{n}", text, text, 0.9, 0) for n, text in enumerate(texts)]
    spoiled, planted = script.plant(lines, 1)
    assert len(planted) == 6 and (spoiled, planted) == script.plant(lines, 1) != script.plant(lines, 2)
    for place, (line, text) in enumerate(zip(spoiled, texts, strict=True)):
        assert (fold(line.truth) != fold(text)) == (place in planted)
        assert line.edits == distance(fold(line.truth), fold(text)) and line.reading == text


@pytest.mark.parametrize(
    ("name", "text", "outcomes"),
    [
        ("word_left_out", "a b", {"a", "b"}),
        ("word_doubled", "a b", {"a a b", "a b b"}),
        ("characters_swapped", "aab c", {"aba c"}),
        ("characters_swapped", "a a", {"a a"}),
        ("digit_changed", "x1", {f"x{digit}" for digit in "023456789"}),
        ("digit_changed", "x", {"x"}),
        ("another_line", "x", {"p", "q"}),
    ],
)
def test_each_fault(script: ModuleType, name: str, text: str, outcomes: set[str]) -> None:
    rng = random.Random(3)
    assert {getattr(script, name)(text, ["p", "q"], rng) for _ in range(200)} == outcomes


def test_precision_by_hand(script: ModuleType) -> None:
    # Four of five have to be found: the fourth stands at place 6.
    assert script.precision([True, True, False, True, False, True, True], 5) == 4 / 6
    assert script.precision([True, False], 5) == 0


def test_sure_readings_find_all(root: Path, tmp_path: Path, bars: object, bars_file: str) -> None:
    rng = random.Random(5)
    folder = tmp_path / "sets" / "codes"
    folder.mkdir(parents=True)
    rows = []
    for number in range(34):
        text = "".join(rng.choice("02468") for _ in range(6))
        Image.fromarray(bars.draw(text)).save(folder / f"{number}.png")  # type: ignore[attr-defined]
        rows.append(f"{number}.png\t{text}\n")
    (folder / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "suspects.py"), "--sets", str(tmp_path / "sets"), "-m", bars_file,
         "--draws", "3"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    row = [cell.strip() for cell in done.stdout.splitlines()[-1].split("|")[1:-1]]
    assert row[:5] == ["codes", "34", "1", "1.00", "1.00 to 1.00"] and row[-1] == "0"
