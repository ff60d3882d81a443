"""What a page shows, parsed as a browser does."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from ocrnn.evaluation.pair import pair
from ocrnn.page import escaped, facts, line, page, picture, table


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
    parts = [table([EVIL], [[EVIL]]), facts([(EVIL, EVIL)]), line(EVIL, EVIL, shown, pair(EVIL, EVIL[::-1]))]
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


def test_only_what_has_a_shape_is_shown() -> None:
    assert escaped("ä\n\u200b☃") == "ä[U+000A][U+200B]☃"


def test_texts_stand_left_numbers_right_and_parts_are_set_in() -> None:
    shown = table(
        ["errors", "share", "95 %", "note"], [["all", "1.2 %", "1 to 2", ""], ["  of them", 3, "0 to 4", "few"]]
    )
    rows = re.findall("<tr>(.*?)</tr>", shown)
    assert [re.findall("<t[hd]([^>]*)>", row) for row in rows] == [
        [' class="texts"', "", "", ' class="texts"'],
        [' class="texts"', "", "", ' class="texts"'],
        [' class="texts" style="padding-left: 1rem"', "", "", ' class="texts"'],
    ]
    assert table(["nothing"], []).count("<tr>") == 1
