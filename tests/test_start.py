"""What comes in when the program starts, seen in a fresh interpreter: starting fast is a feature."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocrnn.cli.main import COMMANDS

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


def began(root: Path, *arguments: str, **environment: str) -> tuple[int, set[str], str]:
    """Exit status, packages that came in, and standard output of one call."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(root), **environment},
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_without_waiting(root: Path, shell: str) -> None:
    told = {"_OCRNN_COMPLETE": f"{shell}_complete"}

    def completed(words: str) -> set[str]:
        last = words.rpartition(" ")[2]
        place = last if shell == "fish" else str(words.count(" "))
        status, packages, out = began(root, COMP_WORDS=words, COMP_CWORD=place, **told)
        assert status == 0
        assert not packages & HEAVY
        return set(re.split(r"[\n,\t]", out))

    assert completed("ocrnn ") >= set(COMMANDS)  # for which every command is imported
    assert completed("ocrnn train --a") & {"--arch", "--augment", "--data"} == {"--arch", "--augment"}
    assert completed("ocrnn train --arch ") >= {"fast", "accurate", "paper"}
    status, packages, script = began(root, _OCRNN_COMPLETE=f"{shell}_source")
    assert status == 0
    assert not packages & HEAVY
    assert "_OCRNN_COMPLETE" in script and "complete" in script


def test_reading_never_brings_torch(root: Path, bars: Bars, bars_file: str, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "407")
    status, packages, out = began(root, "read", path, "-m", bars_file, "--decoder", "beam")
    assert (status, out) == (0, "407\n")
    assert "onnxruntime" in packages
    assert not packages & {"torch", "onnx", "safetensors", "matplotlib", "editdistance"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [["charsets"], ["--help"]])
def test_a_full_disk_is_one_line(root: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with open("/dev/full", "wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "ocrnn", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=60,
        )
    assert run.returncode == 2
    assert run.stderr.startswith(b"ocrnn: the output cannot be written (No space left on device); ")
    assert run.stderr.count(b"\n") == 1


def test_standard_output_is_utf_8_whatever_the_system_says(root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "cp1252"}
    run = subprocess.run([sys.executable, "-m", "ocrnn", "charsets"], capture_output=True, env=environment, timeout=60)
    assert run.returncode == 0
    assert "„" in run.stdout.decode("utf-8")


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
