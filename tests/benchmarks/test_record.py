"""Tables in Markdown, put between their comments and nowhere else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def record(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("record", root / "benchmarks" / "record.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table(record: ModuleType) -> None:
    assert record.table(["set", "cer"], [["a", "1.0"], ["b", "2.0"]]) == (
        "| set | cer |\n| --- | ---: |\n| a | 1.0 |\n| b | 2.0 |"
    )


def test_replaced(record: ModuleType) -> None:
    page = "above\n<!-- speed -->\nold\n<!-- /speed -->\nbelow\n<!-- other -->\nstays\n<!-- /other -->\n"
    once = record.replaced(page, "speed", "new")
    assert once == page.replace("old", "new")
    assert record.replaced(once, "speed", "new") == once
    with pytest.raises(ValueError, match="no part <!-- missing -->"):
        record.replaced(page, "missing", "new")


def test_publish(
    record: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    (tmp_path / "README.md").write_text("<!-- speed -->\n<!-- /speed -->\n", encoding="utf-8")
    record.publish("speed", {"a": 1}, "| a |", save=False)
    assert capsys.readouterr().out == "| a |\n"
    assert not record.RESULTS.exists()
    record.publish("speed", {"a": 1}, "| a |", save=True)
    stored = json.loads((record.RESULTS / "speed.json").read_text(encoding="utf-8"))
    assert stored["figures"] == {"a": 1} and stored["machine"] and stored["date"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "<!-- speed -->\n| a |\n<!-- /speed -->\n"


def test_a_part_may_stand_on_the_second_page(
    record: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    (tmp_path / "README.md").write_text("<!-- speed -->\n<!-- /speed -->\n", encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    second = tmp_path / "benchmarks" / "README.md"
    second.write_text("<!-- memory -->\n<!-- /memory -->\n", encoding="utf-8")
    record.publish("memory", {}, "| b |", save=True)
    assert second.read_text(encoding="utf-8") == "<!-- memory -->\n| b |\n<!-- /memory -->\n"
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "<!-- speed -->\n<!-- /speed -->\n"


def test_a_part_replaces_no_whole(record: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    page = tmp_path / "README.md"
    page.write_text("<!-- speed -->\n<!-- /speed -->\n", encoding="utf-8")
    whole = {"sets": {"a": {"ours": 1, "theirs": 2}, "b": {"ours": 3, "theirs": 4}}, "draws": [1, 2, 3], "of": {1: 2}}
    record.publish("speed", whole, "| whole |", save=True)
    kept = (record.RESULTS / "speed.json").read_bytes()
    parts = {
        "b": {**whole, "sets": {"a": {"ours": 1, "theirs": 2}}},
        "theirs": {**whole, "sets": {"a": {"ours": 1}, "b": {"ours": 3}}},
        "2 of 3 in a row": {**whole, "draws": [1]},
    }
    for gone, part in parts.items():
        with pytest.raises(SystemExit, match=f"not saved: speed.json also has {gone}, and"):
            record.publish("speed", part, "| part |", save=True)
    with pytest.raises(SystemExit, match="speed.json also has a, and"):
        record.refuse_part("speed", ["b", "c"])
    record.refuse_part("speed", ["c", "b", "a"])
    record.refuse_part("other", ["a"])
    assert (record.RESULTS / "speed.json").read_bytes() == kept and "whole" in page.read_text(encoding="utf-8")
    more = {**whole, "sets": {**whole["sets"], "c": {}}}  # type: ignore[dict-item]
    record.publish("speed", more, "| more |", save=True)
    assert record.stored("speed")["sets"].keys() == {"a", "b", "c"} and "more" in page.read_text(encoding="utf-8")
    (record.RESULTS / "speed.json").unlink()
    record.publish("speed", parts["b"], "| part |", save=True)
    assert "part" in page.read_text(encoding="utf-8")
