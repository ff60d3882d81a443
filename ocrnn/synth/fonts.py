"""Faces to draw with: what each file can draw, and what kind of print it stands for."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ocrnn.errors import UsageError

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
OTHER_SCRIPT = "other-script"
"""Category of the faces that draw what a model is to leave unread."""
STROKED = {"ã": "a", "ẽ": "e", "õ": "o", "ũ": "u"}
"""Letters under the stroke of early printers, for an n or m left out, and the letter that a stroke is drawn above where
a face has no glyph for both: few have."""
_ABSENT = "\U0010ffff"
"""A noncharacter, which no face has: it draws as .notdef."""

_HINTS = (
    ("", r"symbol|dings\b|dingbat|emoji|\bicon|barcode|braille|music|awesome"),
    ("blackletter", r"fraktur|blackletter|textura|schwabacher"),
    ("seven-segment", r"dseg|segment"),
    ("ocr-mrz", r"ocr[ -]?[ab]"),
    ("receipt-pixel", r"pixel|matrix|vt323|3270|bitmap|terminus|fixedsys"),
    ("typewriter", r"typewriter|courier|elite|cutive"),
    ("handwriting", r"script|\bhand\b|handwrit|cursive|brush|marker"),
    ("stencil", r"stencil"),
    ("condensed", r"condensed|narrow|compressed"),
    ("slab", r"slab"),
    ("old-style", r"garamond|caslon|\bfell\b|jenson|bembo"),
)
"""Categories by what a face's name in lower case holds, the first hit counts; faces of the first draw no text."""


@dataclass(frozen=True)
class Face:
    """One face of a font file: its category (serif, typewriter, blackletter …) and the characters it truly draws.

    `capitals` marks faces whose small letters are drawn as capitals: text must be upper-cased for them.
    """

    path: Path
    index: int
    category: str
    characters: frozenset[str]
    capitals: bool = False

    def draws(self, text: str) -> bool:
        """Tell whether every character but the space has a glyph here, or one that lacks but its stroke."""
        return all(c in self.characters or c == " " or STROKED.get(c) in self.characters for c in text)


