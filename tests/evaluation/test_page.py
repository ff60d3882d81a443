"""What a page shows, parsed as a browser does, against texts whose differences are counted elsewhere."""

from __future__ import annotations

import base64
import io
import random
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ocrnn.evaluation.page import _runs, comparison, escaped, facts, line, page, picture, table
from ocrnn.metrics import distance, fold


class Seen(HTMLParser):
    """Texts and tags of a page, and every address in it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


EVIL = "<script>alert(1)</script>\"'&\u202e\x00\udcff"


def test_no_text_becomes_markup() -> None:
    shown = picture(np.zeros((4, 4), np.uint8), EVIL)
    parts = [table([EVIL], [[EVIL]]), facts([(EVIL, EVIL)]), line(EVIL, EVIL, shown, comparison(EVIL, EVIL[::-1]))]
    source = page(EVIL, parts).decode()
    seen = Seen(source)
    assert "script" not in seen.tags
    assert sum("<script>alert(1)</script>" in text for text in seen.texts) >= 7
    assert "\u202e" not in source and "[U+202E]" in source and "[U+DCFF]" in source
    assert all(address.startswith("data:image/webp;base64,") for address in seen.addresses) and seen.addresses
    assert "default-src 'none'" in source


def test_a_picture_is_inside_and_small() -> None:
    rng = np.random.default_rng(0)
    grey = (np.kron(rng.integers(0, 2, (8, 100)), np.ones((25, 25))) * 255).astype(np.uint8)
    found = re.search('base64,([^"]+)" alt="a line"', picture(grey, "a line"))
    assert found
    stored = base64.b64decode(found[1])
    shown = Image.open(io.BytesIO(stored)).convert("L")
    assert shown.size == (600, 48)
    assert np.abs(np.asarray(shown.resize((100, 8), Image.Resampling.BOX), float) - grey[::25, ::25]).mean() < 20
    for tiny in ((1, 1), (1, 9000), (3000, 1)):
        assert "base64," in picture(np.zeros(tiny, np.uint8), "x")


@pytest.mark.parametrize(
    ("truth", "reading", "runs"),
    [
        ("Total 12", "Total 12", [("Total ", "Total ", True), ("12", "12", True)]),
        ("Müller & Co", "Muller  & C0", [
            ("M", "M", True), ("ü", "u", False), ("ller ", "ller ", True), ("& ", "& ", True), ("C", "C", True),
            ("o", "0", False),
        ]),
        ("ab", "a b", [("a", "a", True), ("", " ", False), ("b", "b", True)]),
        ("", "x", [("", "x", False)]),
        ("x", "", [("x", "", False)]),
        ("", "", []),
        # Folded alike: long s, quotes, an ellipsis, a letter with its mark apart.
        ("ſo „gut‟…", 'so "gut"...', [("ſo ", "so ", True), ("„gut‟...", '"gut"...', True)]),
        ("a\u0364b", "ab", [("a\u0364", "a", False), ("b", "b", True)]),
    ],
)  # fmt: skip
def test_differences(truth: str, reading: str, runs: list[tuple[str, str, bool]]) -> None:
    assert list(_runs(truth, reading)) == runs


def test_as_many_are_marked_as_are_counted() -> None:
    rng = random.Random(4)
    for _ in range(200):
        truth, reading = ("".join(rng.choice("abc ") for _ in range(rng.randrange(12))).strip() for _ in "12")
        truth, reading = " ".join(truth.split()), " ".join(reading.split())
        runs = list(_runs(truth, reading))
        assert "".join(above for above, _, _ in runs) == truth and "".join(below for _, below, _ in runs) == reading
        marked = sum(max(len(above), len(below)) for above, below, same in runs if not same)
        # A run that lacks something on either side counts each character by itself, so it can only seem shorter.
        assert marked <= distance(fold(reading), fold(truth))
        assert (marked == 0) == (truth == reading)


def test_a_space_too_many_is_seen_and_so_is_what_lacks() -> None:
    texts = Seen(comparison("ab", "a b")).texts
    assert texts == ["label", "read", "a", "a", "∅", "␣", "b", "b"]


def test_very_long_texts_take_no_time() -> None:
    assert list(_runs("x" + "a" * 3000 + "y", "x" + "b" * 3000 + "y"))[1] == ("a" * 3000, "b" * 3000, False)


def test_only_what_has_a_shape_is_shown() -> None:
    assert escaped("ä\n\u200b☃") == "ä[U+000A][U+200B]☃"
