"""CTC against every path written out, and against torch."""

from __future__ import annotations

import doctest
import itertools
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding import ctc
from ocrnn.decoding.ctc import (
    Hypothesis,
    align,
    align_all,
    character_confidences,
    collapse,
    greedy,
    greedy_all,
    log_probabilities,
    log_probability,
    tempered,
)

Text = tuple[int, ...]
Frames = npt.NDArray[np.float64]

SEEDS = range(25)


def random_frames(rng: np.random.Generator, frames: int, classes: int) -> Frames:
    logits = rng.normal(0.0, 1.5, (frames, classes))
    log_probs: Frames = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs


def random_small(seed: int) -> Frames:
    """Frames few enough to write out every path, T != C."""
    rng = np.random.default_rng(seed)
    frames, classes = [(1, 4), (4, 2), (5, 3), (3, 5), (6, 3), (5, 4)][seed % 6]
    return random_frames(rng, frames, classes)


def all_paths(log_probs: Frames) -> Iterator[tuple[Text, float]]:
    """Every path with its log-probability."""
    frames, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=frames):
        yield path, sum(log_probs[frame, number] for frame, number in enumerate(path))


def text_of(path: Text) -> Text:
    """What a path reads as, by definition: a class counts where it is no blank and unlike the frame before."""
    return tuple(c for frame, c in enumerate(path) if c != 0 and (frame == 0 or path[frame - 1] != c))


def spans_of(path: Text) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for frame, number in enumerate(path):
        if number != 0 and (frame == 0 or path[frame - 1] != number):
            spans.append((frame, frame + 1))
        elif number != 0:
            spans[-1] = (spans[-1][0], frame + 1)
    return tuple(spans)


def best_path_by_text(log_probs: Frames) -> dict[Text, tuple[Text, float]]:
    best: dict[Text, tuple[Text, float]] = {}
    for path, logp in all_paths(log_probs):
        if logp > best.get(text_of(path), ((), -math.inf))[1]:
            best[text_of(path)] = (path, logp)
    return best


@pytest.mark.parametrize(
    ("path", "classes"),
    [
        ([], ()),
        ([0, 0, 0], ()),
        ([3], (3,)),
        ([3, 3, 3], (3,)),
        ([3, 0, 3], (3, 3)),
        ([0, 1, 1, 0, 0, 1, 2, 2, 1, 0], (1, 1, 2, 1)),
    ],
)
def test_collapse_merges_repeats_before_it_drops_blanks(path: list[int], classes: Text) -> None:
    assert collapse(path) == classes


def test_collapse_takes_arrays_and_gives_plain_integers() -> None:
    classes = collapse(np.array([2, 2, 0, 2]))
    assert classes == (2, 2)
    assert all(type(number) is int for number in classes)


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_is_the_best_of_all_paths(seed: int) -> None:
    log_probs = random_small(seed)
    path, logp = max(all_paths(log_probs), key=lambda found: found[1])
    found = greedy(log_probs)
    assert found.classes == text_of(path)
    assert found.spans == spans_of(path)
    assert found.logp == pytest.approx(logp, abs=1e-12)


def test_greedy_of_no_frames_is_the_empty_text() -> None:
    assert greedy(np.zeros((0, 5), np.float32)) == Hypothesis((), 0.0, ())


def test_greedy_spans_end_with_the_last_frame() -> None:
    path = [1, 1, 0, 1, 2, 2, 2]
    log_probs = np.log(np.eye(3, dtype=np.float32)[path] * 0.7 + 0.1)
    found = greedy(log_probs)
    assert (found.classes, found.spans) == ((1, 1, 2), ((0, 2), (3, 4), (4, 7)))
    assert found.logp == pytest.approx(7 * math.log(0.8), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_log_probability_sums_every_path(seed: int) -> None:
    log_probs = random_small(seed)
    expected: dict[Text, float] = {}
    for path, logp in all_paths(log_probs):
        expected[text_of(path)] = expected.get(text_of(path), 0.0) + math.exp(logp)
    for classes, probability in expected.items():
        assert math.exp(log_probability(log_probs, classes)) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_log_probability_is_the_negative_ctc_loss(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    frames, classes, letters = 41 + seed, 7 + seed, 3 + seed
    log_probs = random_frames(rng, frames, classes)
    text = rng.integers(1, classes, letters)
    text[1] = text[0]  # a double letter in each
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs)[:, None], torch.from_numpy(text)[None], [frames], [letters], reduction="none"
    )
    assert log_probability(log_probs, text.tolist()) == pytest.approx(-loss.item(), rel=1e-9)


