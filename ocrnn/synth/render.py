"""Text drawn as ink: words and letters at the pitch of print, typewriter or captcha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ocrnn.synth.fonts import STROKED, Face, truetype

Ink = npt.NDArray[np.float32]
"""Coverage (h, w), 0 bare to 1 inked."""


@dataclass(frozen=True)
class Setting:
    """How a line is set: em in pixels, space width and tracking in em, and how far letters stray from their places.

    `jump_px` moves each letter up or down (typewriter), `turn_deg` turns it (captcha), `fade` varies its strength.
    """

    em_px: int
    space: float = 1.0
    tracking: float = 0.0
    jump_px: float = 0.0
    turn_deg: float = 0.0
    fade: float = 0.0


def draw(text: str, face: Face, setting: Setting, rng: np.random.Generator) -> Ink:
    """Ink of a text on one line, from the face's ascender to its descender, tight at both ends."""
    font = truetype(face.path, face.index, setting.em_px)
    by_letter = bool(setting.tracking or setting.jump_px or setting.turn_deg or setting.fade)
    pieces: list[tuple[str, float]] = []
    stroked: list[tuple[str, float]] = []
    x = 0.0
    blank = max(font.getlength(" "), 0.15 * setting.em_px) * setting.space
    words = text.split(" ")
    for word, following in zip(words, [*words[1:], ""], strict=True):
        for shown in word if by_letter else (word,):
            piece = "".join(letter if letter in face.characters else STROKED.get(letter, letter) for letter in shown)
            pieces.append((piece, x))
            bare = [place for place, letter in enumerate(shown) if letter != piece[place]]
            stroked += [(piece[place], x + font.getlength(piece[:place])) for place in bare]
            x += font.getlength(piece) + setting.tracking * setting.em_px * by_letter
        # Justified lines share one space width, typed and tabbed ones do not; colons may stand in their own column.
        wide = rng.random() < (0.5 if following == ":" else 0.1)
        x += blank * (float(rng.uniform(1, 5 if following == ":" else 3)) if wide else 1)
    ascent, descent = font.getmetrics()
    edge = setting.em_px // 2
    size = (int(x) + 2 * edge + 2, ascent + descent + 2 * edge)
    canvas = Image.new("L", size)
    pen = ImageDraw.Draw(canvas)
    for piece, left in pieces:
        at = (edge + left, edge + (rng.normal(0, setting.jump_px) if setting.jump_px else 0.0))
        fill = 255 if not setting.fade else int(255 * (1 - min(0.75, abs(rng.normal(0, setting.fade)))))
        if setting.turn_deg:
            _stamp(canvas, piece, font, at, float(rng.normal(0, setting.turn_deg)))
        else:
            pen.text(at, piece, font=font, fill=fill)
    for letter, left in stroked:
        _stroke(pen, letter, font, (edge + left, edge), rng)
    ink = np.asarray(canvas, np.float32) / np.float32(255)
    columns = np.flatnonzero(ink.max(0) > 0.1)
    if not len(columns):
        return ink[:, :1]
    return ink[:, columns[0] : columns[-1] + 1]


def _stroke(
    pen: ImageDraw.ImageDraw,
    letter: str,
    font: ImageFont.FreeTypeFont,
    at: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """A stroke above a letter at its place, straight or a little askew, as wide as the letter or less."""
    left, top, right, bottom = font.getbbox(letter)
    width, thick = right - left, max(1, round(float(rng.uniform(0.1, 0.2)) * (bottom - top)))
    short, rise = float(rng.uniform(0, 0.15)) * width, float(rng.normal(0, 0.06)) * width
    height = at[1] + top - thick - float(rng.uniform(0.08, 0.3)) * (bottom - top)
    pen.line((at[0] + left + short, height + rise, at[0] + right - short, height - rise), fill=255, width=thick)


def _stamp(
    canvas: Image.Image, letter: str, font: ImageFont.FreeTypeFont, at: tuple[float, float], degrees: float
) -> None:
    ascent, descent = font.getmetrics()
    tile = Image.new("L", (int(font.getlength(letter)) + 12, ascent + descent + 12))
    ImageDraw.Draw(tile).text((6, 6), letter, font=font, fill=255)
    tile = tile.rotate(degrees, Image.Resampling.BILINEAR, expand=True)
    canvas.paste(255, (int(at[0]) - 6, int(at[1]) - 6), tile)
