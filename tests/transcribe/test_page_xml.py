"""PAGE is what PRImA's schema accepts, and says what was read, where and how surely."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ocrnn.errors import OutputError
from tests.transcribe.conftest import spaced, written

if TYPE_CHECKING:
    from tests.transcribe.conftest import Validate

NS = {"p": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}
SCHEMA = "page-2019-07-15.xsd"


@pytest.mark.parametrize("text", ["Total 12,40 €", "", " ", " a  b ", 'x<y & "z"', "ſ", "a\u0301b"])
def test_any_text_is_valid_and_comes_back(validated: Callable[[str], Validate], text: str) -> None:
    root = validated(SCHEMA)(written("page", {"scans/line.png": [spaced(text)]}))
    assert root.find("p:Page", NS).get("imageFilename") == "line.png"
    (line,) = root.findall(".//p:TextLine", NS)
    assert line.findtext("p:TextEquiv/p:Unicode", namespaces=NS) == text
    words = [word.findtext("p:TextEquiv/p:Unicode", namespaces=NS) for word in line.iterfind("p:Word", NS)]
    assert words == text.split()


def test_places_and_confidences(validated: Callable[[str], Validate]) -> None:
    root = validated(SCHEMA)(written("page", {"line.png": [spaced("ab c", confidence=0.9)]}))

    def pieces(kind: str) -> list[tuple[str, str, str]]:
        return [
            (
                piece.findtext("p:TextEquiv/p:Unicode", namespaces=NS),
                piece.find("p:TextEquiv", NS).get("conf"),
                piece.find("p:Coords", NS).get("points"),
            )
            for piece in root.iterfind(f".//p:{kind}", NS)
        ]

    assert pieces("TextLine") == [("ab c", "0.6561", "0,0 40,0 40,40 0,40")]
    assert pieces("Word") == [("ab", "0.8100", "1,0 19,0 19,40 1,40"), ("c", "0.9000", "31,0 39,0 39,40 31,40")]
    assert [points for *_, points in pieces("Glyph")] == [
        f"{left},0 {left + 8},0 {left + 8},40 {left},40" for left in (1, 11, 31)
    ]


def test_alternatives_are_further_texts_in_their_order(validated: Callable[[str], Validate]) -> None:
    reading = dataclasses.replace(spaced("ab"), alternatives=(("ao", 0.02), ("b", 0.01)))
    root = validated(SCHEMA)(written("page", {"line.png": [reading]}))
    texts = root.findall(".//p:TextLine/p:TextEquiv", NS)
    assert [(text.get("index"), text.findtext("p:Unicode", namespaces=NS), text.get("conf")) for text in texts] == [
        ("0", "ab", "0.9025"), ("1", "ao", "0.0200"), ("2", "b", "0.0100"),
    ]  # fmt: skip


def test_pieces_are_at_least_a_pixel_wide(validated: Callable[[str], Validate]) -> None:
    reading = spaced("abc", step=2.2)
    root = validated(SCHEMA)(written("page", {"line.png": [reading]}))
    for points in root.xpath("//p:Glyph/p:Coords/@points", namespaces=NS):
        left, right = (int(point.split(",")[0]) for point in points.split()[:2])
        assert right > left


def test_one_page_alone() -> None:
    with pytest.raises(OutputError, match=r"s\.tif: holds 2 pages, a PAGE file has one; save each by itself"):
        written("page", {"s.tif": [spaced("1"), spaced("2")]})
    with pytest.raises(OutputError, match=r"b\.png: a PAGE file is about one picture; give -o DIR"):
        written("page", {"a.png": [spaced("1")], "b.png": [spaced("2")]})


@pytest.mark.parametrize(("turned_deg", "orientation"), [(90, "90"), (180, "180"), (270, "-90")])
def test_a_line_that_was_turned_says_how(
    validated: Callable[[str], Validate], turned_deg: int, orientation: str
) -> None:
    reading = dataclasses.replace(spaced("abc"), width_px=40, height_px=40, turned_deg=turned_deg)
    root = validated(SCHEMA)(written("page", {"line.png": [reading]}))
    assert root.find(".//p:TextRegion", NS).get("orientation") == orientation
