"""Composes lines of one to eight handwritten digits: some to learn from, and others to be judged by.

usage: python samples/digits/make.py [--out DIR] [--test DIR]

The digits are the 1,797 real ones that scikit-learn carries, 8x8 pictures of the UCI set Optical Recognition of
Handwritten Digits (E. Alpaydin and C. Kaynak, 1998, CC BY 4.0, doi 10.24432/C50P49). The pictures, not the lines, are
divided first: seven of ten are learned from, one is for validation, two are for the test, and no line mixes them.
Both folders get pictures and a table of labels, which names the pictures of each line by their numbers in the set.
The same versions of numpy and OpenCV give the same lines.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.data.samples import Sample
from ocrnn.data.splits import split_by_hash

Ink = npt.NDArray[np.float32]
"""Digits (h, w) or (8, 8), 0 paper to 1 ink."""
Grey = npt.NDArray[np.uint8]
"""A finished line (h, w), 0 black to 255 white."""

LINES = 4000
TEST_LINES = 400
LONGEST = 8


class Digits(NamedTuple):
    """The set: inks (1797, 8, 8), and the digit that each shows (1797,)."""

    inks: Ink
    shown: npt.NDArray[np.int64]


class Shares(NamedTuple):
    """Numbers of the pictures for each purpose; no picture has two."""

    learn: tuple[int, ...]
    validate: tuple[int, ...]
    test: tuple[int, ...]


def main() -> None:
    """Write the lines; exits with one line where scikit-learn is missing."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=here, help="where lines to learn from go; default: here")
    parser.add_argument(
        "--test",
        type=Path,
        default=here.with_name("digits-test"),
        help="where lines of other pictures go; default: samples/digits-test",
    )
    options = parser.parse_args()
    if options.test.resolve().is_relative_to(options.out.resolve()):
        sys.exit(f"--test {options.test}: is inside of {options.out}, and would be trained on; put it beside")
    digits = load()
    shares = share(digits)
    names = [f"lines/{number:04d}.png" for number in range(LINES)]
    held_out = validated(names)
    learned, held, tested = (
        deck(numbers, np.random.default_rng((1, purpose))) for purpose, numbers in enumerate(shares)
    )
    write(options.out, digits, [(name, held if name in held_out else learned) for name in names], seed=2)
    write(options.test, digits, [(f"lines/{number:04d}.png", tested) for number in range(TEST_LINES)], seed=3)
    print(f"{options.out}: {LINES} lines, {len(held_out)} of them to validate with\n{options.test}: {TEST_LINES} lines")


def load() -> Digits:
    """The set as scikit-learn carries it; exits where that is not installed."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("samples/digits/make.py takes its digits from scikit-learn; pip install scikit-learn")
    found = load_digits()
    return Digits(np.asarray(found.images / 16, np.float32), np.asarray(found.target, np.int64))


def share(digits: Digits) -> Shares:
    """Of every ten pictures of a digit, in the order of the set, seven to learn, one to validate and two to test."""
    purposes: tuple[list[int], list[int], list[int]] = ([], [], [])
    for digit in range(10):
        for place, number in enumerate(np.flatnonzero(digits.shown == digit)):
            purposes[0 if place % 10 < 7 else 1 if place % 10 == 7 else 2].append(int(number))
    return Shares(*map(tuple, purposes))


def validated(names: Sequence[str]) -> frozenset[str]:
    """Lines that `ocrnn train` keeps for validation unless it is told otherwise: they get pictures of their own."""
    split = split_by_hash([Sample(Path(name), "", name=name) for name in names])
    return frozenset(sample.name for sample in split.validation)


def deck(numbers: Sequence[int], rng: np.random.Generator) -> Iterator[int]:
    """Pictures in random order without end; none comes again before all others have come."""
    while True:
        yield from (int(number) for number in rng.permutation(numbers))


def write(folder: Path, digits: Digits, lines: Sequence[tuple[str, Iterator[int]]], *, seed: int) -> None:
    """Write each line, named and with the deck its pictures come from, and the table of labels."""
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    rows = ["image\ttext\tpictures"]
    for place, (name, pictures) in enumerate(lines):
        rng = np.random.default_rng((seed, place))
        numbers = [next(pictures) for _ in range(rng.integers(1, LONGEST + 1))]
        cv2.imwrite(str(folder / name), compose(digits.inks[numbers], rng))
        text = "".join(str(digits.shown[number]) for number in numbers)
        rows.append(f"{name}\t{text}\t{' '.join(map(str, numbers))}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")


def compose(inks: Ink, rng: np.random.Generator) -> Grey:
    """Line (h, w) of digits (n, 8, 8), written next to one another by one hand on one paper.

    The hand sets size, pen, slant, spacing and slope; each digit strays from them a little.
    """
    height = int(rng.integers(32, 65))
    size = rng.uniform(0.55, 0.8) * height
    pen = rng.uniform(0.35, 0.55)
    slant = rng.uniform(-0.15, 0.25)
    gap = rng.uniform(0.0, 0.3) * size
    slope = rng.uniform(-0.01, 0.01)
    drawn = [enlarge(ink, size * rng.uniform(0.9, 1.1), pen, slant + rng.uniform(-0.08, 0.08)) for ink in inks]
    canvas = np.zeros((height, sum(ink.shape[1] for ink in drawn) + int(2 * size * len(drawn))), np.float32)
    x = rng.uniform(0.1, 0.5) * size
    for ink in drawn:
        h, w = ink.shape
        y = (height - h) / 2 + slope * x + rng.uniform(-0.04, 0.04) * height
        top, left = int(np.clip(round(y), 0, height - h)), round(x)
        part = canvas[top : top + h, left : left + w]
        np.maximum(part, ink * np.float32(rng.uniform(0.8, 1.0)), out=part)
        x = left + w + max(1.0, gap + rng.uniform(-0.08, 0.12) * size)
    canvas = canvas[:, : round(x - gap + rng.uniform(0.1, 0.5) * size)]
    ground = rng.uniform(200, 255)
    contrast = rng.uniform(0.5, 0.95) * ground
    grey = ground - contrast * canvas + rng.normal(0, rng.uniform(0, 6), canvas.shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


def enlarge(ink: Ink, size: float, pen: float, slant: float) -> Ink:
    """Digit (8, 8) about `size` pixels high, cut to its ink, as strokes with smooth edges.

    Each of the 64 numbers is the share of a square that is inked, so that between the middles of the squares the
    strokes' edges run where the share is about a half: `pen` is that level, a lower one makes a broader stroke.
    """
    scale = size / 8
    padded = np.pad(ink, 2)
    height, width = round(12 * scale), round(12 * scale)
    large = cv2.resize(padded, (width, height), interpolation=cv2.INTER_CUBIC)
    lean = np.array([[1, -slant, slant * height / 2], [0, 1, 0]], np.float64)
    large = cv2.warpAffine(cv2.GaussianBlur(large, (0, 0), 0.25 * scale), lean, (width, height))
    strokes: Ink = np.clip((large - pen) * 2.5 + 0.5, 0, 1).astype(np.float32)
    rows, columns = (np.flatnonzero(strokes.max(axis) > 0.1) for axis in (1, 0))
    return strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


if __name__ == "__main__":
    main()
