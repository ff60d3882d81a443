#!/usr/bin/env python3
"""Go on with a network on one machine without a GPU, led by what several know together, or for some kinds of lines.

usage: distil.py --fonts DIR --texts DIR --real DIR --network latin.safetensors [--teacher MODEL ...] --out DIR
       distil.py --fonts DIR --texts DIR --network latin.safetensors --teacher --only word=0.62 captcha=0.22 --out DIR

The network learns texts, and beside them the frames of its teachers, which are those that a second look asks: the own
network of the first model, and the further ones of all (Hinton, Vinyals, Dean 2015, arXiv 1503.02531). Their opinion is
the mean of their log-probabilities, of the lines alone that they then read as the text says. A thread draws lines and
asks the teachers while another learns; `ema.safetensors`, the running mean of the weights, is what to take.
--teacher with nothing behind it asks none, and without --real all lines are drawn.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ocrnn.decoding.ctc import greedy
from ocrnn.errors import UsageError
from ocrnn.model import file
from ocrnn.model.executors import Model, OnnxModel
from ocrnn.model.runtime import find
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.synth.kinds import KINDS, shares_of_kinds
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.batches import Batch, batches
from ocrnn.training.plans import Plan
from ocrnn.training.sources import RealLines, SynthLines
from ocrnn.training.step import Learner
from ocrnn.transcribe.views import is_word
from training.latin import REAL, open_real

Opinion = tuple[Tensor, Tensor]
"""Log-probabilities (T, N, C) of the teachers, and which frames (T, N) of them to learn."""

REAL_SHARE = 0.2
CHUNK = 1536
"""Lines drawn at a time, and sorted by width."""
COLUMNS = 16_000
_WARM_UP_STEPS = 200
_NORM_MOMENTUM = 0.02
"""Batches hold lines of one width: the norms' statistics are those of many."""
_KEPT = 0.999
"""Share of the running mean that stays from step to step."""
_SAVE_SECONDS = 240.0


class Pupil(Learner):
    """A network that learns from texts, and from the opinion of its teachers `trust` times as much."""

    opinion: Opinion | None = None
    trust = 1.0
    apart = torch.zeros(())

    def _beside(self, log_probs: Tensor, shortcut: Tensor | None, batch: Batch) -> Tensor:
        """What is minimised beside the loss: how far each line's frames are from the teachers' (nats), too."""
        beside = super()._beside(log_probs, shortcut, batch)
        if self.opinion is None:
            return beside
        teachers, learned = self.opinion
        apart = functional.kl_div(log_probs, teachers, reduction="none", log_target=True).sum(2) * learned
        divergence = (apart.sum(0) * batch.weights).sum()
        self.apart = divergence.detach()
        return beside + self.trust * divergence


class Teachers:
    """Networks in eight bits that read a batch together."""

    def __init__(self, names: list[str], spec: ModelSpec) -> None:
        """Open the own network of the first model and the further ones of all, each once."""
        self._spec = spec
        first = find(names[0])
        own = OnnxModel(first, file.header(first), 1)
        self._of_lines: list[Model] = [own]
        self._of_words: list[Model] = [own]
        known: set[bytes] = set()
        for path in map(find, names):
            for network in file.further(path, file.header(path)):
                its, content = network.spec, network.content()
                if content not in known:
                    known.add(content)
                    model = OnnxModel(path, its, 1, content=content)
                    self._of_lines += [model] if its.doubt else []
                    self._of_words += [model] if its.word_doubt else []

    def opinion(self, batch: Batch) -> Opinion:
        """What those say of a batch that read such lines: `doubt` and `word_doubt` tell who knows lines and words."""
        images = batch.images.numpy()
        said = {id(model): model.infer(images) for model in {*self._of_lines, *self._of_words}}
        lines, words = (
            np.mean([said[id(model)] for model in models], axis=0) for models in (self._of_lines, self._of_words)
        )
        frames = batch.input_lengths.numpy()
        line_format, stride = self._spec.line_format, self._spec.architecture.stride
        short = [is_word(line_format.height, columns - 2 * line_format.margin) for columns in frames * stride]
        mean = np.where(np.array(short)[None, :, None], words, lines)
        mean -= np.log(np.exp(mean).sum(axis=2, keepdims=True))
        learned = np.zeros(mean.shape[:2], np.float32)
        texts = torch.split(batch.targets, batch.target_lengths.tolist())
        for number, text in enumerate(texts):
            right = greedy(mean[: frames[number], number]).classes == tuple(text.tolist())
            learned[: frames[number], number] = right
        return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(learned)


def lessons(
    synthesizer: Synthesizer,
    real: Sequence[tuple[RealLines, float]],
    spec: ModelSpec,
    seed: int,
    longest: int,
    real_share: float = REAL_SHARE,
) -> Iterator[Batch]:
    """Batches for ever, `real_share` of the lines real ones, the others drawn, of up to `longest` characters.

    Each real source comes with its share among them; without any all lines are drawn.
    """
    sources = [source for source, _ in real]
    shares = np.array([share for _, share in real])
    drawn = SynthLines(synthesizer, longest=longest)
    for epoch in count():
        rng = np.random.default_rng((seed, epoch, 7))
        plan: list[tuple[RealLines | SynthLines, int]] = []
        for number in range(CHUNK):
            if sources and rng.random() < real_share:
                source = sources[rng.choice(len(sources), p=shares / shares.sum())]
                plan.append((source, int(rng.integers(len(source.samples)))))
            else:
                plan.append((drawn, epoch * CHUNK + number))
        ready: Plan = plan
        yield from (batch for batch, _ in batches(ready, spec, columns=COLUMNS, seed=seed, epoch=epoch, chunk=CHUNK))


