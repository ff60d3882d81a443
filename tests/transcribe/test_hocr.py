"""hOCR is XHTML that parsers of XML and of HTML take alike, with what the specification asks of each element."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.transcribe.conftest import spaced, written

NS = {"h": "http://www.w3.org/1999/xhtml"}
# hOCR 1.2, section "The properties": what is in a title, semicolons between.
PROPERTY = {
    "bbox": r"\d+ \d+ \d+ \d+",
    "x_bboxes": r"(\d+ \d+ \d+ \d+)+",
    "x_wconf": r"\d+(\.\d+)?",
    "x_confs": r"\d+(\.\d+)?",
    "image": r'"([^"\\]|\\")*"',
    "ppageno": r"\d+",
    "textangle": r"\d+",
}
NEEDED = {"ocr_page": {"image", "bbox", "ppageno"}, "ocr_line": {"bbox", "x_wconf"}, "ocrx_word": {"bbox", "x_wconf"},
          "ocrx_cinfo": {"x_bboxes", "x_confs"}}  # fmt: skip


def properties(element: Any) -> dict[str, str]:
    title = element.get("title")
    found = dict(part.strip().split(" ", 1) for part in re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', title))
    for name, value in found.items():
        assert re.fullmatch(PROPERTY[name], value), title
    return found


def checked(data: bytes) -> ElementTree.Element:
    """Parse a document, as XML and as HTML, and hold it to the specification."""
    root = ElementTree.fromstring(data)
    metas = {meta.get("name"): meta.get("content") for meta in root.iterfind("h:head/h:meta", NS)}
    assert metas["ocr-system"]
    capabilities = str(metas["ocr-capabilities"]).split()
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(names) == len(set(names))
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in root.iter():
        kind = element.get("class")
        if kind:
            assert kind in capabilities
            assert NEEDED[kind] <= properties(element).keys()
            if kind != "ocr_page":
                inner, outer = (
                    re.findall(r"\d+", properties(e).get("bbox") or properties(e)["x_bboxes"])
                    for e in (element, parents[element])
                )
                left, top, right, bottom = map(int, inner)
                assert int(outer[0]) <= left < right <= int(outer[2]) and int(outer[1]) <= top < bottom <= int(outer[3])
    html = pytest.importorskip("lxml.html")
    by_html = html.document_fromstring(data)
    assert [e.get("class") for e in by_html.iter() if e.get("class")] == [
        e.get("class") for e in root.iter() if e.get("class")
    ]
    assert by_html.find("body").text_content() == "".join(root.find("h:body", NS).itertext())  # type: ignore[union-attr]
    return root


def kinds(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if element.get("class") == kind]


@pytest.mark.parametrize("text", ["Total 12,40 €", "", " ", " a  b ", 'x<y & "z"', "ſ", "<script>"])
def test_any_text_is_valid_and_comes_back(text: str) -> None:
    root = checked(written("hocr", {"scans/line.png": [spaced(text)]}))
    (line,) = kinds(root, "ocr_line")
    assert "".join(line.itertext()).split() == text.split()
    assert ["".join(word.itertext()) for word in kinds(root, "ocrx_word")] == text.split()


def test_places_and_confidences() -> None:
    root = checked(written("hocr", {"line.png": [spaced("ab c", confidence=0.9)]}))
    assert [(properties(w)["bbox"], properties(w)["x_wconf"]) for w in kinds(root, "ocrx_word")] == [
        ("1 0 19 40", "81"),
        ("31 0 39 40", "90"),
    ]
    assert [properties(c)["x_bboxes"] for c in kinds(root, "ocrx_cinfo")] == ["1 0 9 40", "11 0 19 40", "31 0 39 40"]
    (line,) = kinds(root, "ocr_line")
    assert properties(line) == {"bbox": "0 0 40 40", "x_wconf": "66"}
    assert {properties(c)["x_confs"] for c in kinds(root, "ocrx_cinfo")} == {"90.00"}


def test_pictures_and_their_pages_follow_one_another() -> None:
    root = checked(written("hocr", {'a "b".tif': [spaced("1"), spaced("2")], "c;d.png": [spaced("3")]}))
    pages = [(properties(page)["image"], properties(page)["ppageno"]) for page in kinds(root, "ocr_page")]
    assert pages == [('"a \\"b\\".tif"', "0"), ('"a \\"b\\".tif"', "1"), ('"c;d.png"', "0")]


def test_a_document_of_nothing_is_one() -> None:
    assert not kinds(checked(written("hocr", {})), "ocr_page")


def test_what_xml_cannot_hold_is_replaced() -> None:
    root = checked(written("hocr", {"\x1b\udcff.png": [spaced("a\x00b")]}))
    assert properties(kinds(root, "ocr_page")[0])["image"] == '"\ufffd\ufffd.png"'
    assert "".join(kinds(root, "ocr_line")[0].itertext()).strip() == "a\ufffdb"


def test_a_line_that_was_turned_has_its_places_in_the_picture() -> None:
    reading = replace(spaced("abc d"), width_px=40, height_px=50, turned_deg=90)
    root = checked(written("hocr", {"line.png": [reading]}))
    assert properties(kinds(root, "ocr_line")[0])["textangle"] == "90"
    assert [properties(word)["bbox"] for word in kinds(root, "ocrx_word")] == ["0 21 40 49", "0 1 40 9"]
