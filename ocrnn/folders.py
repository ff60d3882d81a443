"""Folders become paths: recursive, in natural order, without what is hidden."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ocrnn.errors import UsageError

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pbm", ".pgm", ".ppm", ".pnm", ".tif", ".tiff", ".gif"}
)
"""File name endings taken for pictures when a folder is searched."""

NO_FILE = "is no file but a pipe, socket or device; name it itself to have it read"
"""Why what is named like a picture is left out of a folder."""

_DIGITS = re.compile("([0-9]+)")

Pieces = tuple[str | tuple[int, str], ...]
"""Letters and numbers of a text in turn."""
NameKey = tuple[Pieces, Pieces, str]
"""Sorts one name: the pieces before its ending, those of the ending, then the name itself."""


def find_pictures(folder: str | Path) -> Iterator[Path]:
    """Pictures (by their endings) below a folder, as `find_files` finds them."""
    return (path for path in find_files(folder) if is_picture(path))


def is_picture(path: str | Path) -> bool:
    """Tell whether a path is called as pictures are; upper and lower case alike."""
    return os.path.splitext(path)[1].lower() in SUFFIXES


def is_page_file(path: str | Path) -> bool:
    """Tell whether a path is called as PAGE and ALTO files are, which say where the lines of a page are."""
    return os.path.splitext(path)[1].lower() == ".xml"


def find_files(folder: str | Path, *, unreadable: Callable[[UsageError], None] | None = None) -> Iterator[Path]:
    """Files below a folder, the folder joined before each, in the order of `natural_key`.

    Leaves out files and folders whose name starts with a dot. Follows links, but not one back to a folder it came
    through. Leaves out pipes, sockets and devices: to open one may wait for ever. Memory holds one folder's names at a
    time. A folder that cannot be listed raises UsageError; with `unreadable`, that is called with the error instead and
    the search goes on, and so it is with what is named like a picture or page and is no file.
    """
    yield from _walk(Path(folder), frozenset(), unreadable)


def natural_key(path: str | Path) -> tuple[NameKey, ...]:
    """Sorts paths folder by folder with numbers by their value, so that line2 stands before line10.

    >>> sorted(["b/line10.png", "b/Line2.png", "a10/x.png", "a9/x.png"], key=natural_key)
    ['a9/x.png', 'a10/x.png', 'b/Line2.png', 'b/line10.png']
    """
    return tuple(_name_key(part) for part in Path(path).parts)


def _walk(folder: Path, above: frozenset[str], unreadable: Callable[[UsageError], None] | None) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as listing:
            entries = [(entry.name, _kind(entry)) for entry in listing if not entry.name.startswith(".")]
    except OSError as fault:
        error = _refused(folder, fault)
        if unreadable is None:
            raise error from None
        unreadable(error)
        return
    for name, kind in sorted(entries, key=lambda entry: _name_key(entry[0])):
        path = folder / name
        if kind == stat.S_IFDIR:
            yield from _walk(path, above | {real}, unreadable)
        elif kind == stat.S_IFREG:
            yield path
        elif unreadable is not None and (is_picture(path) or is_page_file(path)):
            unreadable(UsageError(f"{path}: {NO_FILE}"))


def _kind(entry: os.DirEntry[str]) -> int:
    """What an entry of a folder is, as S_IFMT says, links followed; a file where nothing is told of it.

    The listing itself says that most are files: to ask the disk of each takes longer than the rest.
    """
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    try:
        return stat.S_IFMT(os.stat(entry).st_mode)
    except OSError:  # a link that leads nowhere: whoever opens it says so
        return stat.S_IFREG


def _refused(folder: Path, fault: OSError) -> UsageError:
    if isinstance(fault, FileNotFoundError):
        return UsageError(f"{folder}: no such folder; check the path")
    if isinstance(fault, NotADirectoryError):
        return UsageError(f"{folder}: not a folder; name the folder that holds the pictures")
    return UsageError(f"{folder}: the folder cannot be listed ({fault.strerror}); check its rights")


def _name_key(name: str) -> NameKey:
    # The ending apart from the rest: line.png stands before line1.png.
    stem, ending = os.path.splitext(name)
    return _pieces(stem), _pieces(ending), name


def _pieces(text: str) -> Pieces:
    # A number sorts by its length without leading zeros, then as text: as by value, at any number of digits.
    return tuple(
        (len(piece.lstrip("0")), piece.lstrip("0")) if place % 2 else piece.casefold()
        for place, piece in enumerate(_DIGITS.split(text))
    )
