"""`ocrnn compare`: which of two models reads labelled lines better, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ocrnn.cli import labelled, options
from ocrnn.cli.main import FAILED
from ocrnn.cli.places import check_page
from ocrnn.errors import UsageError

if TYPE_CHECKING:
    from ocrnn.decoding.search import Decoder


@click.command(
    "compare",
    epilog="\b\nocrnn compare latin runs/mine/best.onnx --data lines\n"
    "ocrnn compare old.onnx new.onnx --data lines --html difference.html\n\n"
    "Exit status: 0 all read, 1 some pictures failed and count as wrong for both, 2 wrong use, 3 model unusable, "
    "4 no labelled lines, 130 interrupted.",
)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@labelled.data
@options.decoder
@options.beam_width
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Lines to show in each list.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of json in place of the table.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a page with all of it and pictures of the lines that either model reads better.",
)
@options.max_pixels
@options.batch_size(16)
@options.threads
@options.quiet
@click.pass_context
def command(
    ctx: click.Context,
    first: str,
    second: str,
    data: tuple[str, ...],
    decoder: Decoder | None,
    beam_width: int | None,
    worst: int,
    as_json: bool,
    page: str | None,
    max_pixels: int | None,
    batch_size: int,
    threads: int | None,
    quiet: bool,
) -> None:
    """Compare two models, A and B, on the same labelled lines; each is a shipped name or a model file.

    Rates are those of `ocrnn eval`, folded. The lines are drawn anew two thousand times, each with what both models
    read in it: the interval is that of the difference. A difference counts as proven where it leaves out 0, and where
    a coin that says of each line which model read what makes as large a one in fewer than 5 of 100 throws: six lines
    at least have to differ. Lines of one page err together, so for pages a proof is weaker than it says.

    Below stand the confusions that one model has more often than the other, and the lines that B reads worse and
    better than A, the largest difference first. How fast each model was is on standard error.
    """
    if decoder == "greedy" and beam_width is not None:
        raise UsageError("--beam-width: belongs to the beam; leave out --decoder greedy")
    if page:
        check_page(page, "ocrnn compare")
    samples = labelled.samples_of(ctx, data)

    from ocrnn.decoding.search import BEAM_WIDTH
    from ocrnn.evaluation.compare import compare
    from ocrnn.evaluation.report import comparison_json, comparison_text
    from ocrnn.image import MAX_PIXELS
    from ocrnn.storage import write_whole
    from ocrnn.transcribe.reader import Reader

    readers = [
        Reader.open(
            name,
            decoder=decoder or ("greedy" if beam_width is None else "beam"),
            beam_width=beam_width or BEAM_WIDTH,
            threads=threads,
            max_pixels=max_pixels or MAX_PIXELS,
        )
        for name in (first, second)
    ]
    lines = [
        labelled.read(samples, reader, batch_size=batch_size, quiet=quiet, name=name)
        for reader, name in zip(readers, (first, second), strict=True)
    ]
    comparison = compare(*lines)
    click.echo(comparison_json(comparison, worst) if as_json else comparison_text(comparison, worst))
    if page:
        from ocrnn.evaluation.pages import comparison_page

        about = {"A": first, "B": second, "data": ", ".join(data)}
        write_whole(page, comparison_page(comparison, samples, worst, about))
    if comparison.failed:
        ctx.exit(FAILED)
