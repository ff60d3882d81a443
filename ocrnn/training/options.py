"""What `ocrnn train` is asked for."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from ocrnn.data.splits import By
from ocrnn.errors import UsageError
from ocrnn.synth.degrade import Strength
from ocrnn.training.precision import Precision
from ocrnn.training.tuning import parts

NewCharacters = Literal["add", "drop", "fail"]


@dataclass(frozen=True)
class Options:
    """What `ocrnn train` was asked for; every field is the option of that name.

    `data` are folders of labelled lines. `freeze` names parts with commas (`tuning.parts`), `rehearse` is a share from
    0 to below 1; both need `from_model`. `batch` is lines of mean width in a batch. `lr` None takes the
    `usual_rate`. `augment` None leaves lines as they are. With neither `epochs` nor `minutes`, 60 epochs.
    """

    data: tuple[Path, ...]
    out: Path
    val: Path | None = None
    val_split: float = 0.1
    split_by: By = "line"
    from_model: str | None = None
    resume: bool = False
    charset: str | None = None
    new_chars: NewCharacters = "add"
    arch: str | None = None
    backbone: str | None = None
    cell: str | None = None
    freeze: str | None = None
    rehearse: float = 0.0
    augment: Strength | None = "light"
    synth: bool = False
    fonts: Path | None = None
    texts: Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    patience: int = 15
    lr: float | None = None
    batch: int = 24
    precision: Precision = "auto"
    seed: int = 0
    deterministic: bool = False


def check(options: Options) -> None:
    """Refuse options that contradict one another, or that nothing would come of."""
    if options.from_model and (options.arch or options.backbone or options.cell):
        raise UsageError("--arch, --backbone and --cell are of a new network; leave them out with --from")
    if not options.from_model:
        for option, given in (("--rehearse", options.rehearse), ("--freeze", options.freeze)):
            if given:
                raise UsageError(f"{option}: keeps what a model knows, and a new one knows nothing; add --from")
    if not 0 <= options.rehearse < 1:
        raise UsageError(f"--rehearse {options.rehearse:g}: not a share below 1; give a number such as 0.2")
    if options.freeze is not None:
        parts(options.freeze)
    if options.val and (options.val_split, options.split_by) != (Options.val_split, Options.split_by):
        raise UsageError("--val-split and --split-by part the lines of --data; leave them out with --val")
    if not (options.synth or options.from_model) and (options.fonts or options.texts):
        raise UsageError("--fonts and --texts are of synthetic lines; add --synth, or --rehearse with --from")
    places = [os.path.realpath(folder) for folder in options.data]
    for folder, place in zip(options.data, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"--data {folder}: is named twice; name it once")


def words(options: Options) -> dict[str, list[str] | None]:
    """What each option is given on a command line that asks for these: none for a switch, None where it is left out."""
    given: dict[str, list[str] | None] = {}
    for option in fields(options):
        value = getattr(options, option.name)
        if value is False or (value is None and option.default is None):
            given[_named(option.name)] = None
        elif value is True:
            given[_named(option.name)] = []
        else:
            values = value if isinstance(value, tuple) else ("none" if value is None else value,)
            given[_named(option.name)] = [str(each) for each in values]
    return given


def command_line(options: Options) -> str:
    """The command line that asks for these options, without those that are as they would be anyway."""
    line, given = ["ocrnn", "train"], words(options)
    for option in fields(options):
        values = given[_named(option.name)]
        if values is not None and getattr(options, option.name) != option.default:
            line += [word for value in values for word in (_named(option.name), value)] or [_named(option.name)]
    return shlex.join(line)


def _named(field: str) -> str:
    return "--from" if field == "from_model" else "--" + field.replace("_", "-")
