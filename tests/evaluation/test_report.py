"""What is said about an evaluation, to people and to programs."""

from __future__ import annotations

import json

import pytest

from ocrnn.evaluation.compare import compare
from ocrnn.evaluation.report import (
    comparison_json,
    comparison_text,
    confidence_table,
    confusion_table,
    suspect_lines,
    table,
    to_json,
    worst_lines,
)
from ocrnn.evaluation.score import ReadSample, evaluate
from ocrnn.evaluation.suspects import Suspect

LINES = [
    ReadSample("a.png", "Müller & Co", "Muller & Co", 0.75, 1),
    ReadSample("b.png", "right", "right", 0.99, 0),
    ReadSample("c.png", "lost line", "", 0.0, 9, "c.png: no such file; check the path"),
]


def test_the_table_has_every_figure_in_per_cent() -> None:
    rows = {line[:21].strip(): line[21:].split()[0] for line in table(evaluate(LINES).score).splitlines()}
    assert rows == {
        "lines": "3",
        "characters wrong": "40.00",  # 10 of 11 + 5 + 9
        "as they stand": "40.00",
        "case folded": "40.00",
        "spaces left out": "40.91",  # 9 of 9 + 5 + 8
        "without punctuation": "43.48",  # 10 of 9 + 5 + 9
        "words wrong": "50.00",  # 3 of 3 + 1 + 2
        "lines wrong": "66.67",
        "letters and digits": "66.67",
    }


def test_lines_that_are_all_alike_have_no_interval() -> None:
    """Drawn anew they always give the same rate, which says nothing of how far it is from that of other lines."""
    for lines in (LINES[1:2] * 50, LINES[:1]):
        shown = table(evaluate(lines).score)
        assert shown.count("no 95 %: lines are all alike in it") == shown.count("95 %") == 2
    assert "no 95 %" not in table(evaluate(LINES[:2]).score)


def test_of_no_errors_a_review_finds_no_share() -> None:
    assert "doubtful" in confidence_table(evaluate(LINES))
    assert "doubtful" not in confidence_table(evaluate(LINES[1:2]))


def test_worst_lines_show_truth_above_reading() -> None:
    assert worst_lines(evaluate(LINES), 5) == (
        "read worst, most wrong characters first\n"
        "c.png   9 wrong, confidence 0.00\n"
        "  is    lost line\n"
        "  read  c.png: no such file; check the path\n"
        "a.png   1 wrong, confidence 0.75\n"
        "  is    Müller & Co\n"
        "  read  Muller & Co"
    )
    assert worst_lines(evaluate(LINES[1:2]), 5) == ""


def test_json_has_figures_and_lines() -> None:
    stored = json.loads(to_json(evaluate(LINES), [], 1))
    assert stored["schema"] == 1 and stored["lines"] == 3 and stored["cer"] == 0.4
    assert [line["name"] for line in stored["worst"]] == ["c.png"]
    assert "Müller" in to_json(evaluate(LINES), [], 2)
    assert "\n" not in to_json(evaluate(LINES), [], 3)


def test_json_says_how_far_confidence_is_true() -> None:
    """The picture that could not be read has no confidence; it counts among what a review finds."""
    stored = json.loads(to_json(evaluate(LINES), [], 0))
    assert stored["reliability"]["lines"] == 2
    assert stored["reliability"]["error"] == pytest.approx(abs(0.75 + 0.99 - 1) / 2)  # one bin: one of two is right
    assert stored["review"] == {"share": 0.05, "lines": 1, "wrong_lines": 0.5, "wrong_characters": 0.9}
    lost = evaluate(LINES[2:])
    assert json.loads(to_json(lost, [], 0))["reliability"] is None and confidence_table(lost) == ""


def test_lines_that_could_not_be_read_are_told_above_the_rates() -> None:
    found = evaluate(LINES)
    assert table(found.score, found.failed).splitlines()[1].split()[:3] == ["not", "read", "1"]
    assert "not read" not in table(found.score)
    assert json.loads(to_json(found, [], 0))["failed"] == 1


