"""What all engines read alike against the label, counted by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def agreed(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(root / "benchmarks")
    return importlib.import_module("agreed")


def test_the_same_fault_at_the_same_place_is_shared(
    agreed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        # cut picture: both lack " cut"; and one of two has a fault of its own
        "a.png": ("a line cut", "a line", "a 1ine"),
        # another fault at the same place, and the same letter missing at another
        "b.png": ("seen", "sees", "seem"),
        "c.png": ("noon", "oon", "noo"),
        "d.png": ("so daß", "so dass", "so dass"),
        # half of the height is missing: nobody can, each in its own way
        "e.png": ("nothing here", "O 0 0 I1", "I 7 here"),
    }
    (tmp_path / "sets" / "print").mkdir(parents=True)
    for name in said:
        (tmp_path / "sets" / "print" / name).touch()
    files = [tmp_path / "sets" / "print" / "labels.tsv"]
    for engine in ("latin", "Other 1.0"):
        (tmp_path / "read" / engine).mkdir(parents=True)
        files.append(tmp_path / "read" / engine / "print.tsv")
    for column, file in enumerate(files):
        file.write_text("".join(f"{name}\t{texts[column]}\n" for name, texts in said.items()), encoding="utf-8")
    command = ["agreed.py", "--sets", tmp_path / "sets", "--predictions", tmp_path / "read", "--set", "print"]
    monkeypatch.setattr(sys, "argv", [*map(str, command), "--errors", str(tmp_path / "errors.tsv")])
    agreed.main()
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].strip("|").split("|")]
    shared, ours, theirs, of = 4 + 2, 4 + 1 + 1 + 2 + 11, 5 + 1 + 1 + 2 + 7, 10 + 4 + 4 + 6 + 12
    assert row == ["print", str(of), *(f"{100 * number / of:.2f}" for number in (shared, 7, ours, theirs))]
    listed = (tmp_path / "errors.tsv").read_text(encoding="utf-8").splitlines()
    assert listed[0] == "set\tline\tlabel\tlatin\tOther 1.0"
    assert listed[3] == "print\tc.png\tnoon\toon\tnoo"
    assert len(listed) == 6
