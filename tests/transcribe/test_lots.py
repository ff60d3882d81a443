from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from ocrnn.transcribe.lots import WINDOW_COLUMNS, groups, lots, windows
from ocrnn.transcribe.pieces import WIDEST
from ocrnn.transcribe.prepared import Prepared
from ocrnn.transcribe.source import Source
from ocrnn.transcribe.stretches import Layout


def page(columns: int, cut: int = 0) -> Prepared:
    """A line of so many columns, of one stretch or of two."""
    line = np.zeros((1, 40, columns), np.float32)
    layout = Layout.whole(columns, line, 0, 1.0)
    if cut:
        (whole,) = layout.stretches
        layout = Layout((type(whole)(0, cut, 0, cut, 0, 1.0), type(whole)(cut, columns, cut, columns, cut, 1.0)))
    return Prepared(0, "x", 1, 1, line, columns, 40, layout)


@pytest.mark.parametrize(("jobs", "sizes"), [(1, [1, 4, 16, 16, 16, 16, 16, 15]), (4, [1, 4, 16, 16, 15, 12, 9])])
def test_lots_grow_and_for_several_jobs_shrink_again(jobs: int, sizes: list[int]) -> None:
    drawn = list(lots(["x"] * 100, 16, jobs))
    assert [len(lot) for lot in drawn][: len(sizes)] == sizes
    assert [number for lot in drawn for number, _ in lot] == list(range(100))
    pages = [len(lot) for lot in lots(["x.xml"] * 5, 128, jobs)]
    assert pages[0] == 1 and max(pages) <= 4, "a page counts as many lines"
    unknown = [len(lot) for lot in lots((x for x in ["x"] * 100), 16, jobs)]
    assert unknown == [1, 4, 16, 16, 16, 16, 16, 15]


def test_what_was_drawn_before_drawing_failed_is_a_lot() -> None:
    def sources() -> Iterator[Source]:
        yield from ["x"] * 7
        raise ConnectionError("the database is gone")

    drawn = lots(sources(), 16, 1)
    assert [[number for number, _ in next(drawn)] for _ in range(3)] == [[0], [1, 2, 3, 4], [5, 6]]
    with pytest.raises(ConnectionError, match="gone"):
        next(drawn)


def test_a_window_ends_where_memory_does() -> None:
    pages = [page(WINDOW_COLUMNS // 4) for _ in range(9)]
    assert [len(window) for window in windows(iter(pages))] == [4, 4, 1]
    assert list(itertools.chain(*windows(pages))) == pages
    assert [len(window) for window in windows([page(2 * WINDOW_COLUMNS), *pages[:1]])] == [1, 1]
    half = dataclasses.replace(
        page(8), others=(pages[0],), frames=(pages[0],)
    )  # what may have to be read for a page counts too
    assert [len(window) for window in windows([half] * 4)] == [2, 2]
    assert list(windows([])) == []


def test_lines_of_like_widths_are_read_at_once_in_batches_of_one_width() -> None:
    window = [page(80), page(96), page(80), page(80, cut=40), Prepared(0, "bad", 1, 1), page(80), page(80, cut=40)]
    assert list(groups(window, 16)) == [[[0, 2, 5], [1]], [[3, 6]]]
    assert list(groups(window, 2)) == [[[0, 2]], [[5], [1]], [[3, 6]]]
    assert list(groups([], 16)) == []


def test_a_group_holds_no_more_columns_than_memory_and_a_line_in_pieces_is_alone_with_its_like() -> None:
    assert list(groups([page(20_000)] * 3, 16)) == [[[0]], [[1]], [[2]]]
    assert list(groups([page(WIDEST + 16), page(64), page(WIDEST)], 16)) == [[[1], [2]], [[0]]]
    assert list(groups([page(2000)] * 4 + [page(4096)] * 2, 16)) == [[[0, 1, 2, 3]], [[4, 5]]]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_every_line_is_in_one_group(batch_size: int) -> None:
    widths = np.random.default_rng(1).integers(1, 32, 200) * 16
    window = [page(int(width)) for width in widths]
    found = list(groups(window, batch_size))
    assert sorted(n for group in found for batch in group for n in batch) == list(range(200))
    assert {sum(map(len, group)) for group in found[:-1]} == {batch_size}
    assert all(len({widths[n] for n in batch}) == 1 for group in found for batch in group)
    order = [widths[n] for group in found for batch in group for n in batch]
    assert order == sorted(order), "little is filled up where neighbours are alike"