def test_confusions_are_listed_with_what_stands_around() -> None:
    lines = [*LINES, ReadSample("d.png", "all of this", "", 0.1, 11)]
    assert confusion_table(evaluate(lines), 5) == (
        "wrong characters    1 replaced, 11 left out, 0 put in; 1 longer stretch is not listed\n"
        "label  read  times     of   where\n"
        "ü      u         1      1   M[ü]l 1 of 1"
    )
    assert confusion_table(evaluate(LINES[1:2]), 5) == confusion_table(evaluate(LINES), 0) == ""
    stored = json.loads(to_json(evaluate(lines), [], 0))["confusions"]
    assert stored["substitutions"] == 1 and stored["stretches"] == 1
    assert stored["found"] == [
        {"truth": "ü", "reading": "u", "count": 1, "of": 1,
         "contexts": [{"before": "M", "after": "l", "count": 1, "of": 1}]}
    ]  # fmt: skip


def test_suspects_are_listed_the_worst_first() -> None:
    suspects = [Suspect(0, 7.25), Suspect(1, 4.5)]
    assert suspect_lines(evaluate(LINES), suspects, 1) == (
        "2 labels to check: the picture says otherwise\na.png   evidence 7.2\n  is    Müller & Co\n  read  Muller & Co"
    )
    assert suspect_lines(evaluate(LINES), [], 1) == suspect_lines(evaluate(LINES), suspects, 0) == ""
    stored = json.loads(to_json(evaluate(LINES), suspects, 0))["suspects"]
    assert [each["evidence"] for each in stored] == [7.25, 4.5]
    assert stored[0] == {"evidence": 7.25, "name": "a.png", "truth": "Müller & Co", "reading": "Muller & Co"}


BETTER = [*(ReadSample(f"{n}", "ab", "ab", 0.9, 0) for n in range(20)), LINES[2]]
WORSE = [*(ReadSample(f"{n}", "ab", "xb" if n % 4 else "", 0.9, 1 + (n % 4 == 0)) for n in range(20)), LINES[2]]


def test_two_models_side_by_side_whichever_of_them_is_better() -> None:
    shown = comparison_text(compare(WORSE, BETTER), 1)
    assert "B reads better: B has fewer characters wrong in 100.0 % of the drawings; chance does as much" in shown
    assert "B reads 20 lines better and 0 worse; both read 0 with the same text; 1 could not be read" in shown
    assert shown.endswith("0   B has 2 fewer wrong\n  is    ab\n  A     \n  B     ab")
    assert "lines wrong          100.00 %    4.76 %    -95.24\n" in shown
    shown = comparison_text(compare(BETTER, WORSE), 1)
    assert "A reads better: A has fewer characters wrong in 100.0 % of the drawings; chance does as much" in shown
    assert "B reads 0 lines better and 20 worse; both read 0 with the same text; 1 could not be read" in shown
    assert shown.endswith("0   B has 2 more wrong\n  is    ab\n  A     ab\n  B     ")
    assert "lines wrong            4.76 %  100.00 %    +95.24\n" in shown
    same = comparison_text(compare(WORSE, WORSE), 1)
    assert "No difference: both have as many characters wrong in each line" in same and " wrong\n  is" not in same


def test_json_of_two_models_has_their_differences_and_the_lines_that_either_reads_better() -> None:
    stored = json.loads(comparison_json(compare(BETTER, WORSE), 2))
    assert (stored["lines"], stored["won"], stored["lost"], stored["alike"], stored["failed"]) == (21, 0, 20, 0, 1)
    assert stored["first"]["cer"] == stored["cer"]["first"] == pytest.approx(9 / 49)
    assert stored["second"]["cer"] == stored["cer"]["second"] == pytest.approx((9 + 15 + 10) / 49)
    assert stored["cer"]["gap"] == pytest.approx(25 / 49) and stored["cer"]["proven"] and stored["wer"]["proven"]
    assert stored["changes"] == [
        {"truth": "a", "reading": "x", "first": 0, "second": 15},
        {"truth": "ab", "reading": "", "first": 0, "second": 5},
    ]
    assert stored["won_lines"] == []
    assert stored["lost_lines"] == [
        {"name": name, "truth": "ab", "first": "ab", "second": "", "edits": [0, 2]} for name in "04"
    ]
