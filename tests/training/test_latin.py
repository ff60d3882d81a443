from __future__ import annotations

from pathlib import Path

import pytest

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.sources import RealLines, SynthLines
from training import latin
from training.latin import Course


@pytest.mark.parametrize("taught", [False, True])
def test_a_new_network_begins_with_short_drawn_lines(
    taught: bool, digits: list[Sample], fonts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latin, "EPOCH", 300)
    real = {name: RealLines(digits, None) for name in latin.REAL}
    course = Course(real, Synthesizer(fonts, None, Charset("0123456789")), 1, taught=taught)
    lengths, shares = [], []
    for epoch in (1, 2, 9):
        sources = [source for source, _ in course.plan(epoch)]
        (longest,) = {source.longest for source in sources if isinstance(source, SynthLines)}
        lengths.append(longest)
        shares.append(sum(isinstance(source, RealLines) for source in sources) / 300)
    assert lengths == ([95, 95, 95] if taught else [10, 30, 95])
    assert shares[0] == (pytest.approx(latin.REAL_SHARE, abs=0.08) if taught else 0)
    assert shares[1:] == pytest.approx([latin.REAL_SHARE] * 2, abs=0.08)
