"""The loop that teaches a network. It prints nothing: it yields what happened, and keeps its files in one folder."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from ocrnn.data.labels import Sample
from ocrnn.errors import ImageError, TrainingError
from ocrnn.metrics import Score, score
from ocrnn.model.executors import TorchModel
from ocrnn.model.network import Network
from ocrnn.model.weights import save_weights
from ocrnn.spec import ModelSpec
from ocrnn.storage import clear_drafts
from ocrnn.training.batches import Position, batches
from ocrnn.training.checkpoint import Progress, Terms, load_checkpoint, read_checkpoint, save_checkpoint
from ocrnn.training.distributed import ALONE, ProcessLost, Team
from ocrnn.training.plans import Plan
from ocrnn.training.precision import Arithmetic, Precision, settled
from ocrnn.training.step import Learner
from ocrnn.transcribe.reader import Reader

CHECKPOINT = "last.checkpoint"
BEST = "best.safetensors"

_WARM_UP_STEPS = 200
_WARM_UP_SHARE = 0.1
"""Of a run from a model, in which the rate is up at the latest: three minutes of 200 lines are hardly 200 steps. From
nothing a rate that is up so soon leaves the network silent."""
_PATIENT_WITH_NAN = 20
_READ_EVERY = 10
"""Steps after which the host waits for a GPU and asks what they came to."""
_CHECKPOINT_SHARE = 0.1
_CHECKPOINT_COST = 0.02


@dataclass(frozen=True)
class Settings:
    """How a network is taught.

    The learning rate rises over the first 200 steps, from a model over a tenth of the run where that is less, then
    falls as a cosine to zero at the end of `epochs`, or of `minutes` where that comes first: those are of learning, and
    of the validation after each epoch, in all sittings.
    `columns` bounds N times W of a batch, so that long and short lines cost alike. Training stops after `patience`
    epochs without a better validation CER as written. "auto" precision is settled once for a run (`precision.settled`)
    and kept when it goes on. `deterministic` asks for the same bits from every run on a machine; `minutes` cannot give
    them.

    A run that is killed loses a tenth of what it had done, or `checkpoint_seconds` where that is less. Saving takes at
    most a fiftieth of the time: on a slow disk it is done less often.
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
    `best_epoch` is that of the lowest validation CER as written so far, 0 where none beat the start: labels may
    tell ſ from s, or one dash from another, and folding must not hide that this is learned. `stopped` gives the reason
    when this was the last. `history` has a row of figures for each epoch so far, those before a `resume` included;
    `precision` is what the run computes in, None before it has learned.
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
    precision: Arithmetic | None = None

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
    asked: Mapping[str, list[str] | None] = MappingProxyType({}),
    stop: threading.Event | None = None,
    team: Team = ALONE,
) -> Iterator[Step | Epoch]:
    """Teach `network` the lines that `plan(epoch)` names; yields a Step for each batch and an Epoch for each round.

    The best network so far stands in `folder/best.safetensors` with its score, all that `resume` needs in
    `folder/last.checkpoint`; `options` are what else, by name, must then be as it was, `asked` what was given on the
    command line (`options.words`), to tell what is not. A finished run yields nothing.
    With `from_model` the network is validated before it learns, and stays the best if nothing beats it. When `stop`
    is set, the run saves itself after the batch at hand and ends. `resume` starts anew where there is no checkpoint
    yet: a run may have been killed before its first. Raises OutputError when a file cannot be saved, and
    TrainingError when the loss is not a number twenty times running.

    Every process of a `team` calls this with the same arguments and gets the same events; they share each batch, and
    only rank 0 touches the folder. `stop` may be set in any. A run goes on with as many processes as one likes. When
    one ends before its time, rank 0 saves what there is, and all others raise ProcessLost.
    """
    stop = stop or threading.Event()
    learner = Learner(network, deterministic=settings.deterministic, seed=settings.seed, team=team)
    terms = Terms({**_fingerprint(spec, settings, validation), **options}, dict(asked))
    keeper = _Keeper(folder, learner, terms, settings)
    with team.together():
        progress = keeper.load() if resume else None

    if from_model and progress is None:
        scored, pairs = validate(network, spec, validation, team)
        progress = Progress(best_cer=scored.cer_raw)
        keeper.save_best(spec, scored, 0)
        yield Epoch(0, math.nan, scored, pairs, 0.0, 0.0, 0.0, 0)
    progress = progress or Progress()
    progress.precision = progress.precision or _agreed_precision(network, settings, team)
    learner.precision = progress.precision

    # From here on: what is read and tried before learning takes nothing of `minutes`.
    clock = _Clock(progress.seconds)
    taken = _Taken(1 if team.device.type == "cpu" else _READ_EVERY, settings, team)
    seconds = progress.seconds
    stopped = None if progress.lines else _ended(progress, settings)
    while stopped is None:
        lines_before, seconds_before = progress.lines, seconds
        lines = plan(progress.epoch)
        stopping = 0.0
        try:
            for batch, position in batches(
                lines,
                spec,
                columns=settings.columns,
                seed=settings.seed,
                epoch=progress.epoch,
                start=Position(progress.chunk, progress.batch),
                threads=settings.threads,
                team=team,
            ):
                done = _done(progress, settings, len(lines), seconds)
                progress.rate = _rate(settings, progress.steps, done, from_model=from_model)
                taken.add(learner.learn(batch, progress.rate, progress.steps), batch.lines)
                progress.lines += batch.lines
                progress.steps += 1
                progress.chunk, progress.batch = position.chunk, position.batch
                if taken.are_due:
                    taken.read(progress)
                    stopping, seconds = team.agree(stop.is_set(), clock.seconds())
                yield Step(taken.loss, progress.lines, len(lines), done)
                if stopping or (settings.minutes is not None and seconds > 60 * settings.minutes):
                    break
                if not taken.unread and keeper.is_due(seconds):
                    keeper.save(progress, seconds)
            taken.read(progress)
            stopping, seconds = team.agree(stopping or stop.is_set(), clock.seconds())
            if stopping:
                keeper.save(progress, seconds)
                stop.set()  # here too, where another process was asked to
                return
            epoch_seconds = max(1e-9, seconds - seconds_before)
            scored, pairs = validate(network, spec, validation, team)
            _, seconds = team.agree(0, clock.seconds())
        except ProcessLost as lost:
            raise keeper.rescued(lost, progress, clock.seconds()) from lost
        if progress.best_cer is None or scored.cer_raw < progress.best_cer:
            progress.best_cer, progress.best_epoch = scored.cer_raw, progress.epoch
            keeper.save_best(spec, scored, progress.epoch)
        row = _row(progress, scored, seconds, (progress.lines - lines_before) / epoch_seconds)
        progress = progress.next_epoch(row)
        keeper.save(progress, seconds)
        stopped = _ended(progress, settings)
        yield Epoch(
            number=progress.epoch - 1,
            loss=row["loss"],
            score=scored,
            pairs=pairs,
            learning_rate=progress.rate,
            seconds=row["seconds"],
            lines_per_second=row["lines_per_second"],
            best_epoch=progress.best_epoch,
            stopped=stopped,
            history=progress.history,
            precision=progress.precision,
        )


