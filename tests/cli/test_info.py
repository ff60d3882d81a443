from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocrnn.charset import Charset
from ocrnn.cli import options
from ocrnn.errors import ModelError
from ocrnn.model import runtime
from ocrnn.spec import ModelSpec

if TYPE_CHECKING:
    from tests.cli.conftest import Run

SPEC = ModelSpec(
    Charset("01ſ€"),
    word_doubt=0.3,
    about={"data": ["books", "receipts"], "licence": "Apache-2.0", "scores": {"cer": 0.0123, "lines": 9}, "date": "1"},
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    names: list[object] = []

    def header(name: object = None) -> ModelSpec:
        names.append(name)
        return SPEC

    monkeypatch.setattr(runtime, "header", header)
    monkeypatch.setattr(runtime, "further", lambda name: [SPEC, SPEC])
    monkeypatch.setattr(runtime, "executor", lambda name: f"what reads {name}")
    return names


def test_it_says_what_the_model_says(run: Run, asked: list[object]) -> None:
    lines = dict(line.split(maxsplit=1) for line in run("info", "a.onnx").stdout.splitlines())
    assert asked == ["a.onnx"]
    assert lines["charset"] == "4 characters: 01ſ€"
    assert "40 px high" in lines["lines"]
    assert lines["network"].startswith("fast: vgg, 2 x 160 lstm")
    assert lines["doubt"].startswith("lines below 0 and words below 0.3 ")
    assert lines["further"] == "2 for the second look: fast, fast"
    assert lines["data"] == "books, receipts"
    assert lines["read"] == "by      what reads a.onnx"
    assert lines["licence"] == "Apache-2.0"
    assert lines["scores"] == "cer 0.0123, lines 9"


def test_the_default_model_and_the_one_in_the_environment(run: Run, asked: list[object]) -> None:
    run("info")
    run("info", env={"OCRNN_MODEL": "b.onnx"})
    assert asked == [None, "b.onnx"]


def test_a_model_that_is_none_is_status_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("no model")
    for name in ("x.onnx", "gone.onnx", "nosuchname"):
        result = run("info", name)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith(f"ocrnn: {name}: ")
        assert result.stderr.count("\n") == 1


def test_a_stored_model_is_described(run: Run, bars_file: str) -> None:
    told = run("info", bars_file).stdout
    assert "10 characters: 0123456789" in told
    assert re.search(r"^further +no networks for the second look$", told, re.MULTILINE)
    assert re.search(r"^read by +ONNX Runtime \d[\d.]+, real numbers$", told, re.MULTILINE)


def test_the_help_names_the_default() -> None:
    def bare() -> None: ...

    (option,) = options.model(bare).__click_params__
    assert option.help.endswith(f"[default: {runtime.DEFAULT}]")
    with pytest.raises(ModelError):
        runtime.header("nosuchname")
