"""An evaluation becomes text for a person, json for a program, or a page for a browser."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ocrnn.errors import ImageError

if TYPE_CHECKING:
    from ocrnn.data.labels import Sample
    from ocrnn.evaluation.calibration import Reliability
    from ocrnn.evaluation.score import Evaluation, ReadSample
    from ocrnn.metrics import Score

SCHEMA = 1
"""Number of the form of the json; it rises when a key changes its meaning or goes."""
REVIEWED = 0.05
"""Share of lines, the most doubtful ones, that a person would look through."""


def table(score: Score) -> str:
    """Figures of a set as lines of text, every rate in per cent.

    >>> from ocrnn.metrics import score
    >>> print(table(score(["TOTA1 12.40", "Danke"], ["TOTAL 12.40", "danke"])))
    lines                        2
    characters wrong       12.50 %   95 %: 9.09 to 20.00
      as they stand        12.50 %   no folding of quotes, dashes, spaces
      case folded           6.25 %
      spaces left out      13.33 %
    words wrong            66.67 %
    lines wrong           100.00 %
      letters and digits   50.00 %   nothing else compared, case folded
    """
    shown = [f"{'lines':<20}{score.lines:>10}"]
    shown += [f"{name:<20}{100 * rate:>8.2f} %   {note}".rstrip() for name, rate, note in _figures(score)]
    return "\n".join(shown)


def confidence_table(evaluation: Evaluation) -> str:
    """How far confidence can be trusted, as lines of text; "" where no line could be read.

    >>> from ocrnn.evaluation.score import ReadSample, evaluate
    >>> lines = [ReadSample(f"{n}", "ab", "ab" if n % 10 else "b", 0.8, not n % 10) for n in range(20)]
    >>> print(confidence_table(evaluate(lines)))
    confidence  lines     right   95 %
       80.00 %     10   90.00 %   59.58 to 98.21
       80.00 %     10   90.00 %   59.58 to 98.21
    calibration error   10.00 %   95 %: 0.00 to 20.00; chance alone makes 9.64
    most doubtful 5 %          1 line: 50 % of the wrong lines, 50 % of the wrong characters
    """
    found = evaluation.reliability()
    if found is None:
        return ""
    rows = [f"{'confidence':>10}  {'lines':>5}  {'right':>8}   95 %"]
    rows += [
        f"{100 * each.confidence:>8.2f} %  {each.lines:>5}  {100 * each.right:>6.2f} %   "
        f"{100 * each.low:.2f} to {100 * each.high:.2f}"
        for each in found.bins
    ]
    rows.append(f"{'calibration error':<18}{100 * found.error:>7.2f} %   {_chance(found)}")
    looked, lines, characters = evaluation.caught(REVIEWED)
    rows.append(
        f"{f'most doubtful {100 * REVIEWED:.0f} %':<20}{looked:>8} line{'s' if looked > 1 else ''}: "
        f"{100 * lines:.0f} % of the wrong lines, {100 * characters:.0f} % of the wrong characters"
    )
    return "\n".join(rows)


def worst_lines(evaluation: Evaluation, count: int) -> str:
    """The `count` lines with the most wrong characters, truth above reading; "" where there are none."""
    return "\n".join(_shown(line) for line in evaluation.worst(count))


def to_json(evaluation: Evaluation, worst: int) -> str:
    """One line of json: `schema`, the figures of `Score` by name (rates 0..1), the worst lines field by field.

    `reliability` has the fields of `Reliability`, null where no line could be read; `review` says what the most
    doubtful `share` of lines hold.
    """
    found = evaluation.reliability()
    looked, lines, characters = evaluation.caught(REVIEWED)
    return json.dumps(
        {
            "schema": SCHEMA,
            **dataclasses.asdict(evaluation.score),
            "reliability": None if found is None else dataclasses.asdict(found),
            "review": {"share": REVIEWED, "lines": looked, "wrong_lines": lines, "wrong_characters": characters},
            "worst": [dataclasses.asdict(line) for line in evaluation.worst(worst)],
        },
        ensure_ascii=False,
    )


def to_html(evaluation: Evaluation, samples: Sequence[Sample], worst: int, about: Mapping[str, object]) -> bytes:
    """A page with all figures, the reliability as a picture, and the worst lines with theirs.

    `samples` are those that were read, in their order; `about` says by name what was measured on what.
    """
    from ocrnn.page import page

    return page("ocrnn eval", _parts(evaluation, samples, worst, about))


def _parts(evaluation: Evaluation, samples: Sequence[Sample], worst: int, about: Mapping[str, object]) -> Iterator[str]:
    from ocrnn import page
    from ocrnn.evaluation.comparison import comparison

    yield page.facts((*about.items(), ("lines", evaluation.score.lines)))
    yield "<h2>Errors</h2>"
    rows = [(name.strip(), f"{100 * rate:.2f} %", note) for name, rate, note in _figures(evaluation.score)]
    yield page.table(("errors", "share", "note"), rows)
    yield '<p class="note">Unicode form, quotes, dashes and runs of spaces folded, where nothing else is said.</p>'
    found = evaluation.reliability()
    if found is not None:
        yield "<h2>Is the confidence true?</h2>"
        yield f"<p>Calibration error <strong>{100 * found.error:.2f} %</strong>; {page.escaped(_chance(found))}.</p>"
        yield f"<figure>{_diagram(found)}<figcaption>{_LEGEND}</figcaption></figure>"
        bins = [
            (f"{each.confidence:.3f}", each.lines, f"{100 * each.right:.1f} %",
             f"{100 * each.low:.1f} to {100 * each.high:.1f}")
            for each in found.bins
        ]  # fmt: skip
        yield page.table(("mean confidence", "lines", "right", "95 %"), bins)
        yield "<h2>What a review would find</h2>"
        reviews = []
        for share in (REVIEWED, 2 * REVIEWED, 4 * REVIEWED):
            looked, lines, characters = evaluation.caught(share)
            reviews.append((f"{100 * share:.0f} %: {looked}", f"{100 * lines:.0f} %", f"{100 * characters:.0f} %"))
        yield page.table(("most doubtful lines", "of the wrong lines", "of the wrong characters"), reviews)
    places = evaluation.worst_places(worst)
    if places:
        yield "<h2>The worst lines</h2>"
    for place in places:
        line = evaluation.lines[place]
        note = f"{line.edits} wrong, confidence {line.confidence:.2f}"
        try:
            shown = page.picture(samples[place].load(), line.name)
        except ImageError:
            shown = ""
        yield page.line(line.name, line.problem or note, shown, comparison(line.truth, line.reading))


_LEGEND = (
    "Each dot stands for an equal share of the lines, with its 95 % interval. On the slanted line, confidence is "
    "the share that is right; below it the model boasts, above it it is too modest."
)


def _diagram(found: Reliability) -> str:
    """Share that is right over confidence as SVG."""
    left, top, side = 40, 10, 240

    def place(x: float, y: float) -> tuple[float, float]:
        return round(left + x * side, 1), round(top + (1 - y) * side, 1)

    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    parts = [
        f'<svg viewBox="0 0 300 {top + side + 36}" style="max-width: 26rem" role="img" '
        'aria-label="share of lines that are right, by confidence">'
    ]
    for tenth in range(0, 11, 2):
        x, y = place(tenth / 10, tenth / 10)
        parts += [
            f'<line x1="{x}" x2="{x}" y1="{y0}" y2="{y1}" stroke="var(--rule)"/>',
            f'<line x1="{x0}" x2="{x1}" y1="{y}" y2="{y}" stroke="var(--rule)"/>',
            f'<text x="{x}" y="{y0 + 14}" text-anchor="middle">{tenth / 10:g}</text>',
            f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{10 * tenth}</text>',
        ]
    parts.append(f'<line x1="{x0}" x2="{x1}" y1="{y0}" y2="{y1}" stroke="var(--grey)" stroke-dasharray="4 3"/>')
    for each in found.bins:
        x, y = place(each.confidence, each.right)
        (_, low), (_, high) = place(0, each.low), place(0, each.high)
        parts.append(
            f'<g stroke="var(--blue)" fill="var(--blue)"><title>{each.lines} lines, confidence {each.confidence:.3f}, '
            f'{100 * each.right:.1f} % right</title><line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke-width="1.5"/>'
            f'<circle cx="{x}" cy="{y}" r="3.5"/></g>'
        )
    middle = (y0 + y1) / 2
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{y0 + 31}" text-anchor="middle">confidence</text>')
    parts.append(f'<text x="10" y="{middle}" text-anchor="middle" transform="rotate(-90 10 {middle})">right, %</text>')
    return "".join(parts) + "</svg>"


def _chance(found: Reliability) -> str:
    """What the calibration error has to be held against."""
    interval = f"95 %: {100 * found.low:.2f} to {100 * found.high:.2f}"
    return f"{interval}; chance alone makes {100 * found.by_chance:.2f}"


def _figures(score: Score) -> tuple[tuple[str, float, str], ...]:
    """Name, rate and note of each figure."""
    return (
        ("characters wrong", score.cer, f"95 %: {100 * score.cer_low:.2f} to {100 * score.cer_high:.2f}"),
        ("  as they stand", score.cer_raw, "no folding of quotes, dashes, spaces"),
        ("  case folded", score.cer_caseless, ""),
        ("  spaces left out", score.cer_spaceless, ""),
        ("words wrong", score.wer, ""),
        ("lines wrong", 1 - score.exact, ""),
        ("  letters and digits", score.alnum_error, "nothing else compared, case folded"),
    )


def _shown(line: ReadSample) -> str:
    head = f"{line.name}   {line.edits} wrong, confidence {line.confidence:.2f}"
    return f"{head}\n  is    {line.truth}\n  read  {line.problem or line.reading}"
