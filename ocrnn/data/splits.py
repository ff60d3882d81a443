"""Samples are split into those to train on and those to validate with, the same way each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from ocrnn.data.lines import chosen
from ocrnn.data.samples import Sample
from ocrnn.errors import LabelError, UsageError

By = Literal["line", "document"]


class Split(NamedTuple):
    """Samples to train on and samples to validate with, each in the order they were given."""

    train: Sequence[Sample]
    validation: Sequence[Sample]


def split_by_hash(
    samples: Sequence[Sample],
    share: float = 0.1,
    seed: int = 0,
    by: By = "line",
    *,
    twins: Iterable[Sequence[int]] = (),
) -> Split:
    """Put about `share` (0..1, both excluded) of the samples into validation, by a hash of each one's own name.

    The side of a line depends on nothing but its name below the data folder, without the picture's ending, and on the
    seed: it stays when lines are added, removed or reordered, and when the folder moves. With `by="document"` the name
    is that of its document (`Sample.document`), and all lines of a document share a side.

    `twins` are groups of places whose pictures are the same to the pixel. They share a side whatever their names are,
    as a model would be judged by heart: they are validated with only where each of them would be by its own name, so
    that one that comes later may take the others out of validation but never what was learned from into it.

    Of two or more lines (documents) at least one goes to either side: where the hashes leave a side empty, the one
    nearest to it crosses over, and may cross back once the data have grown and another takes its place.
    Raises UsageError for options out of range, LabelError where documents are unknown or there is only one.
    """
    if not 0 < share < 1:
        raise UsageError(f"--val-split {share:g}: not a share; give a number between 0 and 1, such as 0.1")
    if by not in get_args(By):
        raise UsageError(f"--split-by {by}: no such choice; take one of {', '.join(get_args(By))}")
    # Eight bytes a line: of a million lines, neither the samples nor their names are kept.
    ranks: npt.NDArray[np.uint64] = np.fromiter(
        (_rank(_line(sample) if by == "line" else _document(sample), seed) for sample in samples), np.uint64
    )
    if by == "document" and len(ranks) and (ranks == ranks[0]).all():
        raise LabelError(
            f"all {len(samples)} lines are of one document, {samples[0].document!r}; use --split-by line, "
            f"or put each document into a folder of its own"
        )
    for group in twins:
        ranks[list(group)] = ranks[list(group)].max()
    held_out = ranks < np.uint64(int(share * 2**64))
    if len(ranks) and ranks.min() < ranks.max():
        if not held_out.any():
            held_out = ranks == ranks.min()
        if held_out.all():
            held_out = ranks < ranks.max()
    return Split(chosen(samples, np.flatnonzero(~held_out)), chosen(samples, np.flatnonzero(held_out)))


def _line(sample: Sample) -> str:
    """What names a line: without the ending, so that it stays on its side when PNG files become JPEG files."""
    name = PurePosixPath(sample.name or sample.image.as_posix())
    return f"{name.with_suffix('')}#{sample.page or 0}"


def _document(sample: Sample) -> str:
    if not sample.document:
        raise LabelError(
            f"{sample.where}: nothing says which document {sample.title} is from; "
            f"put each document into a folder of its own, or add a column called document"
        )
    return sample.document


def _rank(unit: str, seed: int) -> int:
    """A number of 64 bits that looks random and is the same on every machine."""
    # Undecodable bytes of file names are lone surrogates, which plain UTF-8 refuses.
    digest = hashlib.blake2b(f"{seed}:{unit}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
