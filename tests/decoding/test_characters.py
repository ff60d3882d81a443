"""Characters to allow and to block, against sets written out by hand."""

from __future__ import annotations

import doctest
import math

import pytest

from ocrnn.charset import Charset
from ocrnn.decoding import characters
from ocrnn.decoding.characters import alphabet
from ocrnn.errors import UsageError

CHARSET = Charset("aBé12²_-€ .")


@pytest.mark.parametrize(
    ("allow", "block", "left"),
    [
        ("12", None, "12"),
        ("21[:upper:]", None, "B12"),
        ("[:digit:]", None, "12"),
        ("[:alpha:]", None, "aBé"),
        ("[:alnum:]", "1", "aBé2"),
        ("[:lower:][:space:]", None, "aé "),
        ("[:punct:]", None, "_-€."),
        ("[:xdigit:]", None, "aB12"),
        (None, "[:alnum:]²", "_-€ ."),
        (None, "[:", "aBé12²_-€ ."),
        (None, "Ω", "aBé12²_-€ ."),
        ("e\u0301", None, "é"),
    ],
)
def test_what_is_left(allow: str | None, block: str | None, left: str) -> None:
    guide = alphabet(CHARSET, allow, block)
    assert guide.characters == left
    row = guide.scores(guide.start)
    assert row.shape == (CHARSET.classes,)
    for number, character in enumerate(CHARSET.characters, 1):
        assert row[number] == (0.0 if character in left else -math.inf)
    assert guide.step(guide.start, CHARSET.encode(left[0])[0]) == guide.start
    assert guide.end(guide.start) == 0.0


@pytest.mark.parametrize(
    ("allow", "block", "said"),
    [
        ("12Ω", None, r"^--allow: 'Ω' is nothing that the model can write; leave it out$"),
        ("[:digits:]", None, r"^--allow: \[:digits:\] is no class of characters; take one of \[:alpha:\], \[:digit:\]"),
        (None, "[:Digit:]", r"^--block: \[:Digit:\] is no class"),
        ("", None, r"^--allow: leaves no character; allow one at least$"),
        ("1", "[:digit:]", r"^--allow: leaves no character"),
        (None, CHARSET.characters, r"^--block: leaves no character"),
    ],
)
def test_what_cannot_be_is_one_line(allow: str | None, block: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        alphabet(CHARSET, allow, block)


def test_examples() -> None:
    assert doctest.testmod(characters).failed == 0
