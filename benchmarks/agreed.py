"""What no engine reaches: characters that all of them read alike, and otherwise than the label says.

    python benchmarks/accuracy.py --sets DIR --set uw3 ... --rapidocr PYTHON --predictions PREDICTIONS
    python benchmarks/agreed.py --sets DIR --predictions PREDICTIONS --set uw3 ... [--errors FILE] [--save]

A label may be wrong, or its picture cut. Where ocrnn's `latin` and every peer differ from the label in the same way at
the same character, it is the label's fault, as good as always. A picture of which none of them reads half shows other
than its label says: there the fewest differences of any of them count so. The error that is left is the engine's own.
--errors lists each line that `latin` reads wrongly with what the others made of it.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from functools import reduce
from operator import and_
from pathlib import Path

import record

from ocrnn.data.labels import Sample, read_labels
from ocrnn.evaluation.alignment import align

OURS = "latin"

Edits = Counter[tuple[int, str, str]]
"""Differences of a reading from its label: after how many characters of it, what stands there, what was read."""


def main() -> None:
    """Compare the predictions that lie there, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--predictions", type=Path, required=True, help="where `accuracy.py` put the readings")
    parser.add_argument("--set", action="append", dest="names", required=True)
    parser.add_argument("--errors", type=Path, metavar="FILE.tsv", help="list the lines that latin reads wrongly")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into the page")
    options = parser.parse_args()
    engines = [OURS, *sorted(p.name for p in options.predictions.iterdir() if not p.name.startswith(OURS))]
    figures, rows, listed = {}, [], []
    for name in options.names:
        samples = list(read_labels(options.sets / name).samples)
        found = {engine: readings(options.predictions / engine / f"{name}.tsv", samples) for engine in engines}
        characters, shared, cut, own = 0, 0, 0, Counter[str]()
        for number, sample in enumerate(samples):
            edits = {engine: differences(sample.text, found[engine][number]) for engine in engines}
            here = sum(bool(place.truth) for place in align(sample.text, sample.text))
            characters += here
            fewest = min(its.total() for its in edits.values())
            cut += fewest if 2 * fewest > here else 0
            shared += 0 if 2 * fewest > here else reduce(and_, edits.values()).total()
            own.update({engine: its.total() for engine, its in edits.items()})
            if edits[OURS]:
                listed.append([name, sample.name, sample.text, *(found[engine][number] for engine in engines)])
        figures[name] = {"characters": characters, "shared": shared, "cut": cut, **own}
        rows.append([name, str(characters), *(f"{100 * n / characters:.2f}" for n in (shared, cut, *own.values()))])
    if options.errors:
        with options.errors.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([["set", "line", "label", *engines], *listed])
    head = ["set", "characters", "all read alike otherwise, %", "none reads half, %", *engines]
    record.publish("agreed", figures, record.table(head, rows), save=options.save)


def readings(file: Path, samples: list[Sample]) -> list[str]:
    """What an engine read of each sample."""
    read = dict(line.split("\t", 1) for line in file.read_text(encoding="utf-8").splitlines())
    return [read[sample.name] for sample in samples]


def differences(truth: str, reading: str) -> Edits:
    """Each difference after folding, at the character of the label where it stands."""
    edits: Edits = Counter()
    at = 0
    for place in align(truth, reading):
        if not place.same:
            edits[at, place.sign, place.read] += 1
        at += bool(place.truth)
    return edits


if __name__ == "__main__":
    main()
