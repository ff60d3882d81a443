"""`ocrnn lm`: language models made from text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from ocrnn.cli import options
from ocrnn.cli.places import STDOUT, check_own, check_suffix, opened
from ocrnn.cli.progress import Bar, bar
from ocrnn.errors import UsageError


@click.group("lm", epilog="\b\nocrnn lm build french.txt -o french.arpa")
def command() -> None:
    """Make language models of characters, for reading lines of a known language."""


@command.command(
    "build",
    epilog="\b\nocrnn lm build french.txt -o french.arpa\n"
    "ocrnn lm build books/*.txt -o books.arpa --order 5 --charset latin",
)
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE.arpa",
    required=True,
    type=options.ANY_PATH,
    help="File to write; an ARPA file that is there is replaced; - is standard output.",
)
@click.option(
    "--order",
    metavar="N",
    type=click.IntRange(2, 20),
    default=6,
    show_default=True,
    help="Characters seen at once: N - 1 and the next one.",
)
@click.option(
    "--least",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Leave out what is there fewer times, of three characters and more: a smaller file of a large text.",
)
@click.option(
    "--charset",
    metavar="NAME|FILE",
    help="Characters to know, as of `ocrnn charsets`; all others count as one.  [default: every one of the text]",
)
@options.quiet
def build(texts: tuple[Path, ...], output: str, order: int, least: int, charset: str | None, quiet: bool) -> None:
    """Make a language model of characters from text files in UTF-8.

    Each line of text is taken as a line of a picture would hold it. The file is in ARPA form, which KenLM and others
    read too, with <space> for the space; smoothing is modified Kneser-Ney, interpolated. A text of ten million
    characters takes some five seconds of one core and 0.6 GB of memory.
    """
    from ocrnn.charset import Charset
    from ocrnn.decoding.arpa import HEAD, arpa
    from ocrnn.decoding.kneser_ney import estimate

    known = None if charset is None else Charset.open(charset)
    if output != STDOUT:
        check_suffix(output, wanted := "an ARPA file to write, such as french.arpa")
        check_own(output, wanted, lambda beginning: beginning.startswith(HEAD))
        if any(os.path.exists(text) and os.path.exists(output) and os.path.samefile(text, output) for text in texts):
            raise UsageError(f"{output}: is one of the texts, and it would be lost; name {wanted}")
    progress = bar(sum(os.path.getsize(path) for path in texts if os.path.isfile(path)), "bytes", shown=not quiet)
    try:
        lines = (line for path in texts for line in _lines(path, progress))
        model = estimate(lines, order, charset=known, least=least)
    finally:
        progress.close()
    written = 0
    with opened(output) as write:
        for part in arpa(model):
            write(part)
            written += len(part)
    if not quiet:
        place = "standard output" if output == STDOUT else output
        told = f"{len(model.keys)} n-grams of up to {order} characters, {len(model.tokens) - 3} different ones"
        click.echo(f"{place}: {written / 1e6:.1f} MB, {told}", err=True)


def _lines(path: Path, progress: Bar) -> Iterator[str]:
    """Lines of a text file."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                progress.update(len(line))
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as fault:
                    raise UsageError(f"{path}:{number}: not UTF-8 ({fault.reason}); convert the file to it") from None
    except OSError as fault:
        raise UsageError(f"{path}: cannot be read ({fault.strerror}); give text files in UTF-8") from None
