"""The lexicon and the choice of lines of the benchmark of constraints."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.guide import allowed
from ocrnn.decoding.regex import Regex
from ocrnn.evaluation.compare import Difference


@pytest.fixture
def script(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("constraints_script", root / "benchmarks" / "constraints.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_lexicon_is_the_commonest_words_of_both(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "COMMON", 2)
    monkeypatch.setattr(script, "OTHERS", 3)
    learned = ["of the, of the; of A1", "the rare"]
    assert script.lexicon(learned, ["of the ships", "ships' masts, masts and ships; and sea"]) == [
        *("of", "the"),
        *("ships", "masts", "and"),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12.40", "amounts"), ("RM 1,234.50", "amounts"), ("-0.05", "amounts"), ("$7.10", "amounts"),
        ("13/01/2018", "dates"), ("DATE: 25/04/18", "dates"), ("10-05-2017 09:49", "dates"),
        ("Date : 1.2.18 1:02:33 PM", "dates"),
        ("12,40", None), ("1 2.40", None), ("13/01/201", None), ("TOTAL", None),
    ],
)  # fmt: skip
def test_lines_are_picked_by_the_pattern_that_they_are_read_with(
    script: ModuleType, text: str, kind: str | None
) -> None:
    charset = Charset.open("ascii")
    for name, pattern in script.PATTERNS.items():
        assert bool(re.fullmatch(pattern, text)) == (name == kind)
        assert allowed(Regex(pattern, charset), charset.encode(text)) == (name == kind)


def test_a_row_says_what_is_proven(script: ModuleType) -> None:
    shown = script.row("dev/receipts", "amounts --regex", "words", 90, Difference(0.15, 0.05, -0.15, -0.05, 1.0, 0.01))
    assert shown == ["dev/receipts", "90 amounts --regex", "words", "15.00", "5.00", "**-10.00 (-15.00 to -5.00)**"]
    assert script.row("x", "y", "z", 1, Difference(0.1, 0.1, -0.1, 0.2, 0.5, 0.9))[-1] == "+0.00 (-10.00 to +20.00)"
