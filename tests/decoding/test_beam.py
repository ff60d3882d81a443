"""Prefix beam search against every path written out, a plain one with dictionaries, and torch."""

from __future__ import annotations

import doctest
import itertools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding import beam
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.characters import alphabet
from ocrnn.decoding.ctc import Hypothesis, align, greedy, log_probability
from ocrnn.decoding.guide import Guide, combined
from ocrnn.decoding.lexicon import known
from ocrnn.decoding.regex import Regex
from ocrnn.errors import UsageError

Text = tuple[int, ...]
Frames = npt.NDArray[np.float64]

UNLIMITED = 10**9


def random_frames(rng: np.random.Generator, frames: int, classes: int, spread: float = 1.5) -> Frames:
    logits = rng.normal(0.0, spread, (frames, classes))
    log_probs: Frames = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs


def text_of(path: Text) -> Text:
    return tuple(c for frame, c in enumerate(path) if c != 0 and (frame == 0 or path[frame - 1] != c))


def all_texts(log_probs: Frames) -> dict[Text, float]:
    """Every text with its probability, from every path."""
    frames, classes = log_probs.shape
    probabilities: dict[Text, float] = {}
    for path in itertools.product(range(classes), repeat=frames):
        logp = sum(log_probs[frame, number] for frame, number in enumerate(path))
        probabilities[text_of(path)] = probabilities.get(text_of(path), 0.0) + math.exp(logp)
    return dict(sorted(probabilities.items(), key=lambda found: -found[1]))


def plain_search(log_probs: Frames, width: int) -> dict[Text, float]:
    """The search as the papers write it: probabilities as such, every class tried, nothing pruned but the beam."""
    prefixes: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}
    for frame in np.exp(log_probs):
        grown: dict[Text, tuple[float, float]] = {}
        for prefix, (in_blank, in_class) in prefixes.items():
            stays = ((in_blank + in_class) * frame[0], in_class * frame[prefix[-1]] if prefix else 0.0)
            steps = [(prefix, stays)]
            for number in range(1, len(frame)):
                paths = in_blank if prefix[-1:] == (number,) else in_blank + in_class
                steps.append(((*prefix, number), (0.0, paths * frame[number])))
            for text, (blank, letter) in steps:
                before = grown.get(text, (0.0, 0.0))
                grown[text] = (before[0] + blank, before[1] + letter)
        prefixes = dict(sorted(grown.items(), key=lambda found: -sum(found[1]))[:width])
    return {text: sum(paths) for text, paths in prefixes.items() if sum(paths) > 0}


@pytest.mark.parametrize("seed", range(24))
def test_unlimited_beam_finds_every_text_with_its_whole_probability(seed: int) -> None:
    frames, classes = [(1, 4), (4, 2), (5, 3), (3, 5), (6, 3), (5, 4)][seed % 6]
    log_probs = random_frames(np.random.default_rng(seed), frames, classes)
    expected = all_texts(log_probs)
    found = beam_search(log_probs, UNLIMITED)
    assert [hypothesis.classes for hypothesis in found] == list(expected)
    assert [math.exp(hypothesis.logp) for hypothesis in found] == pytest.approx(list(expected.values()), rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 16])
@pytest.mark.parametrize(("frames", "classes", "spread"), [(14, 9, 1.5), (17, 23, 0.1), (30, 6, 4.0), (9, 2, 1.0)])
def test_narrow_beam_is_the_plain_search_over_every_class(width: int, frames: int, classes: int, spread: float) -> None:
    for seed in range(12):
        log_probs = random_frames(np.random.default_rng(seed), frames, classes, spread)
        expected = plain_search(log_probs, width)
        found = beam_search(log_probs, width)
        assert [hypothesis.classes for hypothesis in found] == list(expected), seed
        assert [math.exp(hypothesis.logp) for hypothesis in found] == pytest.approx(list(expected.values()), rel=1e-9)


