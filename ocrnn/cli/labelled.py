"""Labelled lines, for the commands that measure models on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ocrnn.cli.main import NOTHING_TO_READ
from ocrnn.cli.options import Option
from ocrnn.cli.progress import bar as progress_bar

if TYPE_CHECKING:
    from ocrnn.data.labels import Sample
    from ocrnn.evaluation.score import ReadSample
    from ocrnn.transcribe.reader import Reader

data: Option[Any] = click.option(
    "--data",
    required=True,
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="Labelled lines, in any form that `ocrnn train` takes; several are measured as one.",
)


def samples_of(ctx: click.Context, folders: Sequence[str]) -> list[Sample]:
    """Every labelled line of some folders, the problems of their labels named; ends the command where none is left."""
    from ocrnn.data.labels import read_labels

    sets = [read_labels(folder) for folder in folders]
    for problem in (problem for labels in sets for problem in labels.problems):
        click.echo(f"ocrnn: {problem}", err=True)
    samples = [sample for labels in sets for sample in labels.samples]
    if not samples:
        click.echo(f"ocrnn: {', '.join(folders)}: no labelled lines left; mend the labels named above", err=True)
        ctx.exit(NOTHING_TO_READ)
    return samples


def read(
    samples: Sequence[Sample], reader: Reader, *, batch_size: int, quiet: bool, name: str = ""
) -> list[ReadSample]:
    """Read labelled lines with a bar and a line on how fast it went; pictures that fail are named and in the result.

    `name` says in that line which model it was, where there are several.
    """
    from ocrnn.evaluation.score import read_samples

    start = time.perf_counter()
    bar = progress_bar(len(samples), "lines", shown=not quiet)
    lines = []
    for line in read_samples(samples, reader, batch_size=batch_size):
        lines.append(line)
        if line.problem:
            bar.clear()
            click.echo(f"ocrnn: {line.problem}", err=True)
        bar.update()
    bar.close()
    if not quiet:
        seconds = time.perf_counter() - start
        told = f"{name}: " if name else ""
        click.echo(f"ocrnn: {told}{len(lines)} lines in {seconds:.1f} s, {len(lines) / seconds:.1f}/s", err=True)
    return lines
