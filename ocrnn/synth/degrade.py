"""What printers, paper, scanners and cameras do to a line; on rendered ink and on real pictures alike.

Functions take ink (h, w) float32, 0 bare to 1 inked, or grey pictures (h, w) uint8, and a numpy Generator: the same
generator state gives the same picture.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.image import Grey

Array = npt.NDArray[np.float32]
Strength = Literal["light", "strong"]

_TILE = (256, 2048)
_SCALES = (0.0, 0.8, 1.6, 4.0, 16.0)
"""Blur of the ready-made noise in pixels: sensor noise, paper fibre, stains."""
_WIDEST = 12_000
"""Columns up to which a line is changed: OpenCV's warps count in 16 bits, and a line may more than double its width."""


@lru_cache(maxsize=len(_SCALES))
def _tile(scale: float) -> Array:
    """Noise with mean 0 and deviation 1, made once: drawing it anew for each line costs more than all else here."""
    noise = np.random.default_rng(7).standard_normal(_TILE, dtype=np.float32)
    if scale:
        noise = cv2.GaussianBlur(noise, (0, 0), scale, borderType=cv2.BORDER_REFLECT).astype(np.float32)
        noise /= noise.std()
    return noise


def noise(shape: tuple[int, int], rng: np.random.Generator, scale: float) -> Array:
    """Noise (h, w) of mean 0 and deviation 1, `scale` one of the ready-made grains."""
    tile = _tile(scale)
    height, width = shape
    if height > _TILE[0] // 2 or width > _TILE[1] // 2:
        tile = np.tile(tile, (1 + 2 * height // _TILE[0], 1 + 2 * width // _TILE[1]))
    top, left = rng.integers(tile.shape[0] - height + 1), rng.integers(tile.shape[1] - width + 1)
    cut: Array = tile[top : top + height, left : left + width]
    return cut[:, ::-1] if rng.random() < 0.5 else cut


def warp(picture: npt.NDArray[Any], rng: np.random.Generator, *, tilt_deg: float, shear: float, fill: float) -> Any:
    """Turn by up to `tilt_deg`, lean by up to `shear`: the whole line stays inside, new corners get `fill`.

    The picture is (h, w), or of several layers (h, w, n) that are turned alike.
    """
    height, width = picture.shape[:2]
    slope = np.tan(np.radians(rng.uniform(-tilt_deg, tilt_deg)))
    lean = rng.uniform(-shear, shear)
    extra_w, extra_h = abs(lean) * height, abs(slope) * width
    forward = np.array(
        [[1, lean, extra_w / 2 - lean * height / 2], [slope, 1, extra_h / 2 - slope * width / 2]], np.float64
    )
    size = (int(width + extra_w), int(height + extra_h))
    return cv2.warpAffine(picture, forward, size, flags=cv2.INTER_LINEAR, borderValue=fill)


def wave(picture: npt.NDArray[Any], rng: np.random.Generator, amplitude_px: float, fill: float) -> Any:
    """Bend the line as a page bends near its spine."""
    height, width = picture.shape
    x = np.arange(width, dtype=np.float32)
    period = rng.uniform(0.6, 3) * max(width, 4 * height)
    shift = np.float32(amplitude_px) * np.sin(2 * np.pi * (x / period + rng.random())).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None] + shift[None, :]
    columns = np.broadcast_to(x, (height, width)).astype(np.float32)
    return cv2.remap(picture, columns, rows.astype(np.float32), cv2.INTER_LINEAR, borderValue=fill)


def arch(ink: Array, rng: np.random.Generator, most: float) -> Array:
    """A word set on an arc, the middle up to `most` of the height above its ends, or below them; the picture grows."""
    height, width = ink.shape
    rise = rng.uniform(-most, most) * height
    x = np.arange(width, dtype=np.float32)
    away = (2 * x / width - 1) ** 2  # 1 at the ends, 0 in the middle
    taller = height + int(abs(rise))
    rows = np.arange(taller, dtype=np.float32)[:, None] - np.float32(rise) * (away if rise > 0 else away - 1)[None, :]
    columns = np.broadcast_to(x, rows.shape).astype(np.float32)
    return cv2.remap(ink, columns, rows.astype(np.float32), cv2.INTER_LINEAR, borderValue=0.0).astype(np.float32)


def tilt_in_depth(picture: npt.NDArray[Any], rng: np.random.Generator, amount: float, fill: float) -> Any:
    """Perspective: each corner moves by up to `amount` of the height, twice as far along the line; nothing is cut."""
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    reach = np.array([min(width, 2 * height), height], np.float32)
    moved = corners + rng.uniform(-amount, amount, (4, 2)).astype(np.float32) * reach
    moved -= moved.min(0)
    size = np.ceil(moved.max(0)).astype(int)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return cv2.warpPerspective(picture, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR, borderValue=fill)


def spread(ink: Array, rng: np.random.Generator, *, grain: float) -> Array:
    """Letters set anew in ink: strokes thicken or thin, edges fray, fine lines break, by a noisy threshold."""
    soft = cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.5, 1.3)))
    level = rng.uniform(0.28, 0.62)
    rough = noise(ink.shape, rng, float(rng.choice([0.8, 1.6, 4.0]))) * np.float32(grain * rng.uniform(0, 0.22))
    edge = np.float32(rng.uniform(4, 12))
    printed = np.clip((soft + rough - np.float32(level)) * edge + np.float32(0.5), 0, 1).astype(np.float32)
    # Hairlines of a light face can vanish altogether; such a line has no text left to learn.
    return printed if printed.sum() > 0.6 * ink.sum() else ink


