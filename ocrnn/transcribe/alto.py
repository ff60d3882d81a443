"""ALTO, the form of libraries: readings as the text lines of a page of the Library of Congress' schema, version 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ocrnn.transcribe.markup import SOFTWARE, Make, decimal, document, identifier, legal, picture_name, probability
from ocrnn.transcribe.placing import Page, PlacedLine, Points, bounds, box, spelled

if TYPE_CHECKING:
    pass

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-3.xsd"


def compose(path: str, pages: Sequence[Page]) -> bytes:
    """A document of the pages of one picture, one or more."""
    return document(_alto(pages))


def _alto(pages: Sequence[Page]) -> Element:
    root = Element(
        "alto",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{_NAMESPACE} {_SCHEMA}",
            "SCHEMAVERSION": "4.3",
        },
    )
    description = SubElement(root, "Description")
    SubElement(description, "MeasurementUnit").text = "pixel"
    SubElement(SubElement(description, "sourceImageInformation"), "fileName").text = picture_name(pages[0])
    processing = SubElement(SubElement(description, "OCRProcessing", {"ID": "ocr"}), "ocrProcessingStep")
    software = SubElement(processing, "processingSoftware")
    SubElement(software, "softwareName").text, SubElement(software, "softwareVersion").text = SOFTWARE.split()
    layout = SubElement(root, "Layout")
    for page in pages:
        name = f"page_{page.number}"
        size = {"WIDTH": decimal(page.width), "HEIGHT": decimal(page.height), "PHYSICAL_IMG_NR": str(page.number)}
        whole = _place(box(0, 0, page.width, page.height))
        space = SubElement(SubElement(layout, "Page", {"ID": name, **size}), "PrintSpace", whole)
        if page.lines:
            angles = {line.reading.turned_deg for line in page.lines}
            turned = {"ROTATION": str(angles.pop())} if len(angles) == 1 and any(angles) else {}
            block = SubElement(space, "TextBlock", {"ID": f"{name}_block", **whole, **turned})
            for line in page.lines:
                element = SubElement(block, "TextLine", {"ID": f"{name}_{identifier(line.id)}", **_place(line.outline)})
                fill(element, line, SubElement)
    return root


def fill(element: Any, line: PlacedLine, make: Make, *, namespace: str = "", glyphs: bool = True) -> None:
    """Append what a line reads to its TextLine: String by String with an SP between, with places and confidences.

    `namespace` stands before the names of elements, as `{...}`. Characters are `Glyph`, which version 4 brought;
    without `glyphs` they are digits of `CC`, from 0 sure to 9 unsure. A line must have a String, if an empty one.
    """
    words = line.reading.words
    if not words:
        make(element, f"{namespace}String", {"CONTENT": "", **_place(line.outline)})
    for number, (word, characters) in enumerate(spelled(line.reading)):
        if number:
            gap = line.corners(words[number - 1].right_px, word.left_px)
            make(element, f"{namespace}SP", _place(gap))
        attributes = {
            "CONTENT": legal(word.text),
            "WC": probability(word.confidence),
            **_place(line.corners(word.left_px, word.right_px)),
        }
        if not glyphs:
            attributes["CC"] = " ".join(str(round(9 - 9 * character.confidence)) for character in characters)
        string = make(element, f"{namespace}String", attributes)
        for character in characters if glyphs else ():
            place = _place(line.corners(character.left_px, character.right_px))
            content = {"CONTENT": legal(character.text), "GC": probability(character.confidence)}
            make(string, f"{namespace}Glyph", {**content, **place})


def _place(points: Points) -> dict[str, str]:
    left, top, right, bottom = bounds(points)
    sides = {"HPOS": left, "VPOS": top, "WIDTH": max(0.0, right - left), "HEIGHT": bottom - top}
    return {name: decimal(side) for name, side in sides.items()}
