from __future__ import annotations

import unicodedata

import pytest

from ocrnn.charset import Charset
from ocrnn.synth.scripts import SCRIPTS

NAMES = (
    ("CJK UNIFIED IDEOGRAPH", 3755),
    (("HIRAGANA", "KATAKANA"), 169),
    ("HANGUL SYLLABLE", 2350),
    ("ARABIC", 117),
    ("HEBREW", 27),
    ("DEVANAGARI", 54),
    ("BENGALI", 44),
    ("TAMIL", 35),
    ("THAI", 48),
    ("MYANMAR", 43),
)
"""What the Unicode Character Database calls their letters, and how many the national standards count."""


@pytest.mark.parametrize(("script", "name"), list(zip(SCRIPTS, NAMES, strict=True)), ids=[str(n[0]) for n in NAMES])
def test_letters_of_one_script(script: str, name: tuple[str | tuple[str, ...], int]) -> None:
    assert len(script) == len(set(script)) == name[1]
    assert all(unicodedata.name(letter).startswith(name[0]) for letter in script)


def test_none_of_them_is_in_a_charset_that_comes_along() -> None:
    assert not set("".join(SCRIPTS)) & set(Charset.open("latin").characters)
