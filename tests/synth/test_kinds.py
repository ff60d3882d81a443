from __future__ import annotations

import pytest

from ocrnn.synth.kinds import KINDS


def test_the_shares_are_those_of_a_whole() -> None:
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert len({kind.name for kind in KINDS}) == len(KINDS)