def test_a_prefix_that_left_and_came_back_is_the_same_text() -> None:
    # In about five of these lines a prefix leaves the beam, its continuations stay, and it is found again.
    for seed in range(100):
        log_probs = random_frames(np.random.default_rng(seed), 10, 3)
        found = [hypothesis.classes for hypothesis in beam_search(log_probs, 5)]
        assert found == list(plain_search(log_probs, 5)), seed


def test_a_class_held_back_by_its_double_leaves_room_for_the_next() -> None:
    # After two frames half of the paths of "1" end in it: neither staying nor "11" comes up to "12".
    frames = np.log([[0.005, 0.98, 0.005, 0.01], [0.49, 0.49, 0.01, 0.01], [0.01, 0.45, 0.40, 0.14]])
    assert beam_search(frames, 1)[0].classes == (1, 2)


@pytest.mark.parametrize("seed", range(8))
def test_probability_of_a_text_is_that_of_ctc_loss(seed: int) -> None:
    torch = pytest.importorskip("torch")
    log_probs = random_frames(np.random.default_rng(seed), 6, 4)
    for hypothesis in beam_search(log_probs, UNLIMITED):
        loss = torch.nn.functional.ctc_loss(
            torch.from_numpy(log_probs)[:, None],
            torch.tensor([hypothesis.classes], dtype=torch.long),
            [len(log_probs)],
            [len(hypothesis.classes)],
            reduction="none",
        )
        assert hypothesis.logp == pytest.approx(-loss.item(), rel=1e-9)
        assert hypothesis.logp == pytest.approx(log_probability(log_probs, hypothesis.classes), rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_list_is_ordered_distinct_and_never_above_the_whole_probability(seed: int) -> None:
    log_probs = random_frames(np.random.default_rng(seed), 37, 11)
    found = beam_search(log_probs, 16)
    assert len(found) == 16
    assert len({hypothesis.classes for hypothesis in found}) == 16
    logps = [hypothesis.logp for hypothesis in found]
    assert logps == sorted(logps, reverse=True)
    for hypothesis in found:
        assert hypothesis.logp <= log_probability(log_probs, hypothesis.classes) + 1e-9
        assert hypothesis.spans == align(log_probs, hypothesis.classes)
        assert all(type(number) is int for number in hypothesis.classes)


def test_sure_line_reads_as_greedy_does() -> None:
    rng = np.random.default_rng(2)
    path = np.repeat([0, 5, 0, 5, 7, 0, 200, 0], 15)
    logits = rng.normal(0.0, 1.0, (120, 230)) + np.eye(230)[path] * 25
    log_probs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    assert beam_search(log_probs)[0].classes == greedy(log_probs).classes == (5, 5, 7, 200)
    assert beam_search(log_probs)[0].spans == greedy(log_probs).spans == ((15, 30), (45, 60), (60, 75), (90, 105))


def test_best_gives_the_head_of_the_list() -> None:
    log_probs = random_frames(np.random.default_rng(4), 19, 6)
    whole = beam_search(log_probs, 8)
    assert len(whole) == 8
    assert beam_search(log_probs, 8, best=3) == whole[:3]
    assert beam_search(log_probs, 8, best=100) == whole


def test_a_trace_is_the_beam_of_each_beginning() -> None:
    log_probs = random_frames(np.random.default_rng(5), 12, 4)
    steps: dict[int, list[tuple[Text, float]]] = {}
    found = beam_search(log_probs, 3, trace=lambda frame, texts: steps.update({frame: list(texts)}))
    assert found == beam_search(log_probs, 3)
    assert {*steps} == {*range(12)}
    for frame, texts in steps.items():
        begun = beam_search(log_probs[: frame + 1], 3)
        assert [classes for classes, _ in texts] == [hypothesis.classes for hypothesis in begun]
        assert [logp for _, logp in texts] == pytest.approx([hypothesis.logp for hypothesis in begun])


def test_no_frames_are_the_empty_text() -> None:
    assert beam_search(np.zeros((0, 5), np.float32)) == [Hypothesis((), 0.0, ())]


def test_only_a_blank_class_reads_as_nothing() -> None:
    assert beam_search(np.zeros((3, 1))) == [Hypothesis((), 0.0, ())]


def test_impossible_classes_are_never_read() -> None:
    with np.errstate(divide="ignore"):
        frames = np.log(np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]))
    for width in (2, 3, UNLIMITED):
        found = beam_search(frames, width)
        assert {hypothesis.classes for hypothesis in found} == {(1, 1), (1, 2, 1)}
        assert [hypothesis.logp for hypothesis in found] == pytest.approx([math.log(0.5)] * 2)


