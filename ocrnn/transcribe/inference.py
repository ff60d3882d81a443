"""Inference: what a network says of pages, lines of like widths together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ocrnn.transcribe import pieces, stretches
from ocrnn.transcribe.lots import groups

if TYPE_CHECKING:
    from ocrnn.decoding.ctc import LogProbs
    from ocrnn.model.executors import Model
    from ocrnn.transcribe.prepared import Prepared


def log_probs(model: Model, pages: Sequence[Prepared], batch_size: int) -> list[LogProbs]:
    """Calibrated log-probabilities (T, C) of each of some pages that have a line, as alone."""
    lines: dict[int, LogProbs] = {}
    for group in groups(pages, batch_size):
        images = [np.stack([pages[position].line for position in batch]) for batch in group]  # type: ignore[misc]
        if len(group) > 1:
            answers = pieces.together(model, images)  # (T, N, C) of each
        else:
            answers = [stretches.posteriors(model, images[0], pages[group[0][0]].layout.bounds)]
        for batch, answer in zip(group, answers, strict=True):
            lines |= {position: answer[:, n] for n, position in enumerate(batch)}
    return [lines[position] for position in range(len(pages))]
