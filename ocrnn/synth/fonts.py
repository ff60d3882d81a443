"""Faces to draw with: what each file can draw, and what kind of print it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from ocrnn.errors import UsageError

_SUFFIXES = (".ttf", ".otf")


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
        """Tell whether every character but the space has a glyph here."""
        return all(c in self.characters or c == " " for c in text)


def open_faces(folder: Path) -> tuple[Face, ...]:
    """Faces of a folder: as its `fonts.jsonl` lists them, else every font file there, inspected.

    `fonts.jsonl` has one object a line: file, idx, cat, case ("both", "caps", "smallcaps") and chars, the
    characters that draw ink and differ from .notdef: a cmap alone promises more than many faces keep.
    Raises UsageError when the folder holds no usable face.
    """
    listing = folder / "fonts.jsonl"
    if listing.is_file():
        with listing.open(encoding="utf-8") as lines:
            faces: Iterable[Face] = [_listed(folder, json.loads(line)) for line in lines if line.strip()]
    else:
        faces = [_inspected(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES]
    usable = tuple(face for face in faces if face.characters and face.path.is_file())
    if not usable:
        raise UsageError(f"{folder}: no usable font file (.ttf, .otf); give another --fonts folder")
    return usable


@lru_cache(maxsize=512)
def truetype(path: Path, index: int, size: int) -> ImageFont.FreeTypeFont:
    """Opened face at a pixel size; kept, since opening costs more than drawing a word."""
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


def _listed(folder: Path, entry: dict[str, str]) -> Face:
    return Face(
        folder / entry["file"],
        int(entry.get("idx", 0)),
        entry["cat"],
        frozenset(entry["chars"]),
        capitals=entry.get("case", "both") != "both",
    )


def _inspected(path: Path) -> Face:
    """Face of a file nobody described: characters that draw ink unlike the glyph for a missing one."""
    font = truetype(path, 0, 24)
    missing = bytes(font.getmask("\ue0ff"))
    drawn = {c: bytes(font.getmask(c)) for c in map(chr, [*range(33, 127), *range(161, 0x250), *range(0x2010, 0x2040)])}
    characters = frozenset(c for c, ink in drawn.items() if any(ink) and ink != missing)
    return Face(path, 0, "sans", characters, capitals=drawn["a"] == drawn["A"])