def embolden(ink: Array, rng: np.random.Generator) -> Array:
    """Letters of a heavier face: every stroke wider by up to a twelfth of the height of the line."""
    wide = max(2, round(float(rng.uniform(0.02, 0.08)) * ink.shape[0]))
    return cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))).astype(np.float32)


def fade(ink: Array, rng: np.random.Generator) -> Array:
    """Worn ribbon or weak pressure: strength changes along the line and within letters."""
    depth = np.float32(rng.uniform(0.05, 0.4))
    strength = 1 - depth * np.clip(noise(ink.shape, rng, float(rng.choice([1.6, 4.0, 16.0]))) + 0.5, 0, 2)
    faded: Array = (ink * np.clip(strength, 0.35, 1)).astype(np.float32)
    return faded


def carbon(ink: Array, rng: np.random.Generator) -> Array:
    """A carbon copy: strokes run wide and soft until the eyes of e, a and s close."""
    sigma = float(rng.uniform(0.02, 0.05)) * ink.shape[0]
    soft = cv2.GaussianBlur(ink, (0, 0), max(0.4, sigma))
    rough = noise(ink.shape, rng, float(rng.choice([0.8, 1.6]))) * np.float32(rng.uniform(0, 0.15))
    copied: Array = np.clip((soft + rough * (soft > 0.05)) * np.float32(rng.uniform(1.1, 2.2)), 0, 1).astype(np.float32)
    return copied


def starve(ink: Array, rng: np.random.Generator) -> Array:
    """A thermal head that lost contact: some stretches of the line are pale, to almost nothing."""
    along = cv2.resize(noise((1, 64), rng, 1.6), (ink.shape[1], 1), interpolation=cv2.INTER_CUBIC)
    pale = np.clip((along - np.float32(rng.uniform(0.2, 1.2))) * 2, 0, 1) * np.float32(rng.uniform(0.3, 0.7))
    starved: Array = (ink * (1 - pale)).astype(np.float32)
    return starved


def dots(ink: Array, rng: np.random.Generator) -> Array:
    """A print head's grid: thermal rows, or the needles of a matrix printer."""
    height, width = ink.shape
    pitch = rng.uniform(2.0, max(2.2, height / 14))
    rows = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(height) / pitch)
    grid = rows[:, None] * np.ones((1, width))
    if rng.random() < 0.5:
        grid = grid * (0.5 + 0.5 * np.cos(2 * np.pi * np.arange(width) / pitch))[None, :]
    depth = np.float32(rng.uniform(0.2, 0.75))
    dotted: Array = (ink * (1 - depth + depth * np.clip(grid * 1.6, 0, 1))).astype(np.float32)
    return dotted


