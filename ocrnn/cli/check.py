"""`ocrnn check`: what would spoil a training run, before it is started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ocrnn.cli.main import FAILED
from ocrnn.data.counting import counted

if TYPE_CHECKING:
    from ocrnn.data.check import CheckReport
    from ocrnn.data.samples import Problem

SCHEMA = 1
"""Number of the form that --json writes."""


@click.command(
    "check",
    epilog="\b\nocrnn check lines\nocrnn check lines --charset latin\nocrnn check lines --val others --all\n\n"
    "Exit status: 0 every line can be learned, 1 some cannot or pictures have no label, 2 wrong use or no labels at "
    "all.",
)
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--val",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Folder that training would validate with: name what of it cannot be, and lines whose pictures it holds too.",
)
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
@click.option("-v", "--all", "whole", is_flag=True, help="Name every place, not only the first five of each kind.")
@click.option("--json", "as_json", is_flag=True, help="Write all of it as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    folders: tuple[Path, ...],
    val: Path | None,
    charset: str | None,
    arch: str,
    whole: bool,
    as_json: bool,
) -> None:
    """Name what would spoil a training run, by file and line number, with what to do.

    A problem is a line that training leaves out: no picture or text, a damaged picture, a text that does not fit into
    its picture or the charset, one picture with two texts. Pictures that have no label yet are named and counted apart.
    A remark is a line that training takes and someone should look at: shaped or lit unlike the rest, odd spaces, one
    thing written in several ways. Training makes the same check first. Nothing is changed.
    """
    from ocrnn.charset import Charset
    from ocrnn.data.check import SHOWN, check_samples, untranscribed
    from ocrnn.data.labels import read_labels
    from ocrnn.data.lines import joined
    from ocrnn.image import LineFormat
    from ocrnn.spec import Architecture

    found = [read_labels(folder) for folder in folders]
    held_out = read_labels(val) if val else None
    samples = joined(labels.samples for labels in found)
    texts = (sample.text for sample in chain(samples, held_out.samples if held_out else ()))
    known = Charset.open(charset) if charset else Charset.of(texts) if samples else Charset(" ")
    characters = len(known) if charset or samples else 0
    architecture = Architecture.named(arch)
    line_format = LineFormat(height=architecture.height)
    kept_apart = check_samples(held_out.samples, known, architecture, line_format) if held_out else None
    most = None if whole or as_json else SHOWN
    report = check_samples(samples, known, architecture, line_format, apart_from=kept_apart, most=most)
    everything = [*found, *((held_out,) if held_out else ())]
    problems = [problem for labels in everything for problem in labels.problems]
    problems += [*report.problems, *(kept_apart.problems if kept_apart else ())]
    tolerated: dict[str, int] = {}
    for labels in everything:
        for what, count in labels.tolerated.items():
            tolerated[what] = tolerated.get(what, 0) + count
    if as_json:
        click.echo(json.dumps(_record(report, problems, tolerated), ensure_ascii=False, indent=1))
    else:
        for line in _lines(report, problems, tolerated, most):
            click.echo(line)
        bare, no_label = untranscribed(problems)
        click.echo(
            f"{counted(len(report.samples), 'line')} can be learned, {len(problems) - bare} cannot, "
            f"{counted(len(report.remarks), 'kind')} of remarks{no_label}; {counted(characters, 'character')}"
        )
    if problems:
        ctx.exit(FAILED)


def _lines(report: CheckReport, problems: Sequence[Problem], tolerated: dict[str, int], most: int | None) -> list[str]:
    """The report for a person: findings of one kind together, those that cost lines first."""
    from ocrnn.data.check import by_kind
    from ocrnn.data.remarks import named
    from ocrnn.data.samples import UNLABELLED

    lines = []
    for kind, group in by_kind(problems):
        thing = "picture" if kind == UNLABELLED else "line"
        lines += [f"problem: {kind}, {counted(len(group), thing)}", *(f"  {problem}" for problem in group[:most])]
        lines += _rest(len(group), len(group[:most]))
    for character, stranger in report.strangers.items():
        places = ", ".join(stranger.first) + (", ..." if stranger.count > len(stranger.first) else "")
        lines.append(f"stranger: {named(character)}, {counted(stranger.count, 'time')}: {places}")
    for remarks in report.remarks:
        remedy = remarks.first[0].remedy
        lines.append(f"remark: {remarks.kind}, {counted(remarks.lines, 'line')}; {remedy}")
        lines += [f"  {remark.place}" for remark in remarks.first]
        lines += _rest(remarks.lines, len(remarks.first))
    if tolerated:
        lines.append(f"put right: {', '.join(f'{what} {count}' for what, count in tolerated.items())}")
    return lines


def _rest(count: int, shown: int) -> list[str]:
    return [f"  and {count - shown} more; --all names them"] if count > shown else []


def _record(report: CheckReport, problems: Sequence[Problem], tolerated: dict[str, int]) -> dict[str, Any]:
    """The report for a program."""
    from ocrnn.data.check import untranscribed

    bare, _ = untranscribed(problems)
    return {
        "schema": SCHEMA,
        "learned": len(report.samples),
        "lost": len(problems) - bare,
        "unlabelled": bare,
        "problems": [{"kind": p.kind, "where": p.where, "what": p.what, "remedy": p.remedy} for p in problems],
        "strangers": [
            {"character": character, "count": stranger.count, "first": stranger.first}
            for character, stranger in report.strangers.items()
        ],
        "remarks": [
            {"kind": remark.kind, "where": remark.where, "what": remark.what, "remedy": remark.remedy}
            for remarks in report.remarks
            for remark in remarks.first
        ],
        "put_right": tolerated,
    }
