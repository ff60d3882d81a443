from collections import Counter

import numpy as np
import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.image import load_lines
from ocrnn.spec import ModelSpec
from ocrnn.training import batches as module
from ocrnn.training.batches import Batch, Position, batches, collate, prepared_line
from ocrnn.training.plans import permuted
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


def test_a_line_too_narrow_for_its_text_is_left_out(digits: list[Sample], spec: ModelSpec) -> None:
    impossible = Sample(digits[0].image, "0" * 99)
    assert prepared_line([(RealLines([impossible], None), 0)], 0, spec, seed=0, epoch=1) is None


def test_a_position_counts_from_the_beginning() -> None:
    assert Position() == Position(0, 0)


def test_lines_of_another_process_come_out_of_their_bytes() -> None:
    rng = np.random.default_rng(1)
    lines = {
        place: (rng.random((1, 8, width), np.float32), list(range(1, length + 1)))
        for place, width, length in ((4, 16, 3), (0, 32, 0), (9, 16, 7))
    }
    data = b"".join(module._bytes(line) for line in lines.values())
    sizes = {place: (pixels.shape[2], len(classes)) for place, (pixels, classes) in lines.items()}
    found = dict(module._unpacked(data, lines, sizes, 8))
    assert list(found) == list(lines)
    for place, (pixels, classes) in lines.items():
        assert np.array_equal(found[place][0], pixels) and found[place][1] == classes


def test_a_line_wider_than_memory_has_room_for_is_left_out(
    digits: list[Sample], spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = [(RealLines(digits, None), 0)]
    made = prepared_line(plan, 0, spec, seed=0, epoch=1)
    assert made is not None
    for most, fits in ((made[0].shape[2], True), (made[0].shape[2] - 1, False)):
        monkeypatch.setattr(module, "MAX_COLUMNS", most)
        assert (prepared_line(plan, 0, spec, seed=0, epoch=1) is not None) is fits