def matrix(ink: Array, rng: np.random.Generator) -> Array:
    """Set by needles: a coarse grid of round dots, which touch or stand apart, at times twice as wide as high."""
    height, width = ink.shape
    rows = int(rng.integers(20, 36))  # of a line with room above and below: 9 to 16 of them for a capital
    pitch = height / rows
    columns = max(2, round(width / pitch / float(rng.choice([1.0, 1.0, 1.5]))))
    grid = cv2.resize(ink, (columns, rows), interpolation=cv2.INTER_AREA)
    grid = np.where(grid > rng.uniform(0.3, 0.5), np.float32(1), np.float32(0))
    fine = 6
    y = (np.arange(fine, dtype=np.float32) - (fine - 1) / 2) / fine
    radius = np.float32(rng.uniform(0.35, 0.75))
    dot = np.clip((radius - np.hypot(y[:, None], y[None, :])) * fine + np.float32(0.5), 0, 1).astype(np.float32)
    printed = (
        cv2.resize(np.kron(grid, dot), (width, height), interpolation=cv2.INTER_AREA).clip(0, 1).astype(np.float32)
    )
    # A hairline that falls between the needles is lost, and with it the text.
    return printed if printed.sum() > 0.35 * ink.sum() else ink


def specks(ink: Array, rng: np.random.Generator) -> Array:
    """Spots of ink where none belongs: worn type, dirt on the glass, a fax line with noise."""
    height, width = ink.shape
    spots = np.zeros_like(ink)
    for _ in range(rng.poisson(rng.uniform(0.5, 4) * width / height)):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        radius = height * float(rng.exponential(0.008))
        size = (max(1, round(radius)), max(1, round(radius * rng.uniform(0.5, 1.5))))
        cv2.ellipse(spots, at, size, float(rng.uniform(0, 180)), 0, 360, (float(rng.uniform(0.4, 1)),), -1)
    return np.maximum(ink, spots)


def streaks(ink: Array, rng: np.random.Generator) -> Array:
    """Dead dots of a thermal head, or a fold: thin lines without ink across the whole line."""
    ink = ink.copy()
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(ink.shape[0]))
        ink[at : at + 1 + int(ink.shape[0] > 40)] *= np.float32(rng.uniform(0, 0.6))
    return ink


def lay(ink: Array, rng: np.random.Generator, *, contrast: tuple[float, float], texture: float) -> Grey:
    """Ink on paper, grey: the ground has a tone, a slope of light and a grain; `contrast` in 0..1 is between them."""
    gap = float(rng.uniform(*contrast))
    light = rng.uniform(gap, 1.0)
    ground = np.full(ink.shape, light, np.float32)
    if texture:
        if rng.random() < 0.5:
            ramp = np.linspace(-1, 1, ink.shape[1], dtype=np.float32) * np.float32(
                rng.uniform(-0.12, 0.12) * max(1.0, texture)
            )
            ground += ramp[None, :]
        grain = np.float32(texture * rng.uniform(0, 0.09) * min(1, gap * 2))
        ground += noise(ink.shape, rng, float(rng.choice(_SCALES))) * grain
        ground += noise(ink.shape, rng, float(rng.choice(_SCALES))) * grain
    grey: Grey = np.clip((ground - ink * np.float32(gap)) * 255, 0, 255).astype(np.uint8)
    return grey


def lower(grey: Grey, rng: np.random.Generator, height: int) -> Grey:
    """The same line scanned `height` pixels high, by one of the methods scanners and programs use."""
    width = max(1, round(grey.shape[1] * height / grey.shape[0]))
    method = int(rng.choice([cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return cv2.resize(grey, (width, height), interpolation=method).astype(np.uint8)


def blur(grey: Grey, rng: np.random.Generator, most: float) -> Grey:
    """Out of focus, or moved: sigma up to `most` of the height."""
    sigma = float(rng.uniform(0.2, 1)) * most * grey.shape[0]
    if rng.random() < 0.25:
        length = max(2, int(3 * sigma))
        kernel = np.zeros((length, length), np.float32)
        slope = rng.uniform(-1, 1)
        for i in range(length):
            kernel[int(np.clip(length / 2 + slope * (i - length / 2), 0, length - 1)), i] = 1 / length
        return cv2.filter2D(grey, -1, kernel, borderType=cv2.BORDER_REPLICATE).astype(np.uint8)
    return cv2.GaussianBlur(grey, (0, 0), max(sigma, 0.3)).astype(np.uint8)


def sharpen(grey: Grey, rng: np.random.Generator) -> Grey:
    """Edges drawn sharper by a camera, with a pale seam around dark strokes and a dark one around pale ones."""
    soft = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.8, 2.0)))
    amount = float(rng.uniform(0.5, 2.0))
    return cv2.addWeighted(grey, 1 + amount, soft, -amount, 0).astype(np.uint8)


