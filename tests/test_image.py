"""Every form of a picture makes the same line; whatever is no picture is refused by name."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.errors import ImageError
from ocrnn.folders import SUFFIXES
from ocrnn.image import MAX_PIXELS, LineFormat, load_frames, load_lines

Grey = npt.NDArray[np.uint8]
FORMAT = LineFormat()


def packed(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def palette(grey: Grey) -> bytes:
    """Indices turned upside down, so that taking them for grey values would give the negative."""
    picture = Image.fromarray(255 - grey, "L").convert("P")
    picture.putpalette([255 - level for level in range(256) for _ in range(3)])
    return packed(picture, "PNG")


def transparent(grey: Grey, ink: int) -> bytes:
    """Ink of one level on nothing: the letters are in the alpha channel alone."""
    rgba = np.full((*grey.shape, 4), ink, np.uint8)
    rgba[:, :, 3] = 255 - grey
    return packed(Image.fromarray(rgba, "RGBA"), "PNG")


def cmyk(grey: Grey) -> bytes:
    channels = np.zeros((*grey.shape, 4), np.uint8)
    channels[:, :, 3] = 255 - grey
    return packed(Image.fromarray(channels, "CMYK"), "TIFF")


def turned_jpeg(grey: Grey) -> bytes:
    """Stored lying on its left side, with the EXIF tag that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return packed(Image.fromarray(np.rot90(grey).copy()), "JPEG", quality=95, exif=exif)


def exactly(grey: Grey) -> Image.Image:
    return Image.fromarray(grey, "L")


