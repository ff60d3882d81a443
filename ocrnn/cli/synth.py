"""`ocrnn synth`: lines made from fonts and texts, as files to train on."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ocrnn.cli import options
from ocrnn.cli.progress import Bar, bar
from ocrnn.data.counting import counted
from ocrnn.storage import check_empty, make_folder, whole_file
from ocrnn.synth.kinds import KINDS

if TYPE_CHECKING:
    from ocrnn.synth.lines import Synthesizer


class Line(NamedTuple):
    """A line under its name: a PNG, and the text with a line end in UTF-8."""

    name: str
    picture: bytes
    label: bytes


@click.command(
    "synth",
    epilog="\b\nocrnn synth -o lines\nocrnn synth -o lines -n 50000 --fonts fonts --texts texts --kind receipt",
)
@options.new_folder
@click.option(
    "-n", "--lines", metavar="N", type=click.IntRange(min=1), default=1000, show_default=True, help="Lines to make."
)
@click.option(
    "--fonts",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of fonts: .ttf, .otf, .ttc.  [default: the fonts of this system]",
)
@click.option(
    "--texts",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of en.txt, de.txt...: one sentence a line, UTF-8.  "
    "[default: numbers, dates, codes and words of random letters]",
)
@click.option(
    "--charset",
    metavar="NAME|FILE",
    default="latin",
    show_default=True,
    help="Characters that lines may hold: one of `ocrnn charsets`, or a file with one on each line.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Another seed makes other lines; the same one makes the same files.",
)
@click.option(
    "--kind", type=click.Choice([kind.name for kind in KINDS]), help="Lines of this kind only.  [default: all]"
)
@click.option(
    "--longest",
    metavar="N",
    type=click.IntRange(min=1),
    default=95,
    show_default=True,
    help="Characters that a line has at most.",
)
@click.option(
    "--shards", metavar="N", type=click.IntRange(min=1), help="Write tar files of N lines each, in WebDataset layout."
)
@options.quiet
def command(
    output: Path,
    lines: int,
    fonts: Path | None,
    texts: Path | None,
    charset: str,
    seed: int,
    kind: str | None,
    longest: int,
    shards: int | None,
    quiet: bool,
) -> None:
    """Make lines of text from fonts and texts, degraded as printers, paper, scanners and cameras do.

    DIR gets 000000.png, grey, and its text in 000000.gt.txt, and so on: what `ocrnn train --data DIR` takes. With
    --shards it gets 00000.tar and so on, with the same files inside. Each file is written whole or not at all. A line
    depends on the seed and its number alone, not on -n or --shards.
    """
    check_empty(output)
    from ocrnn.charset import Charset
    from ocrnn.synth.lines import Synthesizer

    maker = Synthesizer(fonts, texts, Charset.open(charset))
    made = _lines(maker, seed, lines, longest, kind)
    made = chain([next(made)], made)  # what fonts and texts cannot give is refused before a folder is made
    make_folder(output)
    progress = bar(lines, "lines", shown=not quiet)
    try:
        for start in range(0, lines, shards or 1):
            batch = islice(made, shards or 1)
            if shards:
                _write_shard(output / f"{start // shards:05}.tar", _counted(batch, progress))
            else:
                _write_files(output, next(batch))
                progress.update()
    finally:
        progress.close()
    if not quiet:
        click.echo(f"{counted(lines, 'line')} in {output}", err=True)


def _lines(maker: Synthesizer, seed: int, count: int, longest: int, kind: str | None) -> Iterator[Line]:
    import numpy as np
    from PIL import Image

    for number in range(count):
        grey, text = maker.line(np.random.default_rng((seed, number)), longest=longest, kind=kind)
        picture = io.BytesIO()
        Image.fromarray(grey).save(picture, "png")
        yield Line(f"{number:06}", picture.getvalue(), f"{text}\n".encode())


def _counted(lines: Iterable[Line], progress: Bar) -> Iterator[Line]:
    for line in lines:
        yield line
        progress.update()


def _write_files(folder: Path, line: Line) -> None:
    """Write label and picture; a picture that fails takes its label with it."""
    label = folder / f"{line.name}.gt.txt"
    try:
        with whole_file(label) as write:
            write(line.label)
        with whole_file(folder / f"{line.name}.png") as write:
            write(line.picture)
    except BaseException:
        label.unlink(missing_ok=True)
        raise


def _write_shard(path: Path, lines: Iterable[Line]) -> None:
    from ocrnn.data.tar import new_tar

    with new_tar(path) as add:
        for line in lines:
            add(f"{line.name}.png", line.picture)
            add(f"{line.name}.gt.txt", line.label)
