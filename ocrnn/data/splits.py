"""Samples are split into those to train on and those to validate with, the same way each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, get_args

from ocrnn.data.samples import Sample
from ocrnn.errors import LabelError, UsageError

By = Literal["line", "document"]


class Split(NamedTuple):
    """Samples to train on and samples to validate with, each in the order they were given."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]


def split_by_hash(samples: Iterable[Sample], share: float = 0.1, seed: int = 0, by: By = "line") -> Split:
    """Put about `share` (0..1, both excluded) of the samples into validation, by a hash of each one's own name.

    The side of a line depends on nothing but its name below the data folder, without the picture's ending, and on the
    seed: it stays when lines are added, removed or reordered, and when the folder moves. With `by="document"` the name
    is that of its document (`Sample.document`), and all lines of a document share a side.

    Of two or more lines (documents) at least one goes to either side: where the hashes leave a side empty, the one
    nearest to it crosses over, and may cross back once the data have grown and another takes its place.
    Raises UsageError for options out of range, LabelError where documents are unknown or there is only one.
    """
    if not 0 < share < 1:
        raise UsageError(f"--val-split {share:g}: not a share; give a number between 0 and 1, such as 0.1")
    if by not in get_args(By):
        raise UsageError(f"--split-by {by}: no such choice; take one of {', '.join(get_args(By))}")
    samples = tuple(samples)
    units = [_line(sample) if by == "line" else _document(sample) for sample in samples]
    ranks = {unit: _rank(unit, seed) for unit in units}
    if by == "document" and len(ranks) == 1:
        raise LabelError(
            f"all {len(samples)} lines are of one document, {units[0]!r}; use --split-by line, "
            f"or put each document into a folder of its own"
        )
    chosen = {unit for unit, rank in ranks.items() if rank < share}
    if len(ranks) > 1 and not chosen:
        chosen = {min(ranks, key=lambda unit: (ranks[unit], unit))}
    if len(ranks) > 1 and len(chosen) == len(ranks):
        chosen.remove(max(ranks, key=lambda unit: (ranks[unit], unit)))
    return Split(
        tuple(sample for sample, unit in zip(samples, units, strict=True) if unit not in chosen),
        tuple(sample for sample, unit in zip(samples, units, strict=True) if unit in chosen),
    )


def _line(sample: Sample) -> str:
    """What names a line: without the ending, so that it stays on its side when PNG files become JPEG files."""
    name = PurePosixPath(sample.name or sample.image.as_posix())
    return f"{name.with_suffix('')}#{sample.page or 0}"


def _document(sample: Sample) -> str:
    if not sample.document:
        raise LabelError(
            f"{sample.where}: nothing says which document {sample.image.name} is from; "
            f"put each document into a folder of its own, or add a column called document"
        )
    return sample.document


def _rank(unit: str, seed: int) -> float:
    """A number in [0, 1) that looks random and is the same on every machine."""
    # Undecodable bytes of file names are lone surrogates, which plain UTF-8 refuses.
    digest = hashlib.blake2b(f"{seed}:{unit}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
