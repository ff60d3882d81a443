"""Lots: how many sources are read in one go, and which of their lines go through the network together.

Memory has one bound for all of it, however many sources there are and however wide their lines: sources are drawn in
lots, a lot is read in windows of so many columns, and a window in batches of lines of one width.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Iterator, Sequence

from ocrnn.transcribe.prepared import Prepared
from ocrnn.transcribe.source import Source, is_page

BATCH_SIZE = 16
"""Lines of equal width that go through the network together."""

LOT_BATCHES = 32
"""Batches whose lines are opened, read and decoded by one job in one go: of 500 lines there are eight of one width, of
128 three, and eight together take four fifths of the time that they take one by one."""
WINDOW_COLUMNS = 4 * 32_768
"""Columns of all lines that are decoded together: 60 MB of them and their log-probabilities, for each job."""

_PAGE_LINES = 32
"""Lines that a page is taken to have until it is opened."""
_BATCH_COLUMNS = 32_768
"""Columns of all lines of a batch: a very wide line goes alone, so that memory has one bound."""
_GROWTH = 4
"""How much larger each lot is than the one before it, until all jobs have full ones."""


def lots(sources: Iterable[Source], most: int, jobs: int) -> Iterator[list[tuple[int, Source]]]:
    """Sources with their numbers, in lots: small ones first, so that results are soon there, then up to `most`.

    Where the number of sources is known the lots become small again towards the end, so that the jobs end together.
    """
    numbered = enumerate(sources)
    left = operator.length_hint(sources, sys.maxsize)
    size = 1
    while lot := list(_lot(numbered, size)):
        yield lot
        left -= len(lot)
        # Each takes its share of what is left and no less: small lots go through the network a tenth more slowly.
        size = max(min(_GROWTH * size, most, left // jobs), 1)


def windows(pages: Iterable[Prepared]) -> Iterator[list[Prepared]]:
    """Pages in lists to read together: of few when they are wide."""
    window: list[Prepared] = []
    columns = 0
    for page in pages:
        window.append(page)
        columns += page.all_columns
        if columns >= WINDOW_COLUMNS:
            yield window
            window, columns = [], 0
    if window:
        yield window


def batches(window: Sequence[Prepared], batch_size: int) -> Iterator[list[int]]:
    """Positions in the window of lines that go through the network together: all of one width, cut at one place."""
    alike: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for position, page in enumerate(window):
        if page.columns:
            alike.setdefault(page.layout.bounds, []).append(position)
    for bounds, positions in alike.items():
        size = max(1, min(batch_size, _BATCH_COLUMNS // bounds[-1][1]))
        for start in range(0, len(positions), size):
            yield positions[start : start + size]


def _lot(numbered: Iterator[tuple[int, Source]], size: int) -> Iterator[tuple[int, Source]]:
    """The next sources of about so many lines."""
    for number, source in numbered:
        yield number, source
        size -= _PAGE_LINES if is_page(source) else 1
        if size <= 0:
            return