def open_faces(folder: Path, characters: str) -> tuple[Face, ...]:
    """Faces of a folder: as its `fonts.jsonl` lists them, else every font file there, inspected for `characters`.

    `fonts.jsonl` has one object a line: file, idx, cat, case ("both", "caps", "smallcaps") and chars, the
    characters that draw ink and differ from .notdef: a cmap alone promises more than many faces keep.
    Files that cannot be opened as fonts are left out. Raises UsageError when the folder holds no usable face.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give --fonts a folder of .ttf or .otf files")
    listing = folder / "fonts.jsonl"
    faces = _listed(listing) if listing.is_file() else _found(folder, characters)
    usable = tuple(face for face in faces if face.characters and face.path.is_file())
    if not usable:
        raise UsageError(f"{folder}: no usable font file (.ttf, .otf); give another --fonts folder")
    return usable


def system_faces(characters: str) -> tuple[Face, ...]:
    """Faces that the system has for everybody and for this user, inspected for `characters`.

    Raises UsageError when there is none, as in slim containers.
    """
    folders = [folder for folder in system_folders() if folder.is_dir()]
    faces = tuple(face for folder in folders for face in _found(folder, characters) if face.characters)
    if not faces:
        raise UsageError("this system has no fonts for this charset; give --fonts a folder of .ttf or .otf files")
    return faces


def system_folders() -> tuple[Path, ...]:
    """Folders where Linux, macOS or Windows keep fonts; some may not exist."""
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
        return (Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts"), Path(local, "Microsoft", "Windows", "Fonts"))
    if sys.platform == "darwin":
        return (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts")
    shared = [Path(folder, "fonts") for folder in ("/usr/share", "/usr/local/share")]
    return (*shared, home / ".local" / "share" / "fonts", home / ".fonts")


def inspect(path: Path, characters: str) -> Iterator[Face]:
    """Faces of a file nobody described, by drawing: of `characters` those with ink unlike the missing glyph.

    The category is guessed from the face's name, its pitch and its H. Gives nothing for a file that is no font.
    """
    for index in count():
        try:
            font = ImageFont.truetype(path, 24, index=index, layout_engine=ImageFont.Layout.BASIC)
            drawn = _drawn(font, characters)
            font = font.font_variant(size=48)
        except (OSError, ValueError):  # past the last face, or not a font
            return
        category = _category(f"{path.stem} {' '.join(part or '' for part in font.getname())}", font)
        if category:
            yield Face(path, index, category, drawn, capitals=_has_capitals_only(font, drawn))


@lru_cache(maxsize=512)
def truetype(path: Path, index: int, size: int) -> ImageFont.FreeTypeFont:
    """Opened face at a pixel size; kept, since opening costs more than drawing a word."""
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


def _listed(listing: Path) -> Iterator[Face]:
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
        for line in filter(None, lines):
            entry = json.loads(line)
            yield Face(
                listing.parent / entry["file"],
                int(entry.get("idx", 0)),
                entry["cat"],
                frozenset(entry["chars"]),
                capitals=entry.get("case", "both") != "both",
            )
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UsageError(
            f"{listing}: not a list of faces ({type(fault).__name__}: {fault}); remove it to have the fonts inspected"
        ) from None


def _found(folder: Path, characters: str) -> Iterator[Face]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            yield from inspect(path, characters)


def _drawn(font: ImageFont.FreeTypeFont, characters: str) -> frozenset[str]:
    """Characters with ink of their own: glyphs that are empty, or look like that for a missing one, are none."""
    masks = {c: font.getmask(c) for c in (_ABSENT, *characters)}
    missing = masks.pop(_ABSENT)
    large = font.font_variant(size=192)

    def is_missing(c: str) -> bool:
        if not missing.getbbox() or max(abs(a - b) for a, b in zip(masks[c].size, missing.size, strict=True)) > 1:
            return False
        # What a face does not map draws as .notdef to the pixel: of the fonts of a system that is nearly all of it.
        if masks[c].size == missing.size and bytes(masks[c]) == bytes(missing):
            return True
        # Hinting spares .notdef but not its copies; so large a glyph shows no difference.
        return _likeness(large, c, _ABSENT) > 0.96

    return frozenset(c for c, mask in masks.items() if mask.getbbox() and not is_missing(c))


def _category(name: str, font: ImageFont.FreeTypeFont) -> str:
    """Category of a face by its name, else by its pitch, its feet, its width; "" for one that draws no text."""
    name = name.lower()
    for category, hint in _HINTS:
        if re.search(hint, name):
            return category
    if font.getlength("i") == font.getlength("M"):
        return "mono"
    ink = _ink(font, "H")
    if not ink.size:
        return "sans"
    strokes = ink.sum(1)
    # Of 460 faces that were sorted by eye, those with serifs have feet at least 1.86 times as wide as their stems.
    stem = np.median(strokes[round(0.6 * len(strokes)) : round(0.85 * len(strokes)) + 1])
    if strokes[-len(strokes) // 8 :].max() > 1.6 * stem:
        return "serif"
    return "condensed" if ink.shape[1] < 0.65 * ink.shape[0] else "sans"


def _has_capitals_only(font: ImageFont.FreeTypeFont, drawn: Iterable[str]) -> bool:
    """Tell whether small letters are capitals, of the same height or smaller: stretched to one size they agree."""
    pairs = [(small, small.upper()) for small in "aegnrt" if {small, small.upper()} <= set(drawn)]
    return bool(pairs) and float(np.mean([_likeness(font, small, capital) for small, capital in pairs])) > 0.65


def _likeness(font: ImageFont.FreeTypeFont, one: str, other: str) -> float:
    """Correlation, up to 1, of two letters stretched to one size."""
    # The border is for letters that fill their box: they would correlate with nothing.
    shapes = [
        np.pad(cv2.resize(_ink(font, c), (24, 24), interpolation=cv2.INTER_AREA), 1).ravel() for c in (one, other)
    ]
    return float(np.corrcoef(shapes[0], shapes[1])[0, 1])


def _ink(font: ImageFont.FreeTypeFont, letter: str) -> npt.NDArray[np.float32]:
    """Ink (h, w) of one letter, cut tight; empty where it draws none."""
    left, top, right, bottom = (int(edge) for edge in font.getbbox(letter))
    picture = Image.new("L", (max(0, right - left), max(0, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), letter, fill=255, font=font)
    ink = np.asarray(picture, np.float32)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else ink[:0, :0]
