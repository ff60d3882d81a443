"""Lots: how many sources are read in one go, and which of their lines go through the network together.

Memory has one bound for all of it, however many sources there are and however wide their lines: sources are drawn in
lots, a lot is read in windows of so many columns, and a window in groups of lines of like widths.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Iterator, Sequence

from ocrnn.transcribe.pieces import WIDEST
from ocrnn.transcribe.prepared import Prepared
from ocrnn.transcribe.source import Source, is_page

BATCH_SIZE = 16
"""Lines that go through the network together."""

LOT_BATCHES = 24
"""Batches whose lines are opened, read and decoded by one job in one go: of so many there are always some of like
width, and little is filled up. With 32 a folder takes some 20 MB more and hardly less time."""
WINDOW_COLUMNS = 4 * 32_768
"""Columns of all lines that are decoded together: 60 MB of them and their log-probabilities, for each job."""

_PAGE_LINES = 32
"""Lines that a page is taken to have until it is opened."""
_BATCH_COLUMNS = 8192
"""Columns of all lines of a group, so that memory has one bound: with four times as many a folder takes 50 MB more and
no less time."""
_GROWTH = 4
"""How much larger each lot is than the one before it, until all jobs have full ones."""


def lots(sources: Iterable[Source], most: int, jobs: int) -> Iterator[list[tuple[int, Source]]]:
    """Sources with their numbers, in lots: small ones first, so that results are soon there, then up to `most`.

    Where the number of sources is known the lots become small again towards the end, so that the jobs end together.
    What drawing them raises comes behind those that were drawn before it.
    """
    numbered = enumerate(sources)
    left = operator.length_hint(sources, sys.maxsize)
    size = 1
    while True:
        lot: list[tuple[int, Source]] = []
        try:
            lot.extend(_lot(numbered, size))  # keeps what came before it raises
        except Exception:
            if lot:
                yield lot
            raise
        if not lot:
            return
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


def groups(window: Sequence[Prepared], batch_size: int) -> Iterator[list[list[int]]]:
    """Positions in the window of lines that are read at once, of similar widths, in batches of one width each.

    Lines that are cut, or wider than the network sees at once, are in a group of their own kind alone: all of one
    width, cut at one place.
    """
    # Lines that are cut come last: their last stretch begins behind column 0.
    there = sorted((n for n, page in enumerate(window) if page.columns), key=lambda n: window[n].layout.bounds[::-1])
    group: list[list[int]] = []
    lines = 0
    for position in there:
        bounds = window[position].layout.bounds
        width = bounds[-1][1]
        alike = bool(group) and window[group[-1][0]].layout.bounds == bounds
        # All of a group become as wide as its last.
        full = lines >= batch_size or (lines + 1) * width > _BATCH_COLUMNS
        if group and (full or not (alike or (len(bounds) == 1 and width <= WIDEST))):
            yield group
            group, lines, alike = [], 0, False
        if alike:
            group[-1].append(position)
        else:
            group.append([position])
        lines += 1
    if group:
        yield group


def _lot(numbered: Iterator[tuple[int, Source]], size: int) -> Iterator[tuple[int, Source]]:
    """The next sources of about so many lines."""
    for number, source in numbered:
        yield number, source
        size -= _PAGE_LINES if is_page(source) else 1
        if size <= 0:
            return
