import tracemalloc
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.data.lines import Store
from ocrnn.errors import ImageError
from ocrnn.image import load_lines
from ocrnn.spec import ModelSpec
from ocrnn.training import batches as module
from ocrnn.training.batches import Batch, Position, batches, collate, prepared_line
from ocrnn.training.plans import mixed, permuted
from ocrnn.training.sources import RealLines


def equal(one: Batch, other: Batch) -> bool:
    pairs = [(value, getattr(other, name)) for name, value in vars(one).items()]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_the_same_batches_come_from_any_start_and_any_number_of_threads(
    digits: list[Sample], spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 16)
    plan = permuted(RealLines(digits, "strong"), seed=3, epoch=2, least=60)
    whole = list(batches(plan, spec, columns=200, seed=3, epoch=2))
    assert len(whole) > 8
    threaded = list(batches(plan, spec, columns=200, seed=3, epoch=2, threads=3))
    assert all(equal(a, b) for (a, _), (b, _) in zip(whole, threaded, strict=True))
    for done in (1, 4, len(whole) - 1):
        rest = list(batches(plan, spec, columns=200, seed=3, epoch=2, start=whole[done - 1][1]))
        assert len(rest) == len(whole) - done
        assert all(equal(a, b) for (a, _), (b, _) in zip(whole[done:], rest, strict=True))


def test_another_epoch_shows_the_same_lines_otherwise(digits: list[Sample], spec: ModelSpec) -> None:
    source = RealLines(digits, "light")
    seen = []
    for epoch in (1, 2):
        plan = permuted(source, seed=0, epoch=epoch, least=60)
        assert Counter(index for _, index in plan) == Counter(range(60))
        seen.append([batch for batch, _ in batches(plan, spec, columns=400, seed=0, epoch=epoch)])
    assert not all(equal(a, b) for a, b in zip(*seen, strict=False))


def test_no_batch_is_over_its_columns_and_no_line_is_lost(digits: list[Sample], spec: ModelSpec) -> None:
    plan = permuted(RealLines(digits, None), seed=0, epoch=1, least=1)
    made = [batch for batch, _ in batches(plan, spec, columns=300, seed=0, epoch=1)]
    assert sum(len(batch.target_lengths) for batch in made) == len(digits)
    for batch in made:
        count, _, height, width = batch.images.shape
        assert height == 16
        assert count == 1 or count * width <= 300


def test_larger_chunks_make_fuller_batches_of_the_same_lines(digits: list[Sample], spec: ModelSpec) -> None:
    plan = permuted(RealLines(digits, None), 0, 1, least=60)
    few, many = (
        [batch for batch, _ in batches(plan, spec, columns=3000, seed=0, epoch=1, chunk=chunk)] for chunk in (7, 60)
    )
    assert sum(batch.lines for batch in few) == sum(batch.lines for batch in many) == len(plan)
    assert max(batch.lines for batch in few) <= 7 < max(batch.lines for batch in many)


def test_a_batch_holds_each_line_as_it_was_prepared_and_ground_behind_it(digits: list[Sample], spec: ModelSpec) -> None:
    lines = [
        (spec.line_format.prepare(load_lines(sample.image)[0]), spec.charset.encode(sample.text))
        for sample in digits[:7]
    ]
    batch = collate(lines, spec)
    at = 0
    for n, (line, classes) in enumerate(lines):
        width = line.shape[2]
        assert np.array_equal(batch.images[n, :, :, :width].numpy(), line)
        assert not batch.images[n, :, :, width:].any()
        assert batch.input_lengths[n] == spec.architecture.frames(width)
        assert batch.targets[at : at + len(classes)].tolist() == classes
        at += len(classes)
    assert at == len(batch.targets) == batch.target_lengths.sum()


def test_a_line_without_text_weighs_as_one_character(spec: ModelSpec) -> None:
    line = np.zeros((1, 16, 40), np.float32)
    batch = collate([(line, []), (line, [1, 2, 3, 4]), (line, [1])], spec)
    assert torch.allclose(batch.weights, torch.tensor([1, 1 / 2, 1]) / 4)
    assert batch.target_lengths.tolist() == [0, 4, 1]


def test_a_small_set_makes_a_whole_epoch(digits: list[Sample]) -> None:
    plan = permuted(RealLines(digits[:7], None), seed=0, epoch=1, least=20)
    assert Counter(index for _, index in plan) == dict.fromkeys(range(7), 3)


