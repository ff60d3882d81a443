"""Trainers side by side: a peer that never ends is stopped by its processor time, and its best network reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("taskset") is None, reason="counts processor time as Linux does"
)

KETOS = """#!{python}
import pathlib, shutil, sys
if sys.argv[1] == "--version":
    print("ketos, version 7.0")
elif sys.argv[1] == "convert":
    shutil.copy(sys.argv[4], sys.argv[3])
else:
    models = pathlib.Path(sys.argv[5])
    models.mkdir()
    for name, text in (("checkpoint_00-0.2500.ckpt", "bad"), ("checkpoint_01-0.9000.ckpt", "12 34")):
        (models / name).write_text(text)
    while True:
        pass
"""
KRAKEN = """#!{python}
import pathlib, sys
weights = pathlib.Path(sys.argv[sys.argv.index("-m") + 1])
for place, part in enumerate(sys.argv):
    if part == "-i":
        pathlib.Path(sys.argv[place + 2]).write_text(weights.read_text())
"""


def test_a_peer_is_stopped_and_its_best_network_taken(root: Path, tmp_path: Path) -> None:
    for name in ("train", "dev"):
        (tmp_path / name / "receipts").mkdir(parents=True)
        Image.new("L", (60, 20), 255).save(tmp_path / name / "receipts" / "1.png")
        (tmp_path / name / "receipts" / "1.gt.txt").write_text("12 35", encoding="utf-8")
    for name, code in (("ketos", KETOS), ("kraken", KRAKEN)):
        (tmp_path / name).write_text(code.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)
    checkout = tmp_path / "checkout"
    (checkout / "benchmarks").mkdir(parents=True)
    for name in ("learning.py", "record.py"):
        shutil.copy(root / "benchmarks" / name, checkout / "benchmarks")
    (checkout / "README.md").write_text("<!-- learning -->\n<!-- /learning -->\n")
    core = str(min(os.sched_getaffinity(0)))
    done = subprocess.run(
        [sys.executable, str(checkout / "benchmarks" / "learning.py"), f"kraken={tmp_path}", "--minutes", "0.01",
         "--train", str(tmp_path / "train" / "receipts"), "--dev", str(tmp_path / "dev" / "receipts"),
         "--core", core, "--save"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(root)}, timeout=60,
    )  # fmt: skip
    cells = [cell.strip() for cell in done.stdout.splitlines()[-1].split("|")[1:-1]]
    assert cells[:3] + cells[4:5] == ["receipts", "kraken 7.0", "1", "20.00"]  # one of five characters is wrong
    assert done.stdout.strip() in (checkout / "README.md").read_text()
    stored = json.loads((checkout / "benchmarks" / "results" / "learning.json").read_text())
    found = stored["figures"]["receipts"]["kraken"]
    assert not found["ended"]
    assert 0.01 <= found["cpu_minutes"] < 0.1
    assert found["command"].startswith("ketos train -f path") and found["command"].endswith("PICTURES")
