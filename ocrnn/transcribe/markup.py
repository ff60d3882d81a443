"""What hOCR, ALTO and PAGE share: text that XML can hold, numbers as their schemas take them, whole documents."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ocrnn import __version__

if TYPE_CHECKING:
    from ocrnn.transcribe.placing import Page

SOFTWARE = f"ocrnn {__version__}"

Make = Callable[[Any, str, dict[str, str]], Any]
"""Appends an element of a name with its attributes to another and gives it: `SubElement` of either ElementTree."""

# https://www.w3.org/TR/xml/#charsets: what no XML document may hold, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """Text as XML can hold it: a control character, or a byte of a file name that is no UTF-8, becomes U+FFFD."""
    return _ILLEGAL.sub("\ufffd", text)


def identifier(name: str) -> str:
    """A name as the ids of XML may be: what has no place there becomes a low line."""
    clean = re.sub(r"[^\w.-]", "_", name)
    return clean if re.match(r"[^\W\d]", clean) else f"_{clean}"


def picture_name(page: Page) -> str:
    """Name of a page's picture without its folders, which a document that lies elsewhere knows nothing of."""
    return legal(os.path.basename(page.picture))


def probability(confidence: float) -> str:
    """A confidence (0..1) with four digits: `0.9731`."""
    return f"{confidence:.4f}"


def decimal(number: float) -> str:
    """A length to a tenth of a pixel, whole numbers without a point: `17`, `17.5`."""
    return f"{round(number, 1):.1f}".removesuffix(".0")


def document(root: ElementTree.Element) -> bytes:
    """A whole XML document, UTF-8, indented."""
    ElementTree.indent(root, " ")
    data: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data + b"\n"
