"""Folders unattended: which pictures the arguments name, in which order, and where their text goes."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ocrnn.errors import UsageError
from ocrnn.folders import NO_FILE, find_files, is_page_file, is_picture, natural_key

if TYPE_CHECKING:
    from ocrnn.data.tar import Member

STDIN = "-"
"""The argument that stands for standard input: a picture, or a list of paths."""

# Pictures in ASCII digits are text too: a plain PNM goes on, behind its two letters, with its width.
_PLAIN_PICTURE = re.compile(rb"P[1-6]\s+(#[^\n]*\n\s*)*[0-9]")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, or a page with its lines, to read: its path as given, the folder argument joined to the file.

    `root` counts the characters of the path before the part that is relative to the argument, or to where we are for
    a path from a list. One that lies in a tar is a `member` of it, and its path goes on with its name there.
    """

    path: str
    root: int = 0
    member: Member | None = None

    @property
    def tar(self) -> str:
        """Path of the tar that holds the member."""
        return self.path if self.member is None else self.path[: -len(self.member.name) - 1]

    @property
    def relative(self) -> str:
        """Path relative to the argument: the file name where the file itself was given."""
        return "stdin" if self.path == STDIN else self.path[self.root :]


@dataclass(frozen=True)
class Findings:
    """The pictures that some arguments name; `problems` are the paths that led nowhere, each with the reason."""

    pictures: tuple[Picture, ...]
    problems: tuple[tuple[str, str], ...]


def find(paths: Iterable[str], *, listed: Sequence[str] | None = None) -> Findings:
    """Pictures of files, folders, patterns and `-`, in the order of the arguments.

    A folder is searched recursively, in natural order, without dot-files, for pictures and for PAGE and ALTO files,
    whose own pictures are then left out. A tar that is named stands for the pictures in it, in the order they have
    there. A pipe is read only where it is named itself. A pattern is one whose path does not exist and that holds `*`,
    `?` or `[`: shells that expand none, as on Windows, leave that to us. `listed` are the paths of a list on standard
    input, which stand for `-`; where it is None, that is a picture.
    """
    pictures: list[Picture] = []
    problems: list[tuple[str, str]] = []
    for path in paths:
        if path != STDIN:
            pictures.extend(_named(path, problems))
        elif listed is None:
            pictures.append(Picture(STDIN))
        else:
            pictures.extend(_listed(listed, problems))
    return Findings(tuple(pictures), tuple(problems))


def path_list(data: bytes) -> list[str] | None:
    r"""Paths of a list (UTF-8), one on each line that is not blank, or each ended by NUL; None where it is none.

    A picture is none, plain PNM included; nor is anything with an empty name between two NULs, which BMP and TIFF have.

    >>> path_list(b"a.png\n\nb.png\n"), path_list(b"a.png\0b.png\0"), path_list(b"\x89PNG")
    (['a.png', 'b.png'], ['a.png', 'b.png'], None)
    """
    if _PLAIN_PICTURE.match(data):
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        names = text.split("\0")
        return names[:-1] if not names[-1] and all(names[:-1]) else None
    # Not splitlines: file names may hold what else it takes for a line end.
    return [line for line in (line.rstrip("\r") for line in text.split("\n")) if line.strip()]


def targets(pictures: Sequence[Picture], folder: str | Path, suffix: str) -> list[str]:
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
    # A Path takes three times the memory of its name, and there are as many as pictures.
    return [str(Path(folder, name + suffix)) for name in names]


def _named(path: str, problems: list[tuple[str, str]]) -> Iterable[Picture]:
    """Pictures that one argument names."""
    if os.path.isdir(path):
        return _folder(path, problems)
    if os.path.exists(path):
        return _members(path, problems) if _is_tar(path) else [_file(path)]
    if "://" in path:
        problems.append((path, "is no file, and nothing is fetched; download it, and name the file"))
        return []
    if glob.has_magic(path):
        matches = list(_pattern(path, problems))
        if not matches:
            problems.append((path, "no picture matches; check the pattern"))
        return matches
    problems.append((path, "no such file or folder; check the path"))
    return []


