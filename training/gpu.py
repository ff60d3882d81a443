#!/usr/bin/env python3
"""Train networks side by side in minutes on one GPU.

usage: gpu.py --fonts DIR --texts DIR --real DIR --network latin=latin.safetensors [--network NAME=[FILE] ...]
              [--skip NAME=real|other-scripts ...] [--minutes 9] --out DIR

Processes draw lines, on all cores but a few; the GPU, which is faster than they are, gets each batch again up to
--again times, changed a little (`shaken`). All networks learn the same batches at the same time, but for those that
--skip keeps from one: what a network reads that skips real lines says what these are worth, and one that knows other
scripts is a second network for `ship.py`. `latin.py` names the real sets.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import multiprocessing
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ocrnn.charset import Charset
from ocrnn.image import LineFormat
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.batches import Batch, batches
from ocrnn.training.distributed import ALONE
from ocrnn.training.plans import Plan
from ocrnn.training.precision import settled
from ocrnn.training.sources import RealLines, SynthLines
from ocrnn.training.step import Learner
from training.latin import REAL, open_real

Lines = Literal["drawn", "other-scripts", "real"]

CHUNK, FIRST_CHUNK = 6144, 1024
"""Synthetic lines that a process draws at a time, and sorts by width; and at first, when all wait for them."""
REAL_SHARE = 0.15
MIXED_SHARE, OTHER_SCRIPTS = 1 / 6, 0.15
"""Of the drawn lines, those in batches that a network may skip for their other scripts, and how many of these show any,
of kinds that mix them (`MIXING`): together one drawn line in a hundred.

A batch of silence alone would teach that there is nothing to be read.
"""
_WARM_UP_STEPS = 200
_KEPT = 300
"""Batches that stay on the GPU to be learned again."""
_NORM_MOMENTUM = 0.02
"""Batches hold lines of one width: the norms' statistics are those of many."""


@dataclass(frozen=True)
class Maker:
    """What a process that draws lines works from: it makes the chunks `first`, `first + step`, and so on."""

    synthesizer: Synthesizer
    others: Synthesizer
    real: dict[str, RealLines]
    spec: ModelSpec
    columns: int
    seed: int

    def run(self, first: int, step: int, out: multiprocessing.Queue[tuple[Lines, Batch]]) -> None:
        """Put batches into `out` for ever, each with what lines it has."""
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        for number in count(first, step):
            # The second chunks differ in size, that not all processes hand over theirs at the same time.
            grown = 0 if number < step else first / step if number < 2 * step else 1
            lines = round(FIRST_CHUNK + grown * (CHUNK - FIRST_CHUNK))
            mixed = round(lines * MIXED_SHARE)
            drawn, others = SynthLines(self.synthesizer, longest=95), SynthLines(self.others, longest=95)
            plans: dict[Lines, Plan] = {
                "drawn": [(drawn, number * CHUNK + place) for place in range(mixed, lines)],
                "other-scripts": [(others, number * CHUNK + place) for place in range(mixed)],
                "real": self._real(number, round(lines * REAL_SHARE / (1 - REAL_SHARE))),
            }
            for kind, plan in plans.items():
                for batch, _ in batches(
                    plan, self.spec, columns=self.columns, seed=self.seed, epoch=number, chunk=CHUNK
                ):
                    # As arrays, and pixels of 16 bits: tensors would travel in shared memory, of which there is little.
                    out.put((kind, _as_arrays(batch)))

    def _real(self, number: int, lines: int) -> Plan:
        rng = np.random.default_rng((self.seed, number, 7))
        names = list(self.real)
        shares = np.array([REAL[name] for name in names])
        chosen = rng.choice(len(names), lines, p=shares / shares.sum())
        sources = [self.real[names[each]] for each in chosen]
        return [(source, int(rng.integers(len(source.samples)))) for source in sources]


@dataclass
class Supply:
    """Batches on the GPU: new ones as soon as they are drawn, in between earlier ones, changed, up to `again` times."""

    made: queue.Queue[tuple[Lines, Batch]]
    again: int
    new: int = 0
    repeated: int = 0
    _kept: deque[tuple[Lines, Batch]] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def next(self) -> tuple[Lines, Batch]:
        """A batch, and what lines it has."""
        try:
            item = self.made.get(block=not self._kept or self.repeated >= self.again * self.new)
        except queue.Empty:
            self.repeated += 1
            kind, batch = self._kept[int(torch.randint(len(self._kept), ()))]
            return kind, dataclasses.replace(batch, images=shaken(batch.images.float()))
        self.new += 1
        self._kept.append(item)
        return item[0], dataclasses.replace(item[1], images=item[1].images.float())


