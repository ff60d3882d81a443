"""What labels come to: samples to learn from, and problems that say why something is none."""

from __future__ import annotations

import io
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Protocol

from ocrnn.errors import ImageError, unreadable
from ocrnn.image import MAX_PIXELS, Grey, load_lines


class Part(Protocol):
    """Where a picture is that is no file of its own: on a page, or in a file that holds many.

    Small, frozen, hashable; `str` is what the picture is called inside of that file.
    """

    def load(self, holder: Path, max_pixels: int) -> Grey:
        """Picture (h, w) out of the file that holds it; raises ImageError naming both."""

    def read(self, holder: Path) -> bytes | None:
        """The picture's file as it is, None where it is only a part of one; raises ImageError."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its text, in Unicode form NFC and without spaces at its ends.

    `image` is the picture's file, or with a `part` the file that holds it among others. `page` counts from 0 and is for
    pictures of several pages; `label_file` and `line_number` (from 1) say where the text is written.
    `document` is the book, page or form the line belongs to, "" where nothing tells; `name` is the picture's path
    from the data folder on, with slashes: it stays the same when the folder moves.
    """

    image: Path
    text: str
    page: int | None = None
    label_file: Path | None = None
    line_number: int | None = None
    document: str = ""
    name: str = ""
    part: Part | None = None

    def load(self, *, max_pixels: int = MAX_PIXELS) -> Grey:
        """Picture (h, w) of this line, whatever holds it: the one way to open it. Raises ImageError that names it.

        A file of several pages is refused where `page` does not say which.
        """
        if self.part is not None:
            return self.part.load(self.image, max_pixels)
        pages = load_lines(self.image, max_pixels=max_pixels)
        if self.page is None:
            return _only(str(self.image), pages)
        if self.page >= len(pages):
            raise ImageError(f"{self.image}: has no page {self.page + 1}; mend the label")
        return pages[self.page]

    def read(self) -> bytes | None:
        """The picture's file as it is; None where the picture is only a part of one. Raises ImageError."""
        if self.part is not None:
            return self.part.read(self.image)
        if self.page is not None:
            return None
        try:
            return self.image.read_bytes()
        except OSError as fault:
            raise unreadable(ImageError, self.image, fault) from None

    @property
    def title(self) -> str:
        """What the picture is called, for a person who knows where the label is: `7.png`; `7.png of 3.tar`."""
        return self.image.name if self.part is None else f"{self.part} of {self.image.name}"

    @property
    def key(self) -> tuple[str, int, Part | None]:
        """The same for two samples of one picture, whatever its path is called and however it is linked."""
        return os.path.realpath(self.image), self.page or 0, self.part

    @property
    def where(self) -> str:
        """Where the text is written, for a person: `labels.tsv:17`; the picture where that is not known."""
        if self.label_file is None:
            return str(self.image)
        return str(self.label_file) if self.line_number is None else f"{self.label_file}:{self.line_number}"


@dataclass(frozen=True)
class Finding:
    """Something about labelled lines: where it stands, what it is, what to do; `str` is one line of all three.

    `kind` is what it has in common with others, in words: reports put findings of one kind together.
    """

    where: str
    what: str
    remedy: str
    kind: str = "label not understood"

    def __str__(self) -> str:
        """`labels.tsv:17: the label is empty; write its text or remove the line`."""
        return _visible(f"{self.where}: {self.what}; {self.remedy}")

    @property
    def place(self) -> str:
        """Where and what, without what to do: for reports that say that once for many."""
        return _visible(f"{self.where}: {self.what}")


UNLABELLED = "picture without label"
"""Kind of the problems that are about no line: nobody has written a text for a picture yet."""


@dataclass(frozen=True)
class Problem(Finding):
    """Why something is not learned from.

    `pictureless` are the lines, with good texts, that only lack their picture: what measures a model counts them.
    """

    pictureless: tuple[Sample, ...] = field(default=(), compare=False, repr=False)


class Remark(Finding):
    """Why someone should look at what is learned from as it is."""


def load_stored(name: str, data: bytes, max_pixels: int) -> Grey:
    """Picture (h, w) of the bytes of one that has no file of its own; raises ImageError that calls it by this name."""
    return _only(name, load_lines(Stored(name, data), max_pixels=max_pixels))


def _only(name: str, pages: Sequence[Grey]) -> Grey:
    """The page of a picture that has one label."""
    if len(pages) > 1:
        raise ImageError(f"{name}: {len(pages)} pages with one label; save each page as a picture of its own")
    return pages[0]


class Stored(io.BytesIO):
    """Bytes with a name, which `load_lines` says in its errors."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def cleaned(text: str) -> str:
    """Text as a sample has it: in Unicode form NFC, without spaces at its ends."""
    return unicodedata.normalize("NFC", text).strip()


def tolerate(text: str, tolerated: Counter[str]) -> None:
    """Count what `cleaned` puts right in a text."""
    composed = unicodedata.normalize("NFC", text)
    tolerated["texts brought to NFC"] += composed != text
    tolerated["spaces at the ends of texts"] += composed.strip() != composed


_NO_CHARACTERS = {"Cc": "a control character", "Cs": "half a character"}
"""Categories of code points that no picture shows; JSON can write half of a pair of UTF-16."""


def text_problem(sample: Sample) -> Problem | None:
    """Why a sample's text, `cleaned`, is none that a picture can show; None where it may be one."""
    if not sample.text:
        what = f"the label of {sample.title} is empty"
        return Problem(sample.where, what, "write its text or remove the line", "empty label")
    bad = next((c for c in sample.text if c == "\ufffd" or unicodedata.category(c) in _NO_CHARACTERS), None)
    if bad is None:
        return None
    kind = "the mark of a lost character" if bad == "\ufffd" else _NO_CHARACTERS[unicodedata.category(bad)]
    what = f"the label holds {kind}, U+{ord(bad):04X}"
    return Problem(sample.where, what, "write the character that the picture shows", "character without a shape")


_HOLDERS = frozenset({"images", "image", "imgs", "img", "pictures", "crops", "crop_img", "lines"})
"""Folders that say what they hold and not which document it is from."""


def document_of(name: str) -> str:
    """The document that a line of this name is from, "" where the name does not tell.

    >>> document_of("book/page1/3.png"), document_of("images/page_018_3.png"), document_of("17.png")
    ('book', 'page_018', '')
    """
    folders = [part for part in name.split("/")[:-1] if part != ".."]
    if folders and folders[0].lower() not in _HOLDERS:
        return folders[0]
    stem = PurePath(name).name.split(".")[0]
    return stem.rstrip("0123456789").rstrip("-_ ") if stem[-1:].isdigit() else ""


def name_of(picture: Path, root: Path) -> str:
    """What a picture is called in a data folder: its path from there on, with slashes, in Unicode form NFC."""
    try:
        name = os.path.relpath(picture, root)
    except ValueError:  # another drive of Windows
        name = str(picture)
    return unicodedata.normalize("NFC", PurePath(name).as_posix())


def picture_key(picture: Path) -> str:
    """The same string for two spellings of one path."""
    return os.path.normcase(os.path.abspath(picture))


def shortened(text: str) -> str:
    """A text quoted in an error, cut after 40 characters."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _visible(text: str) -> str:
    """Text with control characters, line breaks and undecodable bytes of file names spelled out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
