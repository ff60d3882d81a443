from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocrnn.cli.progress import status

if TYPE_CHECKING:
    from tests.conftest import Bars


@pytest.mark.parametrize(
    ("done", "total", "seconds", "expected"),
    [
        (120, 1000, 3.0, "120 of 1000 pictures, 12 %, 40.0/s, 0:22 left"),
        (1, 100_000, 0.25, "1 of 100000 pictures, 0 %, 4.0/s, 6:56:40 left"),
        (7, 7, 2.0, "7 of 7 pictures, 100 %, 3.5/s, 0:00 left"),
        (0, 7, 0.0, "0 of 7 pictures, 0 %, 0.0/s, 0:00 left"),
    ],
)
def test_the_line_says_count_share_rate_and_time_left(done: int, total: int, seconds: float, expected: str) -> None:
    assert status(done, total, "pictures", seconds) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(["-o", "out"], True), ([], True), (["-o", "out", "-q"], False), (["in/0.png", "--overwrite"], False)],
)
def test_it_is_drawn_on_a_terminal_and_wiped(
    root: Path, bars: Bars, bars_file: str, tmp_path: Path, arguments: list[str], shown: bool
) -> None:
    count = 1 if "in/0.png" in arguments else 300
    data = Path(bars.save(tmp_path / "in/0.png", "1")).read_bytes()
    for n in range(1, count):
        (tmp_path / f"in/{n}.png").write_bytes(data if n != 250 else b"bad")
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "ocrnn", "read", *([] if count == 1 else ["in"]), "-m", bars_file, *arguments]
    run = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    drawn = shown_on(ours)
    run.wait(60)
    assert run.returncode == (0 if count == 1 else 1)
    assert (" of 300 pictures, " in drawn) == shown
    assert "\x1b" not in drawn
    # A line that was drawn over is wiped with blanks before the next: no rest of it stands behind a message.
    for part in drawn.replace("\r\n", "\n").split("\n"):
        if "250.png" in part:
            assert part.split("\r")[-1].startswith("ocrnn: ")


def shown_on(terminal: int) -> str:
    """Everything that is written to a terminal until its other end is closed."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody is left
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)
