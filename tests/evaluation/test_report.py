"""What is said about an evaluation, to people and to programs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.labels import Sample
from ocrnn.evaluation.report import confidence_table, table, to_html, to_json, worst_lines
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


def test_json_says_how_far_confidence_is_true() -> None:
    """The picture that could not be read has no confidence; it counts among what a review finds."""
    stored = json.loads(to_json(evaluate(LINES), 0))
    assert stored["reliability"]["lines"] == 2
    assert stored["reliability"]["error"] == pytest.approx(abs(0.75 + 0.99 - 1) / 2)  # one bin: one of two is right
    assert stored["review"] == {"share": 0.05, "lines": 1, "wrong_lines": 0.5, "wrong_characters": 0.9}
    lost = evaluate(LINES[2:])
    assert json.loads(to_json(lost, 0))["reliability"] is None and confidence_table(lost) == ""


class Seen(HTMLParser):
    """Texts and tags of a page, and every address in it."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.text, self.tags, self.addresses = "", list[str](), list[str]()
        self.points: list[tuple[float, float]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        told = dict(attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data")]
        if tag == "circle":
            self.points.append((float(told["cx"] or 0), float(told["cy"] or 0)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_the_figures_the_diagram_and_the_worst_lines(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    Image.fromarray(np.zeros((30, 200), np.uint8)).save(tmp_path / "wrong.png")
    wrong = [n < 20 and n % 3 > 0 for n in range(38)]
    lines = [ReadSample("x", "ab", "b" if wrong[n] else "ab", n / 40, wrong[n]) for n in range(38)]
    lines += [
        ReadSample("wrong.png", evil, "", 0.5, 25),
        ReadSample("gone.png", "ab", "", 0.0, 2, "gone.png: no such file"),
    ]
    samples = [Sample(tmp_path / name, "ab") for name in [line.name for line in lines]]
    source = to_html(evaluate(lines), samples, 2, {"model": evil})
    seen = Seen(source)
    assert "script" not in seen.tags and seen.text.count(evil) == 2
    assert len(seen.addresses) == 1 and seen.addresses[0].startswith("data:image/webp")
    assert "gone.png: no such file" in seen.text
    # 39 lines that were read make three bins of 13; dots further to the right are surer, dots higher up righter.
    found = evaluate(lines).reliability()
    assert found and [each.lines for each in found.bins] == [13, 13, 13] and len(seen.points) == 3
    across = np.polyfit([each.confidence for each in found.bins], [x for x, _ in seen.points], 1, full=True)
    up = np.polyfit([each.right for each in found.bins], [y for _, y in seen.points], 1, full=True)
    assert across[0][0] == pytest.approx(-up[0][0], abs=2) and across[0][0] > 200
    assert max(across[1].max(), up[1].max()) < 0.1  # to the tenth of a unit that places are rounded to
    assert re.search("Calibration error .* %", seen.text)


def test_a_page_of_what_is_all_right_and_of_what_is_all_lost(tmp_path: Path) -> None:
    for lines in (LINES[1:2], LINES[2:]):
        assert b"</html>" in to_html(evaluate(lines), [Sample(tmp_path / "none.png", "x")], 5, {})
