"""A PNG that is only its pixels reads as Pillow reads it; whatever says more, or is damaged, is left to Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ocrnn.errors import ImageError
from ocrnn.image import load_lines
from ocrnn.png import plain_size

Grey = npt.NDArray[np.uint8]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def packed(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def made(grey: Grey, pixels: bytes, *, bits: int = 8, interlaced: int = 0) -> bytes:
    height, width = grey.shape
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, interlaced))
    return SIGNATURE + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def rows(grey: Grey) -> bytes:
    """Rows of pixels, each after the number of its filter, 0 for none."""
    return b"".join(b"\0" + row.tobytes() for row in grey)


def told(**texts: str) -> PngInfo:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key.replace("_", " "), text)
    return info


@pytest.mark.parametrize("options", [{}, {"dpi": (300, 300)}, {"pnginfo": told(Software="scanner")}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_plain_pictures_are_those_that_pillow_makes(mode: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    shape = (40, 333, *((3,) if mode == "RGB" else ()))
    picture = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
    data = packed(picture, **options)
    assert plain_size(data) == (333, 40)
    np.testing.assert_array_equal(load_lines(data)[0], np.asarray(picture.convert("L")))


def test_profiles_of_colour_change_nothing(drawn: Grey) -> None:
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    data = packed(Image.fromarray(drawn))
    data = data[:33] + gamma + chunk(b"sRGB", b"\0") + data[33:]
    assert plain_size(data) is not None
    np.testing.assert_array_equal(load_lines(data)[0], drawn)


def others(grey: Grey) -> dict[str, bytes]:
    picture = Image.fromarray(grey)
    turned = Image.Exif()
    turned[0x0112] = 3
    good = packed(picture)
    return {
        "1 bit": packed(picture.convert("1")),
        "16 bits": packed(Image.fromarray(grey.astype(np.uint16) * 257)),
        "palette": packed(picture.convert("P")),
        "alpha": packed(picture.convert("LA")),
        "one level transparent": packed(picture, transparency=0),
        "turned": packed(picture, exif=turned),
        "turned in hiding": packed(picture, pnginfo=told(Raw_profile_type_exif="exif")),
        "XMP": packed(picture, pnginfo=told(XML="not Latin-1, so an iTXt: \u0416")),
        "frames": packed(picture, save_all=True, append_images=[Image.fromarray(255 - grey)]),
        "interlaced": made(grey, zlib.compress(rows(grey)), interlaced=1),
        "no pixels": SIGNATURE + good[8:33] + chunk(b"IEND", b""),
        "header twice": good[:33] + good[8:],
        "bit error": good[:60] + bytes([good[60] ^ 1]) + good[61:],
        "no width": made(grey[:, :0], b""),
        "JPEG": b"\xff\xd8\xff" + good,
        "other signature": b"\x8b" + good[1:],
    }


def test_whatever_says_more_than_its_pixels_is_not_plain(drawn: Grey) -> None:
    found = {name: plain_size(data) for name, data in others(drawn).items()}
    assert found == dict.fromkeys(found)
    good = packed(Image.fromarray(drawn))
    assert [plain_size(good[:length]) for length in range(len(good))] == [None] * len(good)


@pytest.mark.parametrize("fault", ["cut", "other filter"])
def test_pixels_packed_wrongly_in_whole_chunks_are_refused(fault: str, drawn: Grey) -> None:
    pixels = rows(drawn)
    wrong = {
        "cut": zlib.compress(pixels)[:-200],
        "other filter": zlib.compress(b"\7" + pixels[1:]),
    }
    data = made(drawn, wrong[fault])
    assert plain_size(data) is not None
    with pytest.raises(ImageError, match="damaged"):
        load_lines(data)
