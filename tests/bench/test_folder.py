from __future__ import annotations

import doctest
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocrnn.bench import rounds
from ocrnn.bench.engines import Commands, Ocrnn, RapidOcr, Tesseract, installed
from ocrnn.bench.folder import compare
from ocrnn.bench.pictures import draw, gathered
from ocrnn.image import load_lines


@dataclass(frozen=True)
class Sleeper:
    """An engine that takes as long as it is told: for a start, and for a folder in either of two ways."""

    name: str
    start: float
    ways: tuple[float, ...]

    def one(self, picture: Path) -> list[str]:
        return [sys.executable, "-S", "-c", f"import time; time.sleep({self.start})"]

    def folder(self, pictures: Sequence[Path], cores: int, place: Path) -> list[tuple[Commands, dict[str, str]]]:
        return [([[sys.executable, "-S", "-c", f"import time; time.sleep({way})"]], {}) for way in self.ways]


def test_figures_are_those_of_the_fastest_way() -> None:
    engines = [Sleeper("a", 0.05, (1.0,)), Sleeper("b", 1.0, (9.0, 2.0))]
    engines[1] = Sleeper("b", 1.0, (4.0, 2.0))
    ours, theirs = compare(engines, [Path("x.png")] * 100, cores=2, rounds=1)
    assert (ours.name, ours.ratio) == ("a", 1.0)
    assert 20 < ours.lines_per_s < 100
    assert 10 < theirs.lines_per_s < 50
    assert 1 < theirs.ratio < 2.1
    assert theirs.start_s > ours.start_s


def test_every_engine_reads_every_picture_in_each_way(tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(7)]
    for engine in (Tesseract("tesseract"), RapidOcr()):
        for commands, environment in engine.folder(pictures, 3, tmp_path):
            lists = [
                word.removeprefix("@") for command in commands for word in command if word.endswith((".txt", ".list"))
            ]
            listed = [line for name in lists for line in Path(name).read_text("utf-8").splitlines()]
            assert sorted(listed) == sorted(map(str, pictures))
            assert len(commands) in (1, 3)
            assert len(commands) == 1 or "1" in environment.values()
    [(commands, _)] = Ocrnn("m.onnx").folder(pictures, 3, tmp_path)
    assert {str(tmp_path), "-j", "3", "m.onnx"} <= set(commands[0])


def test_ocrnn_is_always_there_and_first() -> None:
    assert isinstance(installed()[0], Ocrnn)


def test_drawn_pictures_are_lines_and_always_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = draw(tmp_path / "a", 5), draw(tmp_path / "b", 5)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len({path.read_bytes() for path in first}) == 5
    assert all(load_lines(path)[0].shape[0] == 40 for path in first)


def test_pictures_are_gathered_under_several_names(tmp_path: Path) -> None:
    (tmp_path / "x.PNG").write_bytes(b"1")
    (tmp_path / "y.jpg").write_bytes(b"2")
    (tmp_path / "to").mkdir()
    paths = gathered([tmp_path / "x.PNG", tmp_path / "y.jpg"], tmp_path / "to", 2)
    assert [path.read_bytes() for path in paths] == [b"1", b"2"] * 2
    assert len(set(paths)) == 4 and [path.suffix for path in paths] == [".png", ".jpg"] * 2


def test_rounds_go_forth_and_back() -> None:
    assert doctest.testmod(rounds).failed == 0
    count = iter(range(100))
    assert rounds.in_rounds({"a": lambda: next(count), "b": lambda: next(count)}, 3) == {"a": [0, 3, 4], "b": [1, 2, 5]}


@pytest.mark.parametrize("engine", [Tesseract.found(), RapidOcr.found()])
def test_names_have_versions(engine: Tesseract | RapidOcr | None) -> None:
    if engine is None:
        pytest.skip("not installed")
    assert any(letter.isdigit() for letter in engine.name)