def test_frames_without_any_possible_path_read_as_no_text() -> None:
    for width in (1, 2, 16):
        assert beam_search(np.full((3, 4), -np.inf), width) == []


def test_long_line_keeps_its_precision() -> None:
    log_probs = random_frames(np.random.default_rng(6), 2000, 4, 1.5)
    found = beam_search(log_probs, 4, best=1)[0]
    assert -math.inf < found.logp < -750  # as a probability it would be 0.0
    assert found.logp <= log_probability(log_probs, found.classes)
    assert len(found.spans) == len(found.classes)


@pytest.mark.parametrize("width", [0, -3])
def test_width_below_one_is_refused(width: int) -> None:
    with pytest.raises(UsageError, match=rf"--beam-width {width}: .*give 1 or more"):
        beam_search(np.zeros((2, 3)), width)


def test_raw_logits_are_refused() -> None:
    with pytest.raises(ValueError, match="logarithm of a softmax"):
        beam_search(np.array([[0.5, 3.0]]))


def test_examples_run() -> None:
    outcome = doctest.testmod(beam)
    assert (outcome.failed, outcome.attempted) == (0, 2)


CHARSET = Charset("abA1")


class Taste:
    """A guide with a random score for each class after each other, at the end too, up to `most`."""

    start = 0
    most = 1.5
    floor = -math.inf

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rows = np.minimum(rng.normal(0.0, 2.0, (CHARSET.classes, CHARSET.classes)), self.most)
        self.ends = rng.normal(0.0, 2.0, CHARSET.classes).tolist()

    def scores(self, state: int) -> npt.NDArray[np.float64]:
        row: npt.NDArray[np.float64] = self.rows[state]
        return row

    def step(self, state: int, number: int) -> int:
        return number

    def end(self, state: int) -> float:
        return float(self.ends[state])

    def of(self, text: str) -> float:
        classes = [0, *CHARSET.encode(text)]
        return float(sum(self.rows[pair] for pair in itertools.pairwise(classes))) + self.end(classes[-1])


def forbid(holds: bool) -> float:
    return 0.0 if holds else -math.inf


def strange(text: str) -> int:
    return sum(word not in {"a", "A", "ab", "Ab"} for word in re.findall("(?<![1abA])[abA]+", text)) + len(
        re.findall("1[abA]{3}", text)
    )


Told = tuple[Callable[[], Guide], Callable[[str], float]]
"""How a guide is made, and the score of a text by other means."""

GUIDES: dict[str, Told] = {
    "allow": (lambda: alphabet(CHARSET, allow="ab"), lambda text: forbid(set(text) <= set("ab"))),
    "block": (lambda: alphabet(CHARSET, block="[:upper:]"), lambda text: forbid("A" not in text)),
    "regex": (lambda: Regex("a[^a]+|1{2}", CHARSET), lambda text: forbid(bool(re.fullmatch("a[^a]+|1{2}", text)))),
    "lines": (lambda: known(["# lines", "ab1", "aa", "b"], CHARSET), lambda text: forbid(text in ("ab1", "aa", "b"))),
    "words": (lambda: known(["a", "ab"], CHARSET, cost=1.5), lambda text: -1.5 * strange(text)),
    "only words": (lambda: known(["a", "ab"], CHARSET, cost=math.inf), lambda text: forbid(strange(text) == 0)),
    "taste": (lambda: Taste(1), Taste(1).of),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "names", [*((name,) for name in GUIDES), *itertools.combinations(GUIDES, 2), ("block", "regex", "words", "taste")]
)
def test_unlimited_beam_with_a_guide_is_every_text_by_probability_and_score(names: tuple[str, ...], seed: int) -> None:
    log_probs = random_frames(np.random.default_rng(seed), 2 + seed, CHARSET.classes)
    ranks = {}
    for classes, probability in all_texts(log_probs).items():
        score = sum(GUIDES[name][1](CHARSET.decode(classes)) for name in names)
        if score > -math.inf:
            ranks[classes] = (math.log(probability), score)
    expected = sorted(ranks, key=lambda classes: -sum(ranks[classes]))
    found = beam_search(log_probs, UNLIMITED, guide=combined([GUIDES[name][0]() for name in names]))
    assert [hypothesis.classes for hypothesis in found] == expected
    for hypothesis in found:
        assert (hypothesis.logp, hypothesis.score) == pytest.approx(ranks[hypothesis.classes])


