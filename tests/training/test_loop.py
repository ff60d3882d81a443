import dataclasses
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.errors import TrainingError, UsageError
from ocrnn.metrics import score
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights
from ocrnn.spec import ModelSpec
from ocrnn.training import loop
from ocrnn.training.batches import Batch
from ocrnn.training.loop import BEST, CHECKPOINT, Epoch, Settings, Step, train, validate
from ocrnn.training.plans import Plan, permuted
from ocrnn.training.sources import RealLines
from ocrnn.training.step import Learner

SETTINGS = Settings(epochs=3, learning_rate=3e-3, columns=400, precision="fp32", deterministic=True)


class Lesson:
    """A run on the drawn digits: the last twelve validate."""

    def __init__(self, digits: list[Sample], spec: ModelSpec, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.source, self.validation = RealLines(digits[:-12], "light"), digits[-12:]
        self.spec, self.folder = spec, folder

    def plan(self, epoch: int) -> Plan:
        return permuted(self.source, 0, epoch, least=96)

    def events(self, settings: Settings = SETTINGS, **options: object) -> list[Step | Epoch]:
        torch.manual_seed(4)
        network = Network(self.spec.architecture, self.spec.charset.classes)
        return list(
            train(network, self.spec, self.plan, self.validation, settings, self.folder, **options)  # type: ignore[arg-type]
        )

    def weights(self, name: str = CHECKPOINT) -> bytes:
        return (self.folder / name).read_bytes()


def test_it_learns_what_it_never_saw(many_digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    lesson = Lesson(many_digits, spec, tmp_path / "run")
    settings = dataclasses.replace(SETTINGS, epochs=12, learning_rate=1e-2, columns=200)
    epochs = [event for event in lesson.events(settings) if isinstance(event, Epoch)]
    assert epochs[0].score.cer > 0.5
    assert min(epoch.score.cer for epoch in epochs) < 0.1
    assert epochs[-1].stopped == "epoch 12 was the last asked for"
    assert [row["epoch"] for row in epochs[-1].history] == list(range(1, 13))
    best = min(epochs, key=lambda epoch: epoch.score.cer)
    assert best.is_best
    _, stored = load_weights(lesson.folder / BEST)
    assert dataclasses.replace(stored, about={}) == spec
    assert stored.about["validation"]["cer"] == round(best.score.cer, 5)


def test_a_short_run_from_a_model_reaches_its_learning_rate(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path
) -> None:
    """In its first tenth, though it has fewer steps than a long run takes to warm up; then it falls as a cosine."""
    lesson = Lesson(digits, spec, tmp_path / "run")
    events = lesson.events(dataclasses.replace(SETTINGS, epochs=10), from_model=True)
    assert sum(isinstance(event, Step) for event in events) < 200
    rates = [event.learning_rate for event in events if isinstance(event, Epoch)][1:]
    assert rates[1] > 0.85 * SETTINGS.learning_rate
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] < 0.05 * SETTINGS.learning_rate


def test_stopped_and_resumed_is_bit_for_bit_the_undisturbed_run(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path
) -> None:
    whole = Lesson(digits, spec, tmp_path / "whole")
    events = whole.events()
    broken = Lesson(digits, spec, tmp_path / "broken")
    stop = threading.Event()
    torch.manual_seed(4)
    network = Network(spec.architecture, spec.charset.classes)
    for count, event in enumerate(
        train(network, spec, broken.plan, broken.validation, SETTINGS, broken.folder, stop=stop)
    ):
        if count == len(events) // 2:
            assert isinstance(event, Step)
            stop.set()
    torch.manual_seed(99)  # nothing of the new process's chance may matter
    broken.events(resume=True)
    _equal_runs(whole.folder, broken.folder)


def _equal_runs(one: Path, other: Path) -> None:
    from safetensors.torch import load_file

    for name in (BEST, CHECKPOINT):
        mine, theirs = load_file(one / name), load_file(other / name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine), name


def test_a_run_goes_on_in_the_arithmetic_it_began_with(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timings = iter(["bf16", "fp32"])  # a clock may say one thing today and another tomorrow
    monkeypatch.setattr("ocrnn.training.loop.settled", lambda *_, **__: next(timings))
    computed = []
    learn = Learner.learn

    def noted(self: Learner, batch: Batch, rate: float, step: int) -> torch.Tensor:
        computed.append(self.precision)
        return learn(self, batch, rate, step)

    monkeypatch.setattr(Learner, "learn", noted)
    lesson = Lesson(digits, spec, tmp_path / "run")
    settings = dataclasses.replace(SETTINGS, epochs=2, precision="auto", deterministic=False)
    stop = threading.Event()
    torch.manual_seed(4)
    network = Network(spec.architecture, spec.charset.classes)
    for _ in train(network, spec, lesson.plan, lesson.validation, settings, lesson.folder, stop=stop):
        stop.set()
    assert set(computed) == {"bf16"}
    computed.clear()
    last = lesson.events(settings, resume=True)[-1]
    assert isinstance(last, Epoch) and last.precision == "bf16"
    assert set(computed) == {"bf16"}
    assert next(timings) == "fp32", "the run that went on did not ask again"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_at_three_moments_and_resumed_the_weights_are_bit_equal(short_lines: Path, tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"moments of seed {seed}")  # shown when the test fails
    chance = random.Random(seed)
    killed = tmp_path / "killed"

    def start(out: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ocrnn", "train", "--data", str(short_lines), "--out", str(out), *more]
        command += ["--arch", "fast", "--epochs", "2", "--deterministic", "--threads", "1"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def drafts() -> set[Path]:
        return set(killed.glob(".ocrnn-*"))

    with start(tmp_path / "whole") as whole:
        moments: list[tuple[Callable[[], bool], float]] = [
            (lambda: True, chance.uniform(0, 2)),  # as a rule before the first checkpoint
            (lambda: bool(drafts() - before), chance.uniform(0, 0.05)),  # while a checkpoint or a model is written
            (lambda: _epoch(killed / CHECKPOINT) == 2, chance.uniform(0, 1)),
        ]
        for has_come, delay in moments:
            before = drafts()
            with start(killed, "--resume") as run:
                assert run.stderr is not None
                while "network from nothing" not in run.stderr.readline():
                    assert run.poll() is None
                while not has_come():
                    assert run.poll() is None, run.stderr.read()
                    time.sleep(0.001)
                time.sleep(delay)
                run.kill()
            assert run.returncode == -signal.SIGKILL
        with start(killed, "--resume") as rest:
            _, told = rest.communicate(timeout=300)
        assert rest.returncode == 0, told
        _, told = whole.communicate(timeout=300)
        assert whole.returncode == 0, told
    _equal_runs(tmp_path / "whole", killed)
    assert not drafts(), "what a killed run was writing lies about"


def _epoch(checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    with checkpoint.open("rb") as file:  # opened once: another may take its place, and `safe_open` opens it twice
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return int(json.loads(header["__metadata__"]["ocrnn-checkpoint"])["progress"]["epoch"])


def test_a_finished_run_does_not_go_on(digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    lesson = Lesson(digits, spec, tmp_path / "run")
    for changes in ({"epochs": 1}, {"epochs": None, "minutes": 0.001}):
        settings = dataclasses.replace(SETTINGS, **changes)
        assert lesson.events(settings)
        before = lesson.weights(BEST), lesson.weights()
        assert lesson.events(settings, resume=True) == []
        assert (lesson.weights(BEST), lesson.weights()) == before
        (lesson.folder / CHECKPOINT).unlink()


def test_a_resumed_run_with_another_option_is_refused_by_its_name(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path
) -> None:
    lesson = Lesson(digits, spec, tmp_path / "run")
    lesson.events(dataclasses.replace(SETTINGS, epochs=1), options={"--augment": "light", "--from": None})
    changed = dataclasses.replace(SETTINGS, epochs=2, learning_rate=1.0)
    with pytest.raises(UsageError, match="made with other --augment, --epochs, --lr; repeat its options, or give ano"):
        lesson.events(changed, options={"--augment": "strong", "--from": None}, resume=True)


def test_a_start_that_training_does_not_beat_stays_the_best(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path
) -> None:
    lesson = Lesson(digits, spec, tmp_path / "run")
    lesson.events(dataclasses.replace(SETTINGS, epochs=1))
    network, _ = load_weights(lesson.folder / BEST)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    ruinous = dataclasses.replace(SETTINGS, learning_rate=30.0, epochs=1)
    second = tmp_path / "second"
    second.mkdir()
    events = list(train(network, spec, lesson.plan, lesson.validation, ruinous, second, from_model=True))
    start, end = (event for event in events if isinstance(event, Epoch))
    assert start.number == 0
    assert end.score.cer >= start.score.cer
    assert not end.is_best
    kept, _ = load_weights(second / BEST)
    assert all(torch.equal(kept.state_dict()[name], value) for name, value in before.items())


def test_the_best_is_that_of_the_texts_as_written(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels may be all that tells ſ from s: after folding, which makes both s, such a lesson would bring nothing."""
    read = iter([["ſo"], ["so"], ["sa"]])
    monkeypatch.setattr(loop, "validate", lambda *_: (score(found := next(read), ["so"]), (("so", found[0]),)))
    lesson = Lesson(digits, spec, tmp_path / "run")
    events = lesson.events(dataclasses.replace(SETTINGS, epochs=2), from_model=True)
    start, better, worse = (event for event in events if isinstance(event, Epoch))
    assert start.score.cer == better.score.cer == 0
    assert (better.best_epoch, worse.best_epoch) == (1, 1)
    assert [row["cer_as_written"] for row in worse.history] == [0, 0.5]
    assert load_weights(lesson.folder / BEST)[1].about["validation"]["cer as written"] == 0


def test_minutes_end_a_run_and_patience_does(digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    timed = Lesson(digits, spec, tmp_path / "timed")
    last = timed.events(dataclasses.replace(SETTINGS, epochs=None, minutes=0.01))[-1]
    assert isinstance(last, Epoch)
    assert last.stopped == "0.01 minutes are over"
    idle = Lesson(digits, spec, tmp_path / "idle")
    last = idle.events(dataclasses.replace(SETTINGS, epochs=9, patience=2, learning_rate=0.0))[-1]
    assert isinstance(last, Epoch)
    assert last.stopped == "no better validation CER as written for 2 epochs"
    assert last.number == 3


def test_what_is_read_before_learning_takes_no_time_of_it(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("ocrnn.training.loop.time.monotonic", lambda: now[0])
    lesson = Lesson(digits, spec, tmp_path / "run")
    settings = dataclasses.replace(SETTINGS, epochs=None, minutes=1)

    def read_slowly(*given: object) -> object:
        now[0] += 59
        return validate(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("ocrnn.training.loop.validate", read_slowly)
    start, *epochs = (event for event in lesson.events(settings, from_model=True) if isinstance(event, Epoch))
    assert start.number == 0
    assert [epoch.seconds for epoch in epochs] == [59, 118]


def test_a_loss_that_is_no_number_ends_the_run_with_a_way_out(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Network, images: torch.Tensor) -> tuple[torch.Tensor, None]:
        frames = self.architecture.frames(images.shape[3])
        poisoned = self.head.weight.sum() * math.nan
        return torch.zeros(frames, len(images), spec.charset.classes) + poisoned, None

    monkeypatch.setattr(Network, "training_log_probs", broken)
    monkeypatch.setattr("ocrnn.training.loop._PATIENT_WITH_NAN", 2)
    with pytest.raises(TrainingError, match="not a number any more; train with a lower --lr than 0.003"):
        Lesson(digits, spec, tmp_path / "run").events()
