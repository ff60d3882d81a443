import dataclasses
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.metrics import score
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.training.diagnosis import astray, explain, verdict
from ocrnn.training.loop import Epoch, Settings, train
from ocrnn.training.plans import permuted
from ocrnn.training.sources import RealLines
from ocrnn.training.start import FINE_TUNING_RATE, LEARNING_RATE


def epochs(losses: Sequence[float], readings: Sequence[str], first: int = 1) -> list[Epoch]:
    """One epoch for each loss and reading of the text `abcdefghij`."""
    made: list[Epoch] = []
    history: list[dict[str, float]] = []
    for number, (loss, reading) in enumerate(zip(losses, readings, strict=True), first):
        scored = score([reading], ["abcdefghij"])
        if number:
            history.append({"epoch": number, "cer": scored.cer, "cer_as_written": scored.cer_raw, "wer": scored.wer})
        best = min((*made, None), key=lambda epoch: epoch.score.cer if epoch else scored.cer)
        made.append(
            Epoch(
                number, loss, scored, (("abcdefghij", reading),), 1e-3, 60.0, 50.0,
                best_epoch=best.number if best else number, history=tuple(history),
            )
        )  # fmt: skip
    return made


def told(run: Sequence[Epoch]) -> str:
    advice = explain(run, learning_rate=3e-3, usual=2e-3, lines=1000)
    assert advice is not None
    return advice


def test_a_run_that_learns_is_left_in_peace() -> None:
    readings = ["", "", "abc", "abcdef", "abcdefghi", "abcdefghij"]
    run = epochs([9, 3, 2, 1, 0.5, 0.2], readings)
    for count in range(len(run) + 1):
        assert explain(run[:count], learning_rate=3e-3, usual=2e-3, lines=1000) is None


def test_nothing_but_blanks_is_explained() -> None:
    advice = told(epochs([9, 3, 2.9, 2.9, 2.9, 2.9], [""] * 6))
    assert "still reads nothing on 100%" in advice
    assert advice.endswith(", or try --lr 0.0008")  # a quarter of what it had


def test_a_rate_is_held_against_what_is_usual_for_such_a_network() -> None:
    run = epochs([9, 3, 2.9, 2.9, 2.9, 2.9], [""] * 6)
    for usual, is_blamed in ((2e-3, False), (5e-4, True)):
        advice = explain(run, learning_rate=3e-3, usual=usual, lines=1000)
        assert advice is not None
        assert advice.endswith("the learning rate of 0.003 is too high; try --lr 0.0005") == is_blamed


def test_a_jump_of_the_loss_names_a_lower_rate() -> None:
    assert "jumped from 1.00 to 5.00; try --lr 0.001" in told(epochs([2, 1, 5], ["a", "ab", "a"]))
    assert "jumped" in told(epochs([2, 1, math.nan], ["a", "ab", "a"]))


def test_a_loss_that_was_never_down_is_put_down_to_the_rate() -> None:
    run = epochs([4990], [""])
    advice = explain(run, learning_rate=30, usual=2e-3, lines=1000)
    assert advice == (
        "the training loss explodes: it stands at 4990 nats per character: "
        "the learning rate of 30 is too high; try --lr 0.002"
    )
    for rate in (2e-3, 1e-6):
        assert explain(run, learning_rate=rate, usual=2e-3, lines=1000) is None
    assert explain(epochs([20], [""]), learning_rate=30, usual=2e-3, lines=1000) is None


@pytest.mark.parametrize(("before", "after", "jumps"), [(0.01, 0.05, False), (3, 5, False), (3, 7, True)])
def test_a_loss_may_waver_while_small_and_not_double_later(before: float, after: float, jumps: bool) -> None:
    run = epochs([4, before, after], ["a", "abcdefghij", "abcdefghij"])
    advice = explain(run, learning_rate=3e-3, usual=2e-3, lines=9)
    assert (advice is not None and "explodes" in advice) == jumps


def test_a_plateau_is_explained() -> None:
    assert "stood still at 2.50 for 5 epochs" in told(epochs([2.5] * 11, ["abc"] * 11))


def test_learning_by_heart_is_explained() -> None:
    losses = [1 / n for n in range(1, 14)]
    readings = ["abcdefghij"] * 7 + ["abcdefgh"] * 6
    assert "by heart" in told(epochs(losses, readings))


