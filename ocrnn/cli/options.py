"""Options that several commands share, so that each is spelled and explained once."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ocrnn.cli.places import STDOUT
from ocrnn.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Option = Callable[[Decorated], Decorated]

ANY_PATH = click.Path(readable=False)
"""A path that is looked at where it is opened: click itself would end a run over the first of many it may not read."""


class Number(click.FloatRange):
    """A number in a range; nan, which is in every range since nothing is beyond it, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Take a text as a number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


model: Option[Any] = click.option(
    "-m",
    "--model",
    envvar="OCRNN_MODEL",
    metavar="MODEL",
    help="Name of a shipped model or a model file.  [default: latin]",
)
decoder: Option[Any] = click.option(
    "--decoder",
    type=click.Choice(["greedy", "beam"]),
    help="How characters are picked: the best in each frame, or the best text over many paths.  [default: greedy]",
)
beam_width: Option[Any] = click.option(
    "--beam-width",
    type=click.IntRange(min=1),
    metavar="N",
    help="Texts that the beam keeps at each step; implies --decoder beam.  [default: 16]",
)
allow: Option[Any] = click.option(
    "--allow",
    metavar="CHARS",
    help="Read these characters only; a class such as [:digit:], [:upper:], [:punct:] or [:space:] stands for its "
    "members.",
)
block: Option[Any] = click.option("--block", metavar="CHARS", help="Read none of these; classes as in --allow.")
lexicon: Option[Any] = click.option(
    "--lexicon",
    metavar="FILE",
    type=click.Path(),
    help="Prefer the words of this file, one on each line, or read only the whole lines of it, if its first line is "
    "'# lines'.",
)
lexicon_cost: Option[Any] = click.option(
    "--lexicon-cost",
    type=Number(min=0),
    metavar="X",
    help="How much surer the picture has to be of a word that is not in the lexicon: e to the X times; inf forbids "
    "such words.  [default: 4]",
)
regex: Option[Any] = click.option(
    "--regex", metavar="PATTERN", help="Read only what this pattern matches as a whole, such as '\\d+\\.\\d\\d'."
)
lm: Option[Any] = click.option(
    "--lm",
    metavar="FILE",
    type=click.Path(),
    help="Prefer what a language usually writes: a model of its characters in ARPA form, as `ocrnn lm build` makes it.",
)
lm_weight: Option[Any] = click.option(
    "--lm-weight",
    type=Number(min=0),
    metavar="X",
    help="How much the language counts, the picture counting 1.  [default: 0.3]",
)
max_pixels: Option[Any] = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse larger pictures and lines.  [default: 64000000]",
)
threads: Option[Any] = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processor cores to use.  [default: the free ones, at most 8]",
)
jobs: Option[Any] = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Lines to read side by side; more than there are cores where a slow disk or network keeps them waiting.  "
    "[default: the free cores; one with --threads]",
)
threads_of_a_job: Option[Any] = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processor cores for each line.  [default: one; for a picture alone the free ones, at most 8]",
)
device: Option[Any] = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where the network is executed. auto and cpu: on the processor. cuda, a GPU of NVIDIA's (needs "
    "onnxruntime-gpu), and mps, that of a Mac, have not been measured and are taken only where they are asked for.",
)
val_split: Option[Any] = click.option(
    "--val-split",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    metavar="P",
    help="Share of the lines to validate with, picked by name: it stays when data grow.",
)
split_by: Option[Any] = click.option(
    "--split-by",
    type=click.Choice(["line", "document"]),
    default="line",
    show_default=True,
    help="Keep the lines of a document on one side of the split.",
)


def _folder_not_dash(ctx: click.Context, option: click.Parameter, folder: Path) -> Path:
    """Refuse - for a folder: who gives it means standard output, and would get a folder of that name."""
    if str(folder) == STDOUT:
        raise UsageError(f"-o {folder}: a folder is written, not standard output; name one, or ./- for that name")
    return folder


new_folder: Option[Any] = click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    callback=_folder_not_dash,
    help="A folder that is new or empty.",
)
quiet: Option[Any] = click.option(
    "-q", "--quiet", is_flag=True, help="No progress and no summary; what fails is still named."
)
verbose: Option[Any] = click.option("-v", "--verbose", is_flag=True, help="Say what is done on the way.")


def batch_size(default: int) -> Option[Any]:
    """Make -b for a command that passes so many lines of equal width through the network together."""
    return click.option(
        "-b",
        "--batch-size",
        type=click.IntRange(min=1),
        metavar="N",
        default=default,
        show_default=True,
        help="Lines read together.",
    )
