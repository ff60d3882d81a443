"""What a reader hands to its user: text, where each character stands, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """One character of a reading and the columns of the source picture it was seen in.

    `left_px` and `right_px` are pixels of the picture as it was given, right end exclusive; `confidence` is 0..1.
    """

    text: str
    left_px: float
    right_px: float
    confidence: float


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
class Reading:
    """The text of one line picture.

    `confidence` (0..1) is the probability that the text is right after folding: Unicode form, quotes, dashes, spaces.
    `width_px` and `height_px` are the size of the picture as it was given. `alternatives` holds further texts
    with their share of the probability, best first, when the decoder was asked for them. `words` are the text without
    its spaces.
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    width_px: int
    height_px: int
    alternatives: tuple[tuple[str, float], ...] = ()
    words: tuple[Word, ...] = ()
