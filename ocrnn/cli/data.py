"""`ocrnn data`: labelled lines packed, converted, split and counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ocrnn.cli import options
from ocrnn.cli.labelled import Faults
from ocrnn.cli.main import FAILED
from ocrnn.cli.progress import bar
from ocrnn.data.counting import counted

if TYPE_CHECKING:
    from ocrnn.data.samples import Problem, Sample
    from ocrnn.data.stats import Spread, Stats

_LABELS = click.Path(exists=True, path_type=Path)
_STATUSES = "Exit status: 0 every line, 1 all but those named on standard error, 2 wrong use or no labels at all."

_form: options.Option[Any] = click.option(
    "-f",
    "--form",
    type=click.Choice(["gt", "tsv", "jsonl", "paddleocr", "tar"]),
    default="tsv",
    show_default=True,
    help="gt: line.gt.txt beside line.png; tsv: labels.tsv; jsonl: metadata.jsonl, as ImageFolder has it; "
    "paddleocr: rec_gt.txt; tar: shards.",
)
_lines: options.Option[Any] = click.option(
    "--lines", metavar="N", type=click.IntRange(min=1), default=10_000, show_default=True, help="Lines of one shard."
)


@click.group(
    "data",
    epilog="""\b
ocrnn data pack lines -o shards            tar shards, which ocrnn train --data shards reads in flat memory
ocrnn data convert pages -o lines -f gt    lines cut from PAGE or ALTO pages, a text beside each
ocrnn data split lines -o parts            parts/train and parts/val
ocrnn data stats lines                     how many, how long, which characters""",
)
def command() -> None:
    """Pack, convert, split and count labelled lines, in any form that `ocrnn train --data` takes.

    Nothing is changed where the lines are: what is made goes into a new folder.
    """


@command.command(
    "pack", epilog=f"\b\nocrnn data pack lines -o shards\nocrnn data pack lines -o shards --lines 2000\n\n{_STATUSES}"
)
@click.argument("folder", metavar="DIR", type=_LABELS)
@options.new_folder
@_lines
@options.quiet
@click.pass_context
def pack(ctx: click.Context, folder: Path, output: Path, lines: int, quiet: bool) -> None:
    """Pack lines into tar shards, as WebDataset has them.

    A shard holds each line's picture, and an object with its text, name and document: 000000017.png with
    000000017.json. Pictures that are files are packed as they are, lines of pages are cut out and packed as PNG. Each
    shard is written whole or not at all.
    """
    samples, problems = _read(folder)
    _end(ctx, problems, _write(samples, output, "tar", lines, quiet), len(samples), quiet=quiet)


@command.command(
    "convert",
    epilog="\b\nocrnn data convert pages -o lines -f gt\nocrnn data convert shards -o lines -f jsonl\n\n" + _STATUSES,
)
@click.argument("folder", metavar="DIR", type=_LABELS)
@options.new_folder
@_form
@_lines
@options.quiet
@click.pass_context
def convert(ctx: click.Context, folder: Path, output: Path, form: str, lines: int, quiet: bool) -> None:
    """Write lines in another form of labels, with their pictures.

    Pictures keep their names below the folder, and are copied as they are; lines of pages are cut out into a folder of
    their page.
    """
    samples, problems = _read(folder)
    _end(ctx, problems, _write(samples, output, form, lines, quiet), len(samples), quiet=quiet)


@command.command(
    "split",
    epilog="\b\nocrnn data split lines -o parts\n"
    "ocrnn data split books -o parts --split-by document --val-split 0.2 -f tar\n\n" + _STATUSES,
)
@click.argument("folder", metavar="DIR", type=_LABELS)
@options.new_folder
@_form
@_lines
@options.val_split
@options.split_by
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another split."
)
@options.quiet
@click.pass_context
def split(
    ctx: click.Context,
    folder: Path,
    output: Path,
    form: str,
    lines: int,
    val_split: float,
    split_by: str,
    seed: int,
    quiet: bool,
) -> None:
    """Split lines into DIR/train and DIR/val, by a hash of each one's name: the same lines whenever it is done.

    It is the split that `ocrnn train` makes of the same folder with the same options, written down, but for pictures
    that are there twice, which training keeps on one side.
    """
    from ocrnn.data.splits import split_by_hash
    from ocrnn.storage import check_empty

    samples, problems = _read(folder)
    check_empty(output)
    parts = split_by_hash(samples, val_split, seed, split_by)  # type: ignore[arg-type]
    failed = _write(parts.train, output / "train", form, lines, quiet)
    failed += _write(parts.validation, output / "val", form, lines, quiet)
    if not quiet:
        told = f"{counted(len(parts.train), 'line')} to train on, {len(parts.validation)} to validate with"
        click.echo(told, err=True)
    _end(ctx, problems, failed, len(samples), quiet=quiet)


@command.command("stats", epilog="\b\nocrnn data stats lines\nocrnn data stats lines --json\n\n" + _STATUSES)
@click.argument("folder", metavar="DIR", type=_LABELS)
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@click.option(
    "--most", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="Documents named at most."
)
@options.quiet
@click.pass_context
def stats(ctx: click.Context, folder: Path, as_json: bool, most: int, quiet: bool) -> None:
    """Count lines: characters by frequency, lengths of texts, sizes of pictures, documents."""
    from dataclasses import asdict

    from ocrnn.data.stats import count

    samples, problems = _read(folder)
    progress = bar(len(samples), "lines", shown=not quiet)
    found = count(_passing(samples, progress))
    progress.close()
    click.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1) if as_json else _table(found, most))
    if found.unopened:
        unopened = counted(found.unopened, "picture")
        click.echo(f"ocrnn: {unopened} cannot be opened; `ocrnn check --all` names them", err=True)
    if problems or found.unopened:
        ctx.exit(FAILED)


def _read(folder: Path) -> tuple[Sequence[Sample], Sequence[Problem]]:
    """Lines of a folder; the first of what is none is named on standard error, and the rest counted."""
    from ocrnn.data.labels import read_labels

    labels = read_labels(folder)
    faults = Faults()
    faults.name_all(labels.problems)
    faults.close()
    return labels.samples, labels.problems


def _passing(samples: Sequence[Sample], progress: Any) -> Iterable[Sample]:
    for sample in samples:
        yield sample
        progress.update()


def _write(samples: Sequence[Sample], folder: Path, form: str, lines: int, quiet: bool) -> int:
    """Write lines, naming the first that cannot be written; gives how many cannot."""
    from ocrnn.data.copies import copy_lines
    from ocrnn.data.samples import Problem

    failed = 0
    faults = Faults()
    progress = bar(len(samples), "lines", shown=not quiet)
    try:
        for written in copy_lines(samples, folder, form, lines=lines):  # type: ignore[arg-type]
            if isinstance(written, Problem):
                failed += 1
                progress.clear()
                faults.name(str(written))
            progress.update()
    finally:
        progress.close()
        faults.close()
    return failed


def _end(ctx: click.Context, problems: Sequence[Problem], failed: int, lines: int, *, quiet: bool) -> None:
    if not quiet:
        click.echo(f"ocrnn: {counted(lines - failed, 'line')} written, {len(problems) + failed} left out", err=True)
    if problems or failed:
        ctx.exit(FAILED)


def _table(stats: Stats, most: int) -> str:
    """Figures for a person: each with its name, then the characters and documents with their counts."""

    def spread(numbers: Spread) -> str:
        return f"{numbers.least:g} to {numbers.most:g}, half of them up to {numbers.median:g}"

    characters = sum(stats.characters.values())
    rows = [
        f"lines       {stats.lines}",
        f"characters  {characters}, {len(stats.characters)} different",
        f"length      {spread(stats.length)} characters",
        f"width       {spread(stats.width_px)} px",
        f"height      {spread(stats.height_px)} px",
        f"documents   {len(stats.documents.keys() - {''})}",
    ]
    for name, lines in list(stats.documents.items())[:most]:
        rows.append(f"  {lines:8} {name or '(not known)'}")
    if len(stats.documents) > most:
        rows.append(f"  and {len(stats.documents) - most} more")
    rows.append("")
    for character, count in stats.characters.items():
        shown = character if character.isprintable() and character != " " else "space" if character == " " else ""
        rows.append(f"{count:8} {f'U+{ord(character):04X}'} {shown}".rstrip())
    return "\n".join(rows)
