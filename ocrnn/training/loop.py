"""The loop that teaches a network. It prints nothing: it yields what happened, and keeps its files in one folder."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ocrnn.data.labels import Sample
from ocrnn.errors import ImageError, TrainingError
from ocrnn.metrics import Score, score
from ocrnn.model.network import Network
from ocrnn.model.runtime import TorchModel
from ocrnn.model.weights import save_weights
from ocrnn.spec import ModelSpec
from ocrnn.training.batches import Batch, Plan, Position, batches
from ocrnn.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from ocrnn.transcribe.reader import Reader

CHECKPOINT = "last.checkpoint"
BEST = "best.safetensors"

_SHORTCUT_WEIGHT = 0.3
"""Share of the shortcut head's loss (Retsinas et al. 2022, arXiv 2404.11339)."""
_WARM_UP_STEPS = 200
_LONGEST_NORM = 1.0
_PATIENT_WITH_NAN = 20

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class Settings:
    """How a network is taught.

    The learning rate rises over the first 200 steps, then falls as a cosine to zero at the end of `epochs`, or of
    `minutes` where that comes first. `columns` bounds N times W of a batch, so that long and short lines cost alike.
    Training stops after `patience` epochs without a better validation CER. "auto" precision is bf16 where the chip
    computes in it. `deterministic` asks for the same bits from every run on a machine; `minutes` cannot give them.
    """

    epochs: int | None = 60
    minutes: float | None = None
    patience: int = 15
    learning_rate: float = 2e-3
    columns: int = 8000
    precision: Precision = "auto"
    seed: int = 0
    deterministic: bool = False
    threads: int = 1
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class Step:
    """One batch is done: training loss per character (nats), lines of this epoch done and to do."""

    loss: float
    lines: int
    of: int
    progress: float


@dataclass(frozen=True)
class Epoch:
    """One round is done; `number` 0 is the model that training started from.

    `score` is what readers of this model get on the validation lines, `pairs` the (label, reading) of each.
    `best_epoch` is that of the lowest validation CER so far, 0 where none beat the start. `stopped` gives the reason
    when this was the last. `history` has a row of figures for each epoch so far, those before a `resume` included.
    """

    number: int
    loss: float
    score: Score
    pairs: tuple[tuple[str, str], ...]
    learning_rate: float
    seconds: float
    lines_per_second: float
    best_epoch: int
    stopped: str | None = None
    history: tuple[dict[str, float], ...] = ()

    @property
    def is_best(self) -> bool:
        """Tell whether no epoch before it was as good."""
        return self.best_epoch == self.number


