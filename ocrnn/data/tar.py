"""Tar files by place: what is in them and where its bytes are, so that one of a million can be read alone.

Python's `tarfile` knows more kinds of them and takes three times as long for a header: with a million lines, that was
minutes each time they were gone through.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ocrnn.data.samples import load_stored
from ocrnn.errors import ImageError, unreadable
from ocrnn.image import MAX_PIXELS, Grey
from ocrnn.storage import whole_file

BLOCK = 512
"""Bytes that everything in a tar file is counted in."""

_MOST_EXTRA = 1 << 20
"""Bytes of a header's extension, such as a long name, beyond which it is none."""
_PAX_RECORD = re.compile(rb"(\d{1,9}) ([^=]+)=")


@contextmanager
def new_tar(path: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Give what adds a file, its name and bytes, to a tar that takes its name when the block ends well.

    The same files give the same bytes: no dates and no owners. Raises OutputError where the disk refuses.
    """
    with whole_file(path) as write:

        def add(name: str, data: bytes) -> None:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            write(header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK))

        yield add
        write(bytes(2 * BLOCK))


class TarFault(Exception):
    """What keeps a file from being read as a tar to its end, in words."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a tar: its name there, where its bytes start and how many they are."""

    name: str
    start: int
    size: int

    def __str__(self) -> str:
        """Its name in the tar."""
        return self.name

    def read(self, tar: Path) -> bytes:
        """Its bytes as they are; raises ImageError where the tar cannot be read."""
        try:
            with open(tar, "rb") as stream:
                stream.seek(self.start)
                return stream.read(self.size)
        except OSError as fault:
            raise unreadable(ImageError, tar, fault) from None

    def load(self, holder: Path, max_pixels: int = MAX_PIXELS) -> Grey:
        """Picture (h, w) of these bytes; raises ImageError."""
        return load_stored(f"{holder}: {self.name}", self.read(holder), max_pixels)


def members(stream: BinaryIO, at: int = 0) -> Iterator[tuple[int, Member]]:
    """Files of a tar from the header at this byte on, each with where its header starts; may leave the stream anywhere.

    Knows the headers of POSIX (ustar, pax) and GNU; folders and links are passed over. Raises TarFault where the tar
    is none, or ends before its end, and OSError.
    """
    end = os.fstat(stream.fileno()).st_size
    first = at
    told: dict[bytes, bytes] = {}
    while True:
        stream.seek(at)
        header = stream.read(BLOCK)
        if len(header) == BLOCK and not header.strip(b"\0"):
            return
        if len(header) < BLOCK or not _is_header(header):
            raise TarFault(_what_instead(header) if at == 0 else "the shard is cut off or damaged")
        kind, start = header[156:157], at + BLOCK
        size = _number(told.get(b"size", header[124:136]))
        at = start + -(-size // BLOCK) * BLOCK
        if start + size > end:
            raise TarFault("the shard is cut off or damaged")
        if kind in b"LxgK":
            if size > _MOST_EXTRA:
                raise TarFault("the shard is cut off or damaged")
            if kind == b"L":
                told[b"path"] = stream.read(size).rstrip(b"\0")
            elif kind == b"x":
                told |= _pax(stream.read(size))
            continue
        if kind in b"0\x007":
            yield first, Member(told.get(b"path", _name(header)).decode(errors="surrogateescape"), start, size)
        first, told = at, {}


def _is_header(header: bytes) -> bool:
    """Tell whether the sum that a header ends with is its own."""
    try:
        told = int(header[148:156].strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    return told == sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")


def _what_instead(start: bytes) -> str:
    if not start:
        return "the shard is empty"
    return "the shard is compressed" if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")) else "not a tar file"


def _number(digits: bytes) -> int:
    """A size, in octal digits; in decimal ones from pax; in bytes of 8 bits, as GNU tar writes large ones."""
    if len(digits) == 12 and digits[0] == 0x80:
        return int.from_bytes(digits[1:], "big")
    try:
        size = int(digits.strip(b" \0") or b"0", 8 if len(digits) == 12 else 10)
    except ValueError:
        size = -1
    if size < 0:  # which would lead back to a header that was read before, for ever
        raise TarFault("the shard is cut off or damaged")
    return size


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _pax(records: bytes) -> dict[bytes, bytes]:
    """Names and values of an extended header, each `LENGTH NAME=VALUE` and a line end."""
    told, at = {}, 0
    while record := _PAX_RECORD.match(records, at):
        following = at + int(record[1])
        told[record[2]] = records[record.end() : following - 1]
        if following <= at:
            break
        at = following
    return told
