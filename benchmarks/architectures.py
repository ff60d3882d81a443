"""Cells and backbones beside one another, taught the same lines equally long.

    python benchmarks/architectures.py [--data DIR] [--test DIR] [--arch fast] [--epochs 6] [--cell C]... [--save]

Each pair of --cell and --backbone gets the same epochs of the same lines in the same order, from the same seed, with
all else as `ocrnn train` has it, on one thread; errors are those on lines of --test, which none of them learned from.
The networks take turns, an epoch each, and later take turns at reading; speeds are lines for a second of processor
time, making and augmenting lines included, so that other work on the machine disturbs the figures little. The lines
are by default those of `samples/digits/make.py`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import record
import torch

from ocrnn.data.labels import read_labels
from ocrnn.evaluation.score import evaluate, read_samples
from ocrnn.image import Grey
from ocrnn.spec import Backbone, Cell
from ocrnn.training.loop import Epoch, Step
from ocrnn.training.options import Options
from ocrnn.training.run import Run
from ocrnn.transcribe.reader import Reader

SAMPLES = record.ROOT / "samples"


def main() -> None:
    """Teach, judge and time each pair, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SAMPLES / "digits", help="lines to learn from")
    parser.add_argument("--test", type=Path, default=SAMPLES / "digits-test", help="lines to be judged by")
    parser.add_argument("--arch", default="fast")
    parser.add_argument("--cell", action="append", dest="cells", choices=get_args(Cell), help="default: all")
    parser.add_argument("--backbone", action="append", dest="backbones", choices=get_args(Backbone))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5, help="how often the lines of --test are read for their speed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--save", action="store_true", help="keep the figures and put the table into benchmarks/README.md"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pairs = list(itertools.product(options.backbones or get_args(Backbone), options.cells or get_args(Cell)))
    tested = read_labels(options.test).samples
    pictures = [sample.load() for sample in tested]
    figures: dict[str, Any] = {
        "arch": options.arch,
        "epochs": options.epochs,
        "seed": options.seed,
        "test lines": len(tested),
        "threads": 1,
    }
    networks: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as top:
        runs = [
            Run.prepare(
                Options(
                    data=(options.data,),
                    out=Path(top, f"{backbone}-{cell}"),
                    arch=options.arch,
                    backbone=backbone,
                    cell=cell,
                    epochs=options.epochs,
                    patience=options.epochs,
                    precision="fp32",  # the same sums on every chip
                    seed=options.seed,
                )
            )
            for backbone, cell in pairs
        ]
        taught = teach(runs, options.epochs)
        readers = [Reader.open(run.options.out / "best.onnx", threads=1) for run in runs]
        read = timed(readers, pictures, options.rounds)
        for (backbone, cell), run, reader, training, reading in zip(pairs, runs, readers, taught, read, strict=True):
            score = evaluate(read_samples(tested, reader)).score
            networks.append(
                {
                    "backbone": backbone,
                    "cell": cell,
                    "parameters": parameters(run),
                    "training lines": len(run.training),
                    "training lines/s": training,
                    "reading lines/s": reading,
                    **dataclasses.asdict(score),
                }
            )
    figures["networks"] = networks
    head = ["backbone, cell", "parameters", "characters wrong, in %", "95 % interval", "lines/s taught", "lines/s read"]
    record.publish("architectures", figures, record.table(head, map(row, networks)), save=options.save)


def row(network: dict[str, Any]) -> list[str]:
    """Cells of one network's figures."""
    return [
        f"{network['backbone']}, {network['cell']}",
        f"{network['parameters'] / 1e6:.2f} M",
        f"{100 * network['cer']:.2f}",
        f"{100 * network['cer_low']:.2f} to {100 * network['cer_high']:.2f}",
        f"{network['training lines/s']:.0f}",
        f"{network['reading lines/s']:.0f}",
    ]


def parameters(run: Run) -> int:
    """Parameters of a network as it reads: the shortcut head is of training alone."""
    named = run.network.named_parameters()
    return sum(weight.numel() for name, weight in named if not name.startswith("shortcut."))


def teach(runs: Sequence[Run], epochs: int) -> list[float]:
    """Teach every run to its end, an epoch of each in turn; gives the lines of a second of processor time."""
    events = [run.events() for run in runs]
    lines, seconds = [0] * len(runs), [0.0] * len(runs)
    for number in range(epochs):
        for place, run in enumerate(runs):
            done, took, epoch = one_epoch(events[place])
            lines[place] += done
            seconds[place] += took
            name = f"{run.spec.architecture.backbone}, {run.spec.architecture.cell}"
            print(f"epoch {number + 1}, {name}: {epoch.score.cer:.2%} wrong in validation, {took:.0f} s", flush=True)
    for rest in events:
        for _ in rest:  # behind the last epoch the model is finished and exported
            pass
    return [done / took for done, took in zip(lines, seconds, strict=True)]


def one_epoch(events: Iterator[Step | Epoch]) -> tuple[int, float, Epoch]:
    """Lines learned from in an epoch, the processor time of its steps without its validation, and how it ended."""
    lines, seconds = 0, 0.0
    start = time.process_time()
    for event in events:
        if isinstance(event, Epoch):
            return lines, seconds, event
        lines = event.lines
        seconds += time.process_time() - start
        start = time.process_time()
    raise ValueError("the run ended before its epochs did")


def timed(readers: Sequence[Reader], pictures: Sequence[Grey], rounds: int) -> list[float]:
    """Lines that each reader reads in a second of processor time, the median of the rounds; first ones do not count."""
    rates: list[list[float]] = [[] for _ in readers]
    for number in range(rounds + 1):
        for reader, found in zip(readers, rates, strict=True):
            start = time.process_time()
            for _ in reader.read_many(pictures):
                pass
            if number:
                found.append(len(pictures) / (time.process_time() - start))
    return [statistics.median(found) for found in rates]


if __name__ == "__main__":
    main()
