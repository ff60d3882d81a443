"""Labelled lines, for the commands that measure models on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ocrnn.cli.main import NOTHING_TO_READ
from ocrnn.cli.options import Option
from ocrnn.cli.progress import bar as progress_bar
from ocrnn.data.counting import counted
from ocrnn.errors import NoLabelsError

if TYPE_CHECKING:
    from ocrnn.data.labels import Sample
    from ocrnn.data.samples import Problem
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


_MOST_NAMED = 10


class Faults:
    """Names the first faults on standard error, and in the end how many more there are."""

    def __init__(self) -> None:
        """Begin with none."""
        self._count = 0

    def name_all(self, problems: Sequence[Problem]) -> None:
        """Name what is wrong with labels; pictures that have none come last, for there may be very many."""
        from ocrnn.data.samples import UNLABELLED

        for problem in sorted(problems, key=lambda problem: problem.kind == UNLABELLED):
            self.name(str(problem))

    def name(self, fault: str) -> None:
        """Name one, if it is among the first."""
        self._count += 1
        if self._count <= _MOST_NAMED:
            click.echo(f"ocrnn: {fault}", err=True)

    def close(self) -> None:
        """Count the rest."""
        if self._count > _MOST_NAMED:
            click.echo(f"ocrnn: and {self._count - _MOST_NAMED} more; `ocrnn check --all` names them all", err=True)


def samples_of(ctx: click.Context, folders: Sequence[str]) -> list[Sample]:
    """Every labelled line of some folders, the problems of their labels named; ends the command where none is left.

    A picture that several of them hold, such as a folder and one inside it, is taken once: counted twice, it would
    make the intervals too narrow. Lines whose pictures are missing come last, for reading them to fail.
    """
    from ocrnn.data.labels import read_labels, twice

    try:
        sets = [read_labels(folder) for folder in folders]
    except NoLabelsError as fault:
        click.echo(f"ocrnn: {fault}", err=True)
        ctx.exit(NOTHING_TO_READ)
    problems = [problem for labels in sets for problem in labels.problems]
    known: dict[object, Sample] = {}
    for sample in (sample for labels in sets for sample in labels.samples):
        if (first := known.setdefault(sample.key, sample)) is not sample:
            problems.append(twice(sample, first))
    samples = list(known.values())
    pictureless = {line.key: line for problem in problems for line in problem.pictureless}
    faults = Faults()
    # Those without a picture are named where it is to be read.
    faults.name_all([problem for problem in problems if not (samples and problem.pictureless)])
    faults.close()
    if not samples:
        click.echo(f"ocrnn: {', '.join(folders)}: no labelled lines left; mend the labels named above", err=True)
        ctx.exit(NOTHING_TO_READ)
    return [*samples, *pictureless.values()]


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
    faults = Faults()
    for line in read_samples(samples, reader, batch_size=batch_size):
        lines.append(line)
        if line.problem:
            bar.clear()
            faults.name(line.problem)
        bar.update()
    bar.close()
    faults.close()
    if not quiet:
        seconds = time.perf_counter() - start
        told = f"{name}: " if name else ""
        click.echo(
            f"ocrnn: {told}{counted(len(lines), 'line')} in {seconds:.1f} s, {len(lines) / seconds:.1f}/s", err=True
        )
    return lines
