"""Pictures become lines: the only place that opens pixels.

`load_lines` turns any file into grey arrays; `LineFormat.prepare` turns one grey array into what the network takes.
Training, evaluation, reading and the reader of an ONNX file all go through these two.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.errors import ImageError
from ocrnn.png import plain_size

if TYPE_CHECKING:
    from PIL import Image

Grey = npt.NDArray[np.uint8]
"""A picture in grey, (h, w), 0 black to 255 white."""
Line = npt.NDArray[np.float32]
"""A prepared line, (1, H, W), 0 ground to 1 ink."""

MAX_PIXELS = 64_000_000
"""Pixels a picture may have before it counts as a bomb; a page at 600 dpi has 35 million."""

MAX_FRAMES = 64
"""Frames of a clip that are read; of a longer one at least half as many, evenly spread."""

FAINTEST = 24
"""Grey levels between ground and ink under which there is only noise on an empty picture: to stretch it would invent
strokes."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM", "TIFF", "GIF")
"""Pillow's names of the formats that are opened. Others are refused: it hands EPS to a program that runs it as code."""

_VIDEOS = frozenset((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"))

_HEAD = 16
"""Bytes that tell what kind of video a file is."""

_PILLOW_LIMIT = threading.Lock()


@dataclass(frozen=True)
class LineFormat:
    """How a line is brought to the network: one height, ink bright on dark, widths in steps.

    Every field has a fixed meaning in stored models: `height` H in pixels; `width_step`, W is a multiple of it;
    `margin`, columns of ground kept at either end, so that a tight crop does not put a stroke on the border.
    """

    height: int = 40
    width_step: int = 16
    margin: int = 4

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that no line can have."""
        check_whole("line format", height=self.height, width_step=self.width_step)
        check_whole("line format", least=0, margin=self.margin)

    def width(self, height_px: int, width_px: int) -> int:
        """W of a picture of this size once it is prepared."""
        inner = max(1, round(width_px * self.height / height_px))
        return -(-(inner + 2 * self.margin) // self.width_step) * self.width_step

    def scale(self, height_px: int, width_px: int) -> float:
        """Columns of the prepared line for each column of the picture; its column 0 stands at `margin`."""
        return max(1, round(width_px * self.height / height_px)) / width_px

    def prepare(self, grey: Grey, *, max_pixels: int = MAX_PIXELS) -> Line:
        """Line (1, H, W) float32, ink near 1 and ground near 0, of a grey picture (h, w) of either polarity.

        Resizes with the aspect ratio kept, makes dark ground light, stretches the contrast between the darkest and the
        lightest half percent, and adds ground to the right up to a multiple of `width_step`.
        Raises ImageError when the line would be wider than `max_pixels` allows.
        """
        self.check(*grey.shape, max_pixels=max_pixels)
        small, light, low, high = self._resized(grey)
        if light < 0.5:
            # Turned before it is resized: only so do a negative and its positive become the same line to the bit.
            small, _, low, high = self._resized(255 - grey)
        line = np.zeros((1, self.height, self.width(*grey.shape)), np.float32)
        line[0, :, self.margin : self.margin + small.shape[1]] = cv2.LUT(small, _ink(low, high))
        return line

    def check(self, height_px: int, width_px: int, *, max_pixels: int = MAX_PIXELS) -> None:
        """Raise ImageError when the line of a picture of this size would be wider than `max_pixels` allows."""
        full = self.width(height_px, width_px)
        if full * self.height > max_pixels:
            raise ImageError(
                f"a picture of {width_px}x{height_px} makes a line of {full}x{self.height} pixels; "
                f"cut it, or raise --max-pixels above {full * self.height}"
            )

    def tone(self, grey: Grey) -> tuple[float, int]:
        """How surely a grey picture (h, w) is dark on light, 0..1, and the levels between its darkest and lightest.

        `prepare` turns what is under 0.5; near 0.5 it may be wrong. Under `FAINTEST` levels there is hardly any ink.
        """
        _, light, low, high = self._resized(grey)
        return light, high - low

    def _resized(self, grey: Grey) -> tuple[Grey, float, int, int]:
        """A picture (H, w) brought to the line's height, how surely its ground is light, and its range of greys."""
        height, width = grey.shape
        inner = max(1, round(width * self.height / height))
        method = cv2.INTER_AREA if height > self.height else cv2.INTER_CUBIC
        small = cv2.resize(grey, (inner, self.height), interpolation=method).astype(np.uint8, copy=False)
        low, high = _range(small)
        return small, _lightness(small, (low + high) / 2), low, high


def check_whole(thing: str, *, least: int = 1, **numbers: int) -> None:
    """Raise ValueError for the first number that is no int, or under `least`: stored files may say anything."""
    for name, number in numbers.items():
        if type(number) is not int or number < least:
            raise ValueError(f"{thing}: {name} is {number!r}")


def _lightness(grey: npt.NDArray[Any], middle: float) -> float:
    """How surely, 0..1, the ground of a line (h, w) is light, with this grey between it and the ink."""
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    # Between two greys lies no third: compared as they are, bytes need not become real numbers first.
    light, light_border = (np.count_nonzero(part > int(middle)) / part.size for part in (grey, border))
    # Letters cover less than half of a line; where a bold word covers more, its border still shows the ground.
    return float(0.5 * light + 0.5 * light_border)


def _ink(low: int, high: int) -> npt.NDArray[np.float32]:
    """Ink of each of the 256 greys, 0 ground to 1 stroke: the contrast of a line stretched to the whole range."""
    ink = (high - np.arange(256, dtype=np.float32)) / np.float32(max(high - low, FAINTEST))
    return np.clip(ink, 0.0, 1.0, out=ink)


def _range(grey: npt.NDArray[Any]) -> tuple[int, int]:
    """Darkest and lightest grey of a line, half a percent of outliers left out at either end."""
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.int64).cumsum()
    low = int(np.searchsorted(counts, 0.005 * grey.size, side="right"))
    high = int(np.searchsorted(counts, 0.995 * grey.size))
    if high - low < FAINTEST:  # a dot on a long line is less than half a percent of it
        low, high = int(grey.min()), int(grey.max())
    return low, high


def load_lines(
    source: str | Path | bytes | BinaryIO | Grey | Image.Image, *, max_pixels: int = MAX_PIXELS
) -> list[Grey]:
    """Grey pictures (h, w) of a file, its bytes, an open binary file, an array or a PIL image: one for each page.

    Takes any pixel mode: transparent ground becomes white, 16-bit and float values are scaled by their own range,
    CMYK is converted, the EXIF turn is applied. An array is (h, w) grey, (h, w, 3) RGB or (h, w, 4) RGBA, of uint8,
    uint16, bool, or float in 0..1. Raises ImageError for whatever cannot be opened whole, or has over `max_pixels`.
    """
    if isinstance(source, np.ndarray):
        return [_array_to_grey(source, max_pixels)]
    if not isinstance(source, (str, os.PathLike, bytes)):
        from PIL import Image

        if isinstance(source, Image.Image):
            name = str(getattr(source, "filename", "") or "picture")
            _check_size(name, *source.size, max_pixels)
            with _naming(name):  # its pixels may still have to be read
                return [_to_grey(source)]
    name, data = _bytes(source)
    grey = _plain(name, data, max_pixels)
    return _decode(name, data, max_pixels) if grey is None else [grey]


def is_video(source: object) -> bool:
    """Whether a source is the path of a video, by the suffix of its name: such a file is one line in many frames."""
    return isinstance(source, (str, os.PathLike)) and os.path.splitext(source)[1].lower() in _VIDEOS


def load_frames(
    source: str | Path | bytes | BinaryIO | Grey | Image.Image, *, max_pixels: int = MAX_PIXELS
) -> list[Grey]:
    """Grey pictures (h, w) of the frames of a video file, or of all pages of whatever `load_lines` opens.

    Of more than `MAX_FRAMES`, or of more than `max_pixels` together, so many are kept, evenly spread.
    Raises ImageError for what cannot be opened, and for a video of another kind than MP4, MOV, AVI, MKV and WebM.
    """
    if is_video(source):
        return _video(Path(source), max_pixels)  # type: ignore[arg-type]
    frames = load_lines(source, max_pixels=max_pixels)
    most = max(1, min(MAX_FRAMES, max_pixels // max(frame.size for frame in frames)))
    return [frames[round(number)] for number in np.linspace(0, len(frames) - 1, min(most, len(frames)))]


def _video(path: Path, max_pixels: int) -> list[Grey]:
    head = _bytes(path, _HEAD)[1]
    # By what it begins with: the decoder also knows play lists, which name other files and the network.
    if not (head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4], head[8:12]) == (b"RIFF", b"AVI ")):
        raise ImageError(f"{path}: not a video; give MP4, MOV, AVI, MKV or WebM")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # it would tell of a damaged one on standard error, itself
    talks = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    film = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    try:
        frames: list[Grey] = []
        step = 1  # how many frames long is not known beforehand: when there are too many, every second is let go
        number = 0
        while film.grab():
            if number % step == 0:
                there, colours = film.retrieve()
                if not there:
                    break
                if colours.shape[0] * colours.shape[1] > max_pixels:
                    raise ImageError(
                        f"{path}: frames of {colours.shape[1]}x{colours.shape[0]} pixels, over the limit of "
                        f"{max_pixels}; raise --max-pixels if they are meant to be that large"
                    )
                frames.append(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False))
                if len(frames) > max(1, min(MAX_FRAMES, max_pixels // frames[0].size)):
                    frames, step = frames[::2], 2 * step
            number += 1
    finally:
        film.release()
        cv2.utils.logging.setLogLevel(talks)
    if not frames:
        raise ImageError(f"{path}: the video is damaged or of a kind that cannot be decoded; save it as MP4")
    return frames


def _bytes(source: str | Path | bytes | BinaryIO, most: int = -1) -> tuple[str, bytes]:
    """What a source is called, and its bytes; of a path the first `most` where that is given."""
    if isinstance(source, bytes):
        name, data = "picture", source
    elif isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                name, data = str(source), file.read(most)
        except FileNotFoundError:
            raise ImageError(f"{source}: no such file; check the path") from None
        except ValueError:  # a NUL in it
            raise ImageError(f"{str(source)!r}: no file has such a name; check the path") from None
        except OSError as fault:
            raise ImageError(f"{source}: cannot be read ({fault.strerror}); check the path and its rights") from None
    elif hasattr(source, "read"):
        name = str(getattr(source, "name", "stdin"))
        try:
            data = source.read()
        except (OSError, ValueError) as fault:  # text is decoded, which raises a ValueError
            raise ImageError(f"{name}: cannot be read ({fault}); give a file that is open to read in binary") from None
        if not isinstance(data, bytes):
            raise ImageError(f"{name}: {type(data).__name__} comes of it; give a file that is open to read in binary")
    else:
        raise ImageError(
            f"{type(source).__name__}: not a picture; give a path, bytes, an open binary file, an array or a PIL image"
        )
    if not data:
        raise ImageError(f"{name}: the file is empty; save the picture again")
    return name, data


def _plain(name: str, data: bytes, max_pixels: int) -> Grey | None:
    """Grey of a PNG that is nothing but its pixels, the very one that `_decode` makes in twice the time; else None."""
    size = plain_size(data)
    if size is None:
        return None
    _check_size(name, *size, max_pixels)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # it has limits of its own
        return None
    # Of a damaged one it makes nothing, and the other way says what is wrong with it.
    if pixels is None or pixels.shape[1::-1] != size:
        return None
    if pixels.ndim == 2:
        return pixels.astype(np.uint8, copy=False)
    from PIL import Image

    # Its own grey differs by a level, in one colour of 800, and that of IMREAD_GRAYSCALE in two of five.
    return np.asarray(Image.frombuffer("RGB", size, pixels, "raw", "BGR", 0, 1).convert("L"))


def _check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width}x{height} pixels, over the limit of {max_pixels}; "
            f"raise --max-pixels if the picture is meant to be that large"
        )


