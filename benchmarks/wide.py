"""Error of many lines side by side as one long line, and of the same lines one by one: what a long line costs.

    python benchmarks/wide.py --sets DIR [--lines 100] [--rounds 3] [-m MODEL] [--save]

DIR/SET holds labelled lines. A long line is made of a hundred, one of each set in turn, brought to the height of the
model; another of the project's samples. Each is read as the lines are given (raw) and as they are prepared one by one,
dark on light and stretched (prepared). The truth is that of all lines with a space between two of them: where they
touch without a gap on equal paper nothing shows it, and it counts as an error. Beside it the error without spaces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import record

from ocrnn.data.labels import read_labels
from ocrnn.image import Grey, load_lines
from ocrnn.metrics import score
from ocrnn.transcribe.reader import Reader

Pictures = Sequence[tuple[Grey, str]]


def main() -> None:
    """Read each long line in each of the ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--lines", type=int, default=100, help="lines side by side")
    parser.add_argument("--rounds", type=int, default=3, help="long lines of the sets, each of other lines")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()

    reader = Reader.open(options.model)
    figures = {}
    for name, pictures in made(options.sets, options.lines, options.rounds, reader.model.spec.line_format.height):
        figures[name] = told = measured(reader, pictures)
        print(name, told, flush=True)
    head = ["side by side", "columns", "one by one, % (without spaces)", "raw", "prepared"]
    ways = ("one by one", "raw", "prepared")
    rows = [
        [name, f"{told['columns']:,.0f}"]
        + [f"{100 * told[way]:.2f} ({100 * told[f'{way}, spaceless']:.2f})" for way in ways]
        for name, told in figures.items()
    ]
    record.publish("wide", figures, record.table(head, rows), save=options.save)


def made(sets: Path, lines: int, rounds: int, height: int) -> Iterator[tuple[str, Pictures]]:
    """Lines to put side by side, by name: the project's samples over and over, then one of each set in turn."""
    samples = [
        (low(load_lines(path)[0], height), path.with_suffix(".gt.txt").read_text(encoding="utf-8").strip())
        for path in sorted((record.ROOT / "samples").glob("*.png"))
    ]
    yield "samples", [samples[number % len(samples)] for number in range(lines)]
    kinds = [read_labels(folder).samples for folder in sorted(sets.iterdir()) if folder.is_dir()]
    for turn in range(rounds):
        chosen = []
        for number in range(lines):
            kind = kinds[number % len(kinds)]
            chosen.append(kind[(18 * turn + 3 * (number // len(kinds))) % len(kind)])
        yield f"{len(kinds)} kinds, {turn + 1}", [(low(sample.load(), height), sample.text) for sample in chosen]


def measured(reader: Reader, pictures: Pictures) -> dict[str, float]:
    """Errors of the lines one by one, and side by side in each way, with spaces and without."""
    line_format = reader.model.spec.line_format
    prepared = [np.rint(255 - 255 * line_format.prepare(grey)[0]).astype(np.uint8) for grey, _ in pictures]
    texts = {
        "one by one": " ".join(reader.read(grey).text for grey, _ in pictures),
        "raw": reader.read(np.hstack([grey for grey, _ in pictures])).text,
        "prepared": reader.read(np.hstack(prepared)).text,
    }
    truth = " ".join(text for _, text in pictures)
    told: dict[str, float] = {"columns": sum(grey.shape[1] for grey, _ in pictures)}
    for way, text in texts.items():
        found = score([text], [truth], resamples=0)
        told |= {way: found.cer, f"{way}, spaceless": found.cer_spaceless}
    return told


def low(grey: Grey, height: int) -> Grey:
    """A picture so many rows high."""
    size = (max(1, round(grey.shape[1] * height / grey.shape[0])), height)
    method = cv2.INTER_AREA if grey.shape[0] > height else cv2.INTER_CUBIC
    return cv2.resize(grey, size, interpolation=method).astype(np.uint8)


if __name__ == "__main__":
    main()
