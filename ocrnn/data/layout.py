"""PAGE and ALTO: where the lines of a page are and what they say, as other tools write it.

The PAGE of PRImA, 2010 to 2019, and the ALTO of the Library of Congress, 2 to 4. Only the XML is read here: what a line
looks like is for `data.pages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING

from ocrnn.data.samples import Problem
from ocrnn.errors import LabelError

if TYPE_CHECKING:
    from lxml.etree import _Element

Points = tuple[tuple[float, float], ...]
"""Corners (x, y), in the units of the page."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?")
_SIGNS = (b"PcGts", b"alto")
_FARTHEST = 1e7
"""A place beyond it is on no page."""
_ASCENT, _DESCENT = 0.75, 0.3
"""How far a line without an outline reaches above and below its baseline, in distances to the next line."""


@dataclass(frozen=True)
class TextLine:
    """A line of a page: what it is called, its text, its outline and baseline, and where in the file it stands.

    `text` is "" where none is written; `outline` and `baseline` are empty where they are not known.
    """

    id: str
    text: str
    outline: Points
    baseline: Points
    line_number: int


@dataclass(frozen=True)
class Layout:
    """A page: the name of its picture as the file has it, the size its points count in, its lines in their order.

    The size is 0 by 0 where the file does not say it: then points are pixels of the picture.
    """

    picture: str
    width: float
    height: float
    lines: tuple[TextLine, ...]


def read_layout(file: Path) -> Layout | Problem | None:
    """The page of a PAGE or ALTO file; a problem where it is spoiled, None where the XML is about something else.

    Takes no entities and nothing from outside of the file. Raises LabelError where lxml is not installed.
    """
    try:
        data = file.read_bytes()
    except OSError as fault:
        return Problem(str(file), f"cannot be read ({fault.strerror})", "check its rights")
    if not any(sign in data[:4096].replace(b"\0", b"") for sign in _SIGNS):
        return None
    try:
        from lxml import etree
    except ImportError:
        raise LabelError(f"{file}: PAGE and ALTO are read with lxml; pip install 'ocrnn[pages]'") from None
    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        return Problem(str(file), "the XML has a DOCTYPE, which may do anything", "remove it: PAGE and ALTO have none")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as fault:
        reason = " ".join(str(fault.msg).split())
        return Problem(f"{file}:{fault.lineno or 1}", f"not XML ({reason})", "mend it, or write the page again")
    kind = etree.QName(root).localname
    if kind not in ("PcGts", "alto"):
        return None
    try:
        return _page(root, file) if kind == "PcGts" else _alto(root, file)
    except _Fault as fault:
        return Problem(f"{file}:{fault.line_number}", str(fault), fault.remedy)