def _decode(name: str, data: bytes, max_pixels: int) -> list[Grey]:
    from PIL import ImageSequence

    lines = []
    with _naming(name), _opened(data) as picture:
        for page in ImageSequence.Iterator(picture):
            _check_size(name, page.width, page.height, max_pixels)
            lines.append(_to_grey(page))
    return lines


def _opened(data: bytes) -> Image.Image:
    """Open a picture without Pillow's own limit: ours is checked before any pixel is decoded, and can be raised."""
    from PIL import Image

    with _PILLOW_LIMIT:  # the limit is a global of Pillow's
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises for a file into an ImageError that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's bomb warning: our limit is an error of its own
            yield
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture; give PNG, JPEG, WebP, BMP, PNM, TIFF or GIF") from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"{name}: too many pixels; raise --max-pixels if the picture is meant to be that large"
        ) from None
    # TypeError is what Pillow makes of a TIFF whose size is missing, IndexError and struct.error of a GIF that
    # ends in its second frame.
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, struct.error) as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise ImageError(f"{name}: the picture is damaged ({reason}); save it again") from None


def _to_grey(picture: Image.Image) -> Grey:
    """Grey of one PIL page in any mode, turned as its EXIF says."""
    from PIL import ExifTags, ImageOps

    if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # what is upright would be copied
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        return _range_to_grey(np.asarray(picture))
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        return _over_white(np.asarray(picture.convert("RGBA")))
    return np.asarray(picture if picture.mode == "L" else picture.convert("L"))