# Form, how it is packed, and by how much one pixel of the prepared line (0..1) and their mean may differ:
# nothing where no value is lost, a grey level or two where values are converted, more where the file form loses detail.
FORMS: dict[str, tuple[Callable[[Grey], bytes], float, float]] = {
    "1-bit PNG": (lambda g: packed(exactly(g).convert("1", dither=Image.Dither.NONE), "PNG"), 0.5, 0.015),
    "L PNG": (lambda g: packed(exactly(g), "PNG"), 0.0, 0.0),
    "LA PNG": (lambda g: packed(exactly(g).convert("LA"), "PNG"), 0.0, 0.0),
    "P PNG": (palette, 0.0, 0.0),
    "RGB PNG": (lambda g: packed(exactly(g).convert("RGB"), "PNG"), 0.0, 0.0),
    "RGBA, dark ink on nothing": (lambda g: transparent(g, 0), 0.005, 0.0001),
    "RGBA, light ink on nothing": (lambda g: transparent(g, 255), 0.005, 0.0001),
    "CMYK TIFF": (cmyk, 0.01, 0.002),
    "16-bit PNG": (lambda g: packed(Image.fromarray(g.astype(np.uint16) * 257), "PNG"), 0.0, 0.0),
    "32-bit TIFF": (lambda g: packed(Image.fromarray(g.astype(np.int32)), "TIFF"), 0.0, 0.0),
    "float TIFF 0..1": (lambda g: packed(Image.fromarray(g.astype(np.float32) / 255), "TIFF"), 0.01, 0.002),
    "float TIFF 0..255": (lambda g: packed(Image.fromarray(g.astype(np.float32)), "TIFF"), 0.0, 0.0),
    "JPEG turned by EXIF": (turned_jpeg, 0.03, 0.002),
    "inverted PNG": (lambda g: packed(exactly(255 - g), "PNG"), 0.005, 0.0001),
    "PGM": (lambda g: packed(exactly(g), "PPM"), 0.0, 0.0),
    "PBM": (lambda g: packed(exactly(g).convert("1", dither=Image.Dither.NONE), "PPM"), 0.5, 0.015),
    "BMP": (lambda g: packed(exactly(g), "BMP"), 0.0, 0.0),
    "WebP": (lambda g: packed(exactly(g).convert("RGB"), "WEBP", lossless=True), 0.01, 0.002),
    "GIF": (lambda g: packed(exactly(g), "GIF"), 0.0, 0.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_makes_the_same_line(form: str, drawn: Grey) -> None:
    pack, most, mean = FORMS[form]
    expected = FORMAT.prepare(drawn)
    [grey] = load_lines(pack(drawn))
    line = FORMAT.prepare(grey)
    assert line.shape == expected.shape
    assert np.abs(line - expected).max() <= most
    assert np.abs(line - expected).mean() <= mean


def test_a_different_line_is_told_apart_by_these_tolerances(drawn: Grey) -> None:
    """The loosest mean above, 0.015, is far below what a few changed letters make."""
    other = drawn.copy()
    other[:, 60:110] = other[:, 110:160]
    assert np.abs(FORMAT.prepare(other) - FORMAT.prepare(drawn)).mean() > 0.03


@pytest.mark.parametrize(("kind", "options"), [("TIFF", {}), ("GIF", {"loop": 0}), ("WEBP", {"lossless": True})])
def test_each_page_is_a_line(kind: str, options: dict[str, Any], drawn: Grey) -> None:
    pages = [drawn, drawn[:, ::-1].copy(), np.full_like(drawn, 255)]
    first, *rest = [Image.fromarray(page) for page in pages]
    data = packed(first, kind, save_all=True, append_images=rest, **options)
    lines = load_lines(data)
    assert len(lines) == len(pages)
    for line, page in zip(lines, pages, strict=True):
        assert np.abs(line.astype(int) - page).max() <= 3


def test_pages_may_differ_in_size(drawn: Grey) -> None:
    first, second = Image.fromarray(drawn), Image.fromarray(drawn[:, :50].copy())
    lines = load_lines(packed(first, "TIFF", save_all=True, append_images=[second]))
    assert [line.shape for line in lines] == [drawn.shape, (48, 50)]


# What stands in the file for each EXIF orientation (1 to 8, EXIF 2.32 table 6), written as flips of rows and columns.
STORED: list[Callable[[Grey], Grey]] = [
    lambda g: g,
    lambda g: g[:, ::-1],
    lambda g: g[::-1, ::-1],
    lambda g: g[::-1],
    lambda g: g.T,
    lambda g: g.T[::-1],
    lambda g: g[::-1, ::-1].T,
    lambda g: g.T[:, ::-1],
]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_turns(orientation: int, kind: str, drawn: Grey) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = packed(Image.fromarray(STORED[orientation - 1](drawn).copy()), kind, exif=exif)
    [grey] = load_lines(data)
    np.testing.assert_array_equal(grey, drawn)


def test_sources_of_every_kind(drawn: Grey, tmp_path: Path) -> None:
    data = packed(exactly(drawn), "PNG")
    path = tmp_path / "line.png"
    path.write_bytes(data)
    for source in (path, str(path), data, io.BytesIO(data), drawn, exactly(drawn)):
        [grey] = load_lines(source)
        np.testing.assert_array_equal(grey, drawn)


@pytest.mark.parametrize(
    "convert",
    [
        lambda g: np.repeat(g[:, :, None], 3, axis=2),
        lambda g: g[:, :, None],
        lambda g: np.dstack([g, g, g, np.full_like(g, 255)]),
        lambda g: g.astype(np.uint16) * 257,
        lambda g: g.astype(np.float64) / 255,
        np.asfortranarray,
    ],
    ids=["rgb", "one channel", "rgba", "uint16", "float", "fortran order"],
)
def test_arrays(convert: Callable[[Grey], Any], drawn: Grey) -> None:
    [grey] = load_lines(convert(drawn))
    np.testing.assert_array_equal(grey, drawn)


def test_boolean_array() -> None:
    [grey] = load_lines(np.array([[True, False]]))
    assert grey.tolist() == [[255, 0]]


@pytest.mark.parametrize("shape", [(0, 5), (5,), (4, 4, 2), (2, 4, 4, 3)])
def test_arrays_that_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"not a picture; give \(h, w\)"):
        load_lines(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [complex, object, "U3", "M8[s]"])
def test_arrays_of_what_is_no_grey(dtype: Any) -> None:
    with pytest.raises(ImageError, match=r"an array of .* is not a picture; give uint8, uint16, bool, or float"):
        load_lines(np.zeros((4, 4)).astype(dtype) if dtype != "M8[s]" else np.zeros((4, 4), dtype))


def test_what_a_pil_image_lacks_is_told_as_of_a_file(drawn: Grey, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(packed(Image.fromarray(drawn), "PNG")[:300])
    with (
        Image.open(tmp_path / "cut.png") as picture,
        pytest.raises(ImageError, match=r"cut\.png: the picture is damag"),
    ):
        load_lines(picture)
    with pytest.raises(ImageError, match=rf"picture: {drawn.shape[1]}x48 pixels, over the limit of 99; raise"):
        load_lines(Image.fromarray(drawn), max_pixels=99)


def test_files_that_are_open_otherwise_are_refused(drawn: Grey, tmp_path: Path) -> None:
    path = tmp_path / "line.png"
    path.write_bytes(packed(Image.fromarray(drawn), "PNG"))
    refused: list[Any] = [path.open(encoding="utf-8"), path.open(encoding="latin-1"), io.StringIO("text"), io.BytesIO()]
    refused[-1].close()
    refused.append((tmp_path / "new.png").open("wb"))
    for file in refused:
        with pytest.raises(ImageError, match="; give a file that is open to read in binary"):
            load_lines(file)
        file.close()


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("a\0b.png", "a\0b.mp4"):
        with pytest.raises(ImageError, match=r"^'a\\x00b.*': no file has such a name; check the path"):
            load_frames(name)


def test_nan_and_infinity_do_not_reach_the_line() -> None:
    values = np.full((20, 60), 0.9, np.float32)
    values[5:15, 20:40] = 0.1
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    [grey] = load_lines(values)  # type: ignore[arg-type]
    assert grey[10, 30] == 26 and grey[18, 50] == 229
    assert np.isfinite(FORMAT.prepare(grey)).all()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(8001, 8000), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_before_they_are_unpacked(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(*size))
    start = time.perf_counter()
    with pytest.raises(ImageError, match=r"bomb\.png: .*--max-pixels") as caught:
        load_lines(path)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 1


def test_the_limit_counts_each_page_and_can_be_raised(drawn: Grey) -> None:
    data = packed(exactly(drawn), "PNG")
    assert load_lines(data, max_pixels=drawn.size)
    with pytest.raises(ImageError, match=f"over the limit of {drawn.size - 1}"):
        load_lines(data, max_pixels=drawn.size - 1)
    with pytest.raises(ImageError, match="over the limit"):
        load_lines(drawn, max_pixels=drawn.size - 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM"])
@pytest.mark.parametrize("kept", [0.97, 0.5, 0.05])
def test_truncated_files_are_refused(kind: str, kept: float, drawn: Grey, tmp_path: Path) -> None:
    data = packed(exactly(drawn).convert("RGB"), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageError, match=rf"cut\.{kind.lower()}: ") as caught:
        load_lines(path)
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_file_is_refused_or_read(drawn: Grey) -> None:
    """No cut and no changed byte raises anything but ImageError."""
    data = packed(exactly(drawn[:, :60].copy()), "PNG")
    for length in range(1, len(data), 7):
        try:
            load_lines(data[:length])
        except ImageError:
            continue
    rng = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP"):
        whole = packed(exactly(drawn[:, :60].copy()), kind)
        for _ in range(60):
            damaged = bytearray(whole)
            damaged[int(rng.integers(len(damaged)))] ^= int(rng.integers(1, 256))
            try:
                load_lines(bytes(damaged), max_pixels=1_000_000)
            except ImageError:
                continue


def test_every_cut_of_a_film_is_refused_or_read(drawn: Grey) -> None:
    frames = [exactly(frame) for frame in (drawn[:, :20].copy(), drawn[:, 20:40].copy())]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    whole = file.getvalue()
    for length in range(1, len(whole)):
        try:
            load_lines(whole[:length])
        except ImageError:
            continue


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("empty.png", b"", "the file is empty"),
        ("text.png", b"dear reader, this is a letter\n", "not a picture"),
        ("page.png", b"<html><body>404</body></html>", "not a picture"),
        ("some.jpg", b"\xff\xd8\xff", "not a picture|damaged"),
    ],
)
def test_files_that_are_no_picture(name: str, data: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=rf"{name}: ({fault})"):
        load_lines(tmp_path / name)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nosuch\.png: no such file"):
        load_lines(tmp_path / "nosuch.png")
    with pytest.raises(ImageError, match="cannot be read"):
        load_lines(tmp_path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (40, 1)])