def test_log_probability_of_what_cannot_fit_is_minus_infinity() -> None:
    log_probs = random_frames(np.random.default_rng(1), 4, 3)
    assert log_probability(log_probs, [1, 2, 1, 2]) > -math.inf
    assert log_probability(log_probs, [1, 2, 1, 2, 1]) == -math.inf
    assert log_probability(log_probs, [1, 1, 2, 2]) == -math.inf  # two double letters need six frames


def test_log_probability_of_no_frames() -> None:
    nothing = np.zeros((0, 3))
    assert log_probability(nothing, []) == 0.0
    assert log_probability(nothing, [1]) == -math.inf


def test_log_probability_lives_with_impossible_classes() -> None:
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]))
    assert log_probability(log_probs, [1, 1]) == pytest.approx(math.log(0.5))
    assert log_probability(log_probs, [1, 2, 1]) == pytest.approx(math.log(0.5))
    assert log_probability(log_probs, [2]) == -math.inf


@pytest.mark.parametrize("seed", SEEDS)
def test_align_is_the_best_path_of_each_text(seed: int) -> None:
    log_probs = random_small(seed)
    best = best_path_by_text(log_probs)
    assert len(best) > 1
    for classes, (path, _) in best.items():
        assert align(log_probs, classes) == spans_of(path)
    together = align_all(log_probs, list(best))
    assert together == [spans_of(path) for path, _ in best.values()]


def test_align_all_gives_the_same_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    log_probs = random_frames(rng, 23, 5)
    texts = [rng.integers(1, 5, letters).tolist() for letters in (0, 7, 3, 9, 1, 4)]
    together = align_all(log_probs, texts)
    monkeypatch.setattr(ctc, "_CELLS", 2 * 24 * 19)  # two texts at a time
    assert align_all(log_probs, texts) == together
    monkeypatch.setattr(ctc, "_CELLS", 1)
    assert align_all(log_probs, texts) == together == [align(log_probs, text) for text in texts]


def long_line(seed: int, letters: int, classes: int = 7) -> tuple[Frames, list[int]]:
    """A line whose best text is known, four frames to a letter, some of them torn between two letters."""
    rng = np.random.default_rng(seed)
    text = rng.integers(1, classes, letters)
    path = np.stack([np.zeros(letters, int), text, text, np.zeros(letters, int)], axis=1).ravel()
    logits = rng.normal(0.0, 1.0, (len(path), classes))
    logits[np.arange(len(path)), path] += rng.choice([4.0, 8.0], len(path))
    log_probs: Frames = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs, list(greedy(log_probs).classes)