@dataclass
class Pupil:
    """A network that learns, in a thread of its own, and on a GPU in a stream of its own."""

    name: str
    network: Network
    spec: ModelSpec
    skips: tuple[Lines, ...]
    learner: Learner = field(init=False)
    thread: ThreadPoolExecutor = field(init=False)
    stream: torch.cuda.Stream | None = field(init=False)
    losses: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        for module in self.network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = _NORM_MOMENTUM
        assert isinstance(self.network.rnn, torch.nn.LSTM)
        self.network.rnn.forward = partial(_in_bfloat16, self.network.rnn)  # type: ignore[assignment]
        self.thread = ThreadPoolExecutor(1)
        self.stream = _new_stream()
        self.learner = Learner(self.network, precision=settled("auto", self.network, ALONE.device))

    def learn(self, batch: Batch, rate: float, step: int) -> Future[None]:
        """Begin to take one step."""

        def learned() -> None:
            # Backward in this thread too: torch's own is one for all of a device, and the networks would wait for it.
            with torch.cuda.stream(self.stream), torch.autograd.set_multithreading_enabled(False):
                self.losses.append(self.learner.learn(batch, rate, step))

        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream())
        return self.thread.submit(learned)

    def wait(self, step: Future[None]) -> None:
        """Wait for a step; what follows on the GPU waits for it there."""
        step.result()
        if self.stream is not None:
            torch.cuda.current_stream().wait_stream(self.stream)

    def told(self) -> str:
        """Mean loss per character since the last time; how many steps changed nothing, where any did."""
        results = torch.stack(self.losses).tolist() if self.losses else []
        self.losses.clear()
        sound = [loss for loss, kept in results if kept]
        lost = f" ({len(results) - len(sound)} lost)" if len(sound) < len(results) else ""
        return f"{self.name} {sum(sound) / max(1, len(sound)):.4f}{lost}"

    def save(self, folder: Path) -> None:
        """Write the weights."""
        save_weights(folder / f"{self.name}.safetensors", self.network, self.spec)


def _new_stream() -> torch.cuda.Stream | None:
    return torch.cuda.Stream() if ALONE.device.type == "cuda" else None  # type: ignore[no-untyped-call]


def _in_bfloat16(rnn: torch.nn.LSTM, frames: Tensor) -> tuple[Tensor, Any]:
    """An LSTM over frames (T, N, K), in the arithmetic of autocast.

    By itself autocast takes float16 there, and cuDNN for few hidden units a kernel that is four times as slow for a
    thousand lines.
    """
    kind = torch.bfloat16 if torch.is_autocast_enabled(frames.device.type) else torch.float32
    state = torch.zeros(2 * rnn.num_layers, frames.shape[1], rnn.hidden_size, dtype=kind, device=frames.device)
    weights = [weight.to(kind) for weight in rnn._flat_weights if weight is not None]
    with torch.autocast(frames.device.type, enabled=False):
        hidden, *last = torch._VF.lstm(
            frames.to(kind), (state, state), weights, True, rnn.num_layers, rnn.dropout, rnn.training, True, False
        )
    return hidden, last


