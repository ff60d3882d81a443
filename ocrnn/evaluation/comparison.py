"""Label above reading for a page, what counts as wrong marked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from ocrnn.metrics import fold
from ocrnn.page import escaped

_MOST_CELLS = 1_000_000
"""Texts that differ over more than this, characters times characters, are not compared one by one: it takes seconds."""
# Marks what one of the two texts lacks, so that a space too many is seen too.
_GAP, _SPACE = "∅", "␣"


def comparison(truth: str, reading: str) -> str:
    """Label above reading, in pieces that may wrap, those that count as wrong marked."""
    pieces = ['<span class="names"><span>label</span><span>read</span></span>']
    for above, below, same in _runs(truth, reading):
        kind = "" if same else ' class="differs"'
        upper, lower = (escaped(text if same else text.replace(" ", _SPACE) or _GAP) for text in (above, below))
        pieces.append(f"<span{kind}><span>{upper}</span><span>{lower}</span></span>")
    told = escaped(f"label: {truth}; read: {reading}")
    return f'<div class="pair" role="img" aria-label="{told}">{"".join(pieces)}</div>'


def _runs(truth: str, reading: str) -> Iterator[tuple[str, str, bool]]:
    """Both texts in pieces: (of the truth, of the reading, whether they count as the same).

    Pieces that are the same end at spaces, where a page may break the line.
    """
    above, below, same = "", "", True
    for left, right, equal in _aligned(_units(truth), _units(reading)):
        if (above or below) and (equal != same or (same and above.endswith(" "))):
            yield above, below, same
            above = below = ""
        above, below, same = above + left, below + right, equal
    if above or below:
        yield above, below, same


_Unit = tuple[str, str]
"""A character with its marks as it is written, and after folding."""


def _units(text: str) -> list[_Unit]:
    """Characters of a text, each with its combining marks; what folds to several (… or ﬁ) is written so."""
    units: list[_Unit] = []
    for cluster in _clusters(" ".join(text.split())):
        folded = list(_clusters(fold(cluster) or " "))
        units += [(cluster, folded[0])] if len(folded) == 1 else [(part, part) for part in folded]
    return units


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for character in text:
        if cluster and not unicodedata.combining(character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _aligned(truth: Sequence[_Unit], reading: Sequence[_Unit]) -> Iterator[tuple[str, str, bool]]:
    """Pairs (of the truth, of the reading, same) with the fewest differences; "" where one lacks something."""
    start, end = 0, 0
    shorter = min(len(truth), len(reading))
    while start < shorter and truth[start][1] == reading[start][1]:
        start += 1
    while end < shorter - start and truth[-1 - end][1] == reading[-1 - end][1]:
        end += 1
    yield from ((t[0], r[0], True) for t, r in zip(truth[:start], reading[:start], strict=True))
    yield from _compared(truth[start : len(truth) - end], reading[start : len(reading) - end])
    tail = zip(truth[len(truth) - end :], reading[len(reading) - end :], strict=True)
    yield from ((t[0], r[0], True) for t, r in tail)


def _compared(truth: Sequence[_Unit], reading: Sequence[_Unit]) -> Iterator[tuple[str, str, bool]]:
    """What `_aligned` gives, by the table of Wagner and Fischer 1974."""
    if len(truth) * len(reading) > _MOST_CELLS:
        yield "".join(t for t, _ in truth), "".join(r for r, _ in reading), False
        return
    # costs[i][j]: fewest edits between what follows unit i of the truth and unit j of the reading.
    costs = [[0] * len(reading) + [len(truth) - i] for i in range(len(truth))]
    costs.append([len(reading) - j for j in range(len(reading) + 1)])
    for i in range(len(truth) - 1, -1, -1):
        row, under = costs[i], costs[i + 1]
        for j in range(len(reading) - 1, -1, -1):
            kept = under[j + 1] + (truth[i][1] != reading[j][1])
            row[j] = min(kept, 1 + under[j], 1 + row[j + 1])
    i = j = 0
    while i < len(truth) or j < len(reading):
        both = i < len(truth) and j < len(reading)
        if both and costs[i][j] == costs[i + 1][j + 1] + (truth[i][1] != reading[j][1]):
            yield truth[i][0], reading[j][0], truth[i][1] == reading[j][1]
            i, j = i + 1, j + 1
        elif i < len(truth) and costs[i][j] == 1 + costs[i + 1][j]:
            yield truth[i][0], "", False
            i += 1
        else:
            yield "", reading[j][0], False
            j += 1
