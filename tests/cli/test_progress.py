from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from tests.conftest import Bars


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
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    command = [sys.executable, "-m", "ocrnn", "read", *([] if count == 1 else ["in"]), "-m", bars_file, *arguments]
    run = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    drawn = shown_on(ours)
    run.wait(60)
    assert run.returncode == (0 if count == 1 else 1)
    assert ("/300 [" in drawn and " pictures/s]" in drawn) == shown
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
