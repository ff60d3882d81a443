"""Descriptions of one picture, its lines and what they say: ALTO, or PAGE; of a picture, or of a page that had one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ocrnn.data.layout import Kind
from ocrnn.errors import OutputError
from ocrnn.folders import is_page_file
from ocrnn.reading import Reading
from ocrnn.transcribe import alto, page_xml
from ocrnn.transcribe.placing import placed
from ocrnn.transcribe.refill import refilled

if TYPE_CHECKING:
    from ocrnn.storage import Write
    from ocrnn.transcribe.result import Result


class Description:
    """A sheet of ALTO or PAGE: about one picture, so that it takes one source."""

    def __init__(self, write: Write, kind: Kind) -> None:
        """Begin a document."""
        self._write = write
        self._kind: Kind = kind
        self._filled = False

    def add(self, path: str, results: Sequence[Result]) -> None:
        """Write the document of one source, if any of it was read.

        A page of the same kind is written as it came, filled with what was read. Raises OutputError where a file of
        this kind has no place for it, or where there was a source before.
        """
        if self._filled:
            kind = "an ALTO" if self._kind == "alto" else "a PAGE"
            raise OutputError(f"{path}: {kind} file is about one picture; give -o DIR for a file for each")
        if results and not any(isinstance(result.outcome, Reading) for result in results):
            return
        data = refilled(Path(path), results, self._kind) if is_page_file(path) else None
        if data is None:
            pages = list(placed(path, results))
            compose = alto.compose if self._kind == "alto" else page_xml.compose
            data = compose(path, pages) if pages else b""
        if data:
            self._filled = True
            self._write(data)

    def close(self) -> None:
        """Nothing is left to write: the document ends with its picture."""
