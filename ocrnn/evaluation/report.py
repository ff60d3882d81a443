"""An evaluation, or two side by side, becomes text for a person or json for a program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ocrnn.data.counting import counted
from ocrnn.evaluation.alignment import visible

if TYPE_CHECKING:
    from ocrnn.evaluation.calibration import Bin, Reliability
    from ocrnn.evaluation.compare import Comparison, Difference
    from ocrnn.evaluation.confusions import Confusion
    from ocrnn.evaluation.score import Evaluation, ReadSample
    from ocrnn.evaluation.suspects import Suspect
    from ocrnn.metrics import Score

SCHEMA = 1
"""Number of the form of the json; it rises when a key changes its meaning or goes."""
REVIEWED = 0.05
"""Share of lines, the most doubtful ones, that a person would look through."""
LEANING = {-1: ": too modest", 0: "", 1: ": too sure"}


def table(score: Score, failed: int = 0) -> str:
    """Figures of a set as lines of text, every rate in per cent; of its lines `failed` could not be read.

    >>> from ocrnn.metrics import score
    >>> print(table(score(["TOTA1 12.40", "Danke"], ["TOTAL 12.40", "danke"])))
    lines                        2
    characters wrong       12.50 %   95 %: 9.09 to 20.00
      as they stand        12.50 %   no folding of quotes, dashes, spaces
      case folded           6.25 %
      spaces left out      13.33 %
      without punctuation  13.33 %
    words wrong            66.67 %   95 %: 50.00 to 100.00
    lines wrong           100.00 %
      letters and digits   50.00 %   nothing else compared, case folded
    """
    shown = [f"{'lines':<21}{score.lines:>9}"]
    if failed:
        shown.append(f"{'  not read':<21}{failed:>9}     missing or damaged pictures, counted as wrong")
    shown += [f"{name:<21}{100 * rate:>7.2f} %   {note}".rstrip() for name, rate, note in figures(score)]
    return "\n".join(shown)


def confidence_table(evaluation: Evaluation) -> str:
    """How far confidence can be trusted, as lines of text; "" where no line could be read.

    >>> from ocrnn.evaluation.score import ReadSample, evaluate
    >>> lines = [ReadSample(f"{n}", "ab", "ab" if n % 10 else "b", 0.8, not n % 10) for n in range(20)]
    >>> print(confidence_table(evaluate(lines)))
    confidence  lines     right   95 %
       80.00 %     10   90.00 %   59.58 to 98.21
       80.00 %     10   90.00 %   59.58 to 98.21
       80.00 %     20   90.00 %   69.90 to 97.21   all
    calibration error   10.00 %   without chance 2.66 (95 %: 0.00 to 17.47); chance alone makes 9.64, seldom over 20.00
    most doubtful 5 %          1 line: 50 % of the wrong lines, 50 % of the wrong characters
    """
    found = evaluation.reliability()
    if found is None:
        return ""
    rows = [f"{'confidence':>10}  {'lines':>5}  {'right':>8}   95 %"]
    rows += [_reliable(each) for each in found.bins]
    rows.append(f"{_reliable(found.whole)}   all{LEANING[found.leaning]}")
    rows += [f"{name:<18}{100 * each.error:>7.2f} %   {chance(each)}" for name, each in reliabilities(evaluation)]
    if evaluation.worst_places(1):
        looked, lines, characters = evaluation.caught(REVIEWED)
        rows.append(
            f"{f'most doubtful {100 * REVIEWED:.0f} %':<20}{looked:>8} line{'s' if looked > 1 else ''}: "
            f"{100 * lines:.0f} % of the wrong lines, {100 * characters:.0f} % of the wrong characters"
        )
    return "\n".join(rows)


def confusion_table(evaluation: Evaluation, count: int) -> str:
    """The `count` commonest confusions as lines of text, below what kinds the wrong characters are of; "" for none.

    >>> from ocrnn.evaluation.score import ReadSample, evaluate
    >>> print(confusion_table(evaluate([ReadSample("1", "modern barn", "modem ban", 0.8, 3)]), 9))
    wrong characters    1 replaced, 2 left out, 0 put in
    label  read  times     of   where
    rn     m         1      2   e[rn]␣ 1 of 1
    r      ∅         1      2   a[r]n 1 of 1
    """
    found = evaluation.confusions()
    if not (found.found or found.stretches) or not count:
        return ""
    kinds = f"{found.substitutions} replaced, {found.deletions} left out, {found.insertions} put in"
    if found.stretches:
        kinds += f"; {counted(found.stretches, 'longer stretch is', 'longer stretches are')} not listed"
    rows = [f"{'wrong characters':<20}{kinds}", f"{'label':<7}{'read':<6}{'times':>5}  {'of':>5}   where"]
    rows += [
        f"{visible(each.truth):<7}{visible(each.reading):<6}{each.count:>5}  {each.of:>5}   {contexts(each)}"
        for each in found.found[:count]
    ]
    return "\n".join(rows)


def suspect_lines(evaluation: Evaluation, suspects: Sequence[Suspect], count: int) -> str:
    """The `count` labels most likely wrong, label above reading; "" where none is suspected."""
    if not suspects or not count:
        return ""
    shown = [f"{counted(len(suspects), 'label')} to check: the picture says otherwise"]
    for suspect in suspects[:count]:
        line = evaluation.lines[suspect.place]
        shown.append(f"{line.name}   evidence {suspect.evidence:.1f}\n  is    {line.truth}\n  read  {line.reading}")
    return "\n".join(shown)


def worst_lines(evaluation: Evaluation, count: int) -> str:
    """The `count` lines with the most wrong characters, truth above reading; "" where there are none."""
    shown = [_shown(line) for line in evaluation.worst(count)]
    return "\n".join(["read worst, most wrong characters first", *shown]) if shown else ""


def to_json(evaluation: Evaluation, suspects: Sequence[Suspect], worst: int) -> str:
    """One line of json: `schema`, the figures of `Score` by name (rates 0..1), the worst lines field by field.

    `failed` counts the lines that could not be read. `reliability` has the fields of `Reliability`, null where no line
    could be read, and those of words and characters are beside it; `review` says what the most doubtful `share` of
    lines hold. `confusions` and `suspects` are all there are: the fields of `Confusions`, and of
    `Suspect` with the name and texts of the line in place of its number.
    """
    found = evaluation.reliability()
    words, characters = evaluation.word_reliability(), evaluation.character_reliability()
    looked, caught_lines, caught_characters = evaluation.caught(REVIEWED)
    return json.dumps(
        {
            "schema": SCHEMA,
            **dataclasses.asdict(evaluation.score),
            "failed": evaluation.failed,
            "reliability": None if found is None else dataclasses.asdict(found),
            "word_reliability": None if words is None else dataclasses.asdict(words),
            "character_reliability": None if characters is None else dataclasses.asdict(characters),
            "review": {
                "share": REVIEWED,
                "lines": looked,
                "wrong_lines": caught_lines,
                "wrong_characters": caught_characters,
            },
            "confusions": dataclasses.asdict(evaluation.confusions()),
            "suspects": [
                {
                    "evidence": round(suspect.evidence, 3),
                    "name": line.name,
                    "truth": line.truth,
                    "reading": line.reading,
                }
                for suspect in suspects
                for line in [evaluation.lines[suspect.place]]
            ],
            "worst": [_fields(line) for line in evaluation.worst(worst)],
        },
        ensure_ascii=False,
    )


def chance(found: Reliability) -> str:
    """What is left of a calibration error, and what it has to be held against."""
    left = f"{100 * found.without_chance:.2f} (95 %: {100 * found.low:.2f} to {100 * found.high:.2f})"
    alone = f"{100 * found.by_chance:.2f}, seldom over {100 * found.chance_high:.2f}"
    return f"without chance {left}; chance alone makes {alone}"


def figures(score: Score) -> tuple[tuple[str, float, str], ...]:
    """Name, rate and note of each figure."""

    def interval(low: float, high: float) -> str:
        if low == high:
            return "no 95 %: lines are all alike in it"
        return f"95 %: {100 * low:.2f} to {100 * high:.2f}"

    return (
        ("characters wrong", score.cer, interval(score.cer_low, score.cer_high)),
        ("  as they stand", score.cer_raw, "no folding of quotes, dashes, spaces"),
        ("  case folded", score.cer_caseless, ""),
        ("  spaces left out", score.cer_spaceless, ""),
        ("  without punctuation", score.cer_unpunctuated, ""),
        ("words wrong", score.wer, interval(score.wer_low, score.wer_high)),
        ("lines wrong", 1 - score.exact, ""),
        ("  letters and digits", score.alnum_error, "nothing else compared, case folded"),
    )


def comparison_text(comparison: Comparison, worst: int) -> str:
    """Two models side by side as lines of text, and at most `worst` lines that either reads better.

    >>> from ocrnn.evaluation.compare import compare
    >>> from ocrnn.evaluation.score import ReadSample
    >>> first = [ReadSample("1", "barn", "bam", 0.8, 2), ReadSample("2", "ab", "ab", 0.9, 0)]
    >>> second = [ReadSample("1", "barn", "barn", 0.8, 0), ReadSample("2", "ab", "ab", 0.9, 0)]
    >>> print(comparison_text(compare(first, second), 1))
    2 lines                     A         B  B less A   95 %
    characters wrong      33.33 %    0.00 %    -33.33   -50.00 to 0.00
    words wrong           50.00 %    0.00 %    -50.00   -100.00 to 0.00
    lines wrong           50.00 %    0.00 %    -50.00
    No difference is proven: B has fewer characters wrong in 87.5 % of the drawings; chance does as much in 100.0 %
    B reads 1 line better and 0 worse; both read 1 with the same text
    <BLANKLINE>
    label  read      A      B
    rn     m         1      0
    <BLANKLINE>
    1   B has 2 fewer wrong
      is    barn
      A     bam
      B     barn
    """
    lines = counted(comparison.first.score.lines, "line")
    head = f"{lines:<18}{'A':>11}{'B':>10}  {'B less A':>8}   95 %"
    parts = [[head, *(_compared(*rate) for rate in rates(comparison)), verdict(comparison.cer), balance(comparison)]]
    if worst and comparison.changes:
        parts.append([f"{'label':<7}{'read':<6}{'A':>5}  {'B':>5}"])
        parts[-1] += [
            f"{visible(each.truth):<7}{visible(each.reading):<6}{each.first:>5}  {each.second:>5}"
            for each in comparison.changes[:worst]
        ]
    for places in (comparison.lost, comparison.won):
        parts.append([_beside(comparison, place) for place in places[:worst]])
    return "\n\n".join("\n".join(part) for part in parts if part)


def comparison_json(comparison: Comparison, worst: int) -> str:
    """One line of json: `schema`, `lines`, both scores, the differences field by field, `proven` among them.

    `won` and `lost` count lines that the second model reads better and worse; at most `worst` of each are listed.
    """

    def told(difference: Difference) -> dict[str, object]:
        return {**dataclasses.asdict(difference), "gap": difference.gap, "proven": difference.proven}

    def listed(places: Sequence[int]) -> list[dict[str, object]]:
        pairs = [(comparison.first.lines[place], comparison.second.lines[place]) for place in places[:worst]]
        return [
            {"name": a.name, "truth": a.truth, "first": a.reading, "second": b.reading, "edits": [a.edits, b.edits]}
            for a, b in pairs
        ]

    return json.dumps(
        {
            "schema": SCHEMA,
            "lines": comparison.first.score.lines,
            "first": dataclasses.asdict(comparison.first.score),
            "second": dataclasses.asdict(comparison.second.score),
            "cer": told(comparison.cer),
            "wer": told(comparison.wer),
            "won": len(comparison.won),
            "lost": len(comparison.lost),
            "alike": comparison.alike,
            "failed": comparison.failed,
            "changes": [dataclasses.asdict(change) for change in comparison.changes],
            "lost_lines": listed(comparison.lost),
            "won_lines": listed(comparison.won),
        },
        ensure_ascii=False,
    )


def rates(comparison: Comparison) -> list[tuple[str, float, float, str]]:
    """Name, rate of A, rate of B and interval of their difference, in per cent, of what two models are compared by."""

    def interval(difference: Difference) -> str:
        return f"{100 * difference.low:.2f} to {100 * difference.high:.2f}"

    cer, wer = comparison.cer, comparison.wer
    return [
        ("characters wrong", 100 * cer.first, 100 * cer.second, interval(cer)),
        ("words wrong", 100 * wer.first, 100 * wer.second, interval(wer)),
        ("lines wrong", 100 - 100 * comparison.first.score.exact, 100 - 100 * comparison.second.score.exact, ""),
    ]


def verdict(cer: Difference) -> str:
    """What the comparison of characters comes to, in words."""
    if cer.low == cer.high == 0:
        return "No difference: both have as many characters wrong in each line"
    name, share = ("B", cer.better) if cer.better >= 0.5 else ("A", 1 - cer.better)
    told = (
        f"{name} has fewer characters wrong in {100 * share:.1f} % of the drawings; "
        f"chance does as much in {100 * cer.by_chance:.1f} %"
    )
    return f"{name} reads better: {told[0].upper() + told[1:]}" if cer.proven else f"No difference is proven: {told}"


def balance(comparison: Comparison) -> str:
    """How many lines either model reads better, in words."""
    won, lost = len(comparison.won), len(comparison.lost)
    told = f"B reads {counted(won, 'line')} better and {lost} worse; both read {comparison.alike} with the same text"
    return f"{told}; {comparison.failed} could not be read" if comparison.failed else told


def contexts(confusion: Confusion) -> str:
    """Where a confusion was most often met, as text: between what in the label, how often of how many times."""
    inside = visible(confusion.truth) if confusion.truth else ""
    return ", ".join(
        f"{visible(each.before)}[{inside}]{visible(each.after)} {each.count} of {each.of}"
        for each in confusion.contexts
    )


def reliabilities(evaluation: Evaluation) -> list[tuple[str, Reliability]]:
    """What confidence is told of, with how true it is: lines first, then their words and characters where there are."""
    found = [
        ("calibration error", evaluation.reliability()),
        ("  of words", evaluation.word_reliability()),
        ("  of characters", evaluation.character_reliability()),
    ]
    return [(name, each) for name, each in found if each is not None]


def _reliable(found: Bin) -> str:
    interval = f"{100 * found.low:.2f} to {100 * found.high:.2f}"
    return f"{100 * found.confidence:>8.2f} %  {found.lines:>5}  {100 * found.right:>6.2f} %   {interval}"


def _fields(line: ReadSample) -> dict[str, object]:
    """Fields of a line, without those of its parts."""
    kept = (each.name for each in dataclasses.fields(line) if each.name not in ("words", "characters"))
    return {name: getattr(line, name) for name in kept}


def _shown(line: ReadSample) -> str:
    head = f"{line.name}   {line.edits} wrong, confidence {line.confidence:.2f}"
    return f"{head}\n  is    {line.truth}\n  read  {line.problem or line.reading}"


def _compared(name: str, first: float, second: float, interval: str) -> str:
    gap = f"{second - first:+.2f}"
    return f"{name:<18}{first:>9.2f} %{second:>8.2f} %  {gap:>8}   {interval}".rstrip()


def gap_of(comparison: Comparison, place: int) -> str:
    """How much one model reads a line better than the other, in words."""
    gap = comparison.second.lines[place].edits - comparison.first.lines[place].edits
    return f"B has {abs(gap)} {'more' if gap > 0 else 'fewer'} wrong"


def _beside(comparison: Comparison, place: int) -> str:
    a, b = comparison.first.lines[place], comparison.second.lines[place]
    head = f"{a.name}   {gap_of(comparison, place)}"
    return f"{head}\n  is    {a.truth}\n  A     {a.reading}\n  B     {b.reading}"