def _array_to_grey(array: npt.NDArray[Any], max_pixels: int) -> Grey:
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (3, 4)) or array.size == 0:
        raise ImageError(f"an array of shape {shape} is not a picture; give (h, w), (h, w, 3) RGB or (h, w, 4) RGBA")
    if array.dtype.kind not in "buif":
        raise ImageError(f"an array of {array.dtype} is not a picture; give uint8, uint16, bool, or float in 0..1")
    if shape[0] * shape[1] > max_pixels:
        raise ImageError(
            f"an array of {shape[1]}x{shape[0]} pixels is over the limit of {max_pixels}; raise max_pixels"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.dtype != np.uint8:
        array = _range_to_grey(array)
    if array.ndim == 2:
        return np.ascontiguousarray(array)
    return _over_white(array) if array.shape[2] == 4 else cv2.cvtColor(array, cv2.COLOR_RGB2GRAY).astype(np.uint8)


def _over_white(rgba: npt.NDArray[np.uint8]) -> Grey:
    """Grey of an RGBA picture laid on white; on black where white would hide it: light ink on nothing."""
    grey = cv2.cvtColor(np.ascontiguousarray(rgba[:, :, :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    alpha = rgba[:, :, 3].astype(np.float32) / 255
    weight = float(alpha.sum())
    ground = 0.0 if 0 < weight < 0.98 * alpha.size and float((grey * alpha).sum()) / weight > 200 else 255.0
    return np.rint(grey * alpha + ground * (1 - alpha)).astype(np.uint8)


def _range_to_grey(array: npt.NDArray[Any]) -> Grey:
    """Grey of 16-bit, 32-bit or float values: full scale is the smallest usual one that holds the maximum."""
    values = np.nan_to_num(array.astype(np.float64), posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    # Scanners and microscopes store 10 and 12 bits in 16; what fits none of these is scaled by its maximum.
    scales = (*((1.0,) if np.issubdtype(array.dtype, np.floating) else ()), 255.0, 1023.0, 4095.0, 65535.0)
    full = next((scale for scale in scales if top <= scale), top)
    grey: Grey = np.rint(np.clip(values / full, 0, 1) * 255).astype(np.uint8)
    return grey
