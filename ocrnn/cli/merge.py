"""`ocrnn merge`: what several processes read of one folder, as one file."""

from __future__ import annotations

import os

import click

from ocrnn.cli import options
from ocrnn.cli.main import FAILED
from ocrnn.data.counting import counted
from ocrnn.errors import UsageError
from ocrnn.storage import check_place, whole_file

_MOST_NAMED = 20


@click.command(
    "merge",
    epilog="\b\nocrnn read scans --shard 1/2 -o all.jsonl     # on one machine: all-1-of-2.jsonl\n"
    "ocrnn read scans --shard 2/2 -o all.jsonl     # on another\n"
    "ocrnn merge all-*-of-2.jsonl -o all.jsonl\n\n"
    "Exit status: 0 all is there once, 1 something is missing or there twice, 2 wrong use.",
)
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...", type=click.Path())
@click.option("-o", "--output", required=True, metavar="FILE", type=options.ANY_PATH, help="The file to write.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
@click.pass_context
def command(ctx: click.Context, shards: tuple[str, ...], output: str, overwrite: bool) -> None:
    """Put the files of several `ocrnn read --shard` together: text, tsv, csv, json, jsonl or Parquet.

    Their names say their order; files of other names keep the one they are given in. A share that is not there is
    named, and a picture that stands there twice, of which the first reading counts. The rest is written all the same.
    """
    if os.path.splitext(output)[1].lower() != os.path.splitext(shards[0])[1].lower():
        raise UsageError(
            f"{output}: a file put together keeps the form of its parts; give it the suffix of {shards[0]}"
        )
    if os.path.isfile(output) and not overwrite:
        raise UsageError(f"{output}: is there already; give --overwrite to replace it")
    if any(os.path.exists(shard) and os.path.exists(output) and os.path.samefile(shard, output) for shard in shards):
        raise UsageError(f"{output}: is one of the parts; write to another file")
    check_place(output)

    from ocrnn.transcribe.merge import merge, plan

    planned = plan(shards)
    for share in planned.missing:
        click.echo(f"ocrnn: share {share}: is missing; read it with --shard {share}", err=True)
    for path, files in list(planned.doubled.items())[:_MOST_NAMED]:
        click.echo(f"ocrnn: {path}: is in {', '.join(files)}; the first counts", err=True)
    if len(planned.doubled) > _MOST_NAMED:
        click.echo(f"ocrnn: {len(planned.doubled) - _MOST_NAMED} more are there twice", err=True)
    with whole_file(output) as write:
        lines = merge(planned, write)
    click.echo(f"ocrnn: {counted(lines, 'line')} of {counted(len(planned.files), 'share')}", err=True)
    if planned.missing or planned.doubled:
        ctx.exit(FAILED)
