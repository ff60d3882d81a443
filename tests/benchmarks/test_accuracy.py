"""The accuracy table of two small sets, by a model whose readings are known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_table_of_two_sets(root: Path, tmp_path: Path, bars: object, bars_file: str) -> None:
    draw = bars.draw  # type: ignore[attr-defined]
    for name, drawn, truth in (("easy", "123", "123"), ("forms", "4567", "4 5 6 8")):
        (tmp_path / "sets" / name).mkdir(parents=True)
        Image.fromarray(draw(drawn)).save(tmp_path / "sets" / name / "line.png")
        (tmp_path / "sets" / name / "labels.tsv").write_text(f"line.png\t{truth}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / "accuracy.py"), "--sets", str(tmp_path / "sets"), "-m", bars_file,
         "--predictions", str(tmp_path / "read"), "--no-tesseract"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    assert rows[0] == ["set", "lines", "wrong, in %, of", Path(bars_file).stem]
    assert rows[2:] == [["easy", "1", "characters", "0.00"], ["forms", "1", "characters, no spaces", "25.00"]]
    assert (tmp_path / "read" / Path(bars_file).stem / "forms.tsv").read_text() == "line.png\t4567\n"
