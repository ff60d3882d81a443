"""Error on rendered clips of one line, frames fused and one at a time: what `ocrnn read --frames fuse` is worth.

    python benchmarks/clips.py [--clips 400] [--frames 9] [-m MODEL] [--fonts DIR] [--save]

Each clip shows a line (a meter, a plate, a caption, an invented phrase) in frames that are shifted, blurred, noisy and
partly washed out by a highlight that wanders. Beside the fused reading stand those of single frames: of a frame taken
at random, of the one the reader is surest of, and, which no reader could know, of the one nearest to the truth. The
last column is the difference to the surest frame on the same clips: the paired bootstrap over clips.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import record

from ocrnn.image import Grey
from ocrnn.metrics import distance, fold, score
from ocrnn.synth.fonts import open_faces, system_faces
from ocrnn.synth.render import Setting, draw
from ocrnn.synth.texts import Texts
from ocrnn.transcribe.reader import Reader

FACES = ("sans", "serif", "mono", "condensed")


def main() -> None:
    """Read every clip in each of the ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--fonts", type=Path, help="default: those of the system")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()

    reader = Reader.open(options.model)
    ways: dict[str, list[str]] = {
        name: [] for name in ("a frame at random", "the surest frame", "the best frame", "all fused")
    }
    truths = []
    for frames, truth in clips(options.clips, options.frames, reader, options.fonts):
        readings = [reader.read(frame) for frame in frames]
        ways["a frame at random"].append(readings[len(readings) // 2].text)
        ways["the surest frame"].append(max(readings, key=lambda reading: reading.confidence).text)
        ways["the best frame"].append(nearest([reading.text for reading in readings], truth))
        ways["all fused"].append(reader.read_clip(frames).text)
        truths.append(truth)
    figures: dict[str, dict[str, Any]] = {}
    rows = []
    for name, texts in ways.items():
        found = score(texts, truths)
        figures[name] = {"cer": found.cer, "low": found.cer_low, "high": found.cer_high, "exact": found.exact}
        figures[name]["less"] = less = fewer(texts, ways["the surest frame"], truths)
        rows.append(
            [
                name,
                f"{100 * found.cer:.2f}",
                f"{100 * found.cer_low:.2f} to {100 * found.cer_high:.2f}",
                f"{100 * found.exact:.0f}",
                "–" if texts is ways["the surest frame"] else f"{less[0]:+.2f} ({less[1]:+.2f} to {less[2]:+.2f})",
            ]
        )
    head = [
        f"{len(truths)} clips of {options.frames} frames, read from",
        "characters wrong, %",
        "95 %",
        "lines right, %",
        "points beside the surest (95 %)",
    ]
    record.publish("clips", figures, record.table(head, rows), save=options.save)


def nearest(texts: list[str], truth: str) -> str:
    """The text with the fewest wrong characters, as the table counts them: after folding; the first of several."""
    return min(texts, key=lambda text: distance(fold(text), fold(truth)))


def fewer(texts: list[str], others: list[str], truths: list[str], *, resamples: int = 4000) -> list[float]:
    """Points of error that texts have more than other readings of the same clips, and the 95 % interval of that."""
    lengths = np.array([len(fold(truth)) for truth in truths])
    edits, before = (
        np.array([distance(fold(text), fold(truth)) for text, truth in zip(read, truths, strict=True)])
        for read in (texts, others)
    )
    drawn = np.random.default_rng(0).integers(len(truths), size=(resamples, len(truths)))
    gaps = 100 * (edits - before)[drawn].sum(axis=1) / lengths[drawn].sum(axis=1)
    return [float(100 * (edits - before).sum() / lengths.sum()), *np.percentile(gaps, (2.5, 97.5)).tolist()]


def clips(count: int, frames: int, reader: Reader, fonts: Path | None) -> Iterator[tuple[list[Grey], str]]:
    """Clips with their texts; the n-th is always the same where the fonts are."""
    charset = reader.model.spec.charset
    faces = system_faces(charset.characters) if fonts is None else open_faces(fonts, charset.characters)
    plain = [face for face in faces if face.category in FACES] or list(faces)
    texts = Texts.invented(charset)
    made = number = 0
    while made < count:
        rng = np.random.default_rng((7, number))
        number += 1
        face = plain[rng.integers(len(plain))]
        text = said(rng, texts)
        if charset.strangers(text) or not face.draws(text):
            continue
        ink = draw(text, face, Setting(40), rng)
        rows = np.flatnonzero(ink.max(axis=1) > 0.2)
        ink = np.pad(ink[rows[0] : rows[-1] + 1], ((10, 10), (12, 12)))
        made += 1
        yield [frame(ink, rng) for _ in range(frames)], text


def said(rng: np.random.Generator, texts: Texts) -> str:
    """What a camera is held at: a meter, a plate, a caption."""
    choice = rng.random()
    if choice < 0.3:
        return "".join(map(str, rng.integers(10, size=rng.integers(5, 9))))
    if choice < 0.5:
        letters = "".join(chr(65 + n) for n in rng.integers(26, size=5))
        return f"{letters[:2]} {letters[2:]} {rng.integers(100, 9999)}"
    return " ".join(texts.running(rng, ("en",), int(rng.integers(10, 35))).split())


def frame(ink: np.ndarray[tuple[int, int], np.dtype[np.float32]], rng: np.random.Generator) -> Grey:
    """One look at the line: shaken, out of focus, in bad light."""
    height, width = ink.shape
    shift = rng.uniform((-8, -6), (8, 6))
    turn = np.deg2rad(rng.uniform(-1, 1))
    size = rng.uniform(0.95, 1.05)
    matrix = np.array([[size, turn, shift[0]], [-turn / 4, size, shift[1]]], np.float32)
    seen = cv2.warpAffine(ink, matrix, (width, height), flags=cv2.INTER_LINEAR)
    light = 200 - 130 * seen
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    glare = np.exp(
        -(((x - rng.uniform(0, width)) / (1.2 * height)) ** 2) - ((y - rng.uniform(0, height)) / height) ** 2
    )
    light = light + rng.uniform(0, 1.3) * glare * (250 - light)
    light = cv2.GaussianBlur(np.asarray(light, np.float32), (0, 0), rng.uniform(0.6, 3.2))
    small = cv2.resize(light, (max(2, width // 2), max(2, height // 2)), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small + rng.normal(0, rng.uniform(4, 26), small.shape), 0, 255), np.uint8)


if __name__ == "__main__":
    main()
