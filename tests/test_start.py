"""What comes in when the program starts, seen in a fresh interpreter: starting fast is a feature."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Bars

HEAVY = {"numpy", "cv2", "PIL", "onnxruntime", "torch", "editdistance", "safetensors", "onnx", "matplotlib"}

PROBE = """
import sys
from ocrnn.cli.main import main
try:
    main()
except SystemExit as end:
    status = end.code or 0
print(status, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def began(root: Path, *arguments: str) -> tuple[int, set[str], str]:
    """Exit status, packages that came in, and standard output of one call."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
    )
    status, *packages = run.stderr.splitlines()[-1].split()
    return int(status), set(packages), run.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 2),
        (["--help"], 0),
        (["--version"], 0),
        (["read", "--help"], 0),
        (["info", "--help"], 0),
        (["charsets"], 0),
        (["read", "nosuch.png"], 2),
        (["read", "nosuch.png", "-o", "out"], 2),
        (["read", "nosuch/*.png"], 2),
        (["read", "x.png", "--alternatives", "3"], 2),
    ],
)
def test_nothing_heavy_comes_in(root: Path, arguments: list[str], status: int) -> None:
    ended, packages, _ = began(root, *arguments)
    assert ended == status
    assert "click" in packages
    assert not packages & HEAVY


def test_reading_never_brings_torch(root: Path, bars: Bars, bars_file: str, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "407")
    status, packages, out = began(root, "read", path, "-m", bars_file, "--decoder", "beam")
    assert (status, out) == (0, "407\n")
    assert "onnxruntime" in packages
    assert not packages & {"torch", "onnx", "safetensors", "matplotlib", "editdistance"}


def test_a_missing_file_is_refused_in_a_quarter_of_a_second(root: Path) -> None:
    def seconds(*arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, timeout=60
        )
        return time.perf_counter() - start

    # What an interpreter takes by itself tells how fast and how busy this machine is.
    for arguments in (["read", "nosuch.png"], ["--help"]):
        taken = min(seconds("-m", "ocrnn", *arguments) - seconds("-c", "pass") for _ in range(5))
        assert taken < 0.25