def _listed(paths: Sequence[str], problems: list[tuple[str, str]]) -> list[Picture]:
    """Pictures of a list on standard input; one problem in all where no line leads anywhere: it was no list then."""
    pictures: list[Picture] = []
    faults: list[tuple[str, str]] = []
    for line in paths:
        # In a list - is a file of that name: standard input cannot name itself.
        path = os.path.join(os.curdir, line) if line == STDIN else line
        found = _named(path, faults)
        # Files of one name from all over stay apart under -o DIR: relative paths keep their folders.
        inside = not os.path.isabs(path) and os.pardir not in Path(path).parts
        pictures.extend(Picture(path) if inside and picture.path == path else picture for picture in found)
    if paths and len(faults) == len(paths) and not pictures:
        first = paths[0] if len(paths[0]) <= 40 else f"{paths[0][:39]}…"
        reason = f"is no picture, and as a list of paths it names nothing that is there, {first!r} first"
        faults = [(STDIN, f"{reason}; send a picture, or a path on each line")]
    problems.extend(faults)
    return pictures


def _file(path: str) -> Picture:
    return Picture(path, len(path) - len(os.path.basename(path)))


def _is_tar(path: str) -> bool:
    return os.path.splitext(path)[1].lower() == ".tar"


def _members(tar: str, problems: list[tuple[str, str]]) -> Iterator[Picture]:
    """Pictures in a tar, as WebDataset has them; a problem where it ends before its end, or would write elsewhere."""
    from ocrnn.data.tar import TarFault, members

    root = len(tar) - len(os.path.basename(tar))
    found = False
    try:
        with open(tar, "rb") as stream:
            for _, member in members(stream):
                if not is_picture(member.name):
                    continue
                found = True
                name = PurePosixPath(member.name)
                if name.is_absolute() or os.pardir in name.parts or "\0" in member.name:
                    problems.append((f"{tar}/{member.name}", "its name leads out of the tar; pack it again"))
                else:
                    yield Picture(f"{tar}/{member.name}", root, member)
    except TarFault as fault:
        problems.append((tar, f"{fault}; pack it again"))
    except OSError as fault:
        problems.append((tar, f"cannot be read ({fault.strerror}); check the path and its rights"))
    else:
        if not found:
            problems.append((tar, "holds no pictures; give a tar that does"))


def _folder(folder: str, problems: list[tuple[str, str]]) -> Iterator[Picture]:
    def unreadable(error: UsageError) -> None:
        place, _, reason = str(error).partition(": ")
        problems.append((place, reason))

    root = os.path.join(folder, "")
    above = len(str(Path(folder, "_"))) - 1  # what a Path makes of the folder stands before each of its files
    for path in _without_pages(find_files(folder, unreadable=unreadable)):
        # As it was given: a Path would make `scans/x.png` of `./scans/x.png`.
        yield Picture(root + str(path)[above:], len(root))


def _without_pages(files: Iterable[Path]) -> Iterator[Path]:
    """Pictures of lines and files of pages among these, without the pictures of those pages."""
    kept = [file for file in files if is_picture(file) or is_page_file(file)]
    described: dict[Path, Path | None] = {}
    if any(map(is_page_file, kept)):
        from ocrnn.data.layout import named_picture, picture_of

        names = ((file, named_picture(file)) for file in kept if is_page_file(file))
        described = {file: picture_of(file, name) for file, name in names if name is not None}
    if not described:  # to look where each picture really lies takes as long as to open it
        yield from (file for file in kept if not is_page_file(file))
        return

    def place(picture: Path) -> str:
        return os.path.normcase(os.path.realpath(picture))

    pictures = {place(picture) for picture in described.values() if picture}
    for file in kept:
        if (file in described) if is_page_file(file) else (place(file) not in pictures):
            yield file


def _pattern(pattern: str, problems: list[tuple[str, str]]) -> Iterator[Picture]:
    seen: set[str] = set()
    for path in sorted(glob.glob(pattern, recursive=True), key=natural_key):
        below: Iterable[Picture] = ()
        if os.path.isdir(path):
            below = _folder(path, problems)
        elif _is_tar(path) or is_picture(path) or is_page_file(path):
            if os.path.exists(path) and not os.path.isfile(path):
                problems.append((path, NO_FILE))
            else:
                below = _members(path, problems) if _is_tar(path) else [_file(path)]
        for picture in below:
            if picture.path not in seen:
                seen.add(picture.path)
                yield picture
