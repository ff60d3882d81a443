"""PAGE XML, the form of document analysis: readings as text lines of the schema of PRImA, version 2019-07-15."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ocrnn.errors import OutputError
from ocrnn.transcribe.markup import SOFTWARE, Make, document, identifier, legal, picture_name, probability
from ocrnn.transcribe.placing import Page, PlacedLine, Points, bounds, box, pixels, spelled

if TYPE_CHECKING:
    pass

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


def compose(path: str, pages: Sequence[Page]) -> bytes:
    """A document of a picture of one page; OutputError, naming it, where it has several."""
    if len(pages) > 1:
        raise OutputError(
            f"{path}: holds {len(pages)} pages, a PAGE file has one; save each by itself, or give -f alto"
        )
    return document(_page_xml(pages[0]))


def _page_xml(page: Page) -> Element:
    root = Element(
        "PcGts",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{_NAMESPACE} {_NAMESPACE}/pagecontent.xsd",
        },
    )
    metadata = SubElement(root, "Metadata")
    SubElement(metadata, "Creator").text = SOFTWARE
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for name in ("Created", "LastChange"):
        SubElement(metadata, name).text = now
    size = {"imageWidth": str(round(page.width)), "imageHeight": str(round(page.height))}
    sheet = SubElement(root, "Page", {"imageFilename": picture_name(page), **size})
    if page.lines:
        angles = {line.reading.turned_deg for line in page.lines}
        # Clockwise, from above -180 to 180, as the region has to be turned to stand upright.
        turned = {"orientation": str((angles.pop() + 179) % 360 - 179)} if len(angles) == 1 and any(angles) else {}
        region = SubElement(sheet, "TextRegion", {"id": "region_1", **turned})
        SubElement(region, "Coords", {"points": _points(box(0, 0, page.width, page.height))})
        for line in page.lines:
            name = identifier(line.id)
            element = SubElement(region, "TextLine", {"id": name})
            SubElement(element, "Coords", {"points": _points(line.outline)})
            fill(element, line, SubElement, name=name)
    return root


def fill(element: Any, line: PlacedLine, make: Make, *, name: str, namespace: str = "", several: bool = True) -> None:
    """Append what a line reads to its TextLine: the words, their glyphs, and the text of each with its confidence.

    They belong behind Coords and Baseline. `namespace` stands before the names of elements, as `{...}`. Since 2016 a
    line may have `several` texts in an order, where the reading has alternatives. Names of words begin with `name`.
    """

    def text(parent: Any, said: str, confidence: float, **attributes: str) -> None:
        equivalent = make(parent, f"{namespace}TextEquiv", {**attributes, "conf": probability(confidence)})
        make(equivalent, f"{namespace}Unicode", {}).text = legal(said)

    def piece(parent: Any, kind: str, name: str, points: Points) -> Any:
        made = make(parent, f"{namespace}{kind}", {"id": name})
        make(made, f"{namespace}Coords", {"points": _points(points)})
        return made

    reading = line.reading
    for number, (word, characters) in enumerate(spelled(reading), 1):
        named = f"{name}_w{number}"
        holder = piece(element, "Word", named, line.corners(word.left_px, word.right_px))
        for count, character in enumerate(characters, 1):
            corners = line.corners(character.left_px, character.right_px)
            text(piece(holder, "Glyph", f"{named}_g{count}", corners), character.text, character.confidence)
        text(holder, word.text, word.confidence)
    if several and reading.alternatives:
        for order, (said, confidence) in enumerate([(reading.text, reading.confidence), *reading.alternatives]):
            text(element, said, confidence, index=str(order))
    else:
        text(element, reading.text, reading.confidence)


def _points(points: Points) -> str:
    """Whole pixels, as the schema takes no others; an upright piece stays at least one wide."""
    upright = points == box(*bounds(points))
    corners = box(*pixels(points)) if upright else [(max(0, round(x)), max(0, round(y))) for x, y in points]
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in corners)