def validate(
    network: Network, spec: ModelSpec, samples: Sequence[Sample], team: Team = ALONE
) -> tuple[Score, tuple[tuple[str, str], ...]]:
    """Score of the network by the reader its users will have, and (label, reading) of each line. Raises ImageError.

    Each process of a team reads its part, and all get the whole.
    """
    team.follow_buffers(network)
    mine = (samples[number] for number in range(team.rank, len(samples), team.size))
    readings = []
    try:
        with team.together():
            for result in Reader(TorchModel(network, spec)).read_many(mine):
                if isinstance(result.outcome, ImageError):
                    raise result.outcome
                readings.append(result.outcome.text)
    finally:
        network.train()
    parts = team.gather(readings)
    readings = [parts[number % team.size][number // team.size] for number in range(len(samples))]
    texts = [sample.text for sample in samples]
    return score(readings, texts), tuple(zip(texts, readings, strict=True))


class _Taken:
    """Steps that were taken, and what they came to once it is read from the device: `loss` is that of the last."""

    def __init__(self, every: int, settings: Settings, team: Team) -> None:
        self.loss = math.nan
        self.unread: list[tuple[Tensor, int]] = []
        self._every, self._settings, self._team = every, settings, team
        self._faults = 0

    def add(self, came_to: Tensor, lines: int) -> None:
        """Note a step: (2,) as `Learner.learn` gives, and the lines of its batch."""
        self.unread.append((came_to, lines))

    @property
    def are_due(self) -> bool:
        """Tell whether it is time to wait for the device."""
        return len(self.unread) >= self._every

    def read(self, progress: Progress) -> None:
        """Add what is unread to the loss of the epoch. Raises TrainingError when too many were no numbers in a row."""
        if not self.unread:
            return
        results = torch.stack([came_to for came_to, _ in self.unread]).tolist()
        for (loss, sound), (_, lines) in zip(results, self.unread, strict=True):
            self.loss = loss if sound else math.nan
            self._faults = 0 if sound else self._faults + 1
            progress.loss += loss * lines if sound else 0.0
            if self._faults > _PATIENT_WITH_NAN:
                rate = self._settings.learning_rate
                fault = f"the loss is not a number any more; train with a lower --lr than {rate:g}"
                raise self._team.said_once(TrainingError(fault))
        self.unread.clear()


class _Keeper:
    """What keeps a run's checkpoint and its best network, where this is the process that does."""

    def __init__(self, folder: Path, learner: Learner, terms: Terms, settings: Settings) -> None:
        self._path, self._best = folder / CHECKPOINT, folder / BEST
        self._learner, self._terms = learner, terms
        self._at_most = settings.checkpoint_seconds
        self._saved_at, self._cost = 0.0, 0.0

    def load(self) -> Progress | None:
        """Bring the learner, in every process, back to where the run was saved; None where there is no checkpoint.

        Raises ModelError for a damaged one, UsageError when its run had other options or data.
        """
        team, data = self._learner.team, None
        with team.together():
            if team.leads:
                clear_drafts(self._path.parent)
                data = read_checkpoint(self._path) if self._path.is_file() else None
        if not team.gather(data is not None)[0]:
            return None
        with team.together():
            learner = self._learner
            progress = load_checkpoint(
                self._path, team.share(data or b""), learner.network, learner.optimizer, self._terms
            )
        self._saved_at = progress.seconds
        return progress

    def is_due(self, seconds: float) -> bool:
        """Tell whether to save after so many seconds of training."""
        wait = max(min(self._at_most, _CHECKPOINT_SHARE * seconds), self._cost / _CHECKPOINT_COST)
        return self._learner.team.leads and seconds - self._saved_at > wait

    def save(self, progress: Progress, seconds: float) -> None:
        """Replace the checkpoint. Raises OutputError."""
        progress.seconds = seconds
        if self._learner.team.leads:
            start = time.monotonic()
            save_checkpoint(self._path, self._learner.network, self._learner.optimizer, progress, self._terms)
            self._cost = time.monotonic() - start
        self._saved_at = seconds

    def save_best(self, spec: ModelSpec, score: Score, epoch: int) -> None:
        """Replace the best network by this one, which got such a score after an epoch. Raises OutputError."""
        if self._learner.team.leads:
            save_weights(self._best, self._learner.network, _scored(spec, score, epoch))

    def rescued(self, lost: ProcessLost, progress: Progress, seconds: float) -> ProcessLost:
        """The error to end with when a process was lost; rank 0 saves first what the last whole step left."""
        if not self._learner.team.leads:
            return ProcessLost(f"{lost}; what rank 0 saved goes on with --resume")
        if self._learner.team.device.type == "cuda":
            # Steps that nobody waited for may hang on the lost process, and what they leave is not to be trusted.
            return ProcessLost(f"{lost}; the last checkpoint goes on with --resume")
        self.save(progress, seconds)
        return ProcessLost(f"{lost}; saved, go on with --resume")


def _agreed_precision(network: Network, settings: Settings, team: Team) -> Arithmetic:
    """What all processes of a team compute in: bf16 where every one of them is to."""
    found = settled(settings.precision, network, team.device, deterministic=settings.deterministic)
    return "bf16" if all(its == "bf16" for its in team.gather(found)) else "fp32"


def _row(progress: Progress, score: Score, seconds: float, lines_per_second: float) -> dict[str, float]:
    """Figures of the epoch that a run has come to the end of, as `history` has them."""
    return {
        "epoch": progress.epoch,
        "loss": progress.loss / max(1, progress.lines),
        "cer": score.cer,
        "cer_as_written": score.cer_raw,
        "wer": score.wer,
        "learning_rate": progress.rate,
        "seconds": round(seconds, 1),
        "lines_per_second": round(lines_per_second, 1),
    }


def _rate(settings: Settings, steps: int, done: float, *, from_model: bool) -> float:
    warm = min(1.0, max((steps + 1) / _WARM_UP_STEPS, done / _WARM_UP_SHARE if from_model else 0.0))
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
        return f"no better validation CER as written for {settings.patience} epochs"
    return None


def figures(score: Score, epoch: int) -> dict[str, object]:
    """What a model's description says of the validation lines after an epoch; 0 is the start."""
    return {
        "epoch": epoch,
        "lines": score.lines,
        "cer": round(score.cer, 5),
        "cer interval": [round(score.cer_low, 5), round(score.cer_high, 5)],
        "cer as written": round(score.cer_raw, 5),
        "wer": round(score.wer, 5),
    }


def _scored(spec: ModelSpec, score: Score, epoch: int) -> ModelSpec:
    """Spec that tells how well its network reads the validation lines after an epoch."""
    return dataclasses.replace(spec, about={**spec.about, "validation": figures(score, epoch)})


def digest(samples: Sequence[Sample]) -> str:
    """A number that changes when lines or their texts do; where their folder stands does not matter."""
    told = hashlib.sha256()
    for number, sample in enumerate(samples):
        line = f"{sample.name or sample.image}\t{sample.text}"
        # Undecodable bytes of file names are lone surrogates, which plain UTF-8 refuses.
        told.update((f"\n{line}" if number else line).encode(errors="surrogatepass"))
    return told.hexdigest()


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
