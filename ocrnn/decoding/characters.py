"""Characters by name, and the guide of texts that hold some characters and no others."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections.abc import Callable

import numpy as np

from ocrnn.charset import BLANK, Charset
from ocrnn.decoding.ctc import Scores
from ocrnn.errors import UsageError

NAMED: dict[str, Callable[[str], bool]] = {
    "alpha": str.isalpha,
    "digit": str.isdecimal,
    "alnum": lambda character: character.isalpha() or character.isdecimal(),
    "upper": str.isupper,
    "lower": str.islower,
    "punct": lambda character: unicodedata.category(character)[0] in "PS",
    "space": str.isspace,
    "xdigit": lambda character: character in string.hexdigits,
}
"""Classes of characters as POSIX names them, over all of Unicode; [:punct:] holds signs such as + and € too."""

_NAME = re.compile(r"\[:(\w*):\]")


def alphabet(charset: Charset, allow: str | None = None, block: str | None = None) -> Alphabet:
    """Guide of the texts of `allow` without `block`; both hold characters and classes such as `[:digit:]`.

    Raises UsageError for a class without such a name, for characters to allow that are not in the charset, and where
    nothing is left.

    >>> alphabet(Charset("0123456789abc"), allow="[:digit:]a", block="01").characters
    '23456789a'
    """
    characters = charset.characters if allow is None else _members(charset, "--allow", allow)
    if strangers := charset.strangers(characters):
        raise UsageError(f"--allow: {strangers[0]!r} is nothing that the model can write; leave it out")
    blocked = "" if block is None else _members(charset, "--block", block)
    left = "".join(c for c in charset.characters if c in characters and c not in blocked)
    if not left:
        raise UsageError(f"{'--block' if allow is None else '--allow'}: leaves no character; allow one at least")
    return Alphabet(charset, left)


class Alphabet:
    """The guide of all texts over some `characters` of a charset."""

    start = 0
    most = 0.0
    floor = -math.inf

    def __init__(self, charset: Charset, characters: str) -> None:
        self.characters = characters
        self._scores = np.full(charset.classes, -math.inf)
        self._scores[charset.encode(characters)] = 0.0
        self._scores[BLANK] = 0.0

    def scores(self, state: int) -> Scores:
        """0 for the characters, -inf for all others."""
        return self._scores

    def step(self, state: int, number: int) -> int:
        """There is one state."""
        return state

    def end(self, state: int) -> float:
        """Every text may end."""
        return 0.0


def named(name: str, where: str) -> Callable[[str], bool]:
    """Predicate of a class of characters by its name; UsageError that begins with `where` for an unknown one."""
    if name not in NAMED:
        known = ", ".join(f"[:{known}:]" for known in NAMED)
        raise UsageError(f"{where}: [:{repr(name)[1:-1]}:] is no class of characters; take one of {known}")
    return NAMED[name]


def _members(charset: Charset, option: str, spelled: str) -> str:
    """Characters that an option spells, classes written out as far as the charset has them."""
    found = [c for name in _NAME.findall(spelled) for c in charset.characters if named(name, option)(c)]
    return unicodedata.normalize("NFC", _NAME.sub("", spelled)) + "".join(found)
