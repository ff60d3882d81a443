"""What labels come to: samples to learn from, and problems that say why something is none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A picture and its text, in Unicode form NFC and without spaces at its ends.

    `page` counts from 0 in a picture of several; `label_file` and `line_number` (from 1) say where the text is written.
    `document` is the book, page or form the line belongs to, "" where nothing tells; `name` is the picture's path
    from the data folder on, with slashes: it stays the same when the folder moves.
    """

    image: Path
    text: str
    page: int = 0
    label_file: Path | None = None
    line_number: int | None = None
    document: str = ""
    name: str = ""

    @property
    def where(self) -> str:
        """Where the text is written, for a person: `labels.tsv:17`; the picture where that is not known."""
        if self.label_file is None:
            return str(self.image)
        return str(self.label_file) if self.line_number is None else f"{self.label_file}:{self.line_number}"


@dataclass(frozen=True)
class Problem:
    """Why something is not learned from: where it stands, what is wrong, what to do; `str` is one line of all three."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """`labels.tsv:17: the label is empty; write its text or remove the line`."""
        return _visible(f"{self.where}: {self.what}; {self.remedy}")


def picture_key(picture: Path) -> str:
    """The same string for two spellings of one path."""
    return os.path.normcase(os.path.abspath(picture))


def shortened(text: str) -> str:
    """A text quoted in an error, cut after 40 characters."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _visible(text: str) -> str:
    """Text with control characters, line breaks and undecodable bytes of file names spelled out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