@pytest.mark.parametrize(("wrong", "is_named"), [(5, False), (20, True)])
def test_a_rise_within_chance_is_no_learning_by_heart(wrong: int, is_named: bool) -> None:
    truths = ["abcdefghij"] * 40
    run = [
        dataclasses.replace(epoch, score=score(["abcdefghix"] * count + truths[count:], truths))
        for epoch in epochs([1 / n for n in range(1, 14)], ["abcdefghij"] * 13)
        for count in [4 if epoch.number <= 7 else wrong]
    ]
    advice = explain(run, learning_rate=3e-3, usual=2e-3, lines=1000)
    assert (advice is not None and "by heart" in advice) == is_named


class Lesson:
    """Runs for real, small and in one thread: what is said after each of their epochs."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        torch.manual_seed(4)
        self.network = Network(spec.architecture, spec.charset.classes)

    def told(self, lines: Sequence[Sample], count: int, rate: float, *, least: int, start: bool = False) -> list[str]:
        """Advice after each of `count` epochs, "" where there is none; the last six lines validate."""
        source, validation = RealLines(lines[:-6], None), lines[-6:]
        self.folder.mkdir(exist_ok=True)
        settings = Settings(
            epochs=count, patience=99, learning_rate=rate, columns=150, precision="fp32", deterministic=True
        )
        epochs: list[Epoch] = []
        advice = []
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            for event in train(
                self.network, self.spec, lambda epoch: permuted(source, 0, epoch, least=least), validation, settings,
                self.folder, from_model=start,
            ):  # fmt: skip
                if isinstance(event, Epoch):
                    epochs.append(event)
                    usual = FINE_TUNING_RATE if start else LEARNING_RATE
                    advice.append(explain(epochs, learning_rate=rate, usual=usual, lines=len(lines) - 6) or "")
        finally:
            torch.set_num_threads(threads)
        return advice


@pytest.fixture
def lesson(spec: ModelSpec, tmp_path: Path) -> Lesson:
    return Lesson(spec, tmp_path / "run")


def test_a_real_run_with_a_rate_of_thirty(lesson: Lesson, digits: list[Sample]) -> None:
    told = " ".join(lesson.told(digits[:10], 12, 30.0, least=4))
    assert "the training loss explodes: it jumped from" in told
    assert "the learning rate of 30 is too high; try --lr 0.002" in told


def test_real_runs_whose_labels_belong_to_other_pictures(lesson: Lesson, digits: list[Sample]) -> None:
    """Nothing can be learned: the loss stands still, and nothing but blanks comes out."""
    texts = [sample.text for sample in digits[:32]]
    torn = [dataclasses.replace(one, text=text) for one, text in zip(digits, texts[7:] + texts[:7], strict=False)]
    told = lesson.told(torn, 11, 1e-2, least=48)
    assert set(told[:5]) == {""}  # every run starts so
    assert "still reads nothing on 100% of the validation lines, and the training loss stands still at 2." in told[-1]
    assert "check that the labels belong to their pictures" in told[-1]


def test_a_real_run_that_hardly_moves(lesson: Lesson, digits: list[Sample]) -> None:
    told = " ".join(lesson.told(digits[:12], 13, 1e-6, least=6))
    assert "has stood still at" in told and "most characters are wrong" in told
    assert "the learning rate of 1e-06 is too low; try --lr 0.002" in told


def test_a_real_run_on_eight_lines_and_what_becomes_of_it_with_too_high_a_rate(
    lesson: Lesson, digits: list[Sample]
) -> None:
    told = lesson.told(digits[:14], 26, 1e-2, least=48)
    assert "validation is much worse than training: CER" in told[-1]
    assert "8 lines are few: give it more, start --from a model, or add --synth" in told[-1]
    assert not any("explodes" in advice or "reads nothing" in advice for advice in told)
    # It knows those eight lines. Going on from it, and judged by some of them, a rate of one undoes that.
    lesson.folder = lesson.folder.parent / "second"
    ruined = lesson.told([*digits[:8], *digits[:6]], 1, 1.0, least=24, start=True)
    assert ruined[0] == "" and "the learning rate of 1 is too high to go on from a model: it read with" in ruined[1]
    assert "try --lr 0.001" in ruined[1]


def start_of(pairs: Sequence[tuple[str, str]]) -> Epoch:
    return Epoch(0, math.nan, score([r for _, r in pairs], [t for t, _ in pairs]), tuple(pairs), 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("extra", "right", "told"), [(1, 0, True), (3, 2, True), (1, 6, True), (0, 0, False), (1, 8, False)]
)
def test_labels_that_stand_at_other_pictures_are_told_from_hard_ones(extra: int, right: int, told: bool) -> None:
    """What the pictures show, with two letters misread, against labels with some too many behind the right ones."""
    rng = random.Random(5)
    shown = ["".join(rng.choices("abcdefghij klm", k=30)).strip() for _ in range(40)]
    lines = [Sample(Path(f"{n}.png"), t) for n, t in enumerate([*shown[:right], *["x" * 20] * extra, *shown[right:]])]
    pairs = [(line.text, f"zz{text[2:]}") for line, text in zip(lines[:10], shown, strict=False)]
    expected = (
        f"of 10 validation lines the start model reads {10 - right} as the label of another, {right}.png as that of "
        f"{right + extra}.png; look whether the labels lack a line or have one too many"
    )
    assert astray(start_of(pairs), lines[:10], lines) == (expected if told else None)


@pytest.mark.parametrize("reading", ["xyz" * 9, "xyz" * 99])
def test_a_start_that_reads_nothing_right_says_nothing_of_the_labels(reading: str) -> None:
    lines = [Sample(Path(f"{n}.png"), "abcdefgh" * n) for n in range(1, 12)]
    assert astray(start_of([(line.text, reading) for line in lines]), lines, lines) is None


def test_few_labels_at_other_pictures_among_many_hard_ones_say_nothing() -> None:
    rng = random.Random(5)
    texts = ["".join(rng.choices("abcdefghij", k=30)) for _ in range(31)]
    lines = [Sample(Path(f"{n}.png"), text) for n, text in enumerate(texts)]
    pairs = [(text, "xyz" * 9 if n < 24 else texts[n + 1]) for n, text in enumerate(texts[:30])]
    assert astray(start_of(pairs[24:]), lines[24:30], lines) is not None
    assert astray(start_of(pairs), lines[:30], lines) is None


def test_a_digit_misread_for_that_of_another_label_is_no_label_astray() -> None:
    lines = [Sample(Path(f"{n}.png"), f"invoice of May 2024, number {n}") for n in range(10)]
    assert astray(start_of([(line.text, f"{line.text[:-1]}7") for line in lines]), lines, lines) is None


def test_the_verdict_names_the_best_epoch_and_the_start() -> None:
    run = epochs([2, 1, 1], ["abc", "abcdefghij", "abcdefghi"])
    assert verdict(run) == "best: epoch 2, CER 0.00%; WER 0.00%"
    assert "down from 70.00%" in verdict(epochs([0, 2, 1], ["abc", "abcd", "abcdefghij"], first=0))
    worse = verdict(epochs([0, 2], ["abcdefghij", "abcde"], first=0))
    assert worse.startswith("training made it worse: CER 0.00% at the start, 50.00% at the end")
    alike = verdict(epochs([0, 2], ["abcde", "abcde"], first=0))
    assert alike.startswith("training brought nothing: CER 50.00% at the start, 50.00% at the end")


def test_the_verdict_goes_by_the_texts_as_written() -> None:
    """A circled a is an a after folding."""
    run = epochs([0, 2], ["abcdefghij", "ⓐbcdefghij"], first=0)
    assert verdict(run) == (
        "training made it worse: CER 0.00% at the start, 0.00% (10.00% as written) at the end; the start is kept "
        "as best"
    )


def test_the_verdict_tells_where_the_file_reads_otherwise_than_its_epoch_did() -> None:
    run = epochs([2, 1], ["abcde", "abcdefghi"])
    plain = verdict(run)
    assert verdict(run, run[1].score) == plain
    assert verdict(run, run[0].score).startswith(f"{plain}; best.onnx has CER 50.00%, WER 100.00%: how sure it is was")
    kept = epochs([0, 2], ["abcdefghij", "abcde"], first=0)
    assert "kept as best; best.onnx has CER 50.00%" in verdict(kept, kept[1].score)


def test_the_verdict_of_a_resumed_run_knows_what_came_before() -> None:
    run = epochs([2, 1, 1], ["abc", "abcdefghij", "abcdefghi"])
    assert verdict(run[2:]) == "best: epoch 2, CER 0.00%; WER 0.00%"
    worse = epochs([0, 2], ["abcdefghij", "abcde"], first=0)
    assert verdict(worse[1:]) == "training made it worse: 50.00% at the end; the start is kept as best"
