"""A folder of thousands of pictures read by a process that is killed, and with one picture in twenty bad."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.conftest import Bars

LINES = 2000
KILLS = 20
Started = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def begin(root: Path, bars_file: str, tmp_path: Path) -> Started:
    """Starts `ocrnn read in -o out` beside the test, with these further options."""

    def call(*options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ocrnn", "read", "in", "-m", bars_file, "-o", "out", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root)},
            stderr=subprocess.PIPE,
        )

    return call


def pictures(bars: Bars, folder: Path, count: int = LINES) -> dict[str, str]:
    """So many pictures in folders of a hundred; what each reads as, by the name of its text."""
    truth = {}
    for number in range(count):
        name = f"{number // 100}/{number}"
        bars.save(folder / f"{name}.png", str(number))
        truth[f"{name}.txt"] = f"{number}\n"
    return truth


def done(out: Path) -> dict[str, tuple[int, int]]:
    """Files that have their names, and what would tell if one were written again."""
    found = {}
    for path in out.rglob("[!.]*.txt"):
        state = path.stat()
        found[path.relative_to(out).as_posix()] = state.st_ino, state.st_mtime_ns
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_killed_twenty_times_every_line_is_read_once(begin: Started, bars: Bars, tmp_path: Path) -> None:
    truth = pictures(bars, tmp_path / "in")
    out, chance = tmp_path / "out", random.Random(4)
    before: dict[str, tuple[int, int]] = {}
    for _ in range(KILLS):
        wanted = len(before) + chance.randint(1, LINES // KILLS // 4)  # more are written while this is noticed
        with begin("-j", "2") as process:
            while process.poll() is None and sum(1 for _ in out.rglob("[!.]*.txt")) < wanted:
                time.sleep(0.001)
            assert process.poll() is None, "killed in the middle"
            process.kill()
        found = done(out)
        assert found.items() >= before.items(), "nothing is written again"
        assert len(found) > len(before)
        for name in found.keys() - before.keys():
            assert (out / name).read_text() == truth[name], "no half file"
        before = found
    with begin("-j", "2", "-v") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"{LINES - len(before)} read, {len(before)} there already, 0 failed".encode() in told
    found = done(out)
    assert found.items() >= before.items()
    assert {name: (out / name).read_text() for name in found} == truth


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A grey PNG that says it is so large, whatever pixels it has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def packed(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 300), np.uint8)).save(file, kind)
    return file.getvalue()


BAD: dict[str, bytes] = {
    "empty.png": b"",
    "text.png": b"this is text",
    "page.png": b"<!DOCTYPE html><html></html>",
    "script.gif": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "head.png": b"\x89PNG\r\n\x1a\n",
    "bomb.png": png(100_000, 100_000, bytes(10)),
    "thread.png": png(65_000, 2, bytes(2 * 65_001)),
    "nothing.png": png(0, 0, b""),
    **{f"cut.{kind.lower()}": packed(kind)[:-3000] for kind in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM")},
    **{f"start.{kind.lower()}": packed(kind)[:12] for kind in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM")},
    "changed.png": packed("PNG").replace(b"IDAT", b"IDAX"),
    "noise.tif": b"II*\0" + bytes(range(256)) * 4,
}
"""Each kind of file that is called a picture and is none, or none that can be read."""


def test_one_in_twenty_is_bad_and_all_others_are_read(begin: Started, bars: Bars, tmp_path: Path) -> None:
    truth = pictures(bars, tmp_path / "in", 400)
    bad = {}
    for number, (name, data) in enumerate(BAD.items()):
        path = tmp_path / "in" / str(number % 4) / f"x{number}-{name}"
        path.write_bytes(data)
        bad[str(path.relative_to(tmp_path))] = name
    assert len(bad) >= 0.05 * len(truth)
    with begin("--failures", "failed.tsv", "--max-pixels", "2000000", "-j", "3") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert {name: (tmp_path / "out" / name).read_text() for name in done(tmp_path / "out")} == truth
    rows = [line.split("\t") for line in (tmp_path / "failed.tsv").read_text("utf-8").splitlines()]
    assert sorted(path for path, _ in rows) == sorted(bad), "each is named once"
    *lines, last = told.decode().splitlines()
    assert lines == [f"ocrnn: {path}: {reason}" for path, reason in rows]
    assert last.startswith(f"ocrnn: 400 read, 0 there already, {len(bad)} failed, ")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_with_several_jobs_ends_at_once(begin: Started, bars: Bars, tmp_path: Path) -> None:
    """Also where a picture comes from a disk that never answers."""
    pictures(bars, tmp_path / "in", 100)
    os.mkfifo(tmp_path / "slow.png")
    with begin("slow.png", "-j", "4") as process:
        while len(done(tmp_path / "out")) < 5:
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.endswith(b"ocrnn: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_interrupts_amid_the_work_are_130_and_leave_no_half_file(
    begin: Started, latin: str, root: Path, tmp_path: Path
) -> None:
    """Each comes twice, as from who presses Ctrl-C again, and finds jobs inside of a network that takes its time."""
    (tmp_path / "in").mkdir()
    sample = (root / "samples/receipt.png").read_bytes()
    for number in range(2000):
        (tmp_path / f"in/{number}.png").write_bytes(sample)
    for _ in range(3):
        with begin("-m", latin, "-j", "2", "--overwrite", "--review", "doubtful.tsv") as process:
            while len(done(tmp_path / "out")) < 5:  # behind the first, small lots
                time.sleep(0.01)
                assert process.poll() is None
            time.sleep(0.5)
            for _ in range(2):
                process.send_signal(signal.SIGINT)
                time.sleep(0.001)
            _, told = process.communicate(timeout=30)
        assert (process.returncode, told.splitlines()[-1]) == (130, b"ocrnn: interrupted")
        assert not list(tmp_path.rglob(".ocrnn-*"))
        shutil.rmtree(tmp_path / "out")
