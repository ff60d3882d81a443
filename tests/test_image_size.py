"""The size read from a header is that of the picture once it is loaded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.errors import ImageError
from ocrnn.image import load_lines, size


def saved(path: Path, turn: int | None = None, kind: str | None = None) -> Path:
    options = {}
    if turn is not None:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = turn
    grey = np.random.default_rng(1).integers(0, 256, (31, 90), np.uint8)
    Image.fromarray(grey).save(path, kind, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_turn(ending: str, turn: int, tmp_path: Path) -> None:
    picture = saved(tmp_path / f"a.{ending}", turn)
    assert size(picture) == load_lines(picture)[0].shape == ((90, 31) if turn > 4 else (31, 90))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "bmp", "gif", "pgm"])
def test_every_format(ending: str, tmp_path: Path) -> None:
    picture = saved(tmp_path / f"a.{ending}")
    assert size(picture) == load_lines(picture)[0].shape == (31, 90)


def test_a_png_that_tells_its_turn_behind_its_pixels(tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 8
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    data = picture.read_bytes()
    end = data.rindex(b"\0\0\0\0IEND")
    picture.write_bytes(data[:end] + chunk + data[end:])
    assert size(picture) == load_lines(picture)[0].shape == (90, 31)


def test_damage_behind_the_header_stays_unseen(tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.png")
    picture.write_bytes(picture.read_bytes()[:600])
    assert size(picture) == (31, 90)
    with pytest.raises(ImageError, match="damaged"):
        load_lines(picture)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b"dear reader", "not a picture"), (b"\x89PNG\r\n\x1a\n", "not a picture|damaged")],
)
def test_what_is_no_picture(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=rf"a\.png: (the picture is )?({message})"):
        size(tmp_path / "a.png")
    with pytest.raises(ImageError, match="nosuch: no such file; check the path"):
        size(tmp_path / "nosuch")


def test_a_program_in_the_guise_of_a_picture_is_not_run(tmp_path: Path) -> None:
    picture = saved(tmp_path / "a.png", kind="EPS")
    for opened in (size, load_lines):
        with pytest.raises(ImageError, match="not a picture; give PNG"):
            opened(picture)


def test_changed_files_load_with_the_size_of_their_header_or_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    wholes = [
        saved(tmp_path / f"a.{ending}", turn).read_bytes() for ending in ("png", "jpg", "webp") for turn in (1, 6)
    ]
    picture = tmp_path / "b.png"
    loaded = 0
    for trial in range(600):
        data = bytearray(wholes[trial % len(wholes)])
        for place in rng.integers(0, min(len(data), 300), rng.integers(1, 4)):
            data[place] = rng.integers(0, 256)
        picture.write_bytes(data[: rng.integers(1, 2 * len(data))])
        try:
            shape = load_lines(picture)[0].shape
        except ImageError:
            continue
        loaded += 1
        assert size(picture) == shape
    assert loaded > 50
