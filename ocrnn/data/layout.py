"""PAGE and ALTO: where the lines of a page are and what they say, as other tools write it.

The PAGE of PRImA, 2010 to 2019, and the ALTO of the Library of Congress, 2 to 4. Only the XML is read here: what a line
looks like is for `data.pages`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePath, PureWindowsPath
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Literal

from ocrnn.data.samples import Problem
from ocrnn.errors import LabelError
from ocrnn.folders import SUFFIXES

if TYPE_CHECKING:
    from lxml.etree import _Element

Points = tuple[tuple[float, float], ...]
"""Corners (x, y), in the units of the page."""
Kind = Literal["page", "alto"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?")
_SIGNS = (b"PcGts", b"alto")
_ROOTS: dict[str, Kind] = {"PcGts": "page", "alto": "alto"}
_HEAD = 65_536
"""Bytes in which a file must say what it is and which picture it is of: behind them come the lines."""
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
    """A page: whose form the file has, the name of its picture there, the size its points count in, its lines in order.

    The size is 0 by 0 where the file does not say it: then points are pixels of the picture.
    """

    kind: Kind
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
    except ValueError:  # a NUL in it
        return Problem(repr(str(file)), "no file has such a name", "check the path")
    root = parse(file, data)
    if root is None or isinstance(root, Problem):
        return root
    try:
        return _page(root) if kind_of(root) == "page" else _alto(root)
    except _Fault as fault:
        return Problem(f"{file}:{fault.line_number}", str(fault), fault.remedy)


def parse(file: Path, data: bytes, *, whole: bool = False) -> _Element | Problem | None:
    """Root of a PAGE or ALTO file that has these bytes, as `read_layout`; without comments unless it is `whole`."""
    if not _is_signed(data):
        return None
    check_reader(file)
    from lxml import etree

    if b"<!DOCTYPE" in data.replace(b"\0", b""):
        return Problem(str(file), "the XML has a DOCTYPE, which may do anything", "remove it: PAGE and ALTO have none")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=not whole,
        remove_pis=not whole,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as fault:
        reason = " ".join(str(fault.msg).split())
        return Problem(f"{file}:{fault.lineno or 1}", f"not XML ({reason})", "mend it, or write the page again")
    return root if etree.QName(root).localname in _ROOTS else None


def check_reader(file: str | Path) -> None:
    """See that pages can be read here, before any work is done for one; LabelError if not."""
    try:
        import lxml  # noqa: F401
    except ImportError:
        raise LabelError(f"{file}: PAGE and ALTO are read with lxml; pip install 'ocrnn[pages]'") from None


def kind_of(root: _Element) -> Kind:
    """Whose form a page has, by its root."""
    return _ROOTS[str(root.tag).rpartition("}")[2]]


def text_lines(root: _Element) -> Iterator[_Element]:
    """TextLine elements of a page, in the order of its lines."""
    page = root.find("{*}Page" if kind_of(root) == "page" else "{*}Layout/{*}Page")
    return iter(()) if page is None else page.iter("{*}TextLine")


def named_picture(file: Path) -> str | None:
    """The name of the picture that a PAGE or ALTO file says it is of, "" for none; None where it is no such file.

    Looks at its beginning alone: whole folders are searched so.
    """
    try:
        with open(file, "rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return None
    if not _is_signed(head):
        return None
    from xml.etree import ElementTree

    parser: Any = ElementTree.XMLPullParser(["start", "end"])
    try:
        parser.feed(b"" if b"<!DOCTYPE" in head.replace(b"\0", b"") else head)
        for event, element in parser.read_events():
            name = str(element.tag).rpartition("}")[2]
            if event == "start" and name == "Page":
                return str(element.get("imageFilename", "")).strip()
            if event == "end" and name == "fileName":
                return (element.text or "").strip()
    except (ElementTree.ParseError, ValueError, LookupError):
        pass  # what is wrong is said when it is read
    return ""


def picture_of(file: Path, name: str) -> Path | None:
    """The picture of a page: where the file says, or by that name or the file's own beside it or in the folder above.

    The latter are for paths of another machine, and for tools that put the files of a page into a folder of pages.
    """
    last = PureWindowsPath(name).name  # which takes slashes of both kinds
    asked = [file.parent / name, file.parent / last, file.parent.parent / last] if last else []
    stem = file.parent / file.name.split(".")[0]
    own = [stem.with_name(stem.name + suffix) for suffix in sorted(SUFFIXES)]
    for candidate in (*asked, *own, *(above.parent.parent / above.name for above in own)):
        if PurePath(candidate).suffix.lower() in SUFFIXES and os.path.isfile(candidate):
            return candidate
    return None


def _is_signed(data: bytes) -> bool:
    return any(sign in data[:4096].replace(b"\0", b"") for sign in _SIGNS)


class _Fault(Exception):
    """What keeps a page from being understood, where it stands and what to do."""

    def __init__(self, element: _Element, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line_number = element.sourceline or 1
        self.remedy = remedy


# --- PAGE ---


def _page(root: _Element) -> Layout:
    page = root.find("{*}Page")
    if page is None:
        raise _Fault(root, "a PAGE file without a Page", "write the page again")
    lines = tuple(_page_line(line) for line in text_lines(root))
    size = _attribute(page, "imageWidth"), _attribute(page, "imageHeight")
    return Layout("page", page.get("imageFilename", "").strip(), *size, tuple(_outlined(lines)))


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


def _alto(root: _Element) -> Layout:
    unit = root.findtext("{*}Description/{*}MeasurementUnit", "pixel").strip()
    page = root.find("{*}Layout/{*}Page")
    if page is None:
        raise _Fault(root, "an ALTO file without a Page", "write the page again")
    width, height = _attribute(page, "WIDTH"), _attribute(page, "HEIGHT")
    if unit != "pixel" and not (width and height):
        raise _Fault(page, f"places in {unit} on a page without WIDTH and HEIGHT", "write them, or places in pixels")
    picture = root.findtext("{*}Description/{*}sourceImageInformation/{*}fileName", "").strip()
    lines = tuple(_alto_line(line) for line in text_lines(root))
    return Layout("alto", picture, width, height, tuple(_outlined(lines)))


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
    parts = [(str(part.tag).rpartition("}")[2], part.get("CONTENT", "")) for part in line]
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
