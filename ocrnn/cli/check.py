"""`ocrnn check`: what would spoil a training run, before it is started."""

from __future__ import annotations

from pathlib import Path

import click

from ocrnn.cli.main import FAILED


@click.command(
    "check",
    epilog="\b\nocrnn check lines\nocrnn check lines --charset latin\n\n"
    "Exit status: 0 every line can be learned, 1 some cannot, 2 wrong use or no labels at all.",
)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--charset", metavar="NAME|FILE", help="Name the characters outside this charset.  [default: those of the labels]"
)
@click.option(
    "--arch",
    type=click.Choice(["fast", "accurate", "paper"]),
    default="fast",
    show_default=True,
    help="Network whose frames a text must fit into.",
)
@click.pass_context
def command(ctx: click.Context, folder: Path, charset: str | None, arch: str) -> None:
    """Name every labelled line of a folder that training would leave out, with the reason and the way out.

    Each is one line on standard output: file and line number of the label, what is wrong, what to do. Training makes
    the same check first.
    """
    from ocrnn.charset import Charset
    from ocrnn.data.check import check_samples
    from ocrnn.data.labels import read_labels
    from ocrnn.image import LineFormat
    from ocrnn.spec import Architecture

    labels = read_labels(folder)
    texts = "".join(sample.text for sample in labels.samples)
    known = Charset.open(charset) if charset else Charset.of([texts or " "])
    architecture = Architecture.named(arch)
    report = check_samples(labels.samples, known, architecture, LineFormat(height=architecture.height))
    problems = (*labels.problems, *report.problems)
    for problem in problems:
        click.echo(str(problem))
    if report.strangers:
        counted = ", ".join(f"{character!r} {count}" for character, count in report.strangers.items())
        click.echo(f"ocrnn: outside charset {charset}: {counted}", err=True)
    if labels.tolerated:
        click.echo(f"ocrnn: put right: {', '.join(f'{n} {what}' for what, n in labels.tolerated.items())}", err=True)
    click.echo(
        f"ocrnn: {len(report.samples)} lines can be learned, {len(problems)} cannot; {len(known)} characters", err=True
    )
    if problems:
        ctx.exit(FAILED)
