"""ALTO is what the schema of the Library of Congress accepts, and says what was read, where and how surely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

import pytest

from ocrnn.errors import OutputError
from ocrnn.reading import Character, Reading, Word
from ocrnn.transcribe.alto import fill
from ocrnn.transcribe.placing import PlacedLine, box
from tests.transcribe.conftest import spaced, written

if TYPE_CHECKING:
    from tests.transcribe.conftest import Validate

NS = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}


@pytest.mark.parametrize("text", ["Total 12,40 €", "", " ", " a  b ", 'x<y & "z"', "ſ", "a\u0301b"])
def test_any_text_is_valid_and_comes_back(validated: Callable[[str], Validate], text: str) -> None:
    root = validated("alto-4-3.xsd")(written("alto", {"scans/line.png": [spaced(text)]}))
    assert root.findtext("a:Description/a:sourceImageInformation/a:fileName", namespaces=NS) == "line.png"
    (line,) = root.findall(".//a:TextLine", NS)
    said = "".join(" " if part.tag.endswith("SP") else part.get("CONTENT") for part in line)
    assert said == " ".join(text.split())


def test_places_and_confidences(validated: Callable[[str], Validate]) -> None:
    root = validated("alto-4-3.xsd")(written("alto", {"line.png": [spaced("ab c", confidence=0.9)]}))
    (page,) = root.findall(".//a:Page", NS)
    assert (page.get("WIDTH"), page.get("HEIGHT")) == ("40", "40")
    place = [(s.get("CONTENT"), s.get("HPOS"), s.get("WIDTH"), s.get("WC")) for s in root.iterfind(".//a:String", NS)]
    assert place == [("ab", "1", "18", "0.8100"), ("c", "31", "8", "0.9000")]
    (space,) = root.findall(".//a:SP", NS)
    assert (space.get("HPOS"), space.get("WIDTH"), space.get("HEIGHT")) == ("19", "12", "40")
    glyphs = [(g.get("CONTENT"), g.get("HPOS"), g.get("WIDTH"), g.get("GC")) for g in root.iterfind(".//a:Glyph", NS)]
    assert glyphs == [("a", "1", "8", "0.9000"), ("b", "11", "8", "0.9000"), ("c", "31", "8", "0.9000")]


def test_each_page_of_a_picture_is_a_page(validated: Callable[[str], Validate]) -> None:
    root = validated("alto-4-3.xsd")(written("alto", {"s.tif": [spaced("one"), spaced("two")]}))
    assert [page.get("PHYSICAL_IMG_NR") for page in root.iterfind(".//a:Page", NS)] == ["1", "2"]
    assert [string.get("CONTENT") for string in root.iterfind(".//a:String", NS)] == ["one", "two"]


def test_what_xml_cannot_hold_is_replaced(validated: Callable[[str], Validate]) -> None:
    root = validated("alto-4-3.xsd")(written("alto", {"\x1b\udcff.png": [spaced("a\x00b")]}))
    assert root.findtext(".//a:fileName", namespaces=NS) == "\ufffd\ufffd.png"
    assert root.find(".//a:String", NS).get("CONTENT") == "a\ufffdb"


def test_a_second_picture_is_refused() -> None:
    with pytest.raises(OutputError, match=r"b\.png: an ALTO file is about one picture; give -o DIR"):
        written("alto", {"a.png": [spaced("1")], "b.png": [spaced("2")]})


def test_before_version_4_characters_are_digits(validated: Callable[[str], Validate]) -> None:
    """From 0, which is sure, to 9: the other way round than every other confidence."""
    characters = (Character("a", 1, 9, 1.0), Character("b", 11, 19, 0.2))
    reading = Reading("ab", 0.2, characters, 20, 40, words=(Word("ab", 1, 19, 0.2),))
    line = Element("TextLine")
    fill(line, PlacedLine("l", reading, box(0, 0, 20, 40)), SubElement, glyphs=False)
    (string,) = line
    assert (string.get("CC"), string.get("WC"), len(string)) == ("0 7", "0.2000", 0)


@pytest.mark.parametrize(("turned_deg", "place"), [
    (90, ("0", "21", "40", "8")), (180, ("21", "0", "8", "40")), (270, ("0", "1", "40", "8")),
])  # fmt: skip
def test_a_line_that_was_turned_has_its_places_in_the_picture(
    validated: Callable[[str], Validate], turned_deg: int, place: tuple[str, ...]
) -> None:
    """The first of three letters, 8 px wide in a line of 30x40 that lay in its picture."""
    size = (40, 30) if turned_deg % 180 else (30, 40)
    reading = replace(spaced("abc"), width_px=size[0], height_px=size[1], turned_deg=turned_deg)
    root = validated("alto-4-3.xsd")(written("alto", {"line.png": [reading]}))
    glyph = root.find(".//a:Glyph", NS)
    assert tuple(glyph.get(name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")) == place
    assert root.find(".//a:TextBlock", NS).get("ROTATION") == str(turned_deg)
