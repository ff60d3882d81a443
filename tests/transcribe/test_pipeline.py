from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator

import pytest

from ocrnn.transcribe.pipeline import in_turn


@pytest.mark.parametrize("workers", [1, 2, 3, 20])
def test_results_keep_the_order_however_long_each_takes(workers: int) -> None:
    def work(number: int) -> int:
        time.sleep(random.Random(number).random() / 300)
        return number * number

    assert list(in_turn(work, range(60), workers)) == [number * number for number in range(60)]
    assert list(in_turn(work, [], workers)) == []


def test_workers_work_beside_one_another() -> None:
    meeting = threading.Barrier(3, timeout=20)  # breaks unless three of them are there at once
    assert len(list(in_turn(lambda _: meeting.wait(), range(9), 3))) == 9


def test_items_are_drawn_no_further_ahead_than_needed() -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in itertools.count():
            drawn += 1
            yield number

    results = in_turn(lambda number: number, items(), 4)
    for given, result in enumerate(itertools.islice(results, 500), 1):
        assert result == given - 1
        assert drawn - given < 2 * 4
    results.close()


def test_what_is_done_comes_out_while_a_later_item_is_stuck() -> None:
    release = threading.Event()

    def work(number: int) -> int:
        if number == 2:
            release.wait(20)
        return number

    results = in_turn(work, range(4), 2)
    assert [next(results), next(results)] == [0, 1]
    release.set()
    assert list(results) == [2, 3]


def test_a_fault_is_raised_in_its_turn() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    seen = []
    with pytest.raises(ValueError, match="five"):
        for result in in_turn(work, range(10), 3):
            seen.append(result)
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_what_was_drawn_before_drawing_failed_comes_out_first(workers: int) -> None:
    def items() -> Iterator[int]:
        yield from range(7)
        raise ConnectionError("the database is gone")

    seen = []
    with pytest.raises(ConnectionError, match="gone"):
        for result in in_turn(lambda number: number, items(), workers):
            seen.append(result)
    assert seen == list(range(7))


def test_who_stops_early_leaves_no_worker_behind() -> None:
    before = threading.active_count()
    results = in_turn(lambda number: number, itertools.count(), 4)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before
