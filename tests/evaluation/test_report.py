"""What is said about an evaluation, to people and to programs."""

from __future__ import annotations

import json

from ocrnn.evaluation.report import table, to_json, worst_lines
from ocrnn.evaluation.score import ReadSample, evaluate

LINES = [
    ReadSample("a.png", "Müller & Co", "Muller & Co", 0.75, 1),
    ReadSample("b.png", "right", "right", 0.99, 0),
    ReadSample("c.png", "lost line", "", 0.0, 9, "c.png: no such file; check the path"),
]


def test_the_table_has_every_figure_in_per_cent() -> None:
    rows = {line[:20].strip(): line[20:].split()[0] for line in table(evaluate(LINES).score).splitlines()}
    assert rows == {
        "lines": "3",
        "characters wrong": "40.00",  # 10 of 11 + 5 + 9
        "as they stand": "40.00",
        "case folded": "40.00",
        "spaces left out": "40.91",  # 9 of 9 + 5 + 8
        "words wrong": "50.00",  # 3 of 3 + 1 + 2
        "lines wrong": "66.67",
        "letters and digits": "66.67",
    }


def test_worst_lines_show_truth_above_reading() -> None:
    assert worst_lines(evaluate(LINES), 5) == (
        "c.png   9 wrong, confidence 0.00\n"
        "  is    lost line\n"
        "  read  c.png: no such file; check the path\n"
        "a.png   1 wrong, confidence 0.75\n"
        "  is    Müller & Co\n"
        "  read  Muller & Co"
    )
    assert worst_lines(evaluate(LINES[1:2]), 5) == ""


def test_json_has_figures_and_lines() -> None:
    stored = json.loads(to_json(evaluate(LINES), 1))
    assert stored["schema"] == 1 and stored["lines"] == 3 and stored["cer"] == 0.4
    assert [line["name"] for line in stored["worst"]] == ["c.png"]
    assert "Müller" in to_json(evaluate(LINES), 2)
    assert "\n" not in to_json(evaluate(LINES), 3)
