"""The tables of the language benchmark, by a model whose readings are known and a stand-in for other decoders."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, bars: object) -> Path:
    """A set of two lines, of which the picture shows 407 where the labels and the text have 417."""
    (tmp_path / "sets" / "bars").mkdir(parents=True)
    for name, drawn in (("a", "407"), ("b", "31")):
        Image.fromarray(bars.draw(drawn)).save(tmp_path / "sets" / "bars" / f"{name}.png")  # type: ignore[attr-defined]
    (tmp_path / "sets" / "bars" / "labels.tsv").write_text("a.png\t417\nb.png\t31\n")
    (tmp_path / "text.txt").write_text("417 4177\n31 417\n" * 40)
    return tmp_path


def run(root: Path, folder: Path, bars_file: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        str(root / "benchmarks" / "language.py"),
        "--sets",
        str(folder / "sets"),
        "--set",
        "bars",
    ]
    return subprocess.run(
        [*command, "--text", str(folder / "text.txt"), "-m", bars_file, "--weight", "3", "--rounds", "1", *more],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip


def cells(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines() if "|" in line]


@pytest.mark.skipif(any(map(find_spec, ("pyctcdecode", "fast_ctc_decode"))), reason="the peers are installed")
def test_before_and_after(root: Path, folder: Path, bars_file: str) -> None:
    done = run(root, folder, bars_file, "--peers", sys.executable)
    assert done.returncode == 0, done.stderr
    assert cells(done.stdout)[2] == [
        "bars",
        "2",
        "20.00",
        "0.00",
        "-33.33 to +0.00",
        "50.00",
        "0.00",
        "-100.00 to +0.00",
    ]
    for decoder in ("fast-ctc-decode", "pyctcdecode"):
        assert f"{decoder}: not installed in {sys.executable}" in done.stdout
    assert [row[:3] for row in cells(done.stdout)[5:]] == [
        ["bars", "ocrnn", "20.00"],
        ["bars", "ocrnn, language", "0.00"],
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
def test_other_decoders_get_the_same_posteriors(root: Path, folder: Path, bars_file: str) -> None:
    """The stand-in, a module of the name, answers with the best class of each frame."""
    (folder / "fast_ctc_decode.py").write_text(
        "def beam_search(line, labels, beam_size):\n"
        "    assert beam_size == 16 and labels[0] == '' and abs(line.sum(axis=1) - 1).max() < 1e-3\n"
        "    path = line.argmax(axis=1).tolist()\n"
        "    return ''.join(labels[b] for a, b in zip([0, *path], path) if a != b), None\n"
    )
    about = folder / "fast_ctc_decode-9.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fast-ctc-decode\nVersion: 9\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    rows = cells(run(root, folder, bars_file, "--peers", str(python)).stdout)
    (row,) = [row for row in rows if row[1:2] == ["fast-ctc-decode"]]
    assert row[2:4] == ["20.00", "+0.00 to +0.00"]
    assert float(row[4]) >= 0  # so quick that it may be rounded away


def test_a_text_that_holds_the_lines_is_refused(root: Path, folder: Path, bars_file: str) -> None:
    line = "0123456789 0123456789"
    (folder / "sets" / "bars" / "labels.tsv").write_text(f"a.png\t{line}\n")
    (folder / "text.txt").write_text(f"so it is:\n{line}.\n")
    done = run(root, folder, bars_file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bars: 1 lines stand in the text, such as '{line}'")
