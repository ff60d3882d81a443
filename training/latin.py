#!/usr/bin/env python3
"""Train the shipped model `latin`: synthetic lines of every kind, a quarter real lines, for a fixed time.

usage: latin.py --fonts DIR --texts DIR --real DIR [--minutes 112] [--out runs/latin] [--resume]

`fonts.py` and `texts.py` beside this file gather the first two from public packages; --real holds one folder of
labelled lines for each name in REAL, as README.md describes. Without it the model learns from synthetic lines alone.
The run can be killed and goes on with --resume. `ship.py` puts its result into the package.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch

from ocrnn.charset import Charset
from ocrnn.data.check import check_samples
from ocrnn.data.labels import Sample, read_labels
from ocrnn.data.splits import split_by_hash
from ocrnn.image import LineFormat
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.curves import save_history
from ocrnn.training.loop import Epoch, Settings, train
from ocrnn.training.plans import Plan
from ocrnn.training.sources import RealLines, Source, SynthLines

REAL = {
    "books-en": 0.24,
    "typewriter": 0.25,
    "fraktur-19c": 0.20,
    "print-fr-18c": 0.16,
    "print-fr-17c": 0.10,
    "handwriting-notary": 0.08,
}
"""Sets of real lines, all free to learn from, and the share of each among the real lines."""

REAL_SHARE = 0.28
EPOCH = 7_000
HELD_OUT = 0.06
LONGEST = {1: 10, 2: 30, 3: 30}
"""Characters of synthetic lines in the first epochs: CTC finds the alignment of short lines sooner."""


class Course:
    """The lines of each epoch: real and synthetic ones in their shares, the order fixed by the seed."""

    def __init__(self, real: dict[str, RealLines], synthesizer: Synthesizer, seed: int, *, taught: bool) -> None:
        self._real = real
        self._synthesizer = synthesizer
        self._seed = seed
        self._taught = taught

    def plan(self, epoch: int) -> Plan:
        """Lines of one epoch; the first has no real ones."""
        rng = np.random.default_rng((self._seed, epoch, 7))
        synthetic = SynthLines(self._synthesizer, longest=95 if self._taught else LONGEST.get(epoch, 95))
        names = list(self._real)
        shares = np.array([REAL[name] for name in names])
        lines: list[tuple[Source, int]] = []
        for number in range(EPOCH):
            if (epoch > 1 or self._taught) and names and rng.random() < REAL_SHARE:
                source = self._real[names[rng.choice(len(names), p=shares / shares.sum())]]
                lines.append((source, int(rng.integers(len(source.samples)))))
            else:
                lines.append((synthetic, epoch * EPOCH + number))
        return lines


def main() -> None:
    """Read the command line, train, and tell how it goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--from", dest="start", type=Path, help="weights to go on from")
    parser.add_argument("--share", action="append", default=[], metavar="KIND=SHARE", help="of a kind of drawn lines")
    parser.add_argument("--other-scripts", type=float, default=0.0, help="share of drawn lines that show other scripts")
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--minutes", type=float, default=112.0)
    parser.add_argument("--out", type=Path, default=Path("runs/latin"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    charset = Charset.open("latin")
    spec = ModelSpec(charset, LineFormat(), Architecture.named("fast"))
    shares = {kind: float(share) for kind, _, share in (each.partition("=") for each in arguments.share)}
    synthesizer = Synthesizer(
        arguments.fonts, arguments.texts, charset, shares=shares, other_scripts=arguments.other_scripts
    )
    real, validation = open_real(arguments.real, spec) if arguments.real else ({}, [])
    if not validation:
        validation = _synthetic_validation(synthesizer, arguments.out)

    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        epochs=None,
        minutes=arguments.minutes,
        patience=10**6,
        learning_rate=arguments.rate,
        precision=arguments.precision,
        columns=16_000,
        seed=arguments.seed,
        threads=max(1, (os.cpu_count() or 1) - arguments.threads),
        checkpoint_seconds=240.0,
    )
    if arguments.start:
        network, started = load_weights(arguments.start)
        assert (started.charset, started.architecture) == (charset, spec.architecture)
    else:
        network = Network(spec.architecture, charset.classes)
    course = Course(real, synthesizer, arguments.seed, taught=arguments.start is not None)
    for event in train(network, spec, course.plan, validation, settings, arguments.out, resume=arguments.resume):
        if isinstance(event, Epoch):
            print(f"epoch {event.number} loss {event.loss:.4f} held-out CER {event.score.cer:.4f}", flush=True)
            save_history(arguments.out, event.history)


def open_real(folder: Path, spec: ModelSpec) -> tuple[dict[str, RealLines], list[Sample]]:
    """The real lines to learn from, by set, and those of all sets that are held out."""
    real: dict[str, RealLines] = {}
    held_out: list[Sample] = []
    for name in REAL:
        samples = read_labels(folder / name).samples
        usable = check_samples(samples, spec.charset, spec.architecture, spec.line_format).samples
        split = split_by_hash(usable, HELD_OUT)
        real[name] = RealLines(split.train, "light")
        held_out += split.validation
    return real, held_out


def _synthetic_validation(synthesizer: Synthesizer, out: Path) -> list[Sample]:
    """Two hundred synthetic lines on disk, where there are no real ones to hold out."""
    import cv2

    folder = out / "validation"
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number in range(200):
        grey, text = synthesizer.line(np.random.default_rng((2**31, number)))
        path = folder / f"{number:03}.png"
        cv2.imwrite(os.fspath(path), grey)
        samples.append(Sample(path, text, name=path.name))
    return samples


if __name__ == "__main__":
    main()
