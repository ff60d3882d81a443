from __future__ import annotations

import math

import pytest

from ocrnn.errors import UsageError
from ocrnn.synth.kinds import KINDS, kind_named, shares_of_kinds


def test_the_shares_are_those_of_a_whole() -> None:
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_what_is_asked_for_takes_the_place_of_a_kinds_own_share() -> None:
    assert shares_of_kinds({}) == tuple(kind.share for kind in KINDS)
    asked = dict(zip((kind.name for kind in KINDS), shares_of_kinds({"word": 3, "form": 0}), strict=True))
    assert (asked["word"], asked["form"], asked["print"]) == (3, 0, kind_named("print").share)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"words": 1.0}, "words: no kind of line; there are print, book, .*, word, "),
        ({"slip": 1.0, "wrod": 0.0}, "slip, wrod: no kind of line"),
        ({"word": -0.5}, "word=-0.5: a share is 0 or more; give a number"),
        ({"word": math.nan}, "word=nan: a share is 0 or more"),
        ({kind.name: 0.0 for kind in KINDS}, "nothing is left to draw; give some kind a share above 0"),
    ],
)
def test_shares_of_no_kind_or_of_nothing_are_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shares_of_kinds(shares)