def test_smallest_pictures_make_a_line(shape: tuple[int, int]) -> None:
    line = FORMAT.prepare(np.full(shape, 200, np.uint8))
    assert line.shape == (1, 40, FORMAT.width(*shape))
    assert not line.any()


def test_a_line_of_100_000_pixels(drawn: Grey) -> None:
    wide = np.tile(drawn, 1 + 100_000 // drawn.shape[1])[:, :100_000].copy()
    line = FORMAT.prepare(wide)
    assert line.shape == (1, 40, FORMAT.width(48, 100_000))
    assert line.shape[2] >= 100_000 * 40 / 48
    # The middle is the drawn line again, not a blur of it.
    alone = FORMAT.prepare(drawn)
    assert line[0].mean() == pytest.approx(alone[0, :, 4:-4].mean(), rel=0.1)


def test_a_line_too_wide_once_prepared_names_the_way_out() -> None:
    thread = np.full((1, 100_000), 255, np.uint8)
    with pytest.raises(ImageError, match=r"100000x1 .*--max-pixels above \d+"):
        FORMAT.prepare(thread)
    assert FORMAT.width(1, 100_000) * 40 > MAX_PIXELS


@pytest.mark.parametrize("line_format", [LineFormat(), LineFormat(32, 4, 0), LineFormat(48, 8, 6)])
def test_widths(line_format: LineFormat) -> None:
    """Width is a multiple of the step, holds picture and margins, and never over a step more."""
    rng = np.random.default_rng(0)
    for height, width in rng.integers(1, 200, (50, 2)).tolist():
        line = line_format.prepare(rng.integers(0, 256, (height, width), np.uint8))
        inner = max(1, round(width * line_format.height / height))
        assert line.shape == (1, line_format.height, line_format.width(height, width))
        assert line.shape[2] % line_format.width_step == 0
        assert 0 <= line.shape[2] - inner - 2 * line_format.margin < line_format.width_step
        assert line.dtype == np.float32 and line.min() >= 0 and line.max() <= 1
        margin, end = line_format.margin, line_format.margin + inner
        assert not line[0, :, :margin].any() and not line[0, :, end:].any()


def noisy(drawn: Grey, seed: int) -> Grey:
    """The drawn line in two levels at least 60 apart, with noise."""
    rng = np.random.default_rng(seed)
    low = int(rng.integers(0, 195))
    high = int(rng.integers(low + 60, 256))
    levels = low + drawn.astype(np.float32) / 255 * (high - low) + rng.normal(0, 3, drawn.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_the_negative_is_the_same_line_exactly(seed: int, drawn: Grey) -> None:
    grey = noisy(drawn, seed)
    np.testing.assert_array_equal(FORMAT.prepare(grey), FORMAT.prepare(255 - grey))


def test_ink_is_bright_whichever_way_it_came(drawn: Grey) -> None:
    for grey in (drawn, 255 - drawn):
        line = FORMAT.prepare(grey)
        assert line.mean() < 0.4
        assert line.max() == 1
        assert line[0, 0].max() == 0  # the top row is ground


def test_contrast_does_not_matter(drawn: Grey) -> None:
    faint = (120 + drawn.astype(np.float32) / 255 * 60).round().astype(np.uint8)
    assert np.abs(FORMAT.prepare(faint) - FORMAT.prepare(drawn)).max() < 0.06


def test_a_few_specks_of_black_and_white_take_no_contrast_away() -> None:
    grey = np.full((40, 400), 180, np.uint8)
    grey[10:30, 40:360:8] = 80
    clean = FORMAT.prepare(grey)
    grey[5, 100:170], grey[35, 100:170] = 255, 0  # not half a percent either
    assert FORMAT.tone(grey)[1] == 100
    line = FORMAT.prepare(grey)
    assert (line[0, 8:32] == clean[0, 8:32]).all() and line.max() == 1


def test_an_empty_picture_has_no_ink() -> None:
    noise = np.random.default_rng(0).integers(198, 203, (40, 200)).astype(np.uint8)
    assert FORMAT.prepare(noise).mean() < 0.15


def test_a_single_dot_on_a_wide_page_is_ink() -> None:
    grey = np.full((40, 1000), 255, np.uint8)
    grey[28:34, 500:506] = 0
    line = FORMAT.prepare(grey)
    assert line[0, 30, 503 + FORMAT.margin] == 1 and line[0, 5, 100] == 0


def test_a_raised_limit_goes_past_that_of_pillow(drawn: Grey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", drawn.size // 4)
    assert load_lines(packed(exactly(drawn), "PNG"), max_pixels=drawn.size)


def test_scale_says_where_a_column_went() -> None:
    """A stroke at a known column of the picture stands at `margin + column * scale` of the line."""
    for height, width, column in ((80, 400, 300), (20, 90, 45), (40, 200, 7)):
        grey = np.full((height, width), 255, np.uint8)
        grey[:, column - 2 : column + 3] = 0
        line = FORMAT.prepare(grey)
        centre = float((line[0].sum(axis=0) * (np.arange(line.shape[2]) + 0.5)).sum() / line[0].sum())
        assert centre == pytest.approx(FORMAT.margin + (column + 0.5) * FORMAT.scale(height, width), abs=0.6)


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
