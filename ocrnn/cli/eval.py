"""`ocrnn eval`: how well a model reads labelled lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ocrnn.cli import labelled, options
from ocrnn.cli.main import FAILED
from ocrnn.cli.places import check_page
from ocrnn.cli.progress import bar as progress_bar
from ocrnn.errors import UsageError

if TYPE_CHECKING:
    from ocrnn.decoding.ctc import LogProbs
    from ocrnn.decoding.search import Decoder


@click.command(
    "eval",
    epilog="\b\nocrnn eval --data lines\nocrnn eval --data lines --html lines.html\n"
    "ocrnn eval --data lines -m runs/mine/best.onnx --json\n\n"
    "Exit status: 0 all read, 1 some pictures failed and count as wrong, 2 wrong use, 3 model unusable, "
    "4 no labelled lines, 130 interrupted.",
)
@labelled.data
@options.model
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
    help="Write a page with all of it and pictures of the lines: the labels to check and those read worst.",
)
@options.max_pixels
@options.batch_size(16)
@options.threads
@options.quiet
@click.pass_context
def command(
    ctx: click.Context,
    data: tuple[str, ...],
    model: str | None,
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
    """Measure a model on labelled lines: wrong characters, words and lines, where it errs, and which labels look wrong.

    Texts are compared after folding: Unicode form (so ſ is s), shapes of quotes and dashes, runs of spaces. The table
    says what other foldings would give. The intervals come from drawing the lines anew a thousand times; lines of one
    page err together, so for pages the truth is wider. A picture that is missing or cannot be read counts as wrong from
    end to end.

    Below stands how far the confidence is true: lines of like confidence, how many of them are right, and the
    calibration error, the mean distance of the two; then what is left of it without chance, and what chance alone
    would make of it on so few lines. Then what is taken for what, how often of how many times, and between which
    characters; then labels to check, where the picture makes the reading far likelier than the label. Their evidence
    is in powers of ten.
    """
    if decoder == "greedy" and beam_width is not None:
        raise UsageError("--beam-width: belongs to the beam; leave out --decoder greedy")
    if page:
        check_page(page, "ocrnn eval")
    samples = labelled.samples_of(ctx, data)

    from ocrnn.decoding.search import BEAM_WIDTH
    from ocrnn.evaluation.report import confidence_table, confusion_table, suspect_lines, table, to_json, worst_lines
    from ocrnn.evaluation.score import evaluate
    from ocrnn.evaluation.suspects import suspects
    from ocrnn.image import MAX_PIXELS
    from ocrnn.storage import write_whole
    from ocrnn.transcribe.reader import Reader

    reader = Reader.open(
        model,
        decoder=decoder or ("greedy" if beam_width is None else "beam"),
        beam_width=beam_width or BEAM_WIDTH,
        threads=threads,
        max_pixels=max_pixels or MAX_PIXELS,
    )
    lines = labelled.read(samples, reader, batch_size=batch_size, quiet=quiet)
    evaluation = evaluate(lines)
    bar = progress_bar(sum(bool(line.edits and not line.problem) for line in lines), "labels", shown=not quiet)

    def frames(place: int) -> LogProbs:
        bar.update()
        return reader.posteriors(samples[place])

    doubted = suspects(lines, reader.model.spec.charset, frames)
    bar.close()
    if as_json:
        click.echo(to_json(evaluation, doubted, worst))
    else:
        told = [
            table(evaluation.score, evaluation.failed),
            confidence_table(evaluation),
            confusion_table(evaluation, worst),
            suspect_lines(evaluation, doubted, worst),
            worst_lines(evaluation, worst),
        ]
        click.echo("\n\n".join(filter(None, told)))
    if page:
        from ocrnn.evaluation.pages import evaluation_page

        about = {"model": model or reader.model.spec.about.get("name", "default"), "data": ", ".join(data)}
        write_whole(page, evaluation_page(evaluation, doubted, samples, worst, about))
    if any(line.problem for line in lines):
        ctx.exit(FAILED)
