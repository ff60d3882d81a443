"""An evaluation, or two side by side, as a page for a browser, with pictures of the lines it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ocrnn import page
from ocrnn.data.counting import counted
from ocrnn.data.labels import Sample
from ocrnn.errors import ImageError
from ocrnn.evaluation.alignment import visible
from ocrnn.evaluation.compare import Comparison
from ocrnn.evaluation.diagram import LEGEND, diagram
from ocrnn.evaluation.pair import pair
from ocrnn.evaluation.report import LEANING, REVIEWED, balance, contexts, figures, gap_of, rates, reliabilities, verdict
from ocrnn.evaluation.score import Evaluation
from ocrnn.evaluation.suspects import Suspect


def evaluation_page(
    evaluation: Evaluation,
    suspects: Sequence[Suspect],
    samples: Sequence[Sample],
    worst: int,
    about: Mapping[str, object],
) -> bytes:
    """A page with all figures, the reliability as a picture, what is confused, and lines with their pictures.

    `samples` are those that were read, in their order; `worst` bounds each list; `about` says by name what was measured
    on what.
    """
    parts = [
        page.facts((*about.items(), ("lines", evaluation.score.lines))),
        *_errors(evaluation),
        *_confusions(evaluation, worst),
        *_suspects(evaluation, suspects, samples, worst),
        *_confidence(evaluation),
        *_worst(evaluation, samples, worst),
    ]
    return page.page("ocrnn eval", parts)


def comparison_page(
    comparison: Comparison, samples: Sequence[Sample], worst: int, about: Mapping[str, object]
) -> bytes:
    """A page with the rates of two models, A and B, and the lines that either reads better, with their pictures.

    Arguments as for `evaluation_page`.
    """
    parts = [
        page.facts((*about.items(), ("lines", comparison.first.score.lines))),
        *_rates(comparison),
        *_changes(comparison, worst),
        *_beside(comparison, comparison.lost, samples, worst, "Lines that B reads worse"),
        *_beside(comparison, comparison.won, samples, worst, "Lines that B reads better"),
    ]
    return page.page("ocrnn compare", parts)


def _errors(evaluation: Evaluation) -> Iterator[str]:
    yield "<h2>Errors</h2>"
    rows = [(name, f"{100 * rate:.2f} %", note) for name, rate, note in figures(evaluation.score)]
    yield page.table(("errors", "share", "note"), rows)
    yield _note("Unicode form, quotes, dashes and runs of spaces folded, where nothing else is said.")


def _confusions(evaluation: Evaluation, worst: int) -> Iterator[str]:
    found = evaluation.confusions()
    if not (found.found or found.stretches) or not worst:
        return
    yield "<h2>What is taken for what</h2>"
    longer = counted(found.stretches, "longer stretch is", "longer stretches are")
    more = f" {longer} not in the table, such as lost words." if found.stretches else ""
    yield (
        f"<p>Of the wrong characters {found.substitutions} were read as others, {found.deletions} left out, "
        f"{found.insertions} put in.{more}</p>"
    )
    rows = [
        (f"{visible(each.truth)} → {visible(each.reading)}", each.count, each.of, contexts(each))
        for each in found.found[:worst]
    ]
    yield page.table(("label → read", "times", "of", "where most"), rows)
    yield _note(
        "∅ is nothing, ␣ a space, | the end of a line. “Of” counts how often the labels have it; for what was put in, "
        "how often the reader says it at all. a[x]b 2 of 7: twice for x between a and b, which labels have seven times."
    )


def _suspects(
    evaluation: Evaluation, suspects: Sequence[Suspect], samples: Sequence[Sample], worst: int
) -> Iterator[str]:
    if not suspects or not worst:
        return
    yield "<h2>Labels to check</h2>"
    more = f" The first {worst} of {len(suspects)} follow." if len(suspects) > worst else ""
    yield (
        "<p>Here the picture speaks against the label: the reader reads otherwise and is surer of it than of its usual "
        f"mistakes.{more}</p>"
    )
    for suspect in suspects[:worst]:
        yield _line(evaluation, samples, suspect.place, f"evidence {suspect.evidence:.1f}")
    yield _note("Evidence 6: the picture makes the reading a million times likelier than the label where they differ.")


def _confidence(evaluation: Evaluation) -> Iterator[str]:
    found = evaluation.reliability()
    if found is None:
        return
    yield "<h2>Is the confidence true?</h2>"
    rows = [
        (name.replace("calibration error", "of lines").strip(), f"{100 * each.error:.2f} %",
         f"{100 * each.without_chance:.2f}", f"{100 * each.low:.2f} to {100 * each.high:.2f}",
         f"{100 * each.by_chance:.2f}, {100 * each.chance_high:.2f}")
        for name, each in reliabilities(evaluation)
    ]  # fmt: skip
    yield page.table(("calibration error", "", "without chance", "95 %", "by chance, seldom over"), rows)
    yield f"<figure>{diagram(found)}<figcaption>{LEGEND}</figcaption></figure>"
    bins = [
        (f"{each.confidence:.3f}", f"{each.lines}{told}", f"{100 * each.right:.1f} %",
         f"{100 * each.low:.1f} to {100 * each.high:.1f}")
        for each, told in (*((each, "") for each in found.bins), (found.whole, f", all{LEANING[found.leaning]}"))
    ]  # fmt: skip
    yield page.table(("mean confidence", "lines", "right", "95 %"), bins)
    if not evaluation.worst_places(1):
        return
    yield "<h2>What a review would find</h2>"
    reviews = []
    for share in (REVIEWED, 2 * REVIEWED, 4 * REVIEWED):
        looked, lines, characters = evaluation.caught(share)
        reviews.append((f"{looked} ({100 * share:.0f} %)", f"{100 * lines:.0f} %", f"{100 * characters:.0f} %"))
    yield page.table(("most doubtful lines", "of the wrong lines", "of the wrong characters"), reviews)


def _worst(evaluation: Evaluation, samples: Sequence[Sample], worst: int) -> Iterator[str]:
    places = evaluation.worst_places(worst)
    if places:
        yield "<h2>The worst lines</h2>"
    for place in places:
        line = evaluation.lines[place]
        yield _line(evaluation, samples, place, f"{line.edits} wrong, confidence {line.confidence:.2f}")


def _rates(comparison: Comparison) -> Iterator[str]:
    yield f"<p><strong>{page.escaped(verdict(comparison.cer))}.</strong> {page.escaped(balance(comparison))}.</p>"
    rows = [
        (name, f"{first:.2f} %", f"{second:.2f} %", f"{second - first:+.2f}" + (f" ({interval})" if interval else ""))
        for name, first, second, interval in rates(comparison)
    ]
    yield page.table(("errors", "A", "B", "B less A (95 %)"), rows)
    yield _note(
        "Unicode form, quotes, dashes and runs of spaces folded. The interval is that of the difference: lines are "
        "drawn anew, each with what both models read in it; a difference is proven where 0 lies outside, and a coin "
        "that says of each line which model read what makes as large a one in fewer than 5 of 100 throws."
    )


def _changes(comparison: Comparison, worst: int) -> Iterator[str]:
    changes = comparison.changes[:worst]
    if changes:
        yield "<h2>What one confuses and the other does not</h2>"
        rows = [(f"{visible(each.truth)} → {visible(each.reading)}", each.first, each.second) for each in changes]
        yield page.table(("label → read", "A", "B"), rows)


def _beside(
    comparison: Comparison, places: Sequence[int], samples: Sequence[Sample], worst: int, title: str
) -> Iterator[str]:
    if not places or not worst:
        return
    shown = f"{worst} of {len(places)}" if len(places) > worst else f"{len(places)}"
    yield f"<h2>{page.escaped(title)}: {shown}</h2>"
    for place in places[:worst]:
        first, second = comparison.first.lines[place], comparison.second.lines[place]
        texts = pair(first.truth, first.reading, ("label", "A")) + pair(first.truth, second.reading, ("label", "B"))
        yield page.line(first.name, first.problem or gap_of(comparison, place), _picture(samples[place]), texts)


def _line(evaluation: Evaluation, samples: Sequence[Sample], place: int, note: str) -> str:
    line = evaluation.lines[place]
    return page.line(line.name, line.problem or note, _picture(samples[place]), pair(line.truth, line.reading))


def _picture(sample: Sample) -> str:
    """The picture of a line; "" where it is not to be had."""
    try:
        return page.picture(sample.load(), sample.title)
    except ImageError:
        return ""


def _note(text: str) -> str:
    return f'<p class="note">{page.escaped(text)}</p>'
