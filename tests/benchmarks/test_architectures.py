"""The table of cells and backbones, on a handful of lines."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

pytest.importorskip("torch")


@pytest.fixture
def architectures(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("architectures", root / "benchmarks" / "architectures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_two_cells(
    architectures: ModuleType,
    bars: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw = bars.draw  # type: ignore[attr-defined]
    for folder, count in (("learn", 30), ("test", 4)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            Image.fromarray(draw(f"{number:02d}")).save(tmp_path / folder / f"{number}.png")
            (tmp_path / folder / f"{number}.gt.txt").write_text(f"{number:02d}")
    (tmp_path / "README.md").write_text("<!-- architectures -->\n<!-- /architectures -->\n", encoding="utf-8")
    monkeypatch.setattr(architectures.record, "ROOT", tmp_path)
    monkeypatch.setattr(architectures.record, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("ocrnn.training.run.LEAST_LINES", 30)
    arguments = ["--cell", "lstm", "--cell", "gru", "--backbone", "vgg", "--epochs", "1", "--rounds", "1", "--save"]
    monkeypatch.setattr(
        sys, "argv", ["x", "--data", str(tmp_path / "learn"), "--test", str(tmp_path / "test"), *arguments]
    )
    architectures.main()

    # By hand: a recurrent layer has 4 gates (LSTM) or 3 (GRU) for each of 160 units, both ways, with two biases each.
    gate = 2 * 160 * (160 + 160 + 2) + 2 * 160 * (320 + 160 + 2)
    head = (2 * 160 + 1) * 11
    norms = 2 * (24 + 48 + 2 * 96 + 2 * 160)
    convolutions = 25 * 24 + 9 * (24 * 48 + 48 * 96 + 96 * 96 + 96 * 160 + 160 * 160)
    stored = json.loads((tmp_path / "results" / "architectures.json").read_text(encoding="utf-8"))["figures"]
    assert [network["parameters"] for network in stored["networks"]] == [
        convolutions + norms + gates * gate + head for gates in (4, 3)
    ]
    assert [network["lines"] for network in stored["networks"]] == [4, 4]
    table = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()[1:-1]
    assert [line.split("|")[1].strip() for line in table] == ["backbone, cell", "---", "vgg, lstm", "vgg, gru"]
    assert table[0].startswith("| backbone, cell | parameters | characters wrong, in % |")
    assert "epoch 1, vgg, gru: " in capsys.readouterr().out
