"""Why a line was read as it was: all that went into its reading, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK, Charset
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.ctc import Hypothesis, Span, align
from ocrnn.decoding.parts import alternatives
from ocrnn.decoding.search import BEAM_WIDTH
from ocrnn.errors import ImageError
from ocrnn.image import MAX_PIXELS, Grey, Line, load_lines
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec
from ocrnn.transcribe import stretches
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.saliency import Saliency, occlude
from ocrnn.transcribe.scribe import bare_texts
from ocrnn.transcribe.stretches import Layout
from ocrnn.transcribe.turning import turned

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

TEXTS = 5
"""Whole texts of the beam that are kept; of each frame's beam as many prefixes."""
MOST_FRAMES = 2500
"""Lines of more frames get no steps: those of the text of a page in one line would take minutes and nobody's eye."""

_OTHERS = 4  # choices for a place beside the one that was read


@dataclass(frozen=True)
class Step:
    """The best texts begun in the beam after one frame, each with its log-probability, best first."""

    frame: int
    prefixes: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Explanation:
    """One line picture with all that led to its reading by a model of which `spec` says what it is.

    `grey` (h, w) is the picture as it was given, upright where the reader turned it, `line` (1, H, W) what the network
    got, `layout` where that stood in the picture, `log_probs` (T, C) what the network answered, at the model's
    temperature; column c of the line belongs to frame c T / W.
    `spans` are the frames [first, last) of each of the S characters of `reading`. `choices` holds for each of them
    what could stand there and its share (0..1) of the probability, all around it being as it was read: the
    character itself first, then others, best first, "" for nothing; what has less than 0.001 is left out. `texts`
    are the best of a beam, with their probabilities, best first, those that differ by spaces at their ends once, and
    `steps` what was in it after each frame, none on a line of over MOST_FRAMES; both of the picture alone, without the
    reader's constraints.
    """

    grey: Grey
    line: Line
    layout: Layout
    log_probs: npt.NDArray[np.float32]
    spec: ModelSpec
    reading: Reading
    spans: tuple[Span, ...]
    choices: tuple[tuple[tuple[str, float], ...], ...]
    texts: tuple[tuple[str, float], ...]
    steps: tuple[Step, ...]
    saliency: Saliency


def explain(
    reader: Reader, source: str | Path | bytes | BinaryIO | Grey | Image.Image, *, max_pixels: int = MAX_PIXELS
) -> Explanation:
    """Explain how `reader` reads a picture of one line; ImageError if it cannot be opened or holds several pages.

    What is explained is the first look: a text that further views agreed on need not fit its frames at all.

    >>> from ocrnn import Reader
    >>> found = explain(Reader.open(), "samples/receipt.png")
    >>> found.reading.text, found.choices[0][0][0]
    ('TOTAL 12.40 EUR', 'T')
    """
    grey, *others = load_lines(source, max_pixels=max_pixels)
    if others:
        raise ImageError(f"the picture holds {1 + len(others)} pages; explain one by one what load_lines gives")
    model = reader.model
    spec = model.spec
    reading = reader.at_first_look().read(grey)
    grey = turned(grey, reading.turned_deg)
    line, layout = stretches.prepare(grey, spec, max_pixels=max_pixels)
    log_probs = np.ascontiguousarray(reader.posteriors(grey))  # (T, C)
    # Character by character: as one text, a letter and a mark behind it would become a third character (NFC).
    classes = tuple(number for character in reading.characters for number in spec.charset.encode(character.text))
    spans = align(log_probs, classes) if classes else ()
    steps: list[Step] = []

    def note(frame: int, prefixes: Sequence[tuple[tuple[int, ...], float]]) -> None:
        begun = tuple((spec.charset.decode(text), logp) for text, logp in prefixes[:TEXTS])
        steps.append(Step(frame, begun))

    trace = note if len(log_probs) <= MOST_FRAMES else None
    texts = beam_search(log_probs, BEAM_WIDTH, best=TEXTS, trace=trace)
    return Explanation(
        grey=grey,
        line=line,
        layout=layout,
        log_probs=log_probs,
        spec=spec,
        reading=reading,
        spans=spans,
        choices=_choices(log_probs, Hypothesis(classes, 0.0, spans), spec.charset),
        texts=tuple(bare_texts(texts, spec.charset).items()),
        steps=tuple(steps),
        saliency=occlude(model, line, classes, spans, layout.bounds),
    )


def _choices(
    log_probs: npt.NDArray[np.float32], read: Hypothesis, charset: Charset
) -> tuple[tuple[tuple[str, float], ...], ...]:
    choices = []
    for number, others in zip(read.classes, alternatives(log_probs, read, _OTHERS), strict=True):
        named = [(charset.decode([other] if other != BLANK else []), share) for other, share in others]
        choices.append(((charset.decode([number]), 1 - sum(share for _, share in named)), *named))
    return tuple(choices)