def test_a_line_too_narrow_for_its_text_is_left_out(digits: list[Sample], spec: ModelSpec) -> None:
    impossible = Sample(digits[0].image, "0" * 99)
    assert prepared_line([(RealLines([impossible], None), 0)], 0, spec, seed=0, epoch=1) is None


def test_pictures_kept_in_memory_are_the_pictures_on_disk(digits: list[Sample]) -> None:
    kept, unkept = RealLines(digits, None), RealLines(digits, None, cache_bytes=0)
    rng = np.random.default_rng(0)
    for _ in range(2):  # the second time from memory
        assert all(np.array_equal(kept.draw(n, rng)[0], unkept.draw(n, rng)[0]) for n in range(9))


def test_a_position_counts_from_the_beginning() -> None:
    assert Position() == Position(0, 0)


class Numbered(Store):
    """Samples that are only made when they are asked for, in shards of these sizes."""

    def __init__(self, sizes: list[int]) -> None:
        self._ends = list(accumulate(sizes))

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, number: int) -> Sample:
        return Sample(Path(f"{number}.png"), str(number))

    def blocks(self) -> list[int]:
        return self._ends


def test_shards_are_shuffled_within_a_window_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_LINES", 50)
    monkeypatch.setattr("ocrnn.training.plans._WINDOW_SHARDS", 3)
    sizes = [10] * 20 + [70, 5, 5]
    source = RealLines(Numbered(sizes), None)
    orders = {}
    for seed, epoch in ((0, 1), (0, 2), (1, 1)):
        plan = permuted(source, seed, epoch, least=1)
        order = [index for _, index in plan]
        assert sorted(order) == list(range(sum(sizes)))
        assert order == [plan[place][1] for place in range(len(plan))]
        # From the middle of a new plan, as a run that is resumed asks, the same.
        assert order[137:] == [index for _, index in permuted(source, seed, epoch, least=1)[137:]]
        orders[seed, epoch] = order
        shards = np.searchsorted(list(accumulate(sizes)), np.array(order), side="right")
        near = [len(set(shards[place : place + 50])) for place in range(0, len(order), 10)]
        assert max(near) <= 2 * 7 and min(near[:-5]) >= 3
        assert list(shards) != sorted(shards)
    assert len({tuple(order) for order in orders.values()}) == 3


def test_a_plan_of_a_million_lines_costs_next_to_nothing() -> None:
    tracemalloc.start()
    plan = permuted(RealLines(Numbered([5000] * 200), None), 0, 1, least=1)
    plan = mixed(plan, [(RealLines(Numbered([10]), None), 0.5)])
    assert len(plan) == 1_500_000
    assert len({plan[place] for place in range(700_000, 700_400)}) == 400
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.parametrize("rates", [[1.0], [0.25], [2.5, 0.3], [0.0]])
def test_other_sources_stand_evenly_between_the_lines(rates: list[float], digits: list[Sample]) -> None:
    lines = permuted(RealLines(digits, None), 0, 1, least=1)
    sources = [(RealLines(digits, None), rate) for rate in rates]
    expected: list[tuple[object, int]] = []
    for place, line in enumerate(lines):
        expected.append(line)
        for source, rate in sources:
            expected += [(source, number) for number in range(int(place * rate), int((place + 1) * rate))]
    plan = mixed(lines, sources)
    assert list(plan) == expected
    assert len(plan) == len(expected)


def test_a_page_is_decoded_once_for_all_its_lines(tmp_path: Path) -> None:
    loads = []

    @dataclass(frozen=True)
    class Row:
        top: int

        def load(self, holder: Path, max_pixels: int) -> np.ndarray:
            loads.append((holder.name, self.top))
            if self.top == 3:
                raise ImageError("spoiled")
            return np.full((8, 20), self.top, np.uint8)

        def read(self, holder: Path) -> None:
            raise AssertionError

    samples = [Sample(tmp_path / page, "1", part=Row(top)) for page in ("a.png", "b.png") for top in range(4)]
    source = RealLines(samples, None)
    rng = np.random.default_rng(0)
    assert source.draw(5, rng)[0][0, 0] == 1
    assert sorted(loads) == [("b.png", top) for top in range(4)]
    assert [int(source.draw(4 + top, rng)[0][0, 0]) for top in range(3)] == [0, 1, 2]
    assert len(loads) == 4
    with pytest.raises(ImageError, match="spoiled"):
        source.draw(7, rng)