def train(
    network: Network,
    spec: ModelSpec,
    plan: Callable[[int], Plan],
    validation: Sequence[Sample],
    settings: Settings,
    folder: Path,
    *,
    from_model: bool = False,
    resume: bool = False,
    options: Mapping[str, object] = MappingProxyType({}),
    stop: threading.Event | None = None,
) -> Iterator[Step | Epoch]:
    """Teach `network` the lines that `plan(epoch)` names; yields a Step for each batch and an Epoch for each round.

    The best network so far stands in `folder/best.safetensors` with its score, all that `resume` needs in
    `folder/last.checkpoint`; `options` are what else, by name, must then be as it was. A finished run yields nothing.
    With `from_model` the network is validated before it learns, and stays the best if nothing beats it. When `stop`
    is set, the run saves itself after the batch at hand and ends. `resume` starts anew where there is no checkpoint
    yet: a run may have been killed before its first. Raises OutputError when a file cannot be saved, and
    TrainingError when the loss is not a number twenty times running.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stop = stop or threading.Event()
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(settings.deterministic)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-2)
    fingerprint = {**_fingerprint(spec, settings, validation), **options}
    checkpoint = folder / CHECKPOINT
    resume = resume and checkpoint.is_file()
    progress = load_checkpoint(checkpoint, network, optimizer, fingerprint) if resume else Progress()
    clock = _Clock(progress.seconds)

    if from_model and not resume:
        scored, pairs = validate(network, spec, validation)
        progress.best = scored.cer
        save_weights(folder / BEST, network, _scored(spec, scored))
        yield Epoch(0, math.nan, scored, pairs, 0.0, 0.0, 0.0, 0)

    stopped = None if progress.lines else _ended(progress, settings)
    while stopped is None:
        lines_before, seconds_before = progress.lines, clock.seconds()
        lines = plan(progress.epoch)
        faults = 0
        saved = time.monotonic()
        rate = 0.0
        for batch, position in batches(
            lines,
            spec,
            columns=settings.columns,
            seed=settings.seed,
            epoch=progress.epoch,
            start=Position(progress.chunk, progress.batch),
            threads=settings.threads,
        ):
            done = _done(progress, settings, len(lines), clock.seconds())
            rate = _rate(settings, progress.steps, done)
            loss = _learn(network, optimizer, batch, rate, settings, device)
            faults = 0 if loss is not None else faults + 1
            if faults > _PATIENT_WITH_NAN:
                raise TrainingError(
                    f"the loss is not a number any more; train with a lower --lr than {settings.learning_rate:g}"
                )
            count = len(batch.target_lengths)
            progress.loss += (loss or 0.0) * count
            progress.lines += count
            progress.steps += 1
            progress.chunk, progress.batch = position.chunk, position.batch
            yield Step(loss or math.nan, progress.lines, len(lines), done)
            if stop.is_set() or (settings.minutes is not None and clock.seconds() > 60 * settings.minutes):
                break
            if time.monotonic() - saved > settings.checkpoint_seconds:
                progress.seconds = clock.seconds()
                save_checkpoint(checkpoint, network, optimizer, progress, fingerprint)
                saved = time.monotonic()
        progress.seconds = clock.seconds()
        if stop.is_set():
            save_checkpoint(checkpoint, network, optimizer, progress, fingerprint)
            return
        epoch_seconds = max(1e-9, clock.seconds() - seconds_before)
        scored, pairs = validate(network, spec, validation)
        if progress.best is None or scored.cer < progress.best:
            progress.best, progress.best_epoch = scored.cer, progress.epoch
            save_weights(folder / BEST, network, _scored(spec, scored))
        row = {
            "epoch": progress.epoch,
            "loss": progress.loss / max(1, progress.lines),
            "cer": scored.cer,
            "wer": scored.wer,
            "learning_rate": rate,
            "seconds": round(clock.seconds(), 1),
            "lines_per_second": round((progress.lines - lines_before) / epoch_seconds, 1),
        }
        progress = dataclasses.replace(
            progress,
            epoch=progress.epoch + 1,
            chunk=0,
            batch=0,
            lines=0,
            loss=0.0,
            seconds=clock.seconds(),
            history=(*progress.history, row),
        )
        save_checkpoint(checkpoint, network, optimizer, progress, fingerprint)
        stopped = _ended(progress, settings)
        yield Epoch(
            number=progress.epoch - 1,
            loss=row["loss"],
            score=scored,
            pairs=pairs,
            learning_rate=rate,
            seconds=row["seconds"],
            lines_per_second=row["lines_per_second"],
            best_epoch=progress.best_epoch,
            stopped=stopped,
            history=progress.history,
        )


def validate(network: Network, spec: ModelSpec, samples: Sequence[Sample]) -> tuple[Score, tuple[tuple[str, str], ...]]:
    """Score of the network by the reader its users will have, and (label, reading) of each line. Raises ImageError."""
    readings = []
    try:
        for result in Reader(TorchModel(network, spec)).read_many(samples):
            if isinstance(result.outcome, ImageError):
                raise result.outcome
            readings.append(result.outcome.text)
    finally:
        network.train()
    texts = [sample.text for sample in samples]
    return score(readings, texts), tuple(zip(texts, readings, strict=True))


def bf16_is_fast() -> bool:
    """Tell whether this machine computes in bfloat16 natively: CUDA since Ampere, x86 with AMX or AVX-512 BF16."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(probe is not None and probe() for probe in probes)


