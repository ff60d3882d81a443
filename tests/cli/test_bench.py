"""`ocrnn bench` in a process of its own, so small that its figures mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.conftest import Bars

ALONE = {"PATH": ""}
"""No other reader is found."""


def test_figures(start: Callable[..., subprocess.CompletedProcess[bytes]], bars_file: str) -> None:
    run = start("bench", "--lines", "12", "--rounds", "1", "-m", bars_file, "--json", env=ALONE)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    ours = told["engines"][0]
    assert (told["lines"], told["pictures"], told["rounds"]) == (12, "drawn", 1)
    assert ours["name"].startswith("ocrnn ")
    assert ours["ratio"] == 1
    assert 0 < ours["lines_per_s"] < 12 / 0.05
    assert told["one_line_ms"] > 0
    assert told["read_by"].startswith("ONNX Runtime ")


def test_pictures_that_are_given(
    start: Callable[..., subprocess.CompletedProcess[bytes]], bars: Bars, bars_file: str, tmp_path: Path
) -> None:
    for number in range(3):
        bars.save(tmp_path / f"in/{number}.png", str(number))
    given = ["--lines", "7", "--rounds", "1", "-j", "1", "--device", "cpu"]
    run = start("bench", "in", *given, "-m", bars_file, env=ALONE)
    assert run.returncode == 0, run.stderr
    first, by, _, head, row, *_ = run.stdout.decode().splitlines()
    assert by.startswith("ocrnn reads with ONNX Runtime ")
    assert first.startswith("7 given lines, 1 cores, median of 1; one line takes ")
    assert head.split()[0] == "lines/s"
    assert row.startswith("ocrnn ")


@pytest.mark.parametrize("good", [0, 101])
def test_a_bad_picture_is_named_and_not_its_copy(
    start: Callable[..., subprocess.CompletedProcess[bytes]], bars: Bars, bars_file: str, tmp_path: Path, good: int
) -> None:
    """Where one line is timed, and behind that, where folders are."""
    for number in range(good):
        bars.save(tmp_path / f"in/{number}.png", str(number))
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in/bad.png").write_bytes(b"no picture")
    (tmp_path / "in/a.xml").write_text("<PcGts xmlns='PAGE/gts/pagecontent/2019-07-15'><Page/></PcGts>")
    run = start("bench", "in", "--lines", f"{good + 1}", "--rounds", "1", "-j", "1", "-m", bars_file, env=ALONE)
    assert run.returncode == 2
    assert b"in/bad.png: not a picture; give PNG" in run.stderr and run.stderr.count(b"\n") == 1


def test_nothing_to_measure_with_is_one_line(start: Callable[..., subprocess.CompletedProcess[bytes]]) -> None:
    run = start("bench", "nosuch")
    assert (run.returncode, run.stderr) == (2, b"ocrnn: nosuch: no such file or folder; check the path\n")
