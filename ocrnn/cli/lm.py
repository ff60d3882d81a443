"""`ocrnn lm`: language models made from text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ocrnn.cli import options
from ocrnn.cli.places import check_own, check_suffix
from ocrnn.cli.progress import Bar, bar
from ocrnn.errors import UsageError
from ocrnn.storage import whole_file


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
    type=click.Path(path_type=Path),
    help="File to write; an ARPA file that is there is replaced.",
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
def build(texts: tuple[Path, ...], output: Path, order: int, least: int, charset: str | None, quiet: bool) -> None:
    """Make a language model of characters from text files in UTF-8.

    Each line of text is taken as a line of a picture would hold it. The file is in ARPA form, which KenLM and others
    read too, with <space> for the space; smoothing is modified Kneser-Ney, interpolated. A text of ten million
    characters takes some five seconds of one core and 0.6 GB of memory.
    """
    from ocrnn.charset import Charset
    from ocrnn.decoding.arpa import HEAD, arpa
    from ocrnn.decoding.kneser_ney import estimate

    known = None if charset is None else Charset.open(charset)
    check_suffix(str(output), wanted := "an ARPA file to write, such as french.arpa")
    check_own(str(output), wanted, lambda beginning: beginning.startswith(HEAD))
    progress = bar(sum(path.stat().st_size for path in texts if path.is_file()), "bytes", shown=not quiet)
    try:
        lines = (line for path in texts for line in _lines(path, progress))
        model = estimate(lines, order, charset=known, least=least)
    finally:
        progress.close()
    with whole_file(output) as write:
        for part in arpa(model):
            write(part)
    if not quiet:
        told = f"{len(model.keys)} n-grams of up to {order} characters, {len(model.tokens) - 3} different ones"
        click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB, {told}", err=True)


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
