"""PAGE XML, the form of document analysis: readings as text lines of the schema of PRImA, version 2019-07-15."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ocrnn.errors import OutputError
from ocrnn.transcribe.markup import SOFTWARE, Make, document, legal, picture_name, probability
from ocrnn.transcribe.placing import Page, PlacedLine, Points, bounds, box, pixels, placed, spelled

if TYPE_CHECKING:
    from ocrnn.transcribe.output import Write
    from ocrnn.transcribe.reader import Result

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"


class PageXml:
    """A sheet of PAGE: one picture of one page."""

    def __init__(self, write: Write) -> None:
        """Begin a document."""
        self._write = write
        self._filled = False

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write the document of one source; OutputError where it has several pages, or another was written before."""
        if self._filled:
            raise OutputError(f"{path}: a PAGE file is about one picture; give -o DIR for a file for each")
        pages = list(placed(path, results))
        if len(pages) > 1:
            raise OutputError(
                f"{path}: holds {len(pages)} pages, a PAGE file has one; save each by itself, or give -f alto"
            )
        if pages:
            self._filled = True
            self._write(document(_page_xml(pages[0])))

    def close(self) -> None:
        """Nothing is left to write: the document ends with its picture."""


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
        region = SubElement(sheet, "TextRegion", {"id": "region_1"})
        SubElement(region, "Coords", {"points": _points(box(0, 0, page.width, page.height))})
        for line in page.lines:
            element = SubElement(region, "TextLine", {"id": line.id})
            SubElement(element, "Coords", {"points": _points(line.outline)})
            fill(element, line, SubElement)
    return root


def fill(element: Any, line: PlacedLine, make: Make, *, namespace: str = "", several: bool = True) -> None:
    """Append what a line reads to its TextLine: the words, their glyphs, and the text of each with its confidence.

    They belong behind Coords and Baseline. `namespace` stands before the names of elements, as `{...}`. Since 2016 a
    line may have `several` texts in an order, where the reading has alternatives. Names begin with that of the line.
    """

    def text(parent: Any, said: str, confidence: float, **attributes: str) -> None:
        equivalent = make(parent, f"{namespace}TextEquiv", {**attributes, "conf": probability(confidence)})
        make(equivalent, f"{namespace}Unicode", {}).text = legal(said)

    def piece(parent: Any, kind: str, name: str, points: Points) -> Any:
        made = make(parent, f"{namespace}{kind}", {"id": name})
        make(made, f"{namespace}Coords", {"points": _points(points)})
        return made

    reading, name = line.reading, element.get("id")
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
