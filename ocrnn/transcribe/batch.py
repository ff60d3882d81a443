"""Folders unattended: which pictures the arguments name, in which order, and where their text goes."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrnn.errors import UsageError
from ocrnn.folders import find_pictures, is_picture, natural_key

STDIN = "-"
"""The argument that stands for a picture on standard input."""


@dataclass(frozen=True)
class Picture:
    """A picture to read: its path as given, the folder argument joined to the file.

    `root` counts the characters of the path before the part that is relative to the argument.
    """

    path: str
    root: int = 0

    @property
    def relative(self) -> str:
        """Path relative to the argument: the file name where the file itself was given."""
        return "stdin" if self.path == STDIN else self.path[self.root :]


@dataclass(frozen=True)
class Findings:
    """The pictures that some arguments name; `problems` are the paths that led nowhere, each with the reason."""

    pictures: tuple[Picture, ...]
    problems: tuple[tuple[str, str], ...]


def find(paths: Iterable[str]) -> Findings:
    """Pictures of files, folders, patterns and `-`, in the order of the arguments.

    A folder is searched recursively, pictures only, in natural order, without dot-files. A pattern is one whose path
    does not exist and that holds `*`, `?` or `[`: shells that expand none, as on Windows, leave that to us.
    """
    pictures: list[Picture] = []
    problems: list[tuple[str, str]] = []
    for path in paths:
        if path == STDIN:
            pictures.append(Picture(STDIN))
        elif os.path.isdir(path):
            pictures.extend(_folder(path, problems))
        elif os.path.exists(path):
            pictures.append(_file(path))
        elif glob.has_magic(path):
            matches = list(_pattern(path, problems))
            pictures.extend(matches)
            if not matches:
                problems.append((path, "no picture matches; check the pattern"))
        else:
            problems.append((path, "no such file or folder; check the path"))
    return Findings(tuple(pictures), tuple(problems))


def targets(pictures: Sequence[Picture], folder: str | Path, suffix: str) -> list[Path]:
    """File for the text of each picture: its relative path under `folder`, with this suffix for its own.

    Where two pictures differ in their suffix alone, both keep it: `a.png.txt` and `a.jpg.txt`.
    Raises UsageError where two would still be one file.
    """
    relatives = [picture.relative for picture in pictures]
    names = [os.path.splitext(relative)[0] for relative in relatives]
    # Keeping a suffix can meet a name that was free before (a.png, a.jpg and a.png.gif), so look until all are free.
    while True:
        counts = Counter(map(os.path.normcase, names))
        kept = [
            relative if counts[os.path.normcase(name)] > 1 else name
            for name, relative in zip(names, relatives, strict=True)
        ]
        if kept == names:
            break
        names = kept
    if len(counts) < len(names):
        first: dict[str, Picture] = {}
        for name, picture in zip(names, pictures, strict=True):
            other = first.setdefault(os.path.normcase(name), picture)
            if other.path != picture.path:
                raise UsageError(
                    f"{other.path} and {picture.path} would both be written to {Path(folder, name + suffix)}; "
                    f"give the folder that holds both, or read them one after the other"
                )
    return [Path(folder, name + suffix) for name in names]


def _file(path: str) -> Picture:
    return Picture(path, len(path) - len(os.path.basename(path)))


def _folder(folder: str, problems: list[tuple[str, str]]) -> Iterator[Picture]:
    def unreadable(error: UsageError) -> None:
        place, _, reason = str(error).partition(": ")
        problems.append((place, reason))

    root = os.path.join(folder, "")
    for path in find_pictures(folder, unreadable=unreadable):
        # As it was given: a Path would make `scans/x.png` of `./scans/x.png`.
        yield Picture(root + os.path.relpath(path, folder), len(root))


def _pattern(pattern: str, problems: list[tuple[str, str]]) -> Iterator[Picture]:
    seen: set[str] = set()
    for path in sorted(glob.glob(pattern, recursive=True), key=natural_key):
        below = _folder(path, problems) if os.path.isdir(path) else [_file(path)] if is_picture(path) else []
        for picture in below:
            if picture.path not in seen:
                seen.add(picture.path)
                yield picture
