"""What processes and threads bring: one process for real, and the table of given figures."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

torch = pytest.importorskip("torch")


@pytest.fixture
def processes(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("processes", root / "benchmarks" / "processes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lines(bars: object, tmp_path: Path) -> Path:
    folder = tmp_path / "lines"
    folder.mkdir()
    for number in range(30):
        Image.fromarray(bars.draw(f"{number:02d}")).save(folder / f"{number}.png")  # type: ignore[attr-defined]
        (folder / f"{number}.gt.txt").write_text(f"{number:02d}", encoding="utf-8")
    return folder


def test_a_process_learns_as_long_as_asked_and_tells_how_much(
    processes: ModuleType, lines: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "_WARM", 1)
    threads = torch.get_num_threads()
    try:
        processes.learn(lines, 1, 0.3)
    finally:
        torch.set_num_threads(threads)
    told = json.loads(capsys.readouterr().out)
    assert told["lines"] > 0
    assert told["seconds"] > 0.3
    assert told["processor seconds"] > 0


def test_settings_take_turns_and_the_table_has_their_medians(
    processes: ModuleType, lines: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, int, dict[str, str]]] = []

    def timed(count: int, threads: int, waiting: dict[str, str], data: Path, seconds: float) -> dict[str, float]:
        asked.append((count, threads, waiting))
        turn = len(asked)
        return {"lines per second": 10.0 * turn, "lines per processor second": 5.0 * turn}

    monkeypatch.setattr(processes, "timed", timed)
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(lines), "--rounds", "3", "--seconds", "1"])
    processes.main()
    settings = list(processes.SETTINGS.values())
    assert asked == [*settings, *reversed(settings), *settings]
    # The first of five settings came first, tenth and eleventh; the last one fifth, sixth and fifteenth.
    table = capsys.readouterr().out.splitlines()
    assert table[2] == "| 1 process, 1 thread | 100 | 50 |"
    assert table[-1] == "| 2 processes, 1 thread each | 60 | 30 |"
