"""Lines wider than a network should see at once: cut into pieces that overlap, read, and stitched into one again.

A network of any width needs memory for every column; cut, it needs what one piece takes, and of the whole line only the
log-probabilities stay. A piece is cut from the prepared line, so that frames of two pieces that stand on the same
columns mean the same, and the seam between them lies where both see ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK
from ocrnn.decoding.ctc import tempered
from ocrnn.model.executors import infer_together

if TYPE_CHECKING:
    from ocrnn.decoding.ctc import Span
    from ocrnn.model.executors import Model

Array = npt.NDArray[np.float32]

WIDEST = 4096
"""Columns W of the widest line that is read whole. Of 3,460 real lines the widest has 3,584."""
PIECE = 2048
"""Columns of a piece, about: the pieces of a line have one width, only the last may be narrower."""
OVERLAP = 256
"""Columns that two neighbours share: six times the height of a line, half of it context for the network on either
side of the seam. With 64, a line of 118,000 columns had a tenth more errors, with 512 no fewer."""

_SEAM_FRAMES = 5  # a seam needs ground on both sides: a character whose peak stands right beside it may come twice


def posteriors(model: Model, images: Array) -> Array:
    """Calibrated log-probabilities (T, N, C) of prepared lines (N, 1, H, W) of any width.

    Lines of up to `WIDEST` columns go through the network as they are. Of a wider one all that is held is a piece, and
    the log-probabilities: C numbers for each frame, 27 MB for 100,000 columns of the shipped model.
    """

    def seen(part: Array) -> Array:
        return tempered(model.infer(part), model.spec.temperature)

    width = images.shape[3]
    if width <= WIDEST:
        return seen(images)
    stride = model.spec.architecture.stride
    pieces = cut(width, stride)
    starts = [first // stride for first, _ in pieces]
    lines = []
    for image in images:
        # One by one: memory is that of one piece, and a model in whole numbers takes no two lines at once anyway.
        parts = (seen(image[None, :, :, first:last])[:, 0] for first, last in pieces)
        lines.append(stitched(parts, starts))
    return lines[0][:, None] if len(lines) == 1 else np.stack(lines, axis=1)


def together(model: Model, batches: Sequence[Array]) -> list[Array]:
    """Calibrated log-probabilities (T, N, C) of each of some batches of lines of up to `WIDEST` columns."""
    return [tempered(log_probs, model.spec.temperature) for log_probs in infer_together(model, batches)]


def cut(width: int, stride: int) -> list[Span]:
    """Columns [first, last) of the pieces of a line of this width, each start a multiple of the network's stride.

    As few pieces of about `PIECE` columns as cover the line with `OVERLAP` between neighbours.

    >>> cut(5000, 4)
    [(0, 1840), (1584, 3424), (3168, 5000)]
    """
    count = max(1, -(-(width - OVERLAP) // (PIECE - OVERLAP)))
    step = max(1, -(-(width - OVERLAP) // (count * stride))) * stride
    return [(first, min(first + step + OVERLAP, width)) for first in range(0, max(1, width - OVERLAP), step)]


def stitched(parts: Iterable[Array], starts: Iterable[int]) -> Array:
    """Log-probabilities (T, C) of a line from those of its pieces, (t, C) each, that begin at these frames.

    Between two neighbours lies one seam, in the middle half of what they share: where both are surest of the blank over
    some frames. Each frame is taken from one piece, so what is a distribution stays one.
    """
    kept: list[Array] = []
    before, begin = None, 0  # the piece to the left of the next seam, and the frame its part begins at
    offset = 0
    for part, start in zip(parts, starts, strict=True):
        if before is not None:
            shared = offset + len(before) - start
            at = start + _seam(before[start - offset :, BLANK], part[:shared, BLANK])
            kept.append(before[begin - offset : at - offset])
            begin = at
        before, offset = part, start
    if before is not None:
        kept.append(before[begin - offset :])
    return np.concatenate(kept)


def _seam(left: Array, right: Array) -> int:
    """Frame of the shared ones at which to go over, from what the two pieces give the blank in each of them."""
    frames = len(left)
    sure = np.convolve(left + right, np.ones(_SEAM_FRAMES), "same")
    first = frames // 4
    inner = sure[first : max(first + 1, frames - first)]
    # Of frames that are equally good, as on empty ground, the one nearest to the middle.
    best = (inner >= inner.max() - 1e-3).nonzero()[0]
    return first + int(best[np.abs(best - len(inner) // 2).argmin()])
