"""The page of an explanation: what is in it, and what it does in a real browser."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.explain import Explanation, explain
from ocrnn.transcribe.explain_page import to_html
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars, Browser

EVIL = "</script><script>alert(1)</script>"
CHARACTERS = "0<\"& \u0301\u202e>'é"
"""What the bars read as here: nothing that a page or a script may take for its own."""


class Seen(HTMLParser):
    """Tags, addresses and texts of a page, and the JSON in it."""

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.data: list[dict[str, Any]] = []
        self._is_json = False
        self.feed(source.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self._is_json = ("type", "application/json") in attrs

    def handle_data(self, data: str) -> None:
        if self._is_json:
            self.data.append(json.loads(data))
            self._is_json = False
        else:
            self.text += data


def strange(bars: Bars, temperature: float = 9.0) -> Bars:
    other = type(bars)(temperature)
    other.spec = ModelSpec(Charset(CHARACTERS), temperature=temperature)
    return other


def explained(bars: Bars, text: str, temperature: float = 9.0) -> Explanation:
    """How a model that is none too sure reads bars, by their digits, as those strange characters."""
    return explain(Reader(strange(bars, temperature)), bars.draw(text))


def test_nothing_in_it_is_taken_for_markup_and_nothing_comes_from_outside(bars: Bars) -> None:
    found = explained(bars, "1234567890", temperature=2.0)
    assert found.reading.text == "<\"& \u0301\u202e>'é0"
    source = to_html([(EVIL, found)], EVIL, {"model": EVIL})
    seen = Seen(source)
    assert seen.tags.count("script") == 2 and not seen.handlers
    assert seen.addresses and all(re.match("data:image/(webp|png);base64,", address) for address in seen.addresses)
    assert b"default-src 'none'" in source and b"script-src 'sha256-" in source
    assert "\u202e" not in source.decode()
    (data,) = seen.data
    assert [character["text"] for character in data["characters"]] == [
        "<", '"', "&", "␣ (space)", "◌\u0301", "[U+202E]", ">", "'", "é", "0"
    ]  # fmt: skip
    assert f"{100 * found.reading.confidence:.1f} %" in seen.text
    for word in found.reading.words:
        assert f"{100 * word.confidence:.1f} %" in seen.text


def test_its_json_tells_the_steps_and_choices(bars: Bars) -> None:
    found = explained(bars, "1218")
    (data,) = Seen(to_html([("a", found)], "a", {})).data

    def text(node: int) -> str:
        return "" if node == 0 else text(data["tree"][node][0]) + data["tree"][node][1]

    assert len(data["steps"]) == len(data["frames"]) == len(found.log_probs)
    for told, step in zip(data["steps"], found.steps, strict=True):
        assert [(text(node), logp) for node, logp in told] == [(t, round(logp, 2)) for t, logp in step.prefixes]
    for told, choices in zip(data["characters"], found.choices, strict=True):
        assert told["choices"][0][1] == round(choices[0][1], 4)
        assert len(told["choices"]) == len(choices)
    frame = data["frames"][found.spans[0][0]]
    assert frame[0] == ["<", pytest.approx(np.exp(found.log_probs[found.spans[0][0]].max()), abs=1e-4)]


def test_its_size_has_a_bound(bars: Bars) -> None:
    usual = explain(Reader(bars), bars.draw("12345" * 8))  # 496 columns, a receipt's width
    assert len(to_html([("a", usual)], "a", {})) < 100_000
    picture = np.pad(bars.draw("12345" * 190), ((0, 0), (0, 500)), constant_values=255)
    noise = np.random.default_rng(0).normal(scale=30, size=picture.shape)
    endless = explain(Reader(bars), np.clip(picture + noise, 0, 255).astype(np.uint8))
    source = to_html([("a", endless)], "a", {})
    assert len(source) < 3_000_000
    assert b"this page shows the first 10,000 columns" in source
    assert all(character["place"][1] <= 10_000 * 2.5 for character in Seen(source).data[0]["characters"])


def test_the_smallest_pictures_make_pages(bars: Bars) -> None:
    for shape in ((1, 1), (1, 50), (50, 1), (40, 200)):
        seen = Seen(to_html([("a", explain(Reader(bars), np.full(shape, 255, np.uint8)))], "a", {}))
        assert "Nothing was read" in seen.text


def test_texts_that_differ_by_spaces_alone_can_be_told_apart(bars: Bars) -> None:
    found = replace(explain(Reader(bars), bars.draw("12")), texts=(("1 2", 0.9), ("1  2", 0.1)))
    assert "1 290.0 %1␣␣210.0 %" in Seen(to_html([("a", found)], "a", {})).text.replace("\n", "")


def test_how_likely_it_is_that_nothing_stands_there_is_no_claim_to_be_sure(bars: Bars) -> None:
    found = explain(Reader(bars), np.full((40, 200), 255, np.uint8))
    found = replace(found, reading=replace(found.reading, confidence=0.0007))
    said = Seen(to_html([("a", found)], "a", {})).text
    assert "Nothing was read. That nothing stands here has a probability of 0.1 %." in said


@pytest.fixture
def shown(bars: Bars, browser: Browser, tmp_path: Path) -> Path:
    """A page of two lines, the second empty, opened by nobody yet."""
    empty = explain(Reader(bars), np.full((40, 200), 255, np.uint8))
    path = tmp_path / "page.html"
    path.write_bytes(to_html([("first", explained(bars, "12184 3901".replace(" ", "4"))), ("second", empty)], "p", {}))
    return path


CHOSEN = """const line = document.querySelector(".explained"), marks = [...line.querySelectorAll(".mark")];
return [[...line.querySelectorAll('.text [aria-pressed="true"]')].map((key) => Number(key.dataset.n)),
  line.querySelector(".about strong")?.textContent, marks.map((mark) => mark.hidden ? null : mark.offsetLeft)]"""


def test_characters_answer_to_pointer_finger_and_keys(shown: Path, browser: Browser, bars: Bars) -> None:
    browser.open(shown)
    assert browser.run(CHOSEN) == [[], None, [None, None]]
    whole = browser.run('return document.querySelector(".heat").src')
    browser.point('.text [data-n="1"]')
    assert browser.run(CHOSEN)[:2] == [[1], '"']
    browser.point('.spans [data-n="2"]', press=True)
    chosen, text, (left, frame) = browser.run(CHOSEN)
    assert (chosen, text) == ([2], "<")
    found = explained(bars, "1218443901")
    # Four pixels a column, four columns a frame, and a margin of four columns before the picture.
    assert left == pytest.approx((4 + found.reading.characters[2].left_px) * 4, abs=1)
    assert frame == pytest.approx(found.spans[2][0] * 4 * 4, abs=1)
    assert browser.run('return document.querySelector(".heat").src') != whole
    assert "Violet is where “<” was looked for" in browser.run('return document.querySelector(".told").textContent')
    browser.point('.text [data-n="0"]', press=True)
    browser.type("\ue014", "\ue014", "\ue014")  # arrow right
    assert browser.run(CHOSEN)[:2] == [[3], "'"]
    assert browser.run("return document.activeElement.dataset.n") == "3"
    browser.type("\ue012", "\ue010")  # arrow left, end
    assert browser.run(CHOSEN)[0] == [9]
    browser.type("\ue00c")  # escape
    assert browser.run(CHOSEN) == [[], None, [None, None]]
    assert browser.run('return document.querySelector(".heat").src') == whole
    assert browser.complaints() == []


def test_what_is_told_of_a_character_comes_into_view(shown: Path, browser: Browser) -> None:
    browser.open(shown, width=400, height=500)
    browser.point('.text [data-n="9"]', press=True)
    seen = """const inside = (box) => [box.left >= 0, box.right <= innerWidth, box.top >= 0, box.bottom <= innerHeight];
    return [".upper .mark", ".about"].map((kind) => inside(document.querySelector(kind).getBoundingClientRect()))"""
    mark, about = browser.run(seen)
    assert mark[:2] == [True, True] and about == [True] * 4
    assert browser.run('return document.querySelector(".stage").scrollLeft') > 100


def test_the_beam_steps_frame_by_frame(shown: Path, browser: Browser, bars: Bars) -> None:
    browser.open(shown)
    found = explained(bars, "1218443901")
    browser.point(".beam summary", press=True)
    rows = """return [...document.querySelector(".steps tbody").rows].map((row) => [row.cells[1].textContent,
      Number(row.cells[2].textContent)])"""
    for _ in range(50):  # the event of opening comes when the browser gets to it
        if browser.run(rows):
            break
        time.sleep(0.05)

    def expected(frame: int) -> list[list[object]]:
        shown = [
            (text.replace("\u202e", "[U+202E]") or "(nothing yet)", logp) for text, logp in found.steps[frame].prefixes
        ]
        return [[text, pytest.approx(logp, abs=0.006)] for text, logp in shown]

    last = len(found.steps) - 1
    assert browser.run(rows) == expected(last)
    browser.run('document.querySelector(".frame").focus()')
    browser.type("\ue012", "\ue012", "\ue012")
    assert browser.run(rows) == expected(last - 3)
    assert browser.run('return document.querySelector(".frame-name").textContent') == f"frame {last - 2} of {last + 1}"
    browser.point(".layers .seen", press=True)
    middle = browser.run("return Number(document.querySelector('.frame').value)")
    assert abs(middle - last / 2) <= 1 and browser.run(rows) == expected(middle)
    assert browser.complaints() == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_a_desk_and_a_telephone(shown: Path, browser: Browser, width: int, dark: bool) -> None:
    browser.open(shown, width=width, dark=dark)
    assert browser.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]
    ground, ink = browser.run("const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 3 * 64) == dark
    assert (sum(map(int, re.findall(r"\d+", ink))) > 3 * 192) == dark
    narrowest = """return Math.min(...[...document.querySelectorAll(".text button")].map((key) => key.offsetWidth))"""
    assert browser.run(narrowest) >= 24  # what a finger finds (WCAG 2.2, target size)
    layers = """return [...document.querySelectorAll(".explained")].map((line) =>
      ["paper", "strip", "spans"].map((kind) => line.querySelector("." + kind).getBoundingClientRect().width))"""
    for kinds in browser.run(layers):
        assert max(kinds) - min(kinds) < 0.1
    assert browser.complaints() == []
