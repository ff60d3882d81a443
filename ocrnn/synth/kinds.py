"""Kinds of lines: what documents the shipped models must read, in which faces and languages, and how often."""

from __future__ import annotations

from dataclasses import dataclass

_MODERN = ("en", "en", "en", "fr", "de", "es", "it", "pt", "nl", "pl", "cs", "sv")
_TEXT_FACES = ("serif", "serif", "sans", "condensed", "slab", "mono", "old-style")
_SIGN_FACES = ("serif", "sans", "condensed", "display", "slab", "stencil", "signage-plates", "old-style")
_ANY_FACES = (*_SIGN_FACES, "mono", "handwriting")


@dataclass(frozen=True)
class Kind:
    """One kind of line: the share of lines it makes up, its face categories, the languages of its running text."""

    name: str
    share: float
    faces: tuple[str, ...]
    languages: tuple[str, ...] = _MODERN


KINDS = (
    Kind("print", 0.09, _TEXT_FACES),
    Kind("book", 0.1, ("old-style", "old-style", "serif"), ("en", "fr", "es", "fr", "es", "it", "de", "pt")),
    Kind("fraktur", 0.03, ("blackletter",), ("de",)),
    Kind("incunable", 0.015, ("blackletter",), ("en", "fr", "it", "es")),
    Kind("typewriter", 0.07, ("typewriter", "typewriter", "mono"), ("fr", "fr", "en", "de")),
    Kind("receipt", 0.185, ("receipt-pixel", "mono", "mono", "condensed", "sans", "ocr-mrz", "typewriter")),
    Kind("form", 0.16, ("sans", "serif", "sans", "typewriter", "condensed", "mono", "sans", "handwriting")),
    Kind("word", 0.18, _ANY_FACES, ("en", "en", *_MODERN)),
    Kind("plate", 0.015, ("signage-plates", "condensed", "sans", "stencil")),
    Kind("card", 0.015, ("ocr-mrz", "mono", "sans")),
    Kind("captcha", 0.08, _ANY_FACES),
    Kind("handwriting", 0.05, ("handwriting",), ("fr", "fr", "en")),
    Kind("meter", 0.01, ("seven-segment", "ocr-mrz")),
)
