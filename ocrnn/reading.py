"""What a reader hands to its user: text, where each character stands, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """One character of a reading and the columns of the source picture it was seen in.

    `left_px` and `right_px` are pixels of the picture as it was given, right end exclusive; of the picture once it is
    turned upright where the reader turned it, and `Reading.box` brings them back. `confidence` is 0..1.
    `alternatives` holds what else could stand here, all around being as it was read, with its share (0..1) of the
    probability, best first: other characters, or "" for none. Only readings with alternatives have them.
    """

    text: str
    left_px: float
    right_px: float
    confidence: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Word:
    """Characters of a reading between spaces and the columns they were seen in, pixels as those of a Character.

    `confidence` (0..1) is the probability that the word is right, its ends included: what that of the line means, for
    this part of it.
    """

    text: str
    left_px: float
    right_px: float
    confidence: float


@dataclass(frozen=True)
class Overruled:
    """The text that a picture alone reads as, where a constraint or a language model chose another.

    `confidence` (0..1) is that of this text. `cost` is how much more probable it is than the one chosen, as a natural
    logarithm (0 or more): 0.7 for twice, 7 for a thousand times; infinite where nothing fits.
    """

    text: str
    confidence: float
    cost: float


@dataclass(frozen=True)
class Reading:
    """The text of one line picture.

    `confidence` (0..1) is the probability that the text is right after folding: Unicode form, quotes, dashes, spaces.
    `width_px` and `height_px` are the size of the picture as it was given. `alternatives` holds further texts
    with their share of the probability, best first, when the decoder was asked for them. `words` are the text without
    its spaces. `turned_deg` is by how much the picture was turned clockwise to be read: 0, 90, 180 or 270. With
    `several_lines` the picture seems to hold more than one line, of which no reader of lines makes sense. Where several
    pictures were read as one line, `frames` is their number, and places are those in the one that shows the text best.

    `overruled` is what the picture alone reads as, where constraints or a language model chose another text. Where no
    text fits the constraints, `fits` is False, `text` is empty and `confidence` is 0.
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    width_px: int
    height_px: int
    alternatives: tuple[tuple[str, float], ...] = ()
    words: tuple[Word, ...] = ()
    overruled: Overruled | None = None
    fits: bool = True
    turned_deg: int = 0
    several_lines: bool = False
    frames: int = 1

    def box(self, left_px: float, right_px: float) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, in the picture as it was given, of what stands between two columns of the line.

        >>> Reading("I", 0.9, (), width_px=40, height_px=300, turned_deg=90).box(0, 20)
        (0, 280, 40, 300)
        """
        width, height = self.width_px, self.height_px
        if self.turned_deg == 90:
            return 0, height - right_px, width, height - left_px
        if self.turned_deg == 180:
            return width - right_px, 0, width - left_px, height
        if self.turned_deg == 270:
            return 0, left_px, width, right_px
        return left_px, 0, right_px, height
