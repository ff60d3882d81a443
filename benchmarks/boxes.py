"""How well the places of characters fit: readings of drawn lines beside where each glyph was drawn.

    python benchmarks/boxes.py [--fonts DIR] [--texts DIR] [--lines 500] [--save]

Each glyph is drawn by itself at its place and its ink measured, then the line is printed, soiled, photographed or
made black and white, in ways that move nothing. A space is what lies between the ink of its neighbours. The place of a
character is compared by intersection over union, of columns: boxes are as high as the line, so that theirs is the same.
A character that was misread counts by the place of what was read for it, one that was not read counts as 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, quantiles

import numpy as np
import numpy.typing as npt
import record
from PIL import Image, ImageDraw

from ocrnn import Charset, Reader, Reading
from ocrnn.errors import ImageError
from ocrnn.image import Grey
from ocrnn.synth import degrade
from ocrnn.synth.fonts import Face, open_faces, system_faces, truetype
from ocrnn.synth.texts import Texts

Ink = npt.NDArray[np.float32]
Place = tuple[float, float]
"""Columns [left, right) of a character."""

INKED = 0.3
"""Coverage from which a column belongs to a glyph."""
SEED = 5


@dataclass(frozen=True)
class Drawn:
    """A line, its text, and the place of each of its characters."""

    grey: Grey
    text: str
    places: tuple[Place, ...]


def draw(text: str, face: Face, em: int, rng: np.random.Generator) -> Drawn | None:
    """One line, every glyph at the pen's place; None where the face draws one of them without ink."""
    font = truetype(face.path, face.index, em)
    ascent, descent = font.getmetrics()
    edge = em // 2
    canvas = np.zeros((ascent + descent + 2 * edge, int(font.getlength(text)) + 4 * edge), np.float32)
    places: list[Place | None] = []
    for number, letter in enumerate(text):
        if letter == " ":
            places.append(None)
            continue
        glyph = Image.new("L", canvas.shape[::-1])
        ImageDraw.Draw(glyph).text((2 * edge + font.getlength(text[:number]), edge), letter, font=font, fill=255)
        ink = np.asarray(glyph, np.float32) / np.float32(255)
        columns = np.flatnonzero(ink.max(0) > INKED)
        if not len(columns):
            return None
        places.append((float(columns[0]), float(columns[-1] + 1)))
        canvas = np.maximum(canvas, ink)
    rows = np.flatnonzero(canvas.max(1) > INKED)
    known = [place for place in places if place is not None]
    above, below, left, right = (rng.uniform(0, most) * em for most in (0.3, 0.3, 0.6, 0.6))
    top, bottom = max(0, int(rows[0] - above)), int(rows[-1] + 1 + below)
    first, last = max(0, int(known[0][0] - left)), int(max(place[1] for place in known) + right)
    ink = canvas[top:bottom, first:last]
    moved = [None if place is None else (place[0] - first, place[1] - first) for place in places]
    grey, scale = _printed(ink, rng)
    return Drawn(grey, text, tuple((left * scale, right * scale) for left, right in _with_spaces(moved)))


def _with_spaces(places: Sequence[Place | None]) -> list[Place]:
    """Places of all characters: a space is between the ink of its neighbours, at least a hundredth of a column."""
    found: list[Place] = []
    for number, place in enumerate(places):
        if place is not None:
            found.append(place)
        else:
            before, after = places[number - 1], places[number + 1]
            assert before is not None and after is not None
            found.append((before[1], max(after[0], before[1] + 0.01)))
    return found


def _printed(ink: Ink, rng: np.random.Generator) -> tuple[Grey, float]:
    """A picture of the ink as some device gives it, and how much larger it is."""
    if rng.random() < 0.5:
        ink = degrade.spread(ink, rng, grain=0.5)
    if rng.random() < 0.2:
        ink = degrade.fade(ink, rng)
    bitonal = rng.random() < 0.2
    grey = degrade.lay(ink, rng, contrast=(0.6, 1.0) if bitonal else (0.3, 1.0), texture=0.3 if bitonal else 0.7)
    scale = 1.0
    if rng.random() < 0.5:
        width = grey.shape[1]
        grey = degrade.lower(grey, rng, int(rng.integers(20, 56)))
        scale = grey.shape[1] / width
    if bitonal:
        return degrade.binarise(grey, rng), scale
    if rng.random() < 0.3:
        grey = degrade.blur(grey, rng, 0.02)
    return (degrade.compress(grey, rng, 40) if rng.random() < 0.3 else grey), scale


