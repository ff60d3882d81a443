"""An evaluation becomes text for a person, or json for a program."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocrnn.evaluation.score import Evaluation, ReadSample
    from ocrnn.metrics import Score

SCHEMA = 1
"""Number of the form of the json; it rises when a key changes its meaning or goes."""


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
    rows = (
        ("characters wrong", score.cer, f"95 %: {100 * score.cer_low:.2f} to {100 * score.cer_high:.2f}"),
        ("  as they stand", score.cer_raw, "no folding of quotes, dashes, spaces"),
        ("  case folded", score.cer_caseless, ""),
        ("  spaces left out", score.cer_spaceless, ""),
        ("words wrong", score.wer, ""),
        ("lines wrong", 1 - score.exact, ""),
        ("  letters and digits", score.alnum_error, "nothing else compared, case folded"),
    )
    shown = [f"{'lines':<20}{score.lines:>10}"]
    shown += [f"{name:<20}{100 * rate:>8.2f} %   {note}".rstrip() for name, rate, note in rows]
    return "\n".join(shown)


def worst_lines(evaluation: Evaluation, count: int) -> str:
    """The `count` lines with the most wrong characters, truth above reading; "" where there are none."""
    return "\n".join(_shown(line) for line in evaluation.worst(count))


def to_json(evaluation: Evaluation, worst: int) -> str:
    """One line of json: `schema`, the figures of `Score` by name (rates 0..1), the worst lines field by field."""
    return json.dumps(
        {
            "schema": SCHEMA,
            **dataclasses.asdict(evaluation.score),
            "worst": [dataclasses.asdict(line) for line in evaluation.worst(worst)],
        },
        ensure_ascii=False,
    )


def _shown(line: ReadSample) -> str:
    head = f"{line.name}   {line.edits} wrong, confidence {line.confidence:.2f}"
    return f"{head}\n  is    {line.truth}\n  read  {line.problem or line.reading}"
