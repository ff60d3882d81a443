from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ocrnn.charset import Charset
from ocrnn.model import runtime
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_each_shipped_model_is_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = {"digits": ModelSpec(Charset("01"), about={"date": "2026-01-31"}), "latin": ModelSpec(Charset("abc"))}
    monkeypatch.setattr(runtime, "shipped", lambda: list(specs))
    monkeypatch.setattr(runtime, "header", specs.__getitem__)
    assert run("models").stdout == "digits\t2 characters\tfast\t2026-01-31\nlatin\t3 characters\tfast\n"


def test_an_installation_without_models_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "shipped", list)
    result = run("models")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "give a file with -m" in result.stderr


def test_the_models_that_are_there_can_be_described(run: Run) -> None:
    assert [line.split("\t")[0] for line in run("models").stdout.splitlines()] == runtime.shipped()