@pytest.mark.parametrize("name", GUIDES)
@pytest.mark.parametrize("width", [1, 3, 16])
def test_narrow_beam_with_a_guide_is_the_plain_search(name: str, width: int) -> None:
    for seed in range(8):
        log_probs = random_frames(np.random.default_rng(seed), 9, CHARSET.classes)
        guide = GUIDES[name][0]()
        expected = plain_guided_search(log_probs, width, guide)
        found = beam_search(log_probs, width, guide=guide)
        assert [hypothesis.classes for hypothesis in found] == [*expected]
        assert [hypothesis.logp + hypothesis.score for hypothesis in found] == pytest.approx([*expected.values()])


def test_a_trace_ranks_as_the_guide_has_it_so_far() -> None:
    log_probs = random_frames(np.random.default_rng(5), 6, CHARSET.classes)
    steps: list[Sequence[tuple[Text, float]]] = []
    (best, *_) = beam_search(log_probs, 4, guide=Taste(1), trace=lambda _, texts: steps.append(list(texts)))
    for texts in steps:
        assert [rank for _, rank in texts] == sorted((rank for _, rank in texts), reverse=True)
    without_end = best.logp + best.score - Taste(1).end(best.classes[-1])
    assert dict(steps[-1])[best.classes] == pytest.approx(without_end)


def plain_guided_search(log_probs: Frames, width: int, guide: Guide) -> dict[Text, float]:
    """As `plain_search`, with each prefix's score asked from the guide anew."""

    def score(text: Text) -> tuple[float, int]:
        total, state = 0.0, guide.start
        for number in text:
            total += guide.scores(state)[number]
            if total == -math.inf:
                return total, state
            state = guide.step(state, number)
        return total, state

    prefixes: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}
    for frame in np.exp(log_probs):
        grown: dict[Text, tuple[float, float]] = {}
        for prefix, (in_blank, in_class) in prefixes.items():
            stays = ((in_blank + in_class) * frame[0], in_class * frame[prefix[-1]] if prefix else 0.0)
            steps = [(prefix, stays)]
            for number in range(1, len(frame)):
                paths = in_blank if prefix[-1:] == (number,) else in_blank + in_class
                steps.append(((*prefix, number), (0.0, paths * frame[number])))
            for text, (blank, letter) in steps:
                before = grown.get(text, (0.0, 0.0))
                grown[text] = (before[0] + blank, before[1] + letter)
        ranks = {text: sum(paths) * math.exp(score(text)[0]) for text, paths in grown.items() if sum(paths)}
        best = sorted((text for text in ranks if ranks[text] > 0), key=lambda text: -ranks[text])[:width]
        prefixes = {text: grown[text] for text in best}
    ends = {text: math.log(sum(paths)) + score(text)[0] + guide.end(score(text)[1]) for text, paths in prefixes.items()}
    return dict(sorted(((t, end) for t, end in ends.items() if end > -math.inf), key=lambda found: -found[1]))


def test_nothing_is_found_where_nothing_fits() -> None:
    log_probs = random_frames(np.random.default_rng(0), 3, CHARSET.classes)
    assert beam_search(log_probs, 4, guide=Regex("a{4}", CHARSET)) == []
    both = combined([alphabet(CHARSET, block="a"), Regex("a+", CHARSET)])
    assert beam_search(log_probs, 4, guide=both) == []
