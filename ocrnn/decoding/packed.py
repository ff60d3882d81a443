"""A language model in few bytes, to travel inside of a model file: two an n-gram where ARPA takes 30.

A tree of n-grams needs no pointers: nodes stand in order, so the number of each one's children says whose they are.
Logarithms are rounded to a byte (as in KenLM's quantised tries, Heafield 2011), and zlib takes out what repeats.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.ngram import NEVER, SPECIAL, START, Ngrams, Numbers

_LOGP_STEP, _BACKOFF_STEP = 0.08, 0.04
"""Nats from one byte to the next: a probability is off by at most 4 %."""
_WIDEST = 1 << 16


def pack(model: Ngrams) -> bytes:
    """A model with tokens of one character and weights of at most 1, rounded; ValueError for any other."""
    if model.tokens[: len(SPECIAL)] != SPECIAL or not all(len(token) == 1 for token in model.tokens[len(SPECIAL) :]):
        raise ValueError("a token is no character")
    children = np.bincount(model.parents, minlength=model.levels[-2])
    # All tokens are children of the root.
    if children.max() >= _WIDEST or (model.backoffs > _BACKOFF_STEP).any():
        raise ValueError("numbers do not fit")
    characters = "".join(model.tokens[len(SPECIAL) :]).encode()
    parts = [
        *(_planes(part) for part in (model.lasts, children)),
        _rounded(model.logps, _LOGP_STEP),
        _rounded(model.backoffs[: model.levels[-2] - 1], _BACKOFF_STEP),
    ]
    sizes = np.array([len(characters), len(children), len(model.keys)], "<u4")
    return zlib.compress(sizes.tobytes() + characters + b"".join(parts), 9)


def check(packed: bytes) -> None:
    """ValueError for bytes that are no packed model, or a damaged one: in a tenth of the time that a model takes."""
    _opened(packed)


def unpack(packed: bytes) -> Ngrams:
    """The model that was packed; ValueError for bytes that are none."""
    data, written, inner, nodes = _opened(packed)
    tokens = (*SPECIAL, *data[12 : 12 + written].decode())
    rest = np.frombuffer(data, np.uint8, offset=12 + written)
    lasts, children, logps, backoffs = np.split(rest, np.cumsum([2 * nodes, 2 * inner, nodes]))
    counts, numbers = _whole(children), _whole(lasts)
    if counts.sum() != nodes or numbers.max() >= len(tokens):
        raise ValueError("no packed language model: its n-grams belong to none")
    keys = np.repeat(np.arange(inner), counts) * len(tokens) + numbers
    probabilities = logps.astype(np.float64) * -_LOGP_STEP
    probabilities[SPECIAL.index(START)] = NEVER
    weights = np.zeros(nodes)
    weights[: inner - 1] = backoffs * -_BACKOFF_STEP
    return Ngrams(tokens, keys, probabilities, weights)


def _opened(packed: bytes) -> tuple[bytes, int, int, int]:
    """What was packed as bytes, and how many of them are characters, nodes that may have children, and nodes."""
    try:
        data = zlib.decompress(packed)
    except zlib.error as fault:
        raise ValueError(f"no packed language model: {fault}") from None
    sizes = np.frombuffer(data, "<u4", 3).astype(int) if len(data) >= 12 else np.zeros(3, int)
    written, inner, nodes = sizes.tolist()
    if len(data) != 12 + written + 3 * nodes + 2 * inner + inner - 1 or not 0 < inner <= nodes:
        raise ValueError("no packed language model: its parts are not as long as it says")
    return data, written, inner, nodes


def _planes(numbers: Numbers) -> bytes:
    """Numbers of two bytes, all low ones before all high ones: these are mostly 0, and pack well."""
    pairs = numbers.astype("<u2").view(np.uint8).reshape(-1, 2)
    return pairs.T.tobytes()


def _whole(planes: npt.NDArray[np.uint8]) -> Numbers:
    low, high = planes.reshape(2, -1).astype(np.int64)
    return low + (high << 8)


def _rounded(logarithms: Scores, step: float) -> bytes:
    return np.clip(np.round(logarithms / -step), 0, 255).astype(np.uint8).tobytes()
