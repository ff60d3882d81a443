"""What the page of an evaluation shows, parsed as a browser does."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.labels import Sample
from ocrnn.evaluation.compare import compare
from ocrnn.evaluation.pages import comparison_page, evaluation_page
from ocrnn.evaluation.score import ReadSample, evaluate
from ocrnn.evaluation.suspects import Suspect

LINES = [
    ReadSample("b.png", "right", "right", 0.99, 0),
    ReadSample("c.png", "lost line", "", 0.0, 9, "c.png: no such file; check the path"),
]


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
    source = evaluation_page(evaluate(lines), [Suspect(38, 5.0)], samples, 2, {"model": evil})
    seen = Seen(source)
    assert "script" not in seen.tags and seen.text.count(evil) == 3
    assert len(seen.addresses) == 2 and all(each.startswith("data:image/webp") for each in seen.addresses)
    assert "gone.png: no such file" in seen.text
    assert "evidence 5.0" in seen.text and "a → ∅" in seen.text
    # 39 lines that were read make three bins of 13; dots further to the right are surer, dots higher up righter.
    found = evaluate(lines).reliability()
    assert found and [each.lines for each in found.bins] == [13, 13, 13] and len(seen.points) == 3
    across = np.polyfit([each.confidence for each in found.bins], [x for x, _ in seen.points], 1, full=True)
    up = np.polyfit([each.right for each in found.bins], [y for _, y in seen.points], 1, full=True)
    assert across[0][0] == pytest.approx(-up[0][0], abs=2) and across[0][0] > 200
    assert max(across[1].max(), up[1].max()) < 0.1  # to the tenth of a unit that places are rounded to
    assert re.search("calibration error", seen.text)


def test_a_page_of_what_is_all_right_and_of_what_is_all_lost(tmp_path: Path) -> None:
    for lines in (LINES[:1], LINES[1:]):
        source = evaluation_page(evaluate(lines), [], [Sample(tmp_path / "none.png", "x")], 5, {})
        assert b"</html>" in source and b"doubtful" not in source  # a share of no errors is none


def test_the_page_of_a_comparison(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    Image.fromarray(np.zeros((30, 200), np.uint8)).save(tmp_path / "wrong.png")
    first = [ReadSample(f"{n}", "ab", "ab" if n else "xb", 0.9, int(not n)) for n in range(6)]
    second = [ReadSample(f"{n}", "ab", evil if n == 3 else "ab", 0.9, 25 * (n == 3)) for n in range(6)]
    samples = [Sample(tmp_path / "wrong.png", "ab") for _ in first]
    seen = Seen(comparison_page(compare(first, second), samples, 3, {"A": evil, "B": "new"}))
    assert "script" not in seen.tags and seen.text.count(evil) >= 1
    assert "Lines that B reads worse: 1" in seen.text and "Lines that B reads better: 1" in seen.text
    assert len(seen.addresses) == 2 and "a → x" in seen.text
    assert "B has 25 more wrong" in seen.text and "B has 1 fewer wrong" in seen.text
    assert "both read 4 with the same text" in seen.text
    without = Seen(comparison_page(compare(first, second), samples, 0, {}))
    assert not without.addresses


@pytest.mark.parametrize(("lost", "said"), [(1, "1 longer stretch is not"), (2, "2 longer stretches are not")])
def test_what_is_not_in_the_table_is_counted_in_words(lost: int, said: str) -> None:
    lines = [ReadSample("d.png", "all of this", "", 0.1, 11)] * lost
    samples = [Sample(Path("d.png"), "all of this")] * lost
    assert said in Seen(evaluation_page(evaluate(lines), [], samples, 1, {})).text
