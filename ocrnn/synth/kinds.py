"""Kinds of lines: what documents the shipped models must read, in which faces and languages, and how often."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ocrnn.errors import UsageError

_MODERN = ("en", "en", "en", "fr", "de", "es", "it", "pt", "nl", "pl", "cs", "sv")
_EARLY = ("la", "de", "fr", "it", "es", "nl", "en")
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
    Kind("book", 0.1, ("old-style", "old-style", "serif"), ("en", "fr", "es", "fr", "es", "it", "de", "pt", "la")),
    Kind("fraktur", 0.03, ("blackletter",), ("de",)),
    Kind("incunable", 0.03, ("incunable", "incunable", "blackletter"), ("la", *_EARLY)),
    Kind("early", 0.0, ("old-style",), (*_EARLY, "pt")),  # for a model of old prints: `latin` has it among its books
    Kind("typewriter", 0.07, ("typewriter", "typewriter", "mono"), ("fr", "fr", "en", "de")),
    Kind("receipt", 0.185, ("receipt-pixel", "mono", "mono", "condensed", "sans", "ocr-mrz", "typewriter")),
    Kind("form", 0.16, ("sans", "serif", "sans", "typewriter", "condensed", "mono", "sans", "handwriting")),
    Kind("word", 0.165, _ANY_FACES, ("en", "en", *_MODERN)),
    Kind("plate", 0.015, ("signage-plates", "condensed", "sans", "stencil")),
    Kind("card", 0.015, ("ocr-mrz", "mono", "sans")),
    Kind("captcha", 0.08, _ANY_FACES),
    Kind("handwriting", 0.05, ("handwriting",), ("fr", "fr", "en")),
    Kind("meter", 0.01, ("seven-segment", "ocr-mrz")),
)


def kind_named(name: str) -> Kind:
    """The kind of this name; raises UsageError that says which there are."""
    _refuse_strangers([name])
    return next(kind for kind in KINDS if kind.name == name)


def shares_of_kinds(asked: Mapping[str, float]) -> tuple[float, ...]:
    """Share of each of `KINDS`, in their order: the one asked for by its name, else its own; the sum may be any.

    Raises UsageError for a kind that there is not, a share below 0 or without end, and where all are 0.
    """
    _refuse_strangers(asked)
    for name, share in asked.items():
        if not 0 <= share < math.inf:
            raise UsageError(f"{name}={share:g}: a share is 0 or more; give a number, such as {name}=0.2")
    shares = tuple(asked.get(kind.name, kind.share) for kind in KINDS)
    if not any(shares):
        raise UsageError("nothing is left to draw; give some kind a share above 0")
    return shares


def _refuse_strangers(names: Iterable[str]) -> None:
    known = [kind.name for kind in KINDS]
    if strangers := sorted(set(names).difference(known)):
        raise UsageError(f"{', '.join(strangers)}: no kind of line; there are {', '.join(known)}")
