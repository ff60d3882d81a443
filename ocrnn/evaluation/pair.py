"""Label above reading for a page, what counts as wrong marked."""

from __future__ import annotations

from collections.abc import Iterator

from ocrnn.evaluation.alignment import align, visible
from ocrnn.page import escaped


def pair(truth: str, reading: str, names: tuple[str, str] = ("label", "read")) -> str:
    """Label above reading, in pieces that may wrap, those that count as wrong marked; `names` stand before them."""
    heads = "".join(f"<span>{escaped(name)}</span>" for name in names)
    pieces = [f'<span class="names">{heads}</span>']
    for above, below, same in _pieces(truth, reading):
        kind = "" if same else ' class="differs"'
        upper, lower = (escaped(text if same else visible(text)) for text in (above, below))
        pieces.append(f"<span{kind}><span>{upper}</span><span>{lower}</span></span>")
    told = escaped(f"{names[0]}: {truth}; {names[1]}: {reading}")
    return f'<div class="pair" role="img" aria-label="{told}">{"".join(pieces)}</div>'


def _pieces(truth: str, reading: str) -> Iterator[tuple[str, str, bool]]:
    """Both texts in pieces: (of the truth, of the reading, whether they count as the same).

    Pieces that are the same end at spaces, where a page may break the line.
    """
    above, below, same = "", "", True
    for place in align(truth, reading):
        if (above or below) and (place.same != same or (same and above.endswith(" "))):
            yield above, below, same
            above = below = ""
        above, below, same = above + place.truth, below + place.reading, place.same
    if above or below:
        yield above, below, same
