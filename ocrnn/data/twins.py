"""Twins: lines whose pictures are the same to the pixel, whatever their files are called."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from ocrnn.image import Grey

Prints = npt.NDArray[np.uint64]
"""Fingerprints of N pictures, (N,): of two different ones to be the same takes billions of lines."""


def fingerprint(grey: Grey) -> int:
    """A number of 64 bits that pictures (h, w) share where they are the same to the pixel."""
    digest = hashlib.blake2b(b"%d columns " % grey.shape[1], digest_size=8)
    digest.update(grey.tobytes())
    return int.from_bytes(digest.digest(), "big")


def groups(prints: Prints) -> list[tuple[int, ...]]:
    """Places of two and more equal fingerprints, in each group and of the groups the first one first.

    >>> groups(np.array([7, 3, 7, 5, 3, 7], np.uint64))
    [(0, 2, 5), (1, 4)]
    """
    in_order = np.sort(prints)
    several = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    if not len(several):  # as a rule: then a million lines take no more memory than that order
        return []
    places = np.flatnonzero(several[np.searchsorted(several, prints) % len(several)] == prints)
    order = places[np.argsort(prints[places], kind="stable")]
    ends = np.flatnonzero(prints[order][1:] != prints[order][:-1]) + 1
    return sorted(tuple(group.tolist()) for group in np.split(order, ends) if len(group))
