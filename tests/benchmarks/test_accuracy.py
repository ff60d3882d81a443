"""The accuracy table of two small sets, by a model whose readings are known."""

from __future__ import annotations

import os
import shutil
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


def test_one_set_does_not_replace_the_table_of_two(root: Path, tmp_path: Path, bars: object, bars_file: str) -> None:
    for name in ("one", "two"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        Image.fromarray(bars.draw("12")).save(tmp_path / "sets" / name / "line.png")  # type: ignore[attr-defined]
        (tmp_path / "sets" / name / "line.gt.txt").write_text("12", encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    for name in ("accuracy.py", "record.py", "tesseract.py"):
        shutil.copy(root / "benchmarks" / name, tmp_path / "benchmarks")
    page = tmp_path / "README.md"
    page.write_text("<!-- accuracy -->\n<!-- /accuracy -->\n")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(tmp_path / "benchmarks" / "accuracy.py"), "--sets", str(tmp_path / "sets")]
        command += ["-m", bars_file, "--no-tesseract", "--save", *options]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(root)})

    assert run().returncode == 0
    whole = page.read_text()
    assert "| one |" in whole and "| two |" in whole
    part = run("--set", "one")
    assert part.returncode and not part.stdout and "not saved: accuracy.json also has two" in part.stderr
    assert page.read_text() == whole
