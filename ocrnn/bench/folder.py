"""A folder of lines from files to text, and a cold start, by every engine there is, in turns."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrnn.bench.engines import Commands, Engine
from ocrnn.bench.processes import Spent, spend
from ocrnn.bench.rounds import in_rounds


@dataclass(frozen=True)
class Figures:
    """What one engine took: medians of the rounds.

    `ratio` is how many times as fast the first one read the folder, the median of what each round says; its own is 1.
    `lines_per_processor_s` counts what the processors did alone, the least of all ways: it holds on a busy machine too.
    """

    name: str
    start_s: float
    start_mb: float | None
    lines_per_s: float
    folder_mb: float | None
    ratio: float
    lines_per_processor_s: float | None


def compare(engines: Sequence[Engine], pictures: Sequence[Path], *, cores: int, rounds: int) -> list[Figures]:
    """Figures of each engine on pictures of one folder.

    A round starts every engine on one picture and on all; of several ways to read a folder the fastest of a round
    counts. Raises BenchError for a command that fails.
    """
    names = [engine.name for engine in engines]
    with tempfile.TemporaryDirectory() as place:
        starts = in_rounds(
            {name: _start(engine, pictures[0]) for name, engine in zip(names, engines, strict=True)}, rounds
        )
        ways = {
            (name, number): way
            for name, engine in zip(names, engines, strict=True)
            for number, way in enumerate(engine.folder(pictures, cores, Path(place)))
        }
        spent = in_rounds({f"{name}\0{number}": _folder(way) for (name, number), way in ways.items()}, rounds)
    folders = {name: list(_fastest([spent[f"{name}\0{n}"] for other, n in ways if other == name])) for name in names}
    return [
        Figures(
            name=name,
            start_s=statistics.median(each.seconds for each in starts[name]),
            start_mb=_highest(starts[name]),
            lines_per_s=statistics.median(len(pictures) / each.seconds for each in folders[name]),
            folder_mb=_highest(folders[name]),
            ratio=statistics.median(
                theirs.seconds / ours.seconds for ours, theirs in zip(folders[names[0]], folders[name], strict=True)
            ),
            lines_per_processor_s=_work(
                [each.processor_s for (other, n) in ways if other == name for each in spent[f"{name}\0{n}"]],
                len(pictures),
            ),
        )
        for name in names
    ]


def _start(engine: Engine, picture: Path) -> Callable[[], Spent]:
    return lambda: spend([engine.one(picture)])


def _folder(way: tuple[Commands, dict[str, str]]) -> Callable[[], Spent]:
    return lambda: spend(*way)


def _fastest(ways: Sequence[Sequence[Spent]]) -> Iterator[Spent]:
    """Of each round the fastest way."""
    return (min(tried, key=lambda spent: spent.seconds) for tried in zip(*ways, strict=True))


def _work(processor_s: Sequence[float | None], lines: int) -> float | None:
    known = [each for each in processor_s if each]
    return lines / min(known) if known else None


def _highest(spent: Sequence[Spent]) -> float | None:
    known = [each.peak_mb for each in spent if each.peak_mb is not None]
    return max(known) if known else None