def _learn(
    network: Network,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    settings: Settings,
    device: torch.device,
) -> float | None:
    """Take one step; returns the loss per character, None where it was not a number and the step was left out."""
    network.train()
    images = batch.images.to(device, memory_format=torch.channels_last, non_blocking=True)
    for group in optimizer.param_groups:
        group["lr"] = rate
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and bf16_is_fast())
    with torch.autocast(device.type, torch.bfloat16, enabled=True) if bf16 else contextlib.nullcontext():
        log_probs, shortcut = network.training_log_probs(images)
    loss = _loss(log_probs, batch)
    total = loss if shortcut is None else loss + _SHORTCUT_WEIGHT * _loss(shortcut, batch)
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_NORM)
    value = loss.item()
    if not math.isfinite(total.item()):
        return None
    optimizer.step()
    return value


def _loss(log_probs: Tensor, batch: Batch) -> Tensor:
    """CTC loss per character (nats) of log-probabilities (T, N, C).

    A line weighs by the root of its length: by length, running text would drown the amounts and single words that
    forms and receipts consist of; by line, one character of a short line would outweigh thirty of a long one.
    """
    lengths = batch.target_lengths
    weights = 1 / lengths.to(log_probs.device).float().sqrt()
    weights = weights / (weights * lengths.to(log_probs.device)).sum()
    losses = functional.ctc_loss(log_probs.cpu(), batch.targets, batch.input_lengths, lengths, reduction="none")
    return (losses.to(log_probs.device) * weights).sum()


def _rate(settings: Settings, steps: int, done: float) -> float:
    warm = min(1.0, (steps + 1) / _WARM_UP_STEPS)
    return settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done))) + 1e-7


def _done(progress: Progress, settings: Settings, lines: int, seconds: float) -> float:
    """Share of the run that is behind us, 0..1."""
    by_epochs = (progress.epoch - 1 + progress.lines / lines) / settings.epochs if settings.epochs else 0.0
    by_clock = seconds / (60 * settings.minutes) if settings.minutes else 0.0
    return min(1.0, max(by_epochs, by_clock))


def _ended(progress: Progress, settings: Settings) -> str | None:
    """Why a run that stands between two epochs is over; None while it goes on."""
    done = progress.epoch - 1
    if settings.minutes is not None and progress.seconds > 60 * settings.minutes:
        return f"{settings.minutes:g} minutes are over"
    if settings.epochs is not None and done >= settings.epochs:
        return f"epoch {settings.epochs} was the last asked for"
    if done - progress.best_epoch >= settings.patience:
        return f"no better validation CER for {settings.patience} epochs"
    return None


def _scored(spec: ModelSpec, score: Score) -> ModelSpec:
    """Spec that tells how well its network reads the validation lines."""
    validation = {
        "lines": score.lines,
        "cer": round(score.cer, 5),
        "cer interval": [round(score.cer_low, 5), round(score.cer_high, 5)],
        "wer": round(score.wer, 5),
    }
    return dataclasses.replace(spec, about={**spec.about, "validation": validation})


def digest(samples: Sequence[Sample]) -> str:
    """A number that changes when lines or their texts do; where their folder stands does not matter."""
    told = "\n".join(f"{sample.name or sample.image}\t{sample.text}" for sample in samples)
    # Undecodable bytes of file names are lone surrogates, which plain UTF-8 refuses.
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()


_OPTIONS = {"learning_rate": "--lr", "columns": "--batch"}
"""Options that set what is called otherwise in `Settings`."""


def _fingerprint(spec: ModelSpec, settings: Settings, validation: Sequence[Sample]) -> dict[str, object]:
    free = ("checkpoint_seconds", "threads")  # they change nothing that is learned
    told = {
        _OPTIONS.get(name, f"--{name}"): value
        for name, value in dataclasses.asdict(settings).items()
        if name not in free
    }
    network = hashlib.sha256(repr((spec.charset.characters, spec.architecture, spec.line_format)).encode()).hexdigest()
    return {**told, "validation lines": digest(validation), "charset or architecture": network}


class _Clock:
    """Seconds of training, counted on over sittings."""

    def __init__(self, before: float) -> None:
        self._start = time.monotonic() - before

    def seconds(self) -> float:
        return time.monotonic() - self._start
