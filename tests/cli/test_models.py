from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ocrnn.charset import Charset
from ocrnn.model import runtime
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_each_shipped_model_is_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = {
        "digits": ModelSpec(Charset("01"), about={"date": "2026-01-31"}),
        "latin": ModelSpec(Charset("a"), word_doubt=0.5, language="AAAA"),
    }
    monkeypatch.setattr(runtime, "shipped", lambda: list(specs))
    monkeypatch.setattr(runtime, "header", specs.__getitem__)
    monkeypatch.setattr(runtime, "further", {"digits": [], "latin": [specs["digits"]]}.__getitem__)
    monkeypatch.setattr(runtime, "size", {"digits": 1_000_000, "latin": 22_340_000}.__getitem__)
    assert run("models").stdout.splitlines() == [
        "digits\t2 characters\tfast\t2026-01-31\t1.0 MB\tno second looks",
        "latin\t1 character\tfast\t\t22.3 MB\t"
        "looks again at words below 0.5 with 1 further network and a language model",
    ]


def test_the_shipped_models_can_be_told_apart(run: Run) -> None:
    told = [line.split("\t")[5] for line in run("models").stdout.splitlines()]
    assert len(set(told)) == len(told) == len(runtime.shipped())


def test_an_installation_without_models_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "shipped", list)
    result = run("models")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "give a file with -m" in result.stderr


def test_the_models_that_are_there_can_be_described(run: Run) -> None:
    assert [line.split("\t")[0] for line in run("models").stdout.splitlines()] == runtime.shipped()