class _Fault(Exception):
    """What keeps a page from being understood, where it stands and what to do."""

    def __init__(self, element: _Element, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line_number = element.sourceline or 1
        self.remedy = remedy


# --- PAGE ---


def _page(root: _Element, file: Path) -> Layout:
    page = root.find("{*}Page")
    if page is None:
        raise _Fault(root, "a PAGE file without a Page", "write the page again")
    lines = (_page_line(line) for line in page.iter("{*}TextLine"))
    size = _attribute(page, "imageWidth"), _attribute(page, "imageHeight")
    return Layout(page.get("imageFilename", "").strip(), *size, tuple(_outlined(tuple(lines))))


def _page_line(line: _Element) -> TextLine:
    text = _equivalent(line)
    if text is None:  # written word by word, some tools take a space for a word
        words = (_equivalent(word) or "" for word in line.findall("{*}Word"))
        text = " ".join(word.strip() for word in words if word.strip())
    return TextLine(
        line.get("id", ""),
        text,
        _corners(line.find("{*}Coords")),
        _corners(line.find("{*}Baseline")),
        line.sourceline or 1,
    )


def _equivalent(element: _Element) -> str | None:
    """Text of a line or word, the first of several; None where there is none."""
    texts = sorted(element.findall("{*}TextEquiv"), key=lambda text: _attribute(text, "index"))
    for text in texts:
        for form in ("Unicode", "PlainText"):
            found = text.findtext(f"{{*}}{form}")
            if found:
                return str(found)
    return None


def _corners(element: _Element | None) -> Points:
    """Points of an attribute, or as in PAGE of 2010, of elements."""
    if element is None:
        return ()
    if element.get("points") is not None:
        return _points(element, "points")
    return tuple((_attribute(point, "x"), _attribute(point, "y")) for point in element.findall("{*}Point"))


# --- ALTO ---


def _alto(root: _Element, file: Path) -> Layout:
    unit = root.findtext("{*}Description/{*}MeasurementUnit", "pixel").strip()
    page = root.find("{*}Layout/{*}Page")
    if page is None:
        raise _Fault(root, "an ALTO file without a Page", "write the page again")
    width, height = _attribute(page, "WIDTH"), _attribute(page, "HEIGHT")
    if unit != "pixel" and not (width and height):
        raise _Fault(page, f"places in {unit} on a page without WIDTH and HEIGHT", "write them, or places in pixels")
    picture = root.findtext("{*}Description/{*}sourceImageInformation/{*}fileName", "").strip()
    lines = tuple(_alto_line(line) for line in page.iter("{*}TextLine"))
    return Layout(picture, width, height, tuple(_outlined(lines)))


def _alto_line(line: _Element) -> TextLine:
    left, top = _attribute(line, "HPOS"), _attribute(line, "VPOS")
    right, bottom = left + _attribute(line, "WIDTH"), top + _attribute(line, "HEIGHT")
    polygon = line.find("{*}Shape/{*}Polygon")
    outline = () if polygon is None else _points(polygon, "POINTS")
    if not outline and right > left and bottom > top:
        outline = ((left, top), (right, top), (right, bottom), (left, bottom))
    baseline: Points = ()
    if said := line.get("BASELINE"):
        numbers = _NUMBER.findall(said)
        # Until 4.1 it is one height, later points.
        baseline = (
            ((left, float(numbers[0])), (right, float(numbers[0]))) if len(numbers) == 1 else _points(line, "BASELINE")
        )
    return TextLine(line.get("ID", ""), _alto_text(line), outline, baseline, line.sourceline or 1)


def _alto_text(line: _Element) -> str:
    parts = [(str(part.tag).rpartition("}")[2], part.get("CONTENT", "")) for part in line if isinstance(part.tag, str)]
    # Some tools write no spaces at all; where one is written, words without one between them touch.
    between = "" if any(name == "SP" for name, _ in parts) else " "
    text = ""
    for name, content in parts:
        if name == "SP":
            text += " "
        elif name == "HYP":
            text += content.replace("\u00ad", "-") or "-"  # a soft hyphen is none that the picture shows
        elif name == "String":
            text += (between if text else "") + content
    return text


# --- what both share ---


def _points(element: _Element, attribute: str) -> Points:
    said = element.get(attribute, "")
    numbers = [float(number) for number in _NUMBER.findall(said)]
    if len(numbers) % 2 or _NUMBER.sub("", said).strip(" ,;\t\n\r") or any(abs(n) > _FARTHEST for n in numbers):
        raise _Fault(element, f"{attribute} are no points: {said[:40]!r}", "write them as x,y x,y ...")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _attribute(element: _Element, name: str) -> float:
    """A number of an element, 0 where it has none."""
    said = element.get(name, "").strip()
    if not said:
        return 0.0
    if not _NUMBER.fullmatch(said) or abs(float(said)) > _FARTHEST:
        raise _Fault(element, f"{name} is no number: {said[:40]!r}", "write one")
    return float(said)


def _outlined(lines: tuple[TextLine, ...]) -> Iterator[TextLine]:
    """Lines that have a baseline alone with an outline around it, as high as the lines stand apart."""
    heights = [fmean(y for _, y in line.baseline) for line in lines if line.baseline]
    apart = [below - above for above, below in pairwise(heights) if below > above]
    for line in lines:
        if len(line.outline) > 2 or len(line.baseline) < 2 or not apart:
            yield line
            continue
        up, down = _ASCENT * median(apart), _DESCENT * median(apart)
        outline = [(x, y - up) for x, y in line.baseline] + [(x, y + down) for x, y in reversed(line.baseline)]
        yield replace(line, outline=tuple(outline))
