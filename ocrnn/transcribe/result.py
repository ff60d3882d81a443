"""What becomes of a page: its reading, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocrnn.errors import ImageError
from ocrnn.reading import Reading

if TYPE_CHECKING:
    from ocrnn.data.pages import Placement


@dataclass(frozen=True)
class Result:
    """What became of one page of one source: its reading, or why it has none.

    `source` counts the sources from 0 in the order they came, `page` counts the pages of one source from 1;
    most pictures have one page. A source that cannot be opened gives one result. For a PAGE or ALTO file each of its
    lines is one: `line` is what it is called there, and `placement` is where a line that was read lies.
    """

    source: int
    name: str
    page: int
    pages: int
    outcome: Reading | ImageError
    line: str = ""
    placement: Placement | None = None

    def titled(self, name: str) -> str:
        """Call this page by a name of its source: `name`, `name#2` for page 2 of several, or `name#r1l3` for a line."""
        return titled(name, self.page, self.pages, self.line)


def titled(name: str, page: int, pages: int, line: str = "") -> str:
    """What a page of a source is called.

    >>> titled("a.tif", 1, 1), titled("a.tif", 2, 3), titled("a.xml", 2, 3, "r1l2")
    ('a.tif', 'a.tif#2', 'a.xml#r1l2')
    """
    return f"{name}#{line or page}" if line or pages > 1 else name
