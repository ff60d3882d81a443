"""`ocrnn train`: folders of labelled lines in, a model out."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ocrnn.cli import options
from ocrnn.cli.main import FAILED, INTERRUPTED
from ocrnn.cli.places import check_sheet
from ocrnn.cli.progress import drawn
from ocrnn.data.counting import counted
from ocrnn.errors import UsageError

if TYPE_CHECKING:
    from ocrnn.data.labels import Problem
    from ocrnn.training.board import Board
    from ocrnn.training.distributed import Team
    from ocrnn.training.loop import Epoch
    from ocrnn.training.report import Report
    from ocrnn.training.run import Run

_PROBLEMS_SHOWN = 10
_CHARACTERS_SHOWN = 40
_FIGURES = re.compile(r"\d[\d.]*")
_TELLING_LINES = 3
"""Lines to validate with, below which a CER is that of a line or two."""
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LABELS = click.Path(exists=True, path_type=Path)


@click.command(
    "train",
    epilog="""\b
ocrnn train --data lines                  a model for these lines, from nothing
ocrnn train --data lines --from latin     the shipped model goes on learning: fewer lines are enough
ocrnn train --data lines --minutes 20 --out runs/receipts

Exit status: 0 trained, 1 gave up as the loss is no number any more, 2 wrong use or nothing to train on,
3 model unusable, 130 stopped and saved.""",
)
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=_LABELS,
    metavar="DIR",
    help="Folder of labelled lines: line.png with line.gt.txt or line.txt, or a table of them: labels.tsv, .csv, "
    ".jsonl or .json, metadata.jsonl, gt.txt, rec_gt.txt; pages with PAGE or ALTO files, tar shards, an LMDB; "
    "or such a table, page or shard itself. May be repeated.",
)
@click.option("--val", type=_LABELS, metavar="DIR", help="Lines to validate with.  [default: a part of the data]")
@options.val_split
@options.split_by
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the run.  [default: runs/<name of data>]"
)
@click.option("--from", "from_model", metavar="MODEL", help="Go on from a shipped model (latin) or a .safetensors.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --out where it stopped; repeat its options. Starts anew where nothing is saved yet.",
)
@click.option("--charset", metavar="NAME|FILE", help="Characters of the model.  [default: those of the labels]")
@click.option(
    "--new-chars",
    type=click.Choice(["add", "drop", "fail"]),
    default="add",
    show_default=True,
    help="Characters outside the charset: add them, leave their lines out, or stop.",
)
@click.option("--arch", type=click.Choice(["fast", "accurate", "paper"]), help="Network.  [default: fast]")
@click.option("--backbone", type=click.Choice(["vgg", "resnet"]), help="Its convolutions.")
@click.option("--cell", type=click.Choice(["lstm", "gru", "rnn"]), help="Its recurrent cells.")
@click.option(
    "--freeze",
    metavar="PARTS",
    help="Parts of the --from model that stay as they are, with commas: conv, rnn, head.",
)
@click.option(
    "--rehearse",
    type=options.Number(0, 1, max_open=True),
    default=0.0,
    metavar="P",
    help="Share of lines drawn as the --from model knows them, so that it does not forget; 0.2 is a fair one.  "
    "[default: 0]",
)
@click.option("--synth", is_flag=True, help="Mix in as many synthetic lines; see `ocrnn synth`.")
@click.option(
    "--fonts",
    type=_FOLDER,
    metavar="DIR",
    help="Fonts for --synth, and for lines as the --from model knows them.  [default: those of the system]",
)
@click.option(
    "--texts",
    type=_FOLDER,
    metavar="DIR",
    help="Texts for the same.  [default: those of the labels with --synth, else invented ones]",
)
@click.option(
    "--augment",
    type=click.Choice(["none", "light", "strong"]),
    default="light",
    show_default=True,
    help="How much lines are changed each time they are learned from.",
)
@click.option("--show-augmented", type=click.Path(path_type=Path), metavar="PNG", help="Write a sheet of such lines.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="[default: 60, or as many as --minutes allow]")
@click.option(
    "--minutes",
    type=options.Number(min=0, min_open=True),
    metavar="M",
    help="Time to learn for; what is read before and after it comes on top.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    metavar="N",
    help="Stop after so many epochs without a better validation CER as written.",
)
@click.option(
    "--lr",
    type=options.Number(min=0, min_open=True),
    metavar="X",
    help="Highest learning rate.  [default: 0.002; 0.001 with --from; 0.0005 for a paper network]",
)
@click.option(
    "-b", "--batch", type=click.IntRange(min=1), default=24, show_default=True, metavar="N", help="Lines in a batch."
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Arithmetic; auto takes bf16 where the chip is faster in it, and keeps to it when the run goes on.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    metavar="N",
    help="Number all chance follows from.  [default: 0]",
)
@click.option("--deterministic", is_flag=True, help="The same bits from every such run on this machine.")
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes to teach with: GPUs of this machine, or shares of its processor.  "
    "[default: 1, or what torchrun or Slurm started]",
)
@click.option("--log-to", type=click.Choice(["tensorboard"]), help="Write TensorBoard logs into the run's folder too.")
@options.threads
@options.quiet
@options.verbose
def command(devices: int | None, **asked: Any) -> None:
    """Teach a model the lines in a folder.

    The folder of the run gets best.onnx to read with (ocrnn read -m runs/lines/best.onnx), best.safetensors to go on
    from, last.checkpoint for --resume, history.csv, curves.png and report.html to look at. Ctrl-C saves first.
    """
    # Read when torch is imported. Threads that spin while they wait for one another want a core each: beside other work
    # two of them learned half a line a second, asleep 19. GNU's OpenMP may spin for a moment first: that keeps nine
    # tenths of what spinning brings on a quiet machine, where two that sleep at once learn no more than one.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    with _installed():
        from ocrnn.training.distributed import SaidElsewhere, join
    try:
        with join(devices) as team:
            _teach(team, devices or 1, **asked)
    except SaidElsewhere:
        raise SystemExit(FAILED) from None


@contextmanager
def _installed() -> Iterator[None]:
    """Say what to install where an import fails."""
    try:
        yield
    except ImportError as missing:
        raise UsageError(f"training needs {missing.name}; pip install 'ocrnn[train]'") from None


def _teach(
    team: Team,
    devices: int,
    /,
    data: tuple[Path, ...],
    out: Path | None,
    augment: str,
    show_augmented: Path | None,
    log_to: str | None,
    threads: int | None,
    quiet: bool,
    verbose: bool,
    **asked: Any,
) -> None:
    """Prepare and run with one process of a team; only rank 0 speaks and leaves files."""
    with _installed():
        import torch

        from ocrnn.training.diagnosis import verdict
        from ocrnn.training.options import Options, command_line
        from ocrnn.training.report import Report
        from ocrnn.training.run import Run
        from ocrnn.training.sheet import save_sheet

    if log_to:
        from ocrnn.training.board import Board, check_board

        check_board()
    if threads is not None:
        torch.set_num_threads(threads)
    elif devices > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // devices))
    with team.together():
        if show_augmented and team.leads:
            check_sheet(str(show_augmented))
        run = Run.prepare(
            Options(
                data=data,
                out=out or Path("runs", data[0].stem if data[0].is_file() else data[0].resolve().name),
                augment=None if augment == "none" else augment,  # type: ignore[arg-type]
                **asked,
            ),
            team,
        )
    if not team.leads:
        _follow(run)
        return
    report = Report(run)
    # Before the first word: who reads it may ask to stop at once.
    with _asked_to_stop() as stop, Board(run.options.out) if log_to else nullcontext() as board:
        _introduce(run, quiet=quiet, verbose=verbose)
        if show_augmented:
            save_sheet(show_augmented, run.plan(1), run.spec, run.settings.seed)
        _watch(run, stop, report, board, quiet=quiet)
    ended = ""
    if run.epochs:
        ended = (
            "stopped and saved" if stop.is_set() else f"{run.epochs[-1].stopped}; {verdict(run.epochs, run.written)}"
        )
        report.close(ended, run.outcome.remarks() if run.outcome else ())
    if stop.is_set():
        again = command_line(dataclasses.replace(run.options, resume=True))
        more = {"devices": devices if devices > 1 else None, "threads": threads, "log-to": log_to}
        given = "".join(f" --{name} {value}" for name, value in more.items() if value)
        click.echo(f"ocrnn: stopped and saved; go on with: {again}{given}", err=True)
        raise SystemExit(INTERRUPTED)
    _conclude(run, ended, quiet=quiet)


def _follow(run: Run) -> None:
    """Take part in a run that rank 0 speaks for."""
    with _asked_to_stop() as stop:
        for _ in run.events(stop):
            pass
    if stop.is_set():
        raise SystemExit(INTERRUPTED)


def _watch(run: Run, stop: threading.Event, report: Report, board: Board | None, *, quiet: bool) -> None:
    """Train, showing each step in a bar, each epoch in a row and the logs, and what is wrong as soon as it is seen."""
    from ocrnn.training.curves import save_history
    from ocrnn.training.diagnosis import astray, explain
    from ocrnn.training.loop import Step

    told: str | None = None
    lost: str | None = None
    with drawn(None, "lines", shown=not quiet) as bar:
        for event in run.events(stop):
            if isinstance(event, Step):
                bar.total, bar.n = event.of, event.lines
                bar.set_postfix_str(f"loss {event.loss:.3f}, {event.progress:.0%} of the run", refresh=False)
                bar.update(0)
                continue
            if board is not None:
                board.add(event, run.validation)
            if event.history:
                save_history(run.options.out, event.history)
            if not quiet:
                bar.write(_row(event), file=sys.stderr)
            if event.number == 0:
                lost = astray(event, run.validation, chain(run.training, run.validation))
            advice = lost or explain(
                run.epochs,
                learning_rate=run.settings.learning_rate,
                usual=run.usual_rate,
                lines=len(run.training),
            )
            report.add(event, advice)
            fault = advice and _FIGURES.sub("", advice)
            if fault and fault != told:  # told once, not after each epoch with other figures
                bar.write(f"ocrnn: {advice}", file=sys.stderr)
            told = fault
            bar.reset()


def _conclude(run: Run, ended: str, *, quiet: bool) -> None:
    """Say how a run that came to its end did so, and give the model."""
    if not run.epochs:
        best = run.options.out / "best.safetensors"
        click.echo(f"ocrnn: {run.options.out}: was finished before; go on --from {best} with another --out", err=True)
    elif not quiet:
        click.echo(ended, err=True)
        if run.outcome:
            click.echo(run.outcome.table(), err=True)
    for remark in run.outcome.remarks() if run.outcome else ():
        click.echo(f"ocrnn: {remark}", err=True)
    click.echo(run.options.out / "best.onnx")


def _introduce(run: Run, *, quiet: bool, verbose: bool) -> None:
    from ocrnn.data.check import summary
    from ocrnn.training.start import left_behind

    _show(run.problems, whole=verbose)
    if run.options.resume and not run.goes_on:
        click.echo(f"ocrnn: {run.options.out}: nothing is saved there to resume; this run starts anew", err=True)
    if len(run.validation) < _TELLING_LINES:
        few = counted(len(run.validation), "line")
        click.echo(
            f"ocrnn: {few} to validate with: no figure of this run means anything; give --val, or more lines", err=True
        )
    if quiet:
        return
    learned, asked = len(run.training) + len(run.validation), run.options
    click.echo(summary(learned, run.problems, run.remarks, asked.data, asked.val), err=True)
    weights = sum(weight.numel() for weight in run.network.parameters())
    start = f"from {run.options.from_model}" if run.options.from_model else "from nothing"
    click.echo(
        f"{counted(len(run.training), 'line')} to train on, {len(run.validation)} to validate with, "
        f"{run.left_out} left out\n"
        f"{run.spec.architecture.preset} network {start}: {weights / 1e6:.1f} M weights, "
        f"{len(run.spec.charset)} characters; run in {run.options.out}",
        err=True,
    )
    if count := left_behind(asked.from_model):
        others = "the other network" if count == 1 else f"the {count} other networks"
        click.echo(
            f"{asked.from_model}: its own network learns; {others} that it asks where it is in doubt "
            f"{'is' if count == 1 else 'are'} not taken along",
            err=True,
        )
    for characters, what in ((run.added, "new to"), (run.dropped, "dropped from")):
        if characters:
            named = (c if c.isprintable() and c != " " else f"U+{ord(c):04X}" for c in characters[:_CHARACTERS_SHOWN])
            shown = " ".join(named) + (" …" if len(characters) > _CHARACTERS_SHOWN else "")
            noun = "character" if len(characters) == 1 else "characters"
            click.echo(f"{len(characters)} {noun} {what} {asked.from_model or asked.charset}: {shown}", err=True)


def _show(problems: Sequence[Problem], *, whole: bool) -> None:
    shown = problems if whole else problems[:_PROBLEMS_SHOWN]
    for problem in shown:
        click.echo(f"ocrnn: {problem}", err=True)
    if len(problems) > len(shown):
        click.echo(f"ocrnn: and {len(problems) - len(shown)} more; -v names them all", err=True)


def _row(epoch: Epoch) -> str:
    score = epoch.score
    errors = f"CER {score.cer:7.2%}, as written {score.cer_raw:7.2%}  WER {score.wer:7.2%}"
    if epoch.number == 0:
        return f"start       {errors}"
    return (
        f"epoch {epoch.number:4d}  {errors}  loss {epoch.loss:.4f}  "
        f"{epoch.lines_per_second:.0f} lines/s  {epoch.seconds / 60:.1f} min{'  best' if epoch.is_best else ''}"
    )


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that the run ends between two batches; a second one ends it at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