@pytest.mark.parametrize("seed", range(3))
def test_long_texts_are_summed_and_aligned_the_same_in_a_window(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    line, text = long_line(seed, 150)
    texts = [text, text[:60] + text[61:], [*text, 1]]
    together = [line] * 3
    whole = log_probabilities(together, texts), align_all(line, texts)
    monkeypatch.setattr(ctc, "_WHOLE_STATES", 10)
    assert log_probabilities(together, texts) == pytest.approx(whole[0], rel=1e-12)
    assert log_probabilities(together, texts) == pytest.approx([log_probability(line, text) for text in texts])
    assert align_all(line, texts) == whole[1]
    hopeless = np.full((20, 7), -np.inf)
    assert log_probabilities([hopeless], [text[:6]]).tolist() == [-math.inf]
    with pytest.raises(ValueError, match="no path of 20 frames"):
        align(hopeless, text[:6])


def test_a_window_keeps_up_with_a_line_that_is_sure_of_each_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """States a few behind the best have no probability left, and the window is as narrow as it gets."""
    text = [1 + number % 5 for number in range(150)]
    path = [number for letter in text for number in (letter, 0)]
    line = np.where(np.eye(7)[path] == 1, 0.0, -120.0)
    monkeypatch.setattr(ctc, "_WHOLE_STATES", 10)
    assert log_probabilities([line], [text]) == pytest.approx([log_probability(line, text)], abs=1e-9)
    assert align(line, text) == greedy(line).spans


def test_a_line_of_25_000_frames_is_summed_and_aligned_in_seconds() -> None:
    """All states of all frames took 6 s for the sum and as long for the path, and 300 MB."""
    line, text = long_line(0, 6250)
    start = time.process_time()
    (logp,) = log_probabilities([line], [text])
    spans = align(line, text)
    assert time.process_time() - start < 4
    assert greedy(line).logp < logp < 0.5 * greedy(line).logp  # the sum holds the best path and more
    assert len(spans) == len(text) and spans[-1][1] > 24_900


def test_align_of_nothing() -> None:
    assert align_all(np.zeros((0, 3)), []) == []
    assert align(np.zeros((0, 3)), []) == ()
    assert align(np.log(np.full((2, 3), 1 / 3)), []) == ()


def test_greedy_and_align_agree_on_a_sure_line() -> None:
    rng = np.random.default_rng(5)
    path = [0, 1, 1, 0, 1, 3, 3, 0, 0, 2]
    log_probs = random_frames(rng, 10, 4) + np.eye(4)[path] * 20
    log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
    found = greedy(log_probs)
    assert found.classes == (1, 1, 3, 2)
    assert align(log_probs, found.classes) == found.spans == ((1, 3), (4, 5), (5, 7), (9, 10))


def test_align_refuses_a_text_that_cannot_fit() -> None:
    log_probs = random_frames(np.random.default_rng(1), 3, 4)
    assert align(log_probs, [1, 2, 1]) == ((0, 1), (1, 2), (2, 3))
    with pytest.raises(ValueError, match="no path of 3 frames reads as these 3 classes"):
        align(log_probs, [1, 1, 2])


@pytest.mark.parametrize("function", [log_probability, align])
@pytest.mark.parametrize("number", [0, -1, 4])
def test_classes_outside_of_the_charset_are_refused(function: Callable[[Frames, Text], object], number: int) -> None:
    log_probs = random_frames(np.random.default_rng(1), 6, 4)
    with pytest.raises(ValueError, match=rf"class {number} is not among 1\.\.3"):
        function(log_probs, (1, number, 2))


def test_a_temperature_divides_the_logits_before_the_softmax() -> None:
    logits = np.random.default_rng(2).normal(0.0, 4.0, (5, 3, 7)).astype(np.float32)

    def softmax(temperature: float) -> npt.NDArray[np.float32]:
        shares = np.exp(logits / temperature)
        return np.asarray(np.log(shares / shares.sum(axis=-1, keepdims=True)), np.float32)

    for temperature in (0.5, 1.0, 3.0):
        np.testing.assert_allclose(tempered(softmax(1.0), temperature), softmax(temperature), atol=1e-4)


def test_character_confidences_are_the_peaks_within_the_spans() -> None:
    log_probs = np.log(
        np.array([[0.2, 0.7, 0.1], [0.05, 0.9, 0.05], [0.8, 0.1, 0.1], [0.1, 0.3, 0.6], [0.0625, 0.875, 0.0625]])
    )
    found = greedy(log_probs)
    assert found.classes == (1, 2, 1)
    assert character_confidences(log_probs, found) == pytest.approx((0.9, 0.6, 0.875))


def test_character_confidences_stay_within_one() -> None:
    sure = np.log(np.array([[1e-9, 1.0]], np.float32)) + np.float32(1e-7)
    assert character_confidences(sure, greedy(sure)) == (1.0,)
    assert character_confidences(np.zeros((0, 2)), greedy(np.zeros((0, 2)))) == ()


@pytest.mark.parametrize(
    ("log_probs", "fault"),
    [
        (np.zeros((3, 1, 4)), r"shape \(3, 1, 4\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.array([[0.5, 2.0]]), "positive"),
        (np.array([[-0.5, np.nan]]), "NaN"),
    ],
)
def test_what_is_no_table_of_log_probabilities_is_refused(log_probs: Frames, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        greedy(log_probs)
    with pytest.raises(ValueError, match=fault):
        log_probability(log_probs, [])
    with pytest.raises(ValueError, match=fault):
        align(log_probs, [])


def test_examples_run() -> None:
    outcome = doctest.testmod(ctc)
    assert (outcome.failed, outcome.attempted) == (0, 10)


def uneven_lines(rng: np.random.Generator) -> list[Frames]:
    """Lines of one class table and all lengths, none included, some of them sure; no two are alike."""
    lines = [random_frames(rng, frames, 6) for frames in (5, 300, 0, 1, 40, 40, 17, 0, 301)]
    sure = [line * rng.choice([1.0, 4.0]) for line in lines]
    return [line - np.log(np.exp(line).sum(axis=1, keepdims=True)) for line in sure]


def test_many_lines_are_decoded_as_each_alone() -> None:
    """Against the best class of each frame, collapsed, and against a walk along the path."""
    rng = np.random.default_rng(12)
    for _ in range(20):
        lines = uneven_lines(rng)
        for line, found in zip(lines, greedy_all(lines), strict=True):
            path = line.argmax(axis=1).tolist()
            assert found.classes == collapse(path)
            assert found.logp == pytest.approx(sum(line[frame, number] for frame, number in enumerate(path)))
            owned = {frame: n for n, (first, last) in enumerate(found.spans) for frame in range(first, last)}
            assert [found.classes[owned[frame]] if frame in owned else 0 for frame in range(len(path))] == path
            assert all(path[first : last + 1].count(path[first]) == last - first for first, last in found.spans)
            assert [found] == greedy_all([line])
    assert greedy_all([]) == []


def test_the_probabilities_of_many_readings_are_those_of_each_line() -> None:
    """Against the recursion in logarithms, itself held to all paths and to torch above: N != T != C, long and short."""
    rng = np.random.default_rng(11)
    for _ in range(5):
        lines = uneven_lines(rng)
        texts = [greedy(line).classes for line in lines]
        texts[0] = ()
        expected = [log_probability(line, text) for line, text in zip(lines, texts, strict=True)]
        together = log_probabilities([line.astype(np.float32) for line in lines], texts)
        np.testing.assert_allclose(together, expected, rtol=1e-4, atol=1e-5)


def test_texts_in_frames_of_their_own_are_those_of_the_lines_cut_there() -> None:
    rng = np.random.default_rng(12)
    lines = [random_frames(rng, 90, 5) for _ in range(3)]
    cuts = [(2, 0, 90), (0, 13, 14), (0, 40, 61), (1, 89, 90), (2, 5, 5), (1, 7, 16)]
    frames = [lines[line][first:last] for line, first, last in cuts]
    texts = [greedy(cut).classes for cut in frames]
    texts[5] = texts[5][:2]
    expected = [log_probability(cut, text) for cut, text in zip(frames, texts, strict=True)]
    np.testing.assert_allclose(log_probabilities(frames, texts), expected, rtol=1e-9, atol=1e-9)
    assert len({len(text) for text in texts}) > 3


def test_a_probability_is_the_same_to_the_bit_in_any_company(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.astype(np.float32) for line in uneven_lines(np.random.default_rng(13))]
    texts = [greedy(line).classes for line in lines]
    together = log_probabilities(lines, texts).tolist()
    assert together == [float(log_probabilities([line], [text])[0]) for line, text in zip(lines, texts, strict=True)]
    assert together == log_probabilities(lines[::-1], texts[::-1]).tolist()[::-1]
    monkeypatch.setattr(ctc, "_MASSES", 20_000)
    assert together == log_probabilities(lines, texts).tolist(), "nor does memory's bound matter"


def test_a_text_no_path_reads_has_no_probability() -> None:
    frames = np.log(np.full((2, 3), 1 / 3))
    assert log_probabilities([frames, frames], [[1, 1], [1]]).tolist() == [-math.inf, pytest.approx(math.log(1 / 3))]
    assert log_probabilities([frames[:0]], [[]]).tolist() == [0.0]
    assert log_probabilities([], []).tolist() == []