def shares_of(share: Sequence[str], only: Sequence[str]) -> dict[str, float]:
    """Shares of kinds of drawn lines, told as `word=0.62`; beside those that are `only` to be drawn all others have 0.

    Raises UsageError for both at once, a kind that there is not, what is no share, and shares of nothing.
    """
    if only and share:
        raise UsageError("--only and --share contradict one another")
    shares = ({kind.name: 0.0 for kind in KINDS} if only else {}) | _numbers(only or share)
    shares_of_kinds(shares)  # refused here and not after minutes of loading
    return shares


def shares_of_sets(share: Sequence[str]) -> dict[str, float]:
    """Shares of the sets of real lines among them, those told as `typewriter=0.1` instead of their own.

    Raises UsageError for a set that there is not, what is no share, one below 0, and shares of nothing.
    """
    told = _numbers(share)
    if strangers := sorted(told.keys() - REAL.keys()):
        raise UsageError(f"{', '.join(strangers)}: no set of real lines; there are {', '.join(REAL)}")
    shares = REAL | told
    if min(shares.values()) < 0 or not any(shares.values()):
        raise UsageError("shares of real lines are 0 or more, and one of them is more")
    return shares


def _numbers(told: Sequence[str]) -> dict[str, float]:
    """What `NAME=NUMBER` says, by name; raises UsageError for what is no number."""
    numbers = {}
    for name, _, number in (each.partition("=") for each in told):
        try:
            numbers[name] = float(number)
        except ValueError:
            raise UsageError(f"{name}={number}: no share; give a number, such as {name}=0.2") from None
    return numbers


def main() -> None:
    """Read the command line, teach, and tell how it goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--network", type=Path, required=True, help="weights to go on from")
    parser.add_argument("--teacher", nargs="*", default=["latin", "latin-accurate"], metavar="MODEL")
    parser.add_argument("--share", action="append", default=[], metavar="KIND=SHARE", help="of a kind of drawn lines")
    parser.add_argument("--only", nargs="+", default=[], metavar="KIND=SHARE", help="no other kinds are drawn")
    parser.add_argument("--real-share", type=float, default=REAL_SHARE, help="of all lines; default: %(default)s")
    parser.add_argument("--set", action="append", default=[], metavar="SET=SHARE", help="of a set among the real lines")
    parser.add_argument("--longest", type=int, default=95, help="characters of a drawn line; default: %(default)s")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--trust", type=float, default=1.0, help="what the teachers count where the texts count 1")
    parser.add_argument("--minutes", type=float, default=95.0)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        shares = shares_of(arguments.share, arguments.only)
        sets = shares_of_sets(arguments.set)
    except UsageError as error:
        parser.error(str(error))
    torch.set_num_threads(1)
    network, spec = load_weights(arguments.network)
    synthesizer = Synthesizer(arguments.fonts, arguments.texts, spec.charset, shares=shares)
    opened = open_real(arguments.real, spec)[0] if arguments.real else {}
    real = [(source, sets[name]) for name, source in opened.items()]
    teachers = Teachers(arguments.teacher, spec) if arguments.teacher else None
    ready: queue.Queue[tuple[Batch, Opinion | None] | Exception] = queue.Queue(6)
    over = threading.Event()

    def prepare() -> None:
        try:
            for batch in lessons(synthesizer, real, spec, arguments.seed, arguments.longest, arguments.real_share):
                if over.is_set():
                    return
                ready.put((batch, teachers.opinion(batch) if teachers else None))
        except Exception as fault:  # or who learns would wait for ever
            ready.put(fault)

    preparing = threading.Thread(target=prepare, daemon=True)
    preparing.start()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = _NORM_MOMENTUM
    pupil = Pupil(network, precision="bf16", seed=arguments.seed)
    pupil.trust = arguments.trust
    mean = copy.deepcopy(network)
    arguments.out.mkdir(parents=True, exist_ok=True)
    begun = saved = time.monotonic()
    told: list[tuple[float, float]] = []
    for step in count():
        done = (time.monotonic() - begun) / (60 * arguments.minutes)
        if done >= 1:
            break
        lesson = ready.get()
        if isinstance(lesson, Exception):
            raise lesson
        batch, pupil.opinion = lesson
        rate = arguments.rate * min(1.0, (step + 1) / _WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * done))
        loss, _ = pupil.learn(batch, rate, step).tolist()
        told.append((loss, float(pupil.apart)))
        _follow(mean, network, min(_KEPT, (step + 1) / (step + 51)))
        if step % 50 == 49:
            losses = " ".join(f"{each:.4f}" for each in np.mean(told, axis=0))
            told.clear()
            print(f"{60 * arguments.minutes * done:.0f} s, step {step + 1}, loss and divergence {losses}", flush=True)
        if time.monotonic() - saved > _SAVE_SECONDS:
            saved = time.monotonic()
            save_weights(arguments.out / "ema.safetensors", mean, spec)
    save_weights(arguments.out / "ema.safetensors", mean, spec)
    over.set()
    while preparing.is_alive():  # a thread inside of ONNX Runtime must not outlive it
        with contextlib.suppress(queue.Empty):
            ready.get(timeout=0.1)


@torch.no_grad()
def _follow(mean: torch.nn.Module, network: torch.nn.Module, kept: float) -> None:
    """Bring the running mean of weights and statistics a little nearer to the network's."""
    theirs = network.state_dict()
    for name, weight in mean.state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(theirs[name], 1 - kept)
        else:  # steps that a norm has seen are counted whole
            weight.copy_(theirs[name])


if __name__ == "__main__":
    main()
