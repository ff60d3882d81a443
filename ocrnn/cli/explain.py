"""`ocrnn explain`: why a line was read as it was, as a page."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from ocrnn import __version__
from ocrnn.cli import options
from ocrnn.cli.places import STDOUT, check_page, opened, standard_input
from ocrnn.cli.progress import bar as progress_bar
from ocrnn.data.counting import counted
from ocrnn.errors import ImageError
from ocrnn.transcribe.batch import STDIN

if TYPE_CHECKING:
    from ocrnn.transcribe.source import Openable

MOST_LINES = 20
"""Pages of one picture that are explained: each takes seconds, and the page has to stay one that a browser likes."""


@click.command(
    "explain",
    epilog="\b\nocrnn explain line.png -o line.html\nocrnn explain line.png -o line.html -m runs/mine/best.onnx\n\n"
    "Exit status: 0 explained, 2 wrong use or a picture that cannot be read, 3 model unusable, 130 interrupted.",
)
@click.argument("image", metavar="IMAGE", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PAGE.html",
    type=options.ANY_PATH,
    help="The page to write; - is standard output.",
)
@options.model
@options.max_pixels
@options.threads
@options.quiet
def command(
    image: str, output: str, model: str | None, max_pixels: int | None, threads: int | None, quiet: bool
) -> None:
    """Show on a page why a line was read as it was; IMAGE may be -, standard input.

    The page holds the picture and the line that the network gets from it, what the network says in each frame, what was
    read where and how surely, what else could stand there, the steps of the beam, and where each character was looked
    for: that is found by covering the line with a patch of ground, place by place, and takes some seconds.

    It is one file without anything from outside, for any browser, desk or telephone, and answers to pointer, finger and
    arrow keys. Each page of a TIFF or GIF is explained, the first 20 at most. A line takes some 50 to 100
    KB, a very long one up to 3 MB.
    """
    from ocrnn.data.samples import Stored
    from ocrnn.image import MAX_PIXELS, load_lines
    from ocrnn.transcribe.explain import explain
    from ocrnn.transcribe.explain_page import to_html
    from ocrnn.transcribe.reader import Reader
    from ocrnn.transcribe.source import bounded

    if output != STDOUT:
        check_page(output, "ocrnn explain: ")
    limit = max_pixels or MAX_PIXELS
    if image == STDIN:
        image = "stdin"
        source: Openable = Stored(image, standard_input("send a picture with `< FILE`", limit))
    else:
        source = bounded(image, limit)
    greys = load_lines(source, max_pixels=limit)
    reader = Reader.open(model, threads=threads, max_pixels=limit)
    start = time.perf_counter()
    bar = progress_bar(min(len(greys), MOST_LINES), "lines", shown=not quiet and len(greys) > 1)
    lines = []
    for number, grey in enumerate(greys[:MOST_LINES], 1):
        name = f"{image}#{number}" if len(greys) > 1 else image
        try:
            lines.append((name, explain(reader, grey, max_pixels=limit)))
        except ImageError as error:
            raise ImageError(f"{name}: {str(error).removeprefix('array: ')}") from None
        bar.update()
    bar.close()
    about = {"model": model or reader.model.spec.about.get("name", "default"), "program": f"ocrnn {__version__}"}
    with opened(output, durable=True) as write:
        write(to_html(lines, f"ocrnn explain: {os.path.basename(image)}", about))
    if len(greys) > MOST_LINES:
        click.echo(f"ocrnn: {image}: holds {len(greys)} pages, the first {MOST_LINES} are explained", err=True)
    if not quiet:
        seconds = time.perf_counter() - start
        place = "standard output" if output == STDOUT else output
        click.echo(f"ocrnn: {place}: {counted(len(lines), 'line')} explained in {seconds:.1f} s", err=True)
