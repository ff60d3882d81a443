"""ocrnn reads lines of text in pictures, and learns new ones: a CRNN trained with CTC.

>>> from ocrnn import Reader
>>> Reader.open().read("samples/receipt.png").text
'TOTAL 12.40 EUR'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ocrnn.charset import Charset as Charset
    from ocrnn.errors import OcrnnError as OcrnnError
    from ocrnn.reading import Character as Character
    from ocrnn.reading import Reading as Reading
    from ocrnn.reading import Word as Word
    from ocrnn.transcribe.reader import Reader as Reader

_HOMES = {
    "Charset": "ocrnn.charset",
    "OcrnnError": "ocrnn.errors",
    "Character": "ocrnn.reading",
    "Reading": "ocrnn.reading",
    "Word": "ocrnn.reading",
    "Reader": "ocrnn.transcribe.reader",
}
__all__ = ["Character", "Charset", "OcrnnError", "Reader", "Reading", "Word", "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `ocrnn --help` must not wait for OpenCV (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ocrnn' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
