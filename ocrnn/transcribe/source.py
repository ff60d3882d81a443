"""Sources: what a reader takes for a picture, and what each is called."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np

from ocrnn.data.samples import Sample
from ocrnn.errors import UsageError
from ocrnn.folders import is_page_file
from ocrnn.image import Grey

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "str | Path | bytes | BinaryIO | Grey | Image.Image | Sample"
"""What `load_lines` opens, a path, a file's bytes, an open binary file, an array or a PIL image; a labelled picture;
the path of a PAGE or ALTO file, which ends in .xml."""


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


def check_several(sources: Iterable[Source]) -> None:
    """Refuse one path, or the bytes of one file, where several sources belong: it would be taken letter by letter."""
    if isinstance(sources, (str, bytes)):
        raise UsageError(f"{name_of(sources)}: is one source and no list of them; give [source], or use read_pages")


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