def binarise(grey: Grey, rng: np.random.Generator) -> Grey:
    """Black and white as a fax makes it: a threshold a little too high merges strokes, too low breaks them."""
    low, high = np.percentile(grey, (1, 95))
    level = low + (high - low) * rng.uniform(0.35, 0.72)
    rough = noise(grey.shape, rng, 0.8) * np.float32(rng.uniform(0, 0.08) * (high - low))
    return np.where(grey + rough > level, np.uint8(255), np.uint8(0))


def compress(grey: Grey, rng: np.random.Generator, worst: int) -> Grey:
    """JPEG, quality `worst` to 90."""
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(worst, 91))])
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None  # our own encoder wrote it
    return decoded.astype(np.uint8)


def augment(grey: Grey, rng: np.random.Generator, strength: Strength = "light") -> Grey:
    """A real line as it might also have been scanned: another crop, size, tilt, focus, paper, ink. Its text stays.

    "strong" is for few lines: larger changes, more often. The result has another size than the input. Lines of over
    12,000 columns at 128 rows or less are only brought down to that height.
    """
    much = 2.0 if strength == "strong" else 1.0

    def chance(p: float) -> bool:
        return bool(rng.random() < min(0.9, p * much))

    if grey.shape[0] > 128:
        grey = lower(grey, rng, 128)
    if grey.shape[1] > _WIDEST:
        return np.ascontiguousarray(grey)
    ground = float(np.median(np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))))
    if chance(0.5):
        grey = _recrop(grey, rng, 0.08 * much, ground)
    if chance(0.4):
        width = max(4, round(grey.shape[1] * float(np.exp(rng.normal(0, 0.08 * much)))))
        grey = cv2.resize(grey, (width, grey.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    if chance(0.4):
        # A long line may drift by a fifth of its height, not more: crops follow their baselines.
        tilt = min(3.0, float(np.degrees(0.2 * grey.shape[0] / grey.shape[1]))) * much
        grey = warp(grey, rng, tilt_deg=tilt, shear=0.12 * much, fill=ground)
    if chance(0.1):
        grey = wave(grey, rng, 0.04 * much * grey.shape[0], ground)
    if chance(0.2):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2, 2) if grey.shape[0] < 60 else (3, 3))
        grey = (cv2.erode if rng.random() < 0.5 else cv2.dilate)(grey, kernel).astype(np.uint8)
    if chance(0.25):
        grey = lower(grey, rng, int(rng.integers(14, 40)))
    if chance(0.15):
        grey = blur(grey, rng, 0.03)
    if chance(0.4):
        gain, shift = rng.uniform(0.5, 1.2), rng.uniform(-40, 40)
        grey = np.clip((grey.astype(np.float32) - 128) * gain + 128 + shift, 0, 255).astype(np.uint8)
    if chance(0.25):
        grain = noise(grey.shape, rng, float(rng.choice(_SCALES[:4]))) * np.float32(rng.uniform(2, 14))
        grey = np.clip(grey + grain, 0, 255).astype(np.uint8)
    if chance(0.08):
        grey = binarise(grey, rng)
    if chance(0.15):
        grey = compress(grey, rng, 25)
    return np.ascontiguousarray(grey)


def _recrop(grey: Grey, rng: np.random.Generator, amount: float, ground: float) -> Grey:
    """Move each side of the crop: outwards onto bare ground, or a little inwards."""
    height = grey.shape[0]
    sides = [round(v) for v in rng.uniform(-0.5 * amount, 2 * amount, 4) * height]
    sides[2:] = [max(side, 0) for side in sides[2:]]  # cutting at the ends would cut characters off
    top, bottom, left, right = sides
    grey = grey[max(0, -top) : height - max(0, -bottom)]
    return cv2.copyMakeBorder(
        grey, max(0, top), max(0, bottom), left, right, cv2.BORDER_CONSTANT, value=(ground,)
    ).astype(np.uint8)