def shaken(images: Tensor) -> Tensor:
    """Lines (N, 1, H, W) as they might also have been cut and inked; each keeps its place, its frames and its text."""
    lines, _, height, width = images.shape

    def spread(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(lines, device=images.device)

    narrower, higher = spread(1.0, 1.15), spread(0.9, 1.1)
    lean, climb, drop = spread(-0.1, 0.1), spread(-0.06, 0.06), spread(-0.06, 0.06)
    across = torch.stack((narrower, lean * height / width, narrower - 1), 1)
    upwards = torch.stack((climb, higher, drop), 1)
    grid = functional.affine_grid(torch.stack((across, upwards), 1), list(images.shape), align_corners=False)
    changed = functional.grid_sample(images, grid, align_corners=False)

    def each(values: Tensor, *, of: float = 1.0) -> Tensor:
        """A value for each line, 0 for all but a share `of` them."""
        return (values * (spread(0, 1) < of))[:, None, None, None]

    soft = functional.avg_pool2d(changed, 3, 1, 1)
    changed = changed + each(spread(0, 1), of=0.4) * (soft - changed)
    changed = changed.clamp(1e-4, 1) ** torch.exp(each(spread(-0.5, 0.5), of=0.6))
    changed = changed + each(spread(0, 0.08), of=0.4) * torch.randn_like(changed)
    return changed.clamp_(0, 1)


def _as_arrays(batch: Batch) -> Batch:
    arrays: dict[str, Any] = {"images": batch.images.half().numpy()}
    for name in ("input_lengths", "targets", "target_lengths", "weights"):
        arrays[name] = getattr(batch, name).numpy()
    return dataclasses.replace(batch, **arrays)


def _as_tensors(batch: Batch) -> Batch:
    names = ("images", "input_lengths", "targets", "target_lengths", "weights")
    tensors: dict[str, Any] = {name: torch.from_numpy(getattr(batch, name)) for name in names}
    return dataclasses.replace(batch, **tensors)


def _upload(drawn: multiprocessing.Queue[tuple[Lines, Batch]], made: queue.Queue[Any]) -> None:
    stream = _new_stream()
    while True:
        kind, batch = drawn.get()
        with torch.cuda.stream(stream):
            item = kind, _as_tensors(batch).to(ALONE.device)
        if stream is not None:
            stream.synchronize()
        made.put(item)


def main() -> None:
    """Read the command line, train, and tell how it goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument(
        "--network", action="append", required=True, metavar="NAME=[FILE]", help="go on from FILE, or from nothing"
    )
    parser.add_argument("--skip", action="append", default=[], metavar="NAME=LINES", help="what a network does not see")
    parser.add_argument("--share", action="append", default=[], metavar="KIND=SHARE", help="of a kind of drawn lines")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--columns", type=int, default=300_000)
    parser.add_argument("--again", type=int, default=3)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 4))
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--save-seconds", type=float, default=120.0)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    started = time.monotonic()

    starts = {name: file for name, _, file in (each.partition("=") for each in arguments.network)}
    skips = [(name, kind) for name, _, kind in (each.partition("=") for each in arguments.skip)]
    assert all(name in starts and kind in get_args(Lines) for name, kind in skips), arguments.skip
    shares = {kind: float(share) for kind, _, share in (each.partition("=") for each in arguments.share)}
    spec = ModelSpec(Charset.open("latin"), LineFormat(), Architecture.named("fast"))
    synthesizer = Synthesizer(arguments.fonts, arguments.texts, spec.charset, shares=shares)
    others = Synthesizer(arguments.fonts, synthesizer.texts, spec.charset, shares=shares, other_scripts=OTHER_SCRIPTS)
    real, _ = open_real(arguments.real, spec)
    # Processes are forked before there is anything of CUDA in this one.
    maker = Maker(synthesizer, others, real, spec, arguments.columns, arguments.seed)
    context = multiprocessing.get_context("fork")
    drawn: multiprocessing.Queue[tuple[Lines, Batch]] = context.Queue(4 * arguments.processes)
    for number in range(arguments.processes):
        context.Process(target=maker.run, args=(number, arguments.processes, drawn), daemon=True).start()

    torch.manual_seed(arguments.seed)
    pupils = [
        Pupil(name, *_begun(file, spec), tuple(kind for of, kind in skips if of == name))
        for name, file in starts.items()
    ]
    for pupil in pupils:
        # One batch is for all: how characters are numbered and what a frame is must be the same.
        assert pupil.spec.charset == spec.charset
        assert pupil.spec.architecture.stride == spec.architecture.stride
    made: queue.Queue[tuple[Lines, Batch]] = queue.Queue(16)
    threading.Thread(target=_upload, args=(drawn, made), daemon=True).start()
    supply = Supply(made, arguments.again)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for step, done, is_due in _steps(60 * arguments.minutes - (time.monotonic() - started), arguments.save_seconds):
        kind, batch = supply.next()
        rate = arguments.rate * min(1.0, (step + 1) / _WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * done))
        steps = [(pupil, pupil.learn(batch, rate, step)) for pupil in pupils if kind not in pupil.skips]
        for pupil, taken in steps:
            pupil.wait(taken)
        if step % 100 == 99:
            told = ", ".join(pupil.told() for pupil in pupils)
            print(
                f"{time.monotonic() - started:.0f} s, step {step + 1}, batches {supply.new} new + {supply.repeated} "
                f"again, {batch.lines} lines of {batch.images.shape[3]} px: {told}",
                flush=True,
            )
        if is_due:
            for pupil in pupils:
                pupil.save(arguments.out)


def _begun(weights: str, spec: ModelSpec) -> tuple[Network, ModelSpec]:
    return load_weights(Path(weights)) if weights else (Network(spec.architecture, spec.charset.classes), spec)


def _steps(seconds: float, save_seconds: float) -> Iterator[tuple[int, float, bool]]:
    """Number of each step, the share of the time that is over, 0 to 1, and whether to save after it; the last is."""
    begin = saved = time.monotonic()
    for step in count():
        now = time.monotonic()
        done = min(1.0, (now - begin) / seconds)
        is_due = done >= 1 or now - saved > save_seconds
        saved = now if is_due else saved
        yield step, done, is_due
        if done >= 1:
            return


if __name__ == "__main__":
    main()
