"""Sources: what a reader takes for a picture, and what each is called."""

from __future__ import annotations

import io
import operator
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeGuard

import numpy as np

from ocrnn.data.samples import Sample, Stored
from ocrnn.errors import ImageError, UsageError
from ocrnn.folders import is_page_file
from ocrnn.image import MAX_PIXELS, Grey, is_video

if TYPE_CHECKING:
    from PIL import Image

Openable: TypeAlias = "str | Path | bytes | BinaryIO | Grey | Image.Image"
"""What `load_lines` opens: a path, a file's bytes, an open binary file, an array or a PIL image."""
Source: TypeAlias = "Openable | Sample"
"""That, a labelled picture, or the path of a PAGE or ALTO file, which ends in .xml."""

_PIXEL_BYTES = 16
"""Bytes of a pixel in the largest form there is, four colours of 32 bits each."""
_PART = 1 << 20
"""Bytes of a pipe that are read at a time."""


def name_of(source: Source) -> str:
    """What a source is called in results and errors; as `load_lines` calls it."""
    if isinstance(source, Sample):
        return str(source.image) if source.part is None else f"{source.image}: {source.part}"
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    if isinstance(source, bytes):
        return "picture"
    if isinstance(source, np.ndarray):
        return "array"
    if hasattr(source, "read"):
        return str(getattr(source, "name", "stdin"))
    return str(getattr(source, "filename", "") or "picture")


def bounded(source: Openable, max_pixels: int = MAX_PIXELS) -> Openable:
    """The source, or what came out of it where it is the path of a pipe: no more than memory has room for.

    Raises ImageError for a path to a device, or to more bytes than a picture of `max_pixels` can take.
    """
    if not isinstance(source, (str, os.PathLike)):
        return source
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        return source  # whoever opens it says why it cannot be opened
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        raise ImageError(f"{source}: is a device and no picture; give a file")
    if stat.S_ISFIFO(status.st_mode):
        with open(source, "rb") as stream:
            return Stored(str(source), all_of(stream, str(source), max_pixels))
    if stat.S_ISREG(status.st_mode) and not is_video(source):  # of a film no more than some frames is kept
        _check_bytes(str(source), status.st_size, max_pixels)
    return source


def all_of(stream: BinaryIO, name: str, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of a stream; ImageError, which calls it by this name, for more than a picture can take."""
    data = io.BytesIO()
    while part := stream.read(_PART):
        data.write(part)
        _check_bytes(name, data.tell(), max_pixels)
    return data.getvalue()


def _check_bytes(name: str, count: int, max_pixels: int) -> None:
    # A small picture may come with a large description.
    most = _PIXEL_BYTES * max(max_pixels, MAX_PIXELS)
    if count > most:
        raise ImageError(
            f"{name}: holds over {most / 1e9:.1f} GB, more than a picture takes; "
            f"raise --max-pixels if it is meant to be that large"
        )


def check_several(sources: Iterable[Source]) -> None:
    """Refuse one source where several belong: it would be taken letter by letter, or row by row."""
    if _is_one(sources):
        raise UsageError(f"{name_of(sources)}: is one source and no list of them; give [source], or use read_pages")


def _is_one(sources: object) -> TypeGuard[Source]:
    if isinstance(sources, np.ndarray):  # others are paths, or pictures that are stacked
        return sources.dtype.kind in "buif" and (sources.ndim < 3 or (sources.ndim == 3 and sources.shape[2] <= 4))
    return isinstance(sources, (str, bytes, os.PathLike, Sample)) or hasattr(sources, "read") or _is_image(sources)


def _is_image(source: object) -> bool:
    """Whether it is a PIL image; where Pillow was not imported there is none."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(source, pillow.Image)


def is_page(source: Source) -> bool:
    """Whether a source is the path of a PAGE or ALTO file."""
    return isinstance(source, (str, os.PathLike)) and is_page_file(source)


class Counted:
    """Sources, counted as they are drawn; their number is known where it was."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = sources
        self.drawn = 0

    def __length_hint__(self) -> int:
        return operator.length_hint(self._sources, sys.maxsize)

    def __iter__(self) -> Iterator[Source]:
        for source in self._sources:
            self.drawn += 1
            yield source
