"""PAGE and ALTO files that came with their lines, filled with what was read: nothing else in them changes.

Of each line that was read the words, their characters and the text are replaced as a whole, and so is the text of a
PAGE region that has one of its own: it is that of its lines. All else stays as it is, names, order, metadata, comments
and outlines included; a line that could not be read keeps what it had.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ocrnn.data.layout import Kind, kind_of, parse, text_lines
from ocrnn.data.samples import Problem
from ocrnn.errors import OutputError
from ocrnn.reading import Reading
from ocrnn.transcribe import alto, page_xml
from ocrnn.transcribe.placing import placed_line

if TYPE_CHECKING:
    from lxml.etree import _Element

    from ocrnn.transcribe.markup import Make
    from ocrnn.transcribe.result import Result

_TEXT: dict[Kind, frozenset[str]] = {
    "page": frozenset({"Word", "TextEquiv"}),
    "alto": frozenset({"String", "SP", "HYP"}),
}
"""What of a TextLine is text."""
_BEHIND = frozenset({"TextStyle", "UserDefined", "Labels"})
"""What of a TextLine stands behind its text."""
_PROLOG = re.compile(r"\ufeff?(\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_YEAR = re.compile(r"/pagecontent/(\d{4})-")
_POINTS_SINCE, _SEVERAL_SINCE = 2013, 2016
"""Years in which PAGE got points as an attribute, with confidences, and several texts for a line."""


def refilled(file: Path, results: Sequence[Result], kind: Kind) -> bytes | None:
    """The file of a page with what was read of its lines; None where it is no file of this kind.

    Raises OutputError where its version has no place for confidences, or where it is not what was read any more.
    """
    try:
        data = file.read_bytes()
    except OSError as fault:
        raise OutputError(f"{file}: cannot be read again ({fault.strerror}); give it back its place") from None
    root = parse(file, data, whole=True)
    if root is None or isinstance(root, Problem):
        raise OutputError(f"{file}: was changed while it was read; read it again")
    if kind_of(root) != kind:
        return None
    lines = list(text_lines(root))
    if len(lines) != len(results):
        raise OutputError(f"{file}: was changed while it was read; read it again")
    year = int(found[1]) if (found := _YEAR.search(str(root.tag))) else _SEVERAL_SINCE
    if year < _POINTS_SINCE:
        raise OutputError(f"{file}: PAGE of {year} has no place for confidences; bring it to 2013 or later")
    read = [(line, result) for line, result in zip(lines, results, strict=True) if isinstance(result.outcome, Reading)]
    emptied = [_emptied(line, kind) for line, _ in read]
    taken = [str(name) for name in root.xpath("//@id")]
    for (line, result), (inner, behind) in zip(read, emptied, strict=True):
        if kind == "page":
            _fill_page(line, result, taken, several=year >= _SEVERAL_SINCE)
        else:
            namespace = _namespace(line)
            alto.fill(line, placed_line(result, in_units=True), _maker(), namespace=namespace, glyphs="v4" in namespace)
        line.extend(behind)
        if inner is not None:
            _indent(line, inner, str(line.getparent().text if line.getprevious() is None else line.getprevious().tail))
    for region in dict.fromkeys(line.getparent() for line, _ in read):
        _retell(region)
    return _serialised(root, data)


def _emptied(line: _Element, kind: Kind) -> tuple[str | None, list[_Element]]:
    """Take the text out of a line; gives the white space its children stand behind, and those that belong behind it."""
    outer = line.getparent().text if line.getprevious() is None else line.getprevious().tail
    indented = all(space and not space.strip() and "\n" in space for space in (line.text, outer))
    inner = line.text if indented and str(line.text).startswith(str(outer)) else None
    for child in list(line):
        if _local(child) in _TEXT[kind]:
            line.remove(child)
    behind = [child for child in line if _local(child) in _BEHIND]
    for child in behind:
        line.remove(child)
    return inner, behind


def _fill_page(line: _Element, result: Result, taken: Sequence[str], *, several: bool) -> None:
    name = line.get("id") or result.line
    while any(other.startswith(f"{name}_w") for other in taken):
        name += "_"
    placed = placed_line(result, in_units=True)
    page_xml.fill(line, placed, _maker(), name=name, namespace=_namespace(line), several=several)


def _retell(region: _Element) -> None:
    """Let the text that a region has of its own, if it has any, be that of its lines."""
    first, *others = region.findall("{*}TextEquiv") or [None]
    if first is None:
        return
    for other in others:
        region.remove(other)
    for part in list(first):
        if _local(part) == "PlainText":
            first.remove(part)
        elif _local(part) == "Unicode":
            lines = region.findall("{*}TextLine")
            part.text = "\n".join(line.findtext("{*}TextEquiv/{*}Unicode") or "" for line in lines)
    first.attrib.pop("conf", None)


def _indent(element: _Element, inner: str, outer: str) -> None:
    """Give each child a line of its own, and its children further in by as much."""
    if len(element):
        element.text = inner
        for child in element:
            child.tail = inner
            _indent(child, inner + inner.removeprefix(outer), inner)
        element[-1].tail = outer


def _maker() -> Make:
    from lxml.etree import SubElement

    make: Make = SubElement
    return make


def _namespace(element: _Element) -> str:
    """What stands before the name of an element: `{...}`, or nothing."""
    name = str(element.tag)
    return name[: name.rindex("}") + 1] if "}" in name else ""


def _local(element: _Element) -> str:
    """Name of an element without its namespace, "" of a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _serialised(root: _Element, data: bytes) -> bytes:
    """The document in the encoding, and with all that stands around its root, that its bytes had."""
    from lxml import etree

    encoding = root.getroottree().docinfo.encoding or "UTF-8"
    try:
        text = data.decode(encoding)
    except LookupError:  # libxml2 knows more of them than Python does
        whole: bytes = etree.tostring(root.getroottree(), encoding=encoding, xml_declaration=True)
        return whole
    head = _PROLOG.match(text)
    assert head is not None  # it may be empty
    body = etree.tostring(root, encoding="unicode", with_tail=False)
    if "\r\n" in text:  # which every parser takes for a plain line end
        body = body.replace("\n", "\r\n")
    end = text.rindex("</" + body[body.rindex("</") + 2 : -1])
    filled: bytes = (head.group() + body + text[text.index(">", end) + 1 :]).encode(encoding, "xmlcharrefreplace")
    return filled