def lines(faces: Sequence[Face], texts: Texts, count: int) -> list[Drawn]:
    """So many lines, the same for one seed and one set of faces and texts."""
    rng = np.random.default_rng(SEED)
    drawn: list[Drawn] = []
    while len(drawn) < count:
        face = faces[int(rng.integers(len(faces)))]
        text = " ".join(texts.running(rng, ("en", "de", "fr", "es"), int(rng.integers(6, 60))).split())
        if not text or face.capitals or not face.draws(text):
            continue
        line = draw(text, face, int(rng.integers(26, 64)), rng)
        if line is not None:
            drawn.append(line)
    return drawn


def overlap(one: Place, other: Place) -> float:
    """Intersection over union of two places."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return max(0.0, shared) / (max(one[1], other[1]) - min(one[0], other[0]))


def overlaps(line: Drawn, reading: Reading) -> list[tuple[str, float]]:
    """Each character of the text with how well its place was found."""
    pairs = dict(_pairs(line.text, reading.text))
    places = [(character.left_px, character.right_px) for character in reading.characters]
    return [
        (letter, overlap(place, places[pairs[number]]) if number in pairs else 0.0)
        for number, (letter, place) in enumerate(zip(line.text, line.places, strict=True))
    ]


def _pairs(truth: str, read: str) -> list[tuple[int, int]]:
    """Positions of characters that stand for one another in an alignment with the fewest edits, right or wrong."""
    costs = np.zeros((len(truth) + 1, len(read) + 1), int)
    costs[:, 0], costs[0] = range(len(truth) + 1), range(len(read) + 1)
    for i, a in enumerate(truth, 1):
        for j, b in enumerate(read, 1):
            costs[i, j] = min(costs[i - 1, j - 1] + (a != b), costs[i - 1, j] + 1, costs[i, j - 1] + 1)
    pairs, i, j = [], len(truth), len(read)
    while i and j:
        if costs[i, j] == costs[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, help="folder of faces; default: those of the system")
    parser.add_argument("--texts", type=Path, help="folder of texts; default: invented ones")
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--model", help="default: the shipped one")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()
    charset = Charset.open("latin")
    found = open_faces(options.fonts, charset.characters) if options.fonts else system_faces(charset.characters)
    faces = [face for face in found if face.category not in ("handwriting", "seven-segment", "stencil")]
    texts = Texts.open(options.texts, charset) if options.texts else Texts.invented(charset)
    drawn = lines(faces, texts, options.lines)
    kinds: dict[str, list[float]] = {"letters and digits": [], "marks": [], "spaces": []}
    results = Reader.open(options.model).read_many([line.grey for line in drawn])
    for line, result in zip(drawn, results, strict=True):
        assert not isinstance(result.outcome, ImageError)
        for letter, found_at in overlaps(line, result.outcome):
            kind = "spaces" if letter == " " else "letters and digits" if letter.isalnum() else "marks"
            kinds[kind].append(found_at)
    every = [value for values in kinds.values() for value in values]
    rows, figures = [], {}
    for name, values in {"all": every, **kinds}.items():
        low = quantiles(values, n=10)[0]
        figures[name] = {"characters": len(values), "median": median(values), "mean": fmean(values), "tenth": low}
        rows.append([name, str(len(values)), f"{median(values):.2f}", f"{fmean(values):.2f}", f"{low:.2f}"])
    shown = record.table(["characters", "of them", "median", "mean", "worst tenth under"], rows)
    record.publish("boxes", {"lines": len(drawn), **figures}, shown, save=options.save)


if __name__ == "__main__":
    main()
