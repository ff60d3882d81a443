"""PNG files by their chunks: which of them say nothing but their pixels, and so need no library for pictures.

Most lines lie in such files. OpenCV unpacks one in half the time that Pillow takes; but it knows no turn, no palette's
transparency and no second frame, and makes some picture of a damaged file, so it gets those alone whose every chunk is
known and whole.
"""

from __future__ import annotations

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
_HEADER = 13
"""Bytes of an IHDR: width, height, bits, colours, and the ways of packing, filtering and interlacing."""
_SILENT = frozenset((b"IHDR", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"tIME", b"tEXt"))
"""Chunks that change no pixel, as far as readers of pictures go: of tEXt all but what hides EXIF."""
_HIDDEN_EXIF = b"Raw profile"


def plain_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG of grey or RGB in 8 bits whose chunks are whole and change no pixel; else None."""
    if not data.startswith(_SIGNATURE):
        return None
    found: list[bytes] = []
    at = len(_SIGNATURE)
    size = None
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        first, last = at + 8, at + 8 + length
        if kind not in _SILENT or last + 4 > len(data):
            return None
        if zlib.crc32(data[at + 4 : last]) != int.from_bytes(data[last : last + 4], "big"):
            return None
        if kind == b"IHDR":
            if found or length != _HEADER:
                return None
            width, height, bits, colours, *ways = struct.unpack_from(">IIBBBBB", data, first)
            if bits != 8 or colours not in (_GREY, _RGB) or any(ways) or not width * height:
                return None
            size = width, height
        elif kind == b"tEXt" and data.startswith(_HIDDEN_EXIF, first):
            return None
        found.append(kind)
        at = last + 4
        if kind == b"IEND":
            return size if b"IDAT" in found else None
    return None
