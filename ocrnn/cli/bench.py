"""`ocrnn bench`: how fast this machine reads, and what else is on it."""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ocrnn.cli import options
from ocrnn.errors import BenchError, ImageError, UsageError
from ocrnn.folders import is_page_file

if TYPE_CHECKING:
    from ocrnn.bench.folder import Figures
    from ocrnn.model.device import Device


@click.command(
    "bench", epilog="\b\nocrnn bench\nocrnn bench scans --lines 1000\nocrnn bench -m runs/mine/best.onnx --json"
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@options.model
@click.option(
    "--lines", type=click.IntRange(min=1), default=400, show_default=True, metavar="N", help="Lines to read each time."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Times to measure."
)
@options.jobs
@options.device
@click.option("--json", "as_json", is_flag=True, help="One line of json in place of the table.")
def command(
    paths: tuple[str, ...],
    model: str | None,
    lines: int,
    rounds: int,
    jobs: int | None,
    device: Device,
    as_json: bool,
) -> None:
    """Measure reading on this machine: lines a second from files to text, start, memory, and how long one line takes.

    Beside it stand Tesseract and RapidOCR where they are installed, on the same pictures in turns; of one process with
    all cores and a process for each core, the faster counts. The pictures are drawn, unless some are given.
    """
    from ocrnn.bench.engines import installed
    from ocrnn.bench.folder import compare
    from ocrnn.bench.pictures import draw, gathered
    from ocrnn.model.cores import free_cores
    from ocrnn.model.runtime import executor
    from ocrnn.transcribe.batch import find

    found = find(paths)
    for path, reason in found.problems:
        raise UsageError(f"{path}: {reason}")
    # A page would be copied without its picture.
    own = (picture.path for picture in found.pictures if picture.member is None and not is_page_file(picture.path))
    given = list(map(Path, own))
    if paths and not given:
        raise UsageError(f"{', '.join(paths)}: holds no pictures that are files; give a folder that does")
    cores = jobs or free_cores()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        times = -(-lines // len(given)) if given else 1
        pictures = gathered(given[:lines], place, times)[:lines] if given else draw(place, lines)
        for extra in set(place.iterdir()) - set(pictures):
            extra.unlink()
        try:
            latency = _latency(model, device, pictures[:100])
            figures = compare(installed(model, device), pictures, cores=cores, rounds=rounds)
        except (BenchError, ImageError) as error:
            reason = str(error)
            for copy, original in zip(pictures, cycle(given)):
                reason = reason.replace(str(copy), str(original))
            raise type(error)(reason) from None
    kind = "given" if given else "drawn"
    if as_json:
        told = {"lines": lines, "pictures": kind, "cores": cores, "rounds": rounds, "one_line_ms": latency}
        engines = [dataclasses.asdict(each) for each in figures]
        click.echo(json.dumps({**told, "read_by": executor(model, device), "engines": engines}))
        return
    click.echo(
        f"{lines} {kind} lines, {cores} cores, median of {rounds}; one line takes {latency:.1f} ms of one core\n"
        f"ocrnn reads with {executor(model, device)}\n"
    )
    click.echo(_table(figures))


def _latency(model: str | None, device: Device, pictures: list[Path]) -> float:
    """Milliseconds from the file of one line to its text, with everything warm: the median over some pictures."""
    from ocrnn.transcribe.reader import Reader

    reader = Reader.open(model, threads=1, device=device)
    reader.read(pictures[0])
    spent = []
    for picture in pictures:
        start = time.perf_counter()
        reader.read(picture)
        spent.append(1e3 * (time.perf_counter() - start))
    return statistics.median(spent)


def _table(figures: list[Figures]) -> str:
    head = ["", "lines/s", "of a core", "ocrnn is faster", "start, s", "memory, MB: one line", "folder"]
    rows = [
        [
            each.name,
            f"{each.lines_per_s:.0f}",
            "" if each.lines_per_processor_s is None else f"{each.lines_per_processor_s:.0f}",
            f"{each.ratio:.1f} times" if number else "",
            f"{each.start_s:.2f}",
            "" if each.start_mb is None else f"{each.start_mb:.0f}",
            "" if each.folder_mb is None else f"{each.folder_mb:.0f}",
        ]
        for number, each in enumerate(figures)
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [head, *rows]
    )
