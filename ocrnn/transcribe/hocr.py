"""hOCR: readings as XHTML, the pages of any number of pictures in one document.

What T. Breuel began (hOCR 1.2): `ocr_page`, `ocr_line`, `ocrx_word` and `ocrx_cinfo`, with their places in whole pixels
and their confidences from 0 to 100.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from ocrnn.transcribe.markup import SOFTWARE, legal
from ocrnn.transcribe.placing import Page, PlacedLine, Points, box, pixels, placed, spelled

if TYPE_CHECKING:
    from ocrnn.storage import Write
    from ocrnn.transcribe.result import Result

# No DTD is named: a parser would want to fetch it.
_HEAD = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{SOFTWARE}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="{SOFTWARE}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word ocrx_cinfo ocrp_wconf"/>
</head>
<body>
"""
_TAIL = "</body>\n</html>\n"


class Hocr:
    """A sheet of hOCR: an `ocr_page` for each page of each source."""

    def __init__(self, write: Write) -> None:
        """Begin a document."""
        self._write = write
        self._pages = 0

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write the pages of one source."""
        for page in placed(path, results):
            head = "" if self._pages else _HEAD
            self._pages += 1
            self._put(head + "".join(_page(page, self._pages)))

    def close(self) -> None:
        """End the document."""
        self._put(("" if self._pages else _HEAD) + _TAIL)

    def _put(self, text: str) -> None:
        self._write(legal(text).encode())


def _page(page: Page, number: int) -> Iterator[str]:
    picture = page.picture.replace('"', '\\"')
    place = _bbox("bbox", box(0, 0, page.width, page.height))
    yield _open("div", "ocr_page", f"page_{number}", f'image "{picture}"; {place}; ppageno {page.number - 1}')
    yield "\n"
    for count, line in enumerate(page.lines, 1):
        yield from _line(line, f"{number}_{count}")
    yield "</div>\n"


def _line(line: PlacedLine, number: str) -> Iterator[str]:
    title = f"{_bbox('bbox', line.outline)}; {_whole(line.reading.confidence)}"
    if line.reading.turned_deg:
        title += f"; textangle {line.reading.turned_deg}"  # counter-clockwise, as it stands in the picture
    yield _open("span", "ocr_line", f"line_{number}", title)
    for count, (word, characters) in enumerate(spelled(line.reading), 1):
        # Between two words the line end is the space; inside of one there must be none.
        yield "\n "
        place = _bbox("bbox", line.corners(word.left_px, word.right_px))
        yield _open("span", "ocrx_word", f"word_{number}_{count}", f"{place}; {_whole(word.confidence)}")
        for character in characters:
            place = _bbox("x_bboxes", line.corners(character.left_px, character.right_px))
            title = f"{place}; x_confs {100 * character.confidence:.2f}"
            yield f'<span class="ocrx_cinfo" title="{title}">{escape(character.text)}</span>'
        yield "</span>"
    yield "</span>\n"


def _open(tag: str, kind: str, name: str, title: str) -> str:
    return f'<{tag} class="{kind}" id="{name}" title="{escape(title)}">'


def _bbox(name: str, points: Points) -> str:
    return f"{name} {' '.join(map(str, pixels(points)))}"


def _whole(confidence: float) -> str:
    # What reads hOCR expects a whole number here, though the specification does not.
    return f"x_wconf {round(100 * confidence)}"
