"""An evaluation becomes text for a person, or json for a program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ocrnn.evaluation.alignment import visible

if TYPE_CHECKING:
    from ocrnn.evaluation.calibration import Reliability
    from ocrnn.evaluation.confusions import Confusion
    from ocrnn.evaluation.score import Evaluation, ReadSample
    from ocrnn.evaluation.suspects import Suspect
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
      without punctuation  13.33 %
    words wrong            66.67 %   95 %: 50.00 to 100.00
    lines wrong           100.00 %
      letters and digits   50.00 %   nothing else compared, case folded
    """
    shown = [f"{'lines':<21}{score.lines:>9}"]
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
    rows.append(f"{'calibration error':<18}{100 * found.error:>7.2f} %   {chance(found)}")
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
        kinds += f"; {found.stretches} longer stretches are not listed"
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
    many = f"{len(suspects)} label{'s' if len(suspects) > 1 else ''}"
    shown = [f"{many} to check: the picture says otherwise"]
    for suspect in suspects[:count]:
        line = evaluation.lines[suspect.place]
        shown.append(f"{line.name}   evidence {suspect.evidence:.1f}\n  is    {line.truth}\n  read  {line.reading}")
    return "\n".join(shown)


def worst_lines(evaluation: Evaluation, count: int) -> str:
    """The `count` lines with the most wrong characters, truth above reading; "" where there are none."""
    return "\n".join(_shown(line) for line in evaluation.worst(count))


def to_json(evaluation: Evaluation, suspects: Sequence[Suspect], worst: int) -> str:
    """One line of json: `schema`, the figures of `Score` by name (rates 0..1), the worst lines field by field.

    `reliability` has the fields of `Reliability`, null where no line could be read; `review` says what the most
    doubtful `share` of lines hold. `confusions` and `suspects` are all there are: the fields of `Confusions`, and of
    `Suspect` with the name and texts of the line in place of its number.
    """
    found = evaluation.reliability()
    looked, lines, characters = evaluation.caught(REVIEWED)
    return json.dumps(
        {
            "schema": SCHEMA,
            **dataclasses.asdict(evaluation.score),
            "reliability": None if found is None else dataclasses.asdict(found),
            "review": {"share": REVIEWED, "lines": looked, "wrong_lines": lines, "wrong_characters": characters},
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
            "worst": [dataclasses.asdict(line) for line in evaluation.worst(worst)],
        },
        ensure_ascii=False,
    )


def chance(found: Reliability) -> str:
    """What the calibration error has to be held against."""
    interval = f"95 %: {100 * found.low:.2f} to {100 * found.high:.2f}"
    return f"{interval}; chance alone makes {100 * found.by_chance:.2f}"


def figures(score: Score) -> tuple[tuple[str, float, str], ...]:
    """Name, rate and note of each figure."""
    return (
        ("characters wrong", score.cer, f"95 %: {100 * score.cer_low:.2f} to {100 * score.cer_high:.2f}"),
        ("  as they stand", score.cer_raw, "no folding of quotes, dashes, spaces"),
        ("  case folded", score.cer_caseless, ""),
        ("  spaces left out", score.cer_spaceless, ""),
        ("  without punctuation", score.cer_unpunctuated, ""),
        ("words wrong", score.wer, f"95 %: {100 * score.wer_low:.2f} to {100 * score.wer_high:.2f}"),
        ("lines wrong", 1 - score.exact, ""),
        ("  letters and digits", score.alnum_error, "nothing else compared, case folded"),
    )


def contexts(confusion: Confusion) -> str:
    """Where a confusion was most often met, as text: between what in the label, how often of how many times."""
    inside = visible(confusion.truth) if confusion.truth else ""
    return ", ".join(
        f"{visible(each.before)}[{inside}]{visible(each.after)} {each.count} of {each.of}"
        for each in confusion.contexts
    )


def _shown(line: ReadSample) -> str:
    head = f"{line.name}   {line.edits} wrong, confidence {line.confidence:.2f}"
    return f"{head}\n  is    {line.truth}\n  read  {line.problem or line.reading}"
