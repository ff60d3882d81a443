"""Wrong labels planted into labelled lines, and how many of those that `ocrnn eval` suspects are planted ones.

    python benchmarks/suspects.py --sets DIR [--set NAME ...] [-m MODEL] [--draws 10] [--show N] [--save]

DIR/SET holds labelled lines in any form that `ocrnn train` takes. In each draw 3 % of the labels are spoiled: by the
text of another line, a word left out or doubled, two characters swapped, or a digit changed, kinds taken evenly among
those that a label allows. Printed is the precision where four in five of them are found, mean and range of the draws.
Real faults of the labels count as false alarms, so that the figure is a lower bound; --show prints those to look at.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import record

from ocrnn.data.labels import read_labels
from ocrnn.decoding.ctc import LogProbs
from ocrnn.evaluation.score import ReadSample, read_samples
from ocrnn.evaluation.suspects import SUSPICIOUS, suspects
from ocrnn.metrics import distance, fold
from ocrnn.transcribe.reader import Reader

SHARE, RECALL = 0.03, 0.8


def main() -> None:
    """Plant, search, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help="only this set; may be given again")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--most", type=int, default=600, help="lines of each set, drawn by chance")
    parser.add_argument("--draws", type=int, default=10, help="times that faults are planted")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N suspects of the labels as they are")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table on its page")
    options = parser.parse_args()
    names = options.names or sorted(path.name for path in options.sets.iterdir() if path.is_dir())
    if options.save:
        record.refuse_part("suspects", names)
    reader = Reader.open(options.model, threads=1)
    charset = reader.model.spec.charset
    figures: dict[str, Any] = {"share": SHARE, "recall": RECALL, "draws": options.draws, "sets": {}}
    for name in names:
        samples = list(read_labels(options.sets / name).samples)
        random.Random(0).shuffle(samples)
        samples = samples[: options.most]
        lines = list(read_samples(samples, reader))
        kept: dict[int, LogProbs] = {}

        def frames(place: int, kept: dict[int, LogProbs] = kept, samples: Sequence[Any] = samples) -> LogProbs:
            if place not in kept:
                kept[place] = reader.posteriors(samples[place])
            return kept[place]

        found = suspects(lines, charset, frames)
        for suspect in found[: options.show]:
            line = lines[suspect.place]
            print(f"{line.name}  {suspect.evidence:.1f}\n  is    {line.truth}\n  read  {line.reading}")
        draws = []
        for seed in range(options.draws):
            spoiled, planted = plant(lines, seed)
            ranked = suspects(spoiled, charset, frames, least=-float("inf"))
            draws.append(
                {
                    "planted": len(planted),
                    "precision": precision([suspect.place in planted for suspect in ranked], len(planted)),
                    "suspected": sum(suspect.evidence >= SUSPICIOUS for suspect in ranked),
                    "of them planted": sum(s.evidence >= SUSPICIOUS and s.place in planted for s in ranked),
                }
            )
        figures["sets"][name] = {"lines": len(lines), "suspected as they are": len(found), "draws": draws}
        print(f"{name}: {mean(draws, 'precision'):.2f}", flush=True)
    rows = [row(name, entry) for name, entry in figures["sets"].items()]
    head = ["set", "lines", "planted", "precision at recall 0.8", "range", "suspected", "of the planted", "without any"]
    record.publish("suspects", figures, record.table(head, rows), save=options.save)


def plant(lines: Sequence[ReadSample], seed: int) -> tuple[list[ReadSample], set[int]]:
    """The same lines with some labels spoiled, and the places of those."""
    rng = random.Random(seed)
    texts = [line.truth for line in lines]
    spoiled, planted = list(lines), set[int]()
    for place in rng.sample(range(len(lines)), len(lines)):
        if len(planted) == max(1, round(SHARE * len(lines))):
            break
        for fault in rng.sample(FAULTS, len(FAULTS)):
            text = fault(texts[place], texts, rng)
            # A fault that folding takes back, or an empty label, is none that anyone could find.
            if fold(text) and fold(text) != fold(texts[place]):
                edits = distance(fold(lines[place].reading), fold(text))
                spoiled[place] = dataclasses.replace(lines[place], truth=text, edits=edits)
                planted.add(place)
                break
    return spoiled, planted


Fault = Callable[[str, Sequence[str], random.Random], str]
"""Spoils a text, given all of the set; gives it back where it allows no such fault."""


def another_line(text: str, texts: Sequence[str], rng: random.Random) -> str:
    """Give the text of some other line."""
    return rng.choice(texts)


def word_left_out(text: str, texts: Sequence[str], rng: random.Random) -> str:
    """Leave one word out, of two or more."""
    words = text.split()
    gone = rng.randrange(len(words))
    return " ".join(words[:gone] + words[gone + 1 :])


def word_doubled(text: str, texts: Sequence[str], rng: random.Random) -> str:
    """Write one word twice."""
    words = text.split()
    twice = rng.randrange(len(words))
    return " ".join(words[: twice + 1] + words[twice:])


def characters_swapped(text: str, texts: Sequence[str], rng: random.Random) -> str:
    """Swap two neighbours that differ, inside of a word."""
    places = [n for n in range(len(text) - 1) if text[n] != text[n + 1] and " " not in text[n : n + 2]]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def digit_changed(text: str, texts: Sequence[str], rng: random.Random) -> str:
    """Make another digit of one."""
    places = [n for n, character in enumerate(text) if character in "0123456789"]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + rng.choice("0123456789".replace(text[place], "")) + text[place + 1 :]


FAULTS: list[Fault] = [another_line, word_left_out, word_doubled, characters_swapped, digit_changed]


def precision(hits: Sequence[bool], planted: int) -> float:
    """Share of planted ones in a ranking down to where it has found `RECALL` of them; 0 where it never does."""
    needed = -(-int(100 * RECALL) * planted // 100)
    found = 0
    for number, hit in enumerate(hits, 1):
        found += hit
        if found >= needed:
            return found / number
    return 0.0


def mean(draws: Sequence[dict[str, float]], name: str) -> float:
    """Mean of one figure over the draws."""
    return sum(draw[name] for draw in draws) / len(draws)


def row(name: str, entry: dict[str, Any]) -> list[str]:
    """One set of the table."""
    draws = entry["draws"]
    precisions = [draw["precision"] for draw in draws]
    return [
        name,
        str(entry["lines"]),
        f"{mean(draws, 'planted'):.0f}",
        f"{mean(draws, 'precision'):.2f}",
        f"{min(precisions):.2f} to {max(precisions):.2f}",
        f"{mean(draws, 'suspected'):.1f}",
        f"{mean(draws, 'of them planted'):.1f}",
        str(entry["suspected as they are"]),
    ]


if __name__ == "__main__":
    main()
