#!/usr/bin/env python3
"""Teach a trained model more lessons, and hold it to what it reads of everything else.

usage: lessons.py WEIGHTS --fonts DIR --texts DIR --real DIR [--minutes 25] -o LATER.safetensors

The lessons are lines of other scripts, whose text is silence, and captchas; of these the CTC loss is taken. Of all
other lines the network is held to the frames of the one it was: learning without forgetting (Li and Hoiem 2017, arXiv
1606.09282). Taught among all others silence spreads: with one line in thirty of other scripts, one word in ten on
signs came out empty.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ocrnn.image import Grey
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.synth.kinds import KINDS
from ocrnn.synth.lines import MIXING, Synthesizer
from ocrnn.training.batches import Batch, Plan, RealLines, Source, batches
from training.latin import REAL, open_real

EPOCH = 4_000
HELD_COLUMNS, LESSON_COLUMNS = 12_000, 6_000
REAL_SHARE, CAPTCHAS = 0.28, 0.35
HOLD = 20.0
"""What a nat of divergence in a frame costs beside a nat of CTC loss in a character."""
LONGEST_NORM = 5.0


@dataclass(frozen=True)
class Lesson:
    """Captchas, and lines of other scripts, as a source."""

    synthesizer: Synthesizer

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture and text of a new line."""
        if rng.random() < CAPTCHAS:
            return self.synthesizer.line(rng, kind="captcha")
        return self.synthesizer.line(rng, kind=MIXING[rng.integers(len(MIXING))], mixing=1.0)


@dataclass(frozen=True)
class Known:
    """Drawn lines of every kind but captchas, in their shares, as a source."""

    synthesizer: Synthesizer

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture and text of a new line."""
        kinds = [kind for kind in KINDS if kind.name != "captcha"]
        shares = np.array([kind.share for kind in kinds])
        return self.synthesizer.line(rng, kind=kinds[rng.choice(len(kinds), p=shares / shares.sum())].name)


def main() -> None:
    """Read the command line, teach, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    network, spec = load_weights(arguments.weights)
    synthesizer = Synthesizer(arguments.fonts, arguments.texts, spec.charset)
    real, _ = open_real(arguments.real, spec)
    fresh = [(Lesson(synthesizer), number) for number in range(EPOCH)]
    lessons = stream(spec, lambda epoch: fresh, LESSON_COLUMNS, arguments.seed + 1000)
    held = stream(spec, lambda epoch: known(synthesizer, real, (arguments.seed, epoch)), HELD_COLUMNS, arguments.seed)
    teach(network, held, lessons, 60 * arguments.minutes, arguments.rate)
    save_weights(arguments.output, network, spec)


def known(synthesizer: Synthesizer, real: dict[str, RealLines], seed: tuple[int, int]) -> Plan:
    """Lines of one epoch that the network knows: drawn and real ones in their shares."""
    rng = np.random.default_rng((*seed, 7))
    names = list(real)
    shares = np.array([REAL[name] for name in names])
    drawn = Known(synthesizer)
    lines: list[tuple[Source, int]] = []
    for number in range(EPOCH):
        if rng.random() < REAL_SHARE:
            source = real[names[rng.choice(len(names), p=shares / shares.sum())]]
            lines.append((source, int(rng.integers(len(source.samples)))))
        else:
            lines.append((drawn, number))
    return lines


def stream(spec: ModelSpec, plan: Callable[[int], Plan], columns: int, seed: int) -> Iterator[Batch]:
    """Batches without end, epoch by epoch."""
    for epoch in count(1):
        yield from (batch for batch, _ in batches(plan(epoch), spec, columns=columns, seed=seed, epoch=epoch))


def teach(network: Network, held: Iterator[Batch], lessons: Iterator[Batch], seconds: float, rate: float) -> None:
    """Take steps for so long, each with a batch of either kind; the rate falls as a cosine does.

    Norms keep their statistics, and nothing is dropped out: the network is to answer as it did.
    """
    before = copy.deepcopy(network).eval()
    network.eval()
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    start = time.monotonic()
    for step in count(1):
        done = (time.monotonic() - start) / seconds
        if done >= 1:
            return
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, step / 50) * 0.5 * (1 + math.cos(math.pi * done))
        known, lesson = next(held), next(lessons)
        with torch.no_grad():
            answers = before(known.images)
        strayed = divergence(network(known.images), answers, known.input_lengths)
        taught = functional.ctc_loss(
            network(lesson.images), lesson.targets, lesson.input_lengths, lesson.target_lengths, reduction="none"
        )
        loss = (taught * lesson.weights).sum() + HOLD * strayed
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), LONGEST_NORM)
        optimizer.step()
        if step % 20 == 0:
            told = float((taught * lesson.weights).sum().detach()), float(strayed.detach())
            print(f"step {step} {100 * done:.0f} %  lessons {told[0]:.4f}  strayed {told[1]:.5f}", flush=True)


def divergence(log_probs: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
    """Kullback-Leibler divergence (nats) of a frame, the mean over the frames of all lines (T, N, C)."""
    frames = torch.arange(len(log_probs))[:, None] < lengths
    apart = functional.kl_div(log_probs, answers, reduction="none", log_target=True).sum(2)
    return (apart * frames).sum() / frames.sum()


if __name__ == "__main__":
    main()
