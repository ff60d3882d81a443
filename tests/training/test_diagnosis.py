import math
from collections.abc import Sequence

from ocrnn.metrics import score
from ocrnn.training.diagnosis import explain, verdict
from ocrnn.training.loop import Epoch


def epochs(losses: Sequence[float], readings: Sequence[str], first: int = 1) -> list[Epoch]:
    """One epoch for each loss and reading of the text `abcdefghij`."""
    made: list[Epoch] = []
    history: list[dict[str, float]] = []
    for number, (loss, reading) in enumerate(zip(losses, readings, strict=True), first):
        scored = score([reading], ["abcdefghij"])
        if number:
            history.append({"epoch": number, "cer": scored.cer, "wer": scored.wer})
        best = min((*made, None), key=lambda epoch: epoch.score.cer if epoch else scored.cer)
        made.append(
            Epoch(
                number, loss, scored, (("abcdefghij", reading),), 1e-3, 60.0, 50.0,
                best_epoch=best.number if best else number, history=tuple(history),
            )
        )  # fmt: skip
    return made


def told(run: Sequence[Epoch]) -> str:
    advice = explain(run, learning_rate=3e-3)
    assert advice is not None
    return advice


def test_a_run_that_learns_is_left_in_peace() -> None:
    readings = ["", "", "abc", "abcdef", "abcdefghi", "abcdefghij"]
    run = epochs([9, 3, 2, 1, 0.5, 0.2], readings)
    assert all(explain(run[:count], learning_rate=3e-3) is None for count in range(len(run) + 1))


def test_nothing_but_blanks_is_explained() -> None:
    assert "still reads nothing on 100%" in told(epochs([9, 3, 2.9], ["", "", ""]))


def test_a_jump_of_the_loss_names_a_lower_rate() -> None:
    assert "jumped from 1.00 to 5.00; try --lr 0.001" in told(epochs([2, 1, 5], ["a", "ab", "a"]))
    assert "jumped" in told(epochs([2, 1, math.nan], ["a", "ab", "a"]))


def test_a_small_loss_may_waver() -> None:
    assert explain(epochs([2, 0.01, 0.05], ["a", "abcdefghij", "abcdefghij"]), learning_rate=3e-3) is None


def test_a_plateau_is_explained() -> None:
    assert "stood still at 2.50 for 5 epochs" in told(epochs([2.5] * 11, ["abc"] * 11))


def test_learning_by_heart_is_explained() -> None:
    losses = [1 / n for n in range(1, 14)]
    readings = ["abcdefghij"] * 7 + ["abcdefgh"] * 6
    assert "by heart" in told(epochs(losses, readings))


def test_the_verdict_names_the_best_epoch_and_the_start() -> None:
    run = epochs([2, 1, 1], ["abc", "abcdefghij", "abcdefghi"])
    assert verdict(run) == "best: epoch 2, CER 0.00%; WER 0.00%"
    assert "down from 70.00%" in verdict(epochs([0, 2, 1], ["abc", "abcd", "abcdefghij"], first=0))
    worse = verdict(epochs([0, 2], ["abcdefghij", "abcde"], first=0))
    assert worse.startswith("training made it worse: CER 0.00% at the start, 50.00% at the end")


def test_the_verdict_of_a_resumed_run_knows_what_came_before() -> None:
    run = epochs([2, 1, 1], ["abc", "abcdefghij", "abcdefghi"])
    assert verdict(run[2:]) == "best: epoch 2, CER 0.00%; WER 0.00%"
    worse = epochs([0, 2], ["abcdefghij", "abcde"], first=0)
    assert verdict(worse[1:]) == "training made it worse: 50.00% at the end; the start is kept as best"
