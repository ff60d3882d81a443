"""Language models from text: interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, section 4.1.6)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ocrnn.charset import Charset
from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.ngram import END, NEVER, SPECIAL, START, UNKNOWN, Ngrams, Numbers
from ocrnn.errors import UsageError

ORDER = 6
"""Characters that a model sees at once: five and the next one."""

_UNKNOWN, _START, _END = (SPECIAL.index(token) for token in (UNKNOWN, START, END))
_ALWAYS = 2
"""Length up to which no n-gram is left out: these are few."""
_BITS = 63  # of a number that holds a whole n-gram
_DISCOUNTS = (0.5, 1.0, 1.5)  # where counts tell none, as lmplz falls back to


def estimate(lines: Iterable[str], order: int = ORDER, *, charset: Charset | None = None, least: int = 1) -> Ngrams:
    """Model of the characters of some lines, each between a START and an END of its own.

    Lines are taken in NFC, their white space as single spaces, empty ones left out. Characters outside of a charset are
    UNKNOWN; without one every character of the text is known, but for control characters. N-grams of three tokens and
    more that are there fewer than `least` times are left out, and their share goes to shorter contexts, as with
    KenLM's --prune (Heafield et al. 2013): a smaller model for text of many kinds.
    Raises UsageError for an order below 2, one too high for so many characters, a `least` below 1, and where there is
    no text.

    >>> model = estimate(["abba", "baba"], order=3)
    >>> model.tokens
    ('<unk>', '<s>', '</s>', 'a', 'b')
    >>> model.logp("aba") > model.logp("aab")
    True
    """
    if order < 2:
        raise UsageError(f"order {order}: no character before the next one would be seen; give 2 or more")
    if least < 1:
        raise UsageError(f"least {least}: no n-gram is there fewer times than once; give 1 or more")
    tokens, numbers = _stream(lines, charset)
    bits = len(tokens).bit_length()
    if bits * order > _BITS:
        raise UsageError(
            f"order {order}: too high for {len(tokens)} different characters; "
            f"give {_BITS // bits}, or a charset that leaves the rare ones out"
        )
    return _smooth(tokens, _count(numbers, order, len(tokens), bits), bits, least)


def _stream(lines: Iterable[str], charset: Charset | None) -> tuple[tuple[str, ...], Numbers]:
    """Tokens of all lines, and their numbers one after another, START and END around each line."""
    clean = (" ".join(unicodedata.normalize("NFC", line).split()) for line in lines)
    text = "".join(f"\n{line}\n" for line in clean if line)
    if not text:
        raise UsageError("there is no text to learn a language model from; give files with lines of text")
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    different = np.unique(codes)
    characters = [chr(code) for code in different.tolist()]
    visible = [c for c in characters if unicodedata.category(c) != "Cc"]
    tokens = (*SPECIAL, *(c for c in visible if charset is None or c in charset))
    known = {token: number for number, token in enumerate(tokens)}
    numbers = np.array([known.get(character, _UNKNOWN) for character in characters])[np.searchsorted(different, codes)]
    ends = np.flatnonzero(codes == ord("\n"))
    numbers[ends[0::2]] = _START
    numbers[ends[1::2]] = _END
    return tokens, numbers


class _Counts(NamedTuple):
    """All n-grams of one length, packed and in order, the counts of their probabilities, and how often they are there.

    Packed, an n-gram is one number: its tokens' numbers plus 1, so many bits for each, the first in front. Sorting,
    shifting and masking packed numbers sorts n-grams and takes their ends off.
    """

    packed: Numbers
    counts: Numbers
    seen: Numbers


def _count(numbers: Numbers, order: int, tokens: int, bits: int) -> list[_Counts]:
    """N-grams of each length that lie within a line, from single tokens on, of which all are there.

    The longest, and those that begin a line, count as often as they are there; all others as often as different
    tokens stand before them (Kneser and Ney 1995). Nothing leads to START, which counts 0.
    """
    # Ten million tokens cost one sort; all that follows is about the different n-grams only.
    windows, times = np.unique(_windows(numbers, order, bits), return_counts=True)
    levels: list[_Counts] = []
    longer = windows[:0]
    for length in range(order, 0, -1):
        ends, before = np.unique(longer & _mask(bits * length), return_counts=True)
        first, last = np.searchsorted(windows, (1 << bits * (length - 1), 1 << bits * length))
        packed = np.concatenate((ends, windows[first:last]))  # what begins a line ends nothing longer: none is twice
        counts = np.concatenate((before, times[first:last]))
        rising = packed.argsort()
        longer = packed[rising]
        whole = windows >= 1 << bits * (length - 1)
        places = np.searchsorted(longer, windows[whole] & _mask(bits * length))
        seen = np.bincount(places, times[whole], minlength=len(longer)).astype(np.int64)
        levels.insert(0, _Counts(longer, counts[rising], seen))
    alone = np.zeros((2, tokens), dtype=np.int64)
    alone[:, levels[0].packed - 1] = levels[0].counts, levels[0].seen
    alone[:, _START] = 0
    return [_Counts(np.arange(tokens) + 1, *alone), *levels[1:]]


def _windows(numbers: Numbers, order: int, bits: int) -> Numbers:
    """For each place the longest n-gram that ends there, packed: `order` tokens, or those from its line's START on."""
    digits = numbers + 1
    begins = numbers == _START
    windows = digits.copy()
    inside = np.ones(len(digits), dtype=bool)
    for back in range(1, order):
        inside[back:] &= ~begins[1 : len(begins) - back + 1]
        windows[back:] += np.where(inside[back:], digits[:-back] << bits * back, 0)
    return windows


def _smooth(tokens: tuple[str, ...], levels: Sequence[_Counts], bits: int, least: int) -> Ngrams:
    """Probabilities: an n-gram's share, discounted, and what that sets free spread as the n-gram one shorter says."""
    keys, probabilities, weights = [], [], []
    contexts = np.zeros(1, dtype=np.int64)  # packed: the empty one
    lower = np.full(1, 1 / (len(tokens) - 1))  # as far as no count tells, all but START are equally likely
    first = 0  # node of the first context
    for length, (packed, counts, seen) in enumerate(levels, 1):
        # What an n-gram begins or ends with is there as often at least: of those that stay all parts stay too.
        stays = (seen >= least) | (length <= _ALWAYS)
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        prefixes = packed >> bits
        parents = np.minimum(np.searchsorted(contexts, prefixes), len(contexts) - 1)
        followed = contexts[parents] == prefixes
        totals = np.bincount(parents[followed], counts[followed], minlength=len(contexts))
        freed = np.bincount(parents[followed], np.where(stays, discounts, counts)[followed], minlength=len(contexts))
        weight = np.divide(freed, totals, out=np.ones(len(contexts)), where=totals > 0)
        staying, parents = packed[stays], parents[stays]
        shorter = np.searchsorted(contexts, staying & _mask(bits * (length - 1)))
        lower = (counts - discounts)[stays] / totals[parents] + weight[parents] * lower[shorter]
        keys.append((first + parents) * len(tokens) + (staying & _mask(bits)) - 1)
        probabilities.append(lower)
        weights.append(weight)
        first += len(contexts)
        contexts = staying
    weights.append(np.ones(len(contexts)))  # nothing follows the longest
    logps = np.log(np.concatenate(probabilities))
    logps[_START] = NEVER
    return Ngrams(tokens, np.concatenate(keys), logps, np.log(np.concatenate(weights[1:])))


def _discounts(counts: Numbers) -> Scores:
    """What is taken off the counts 0, 1, 2, and 3 or more of one length (4,)."""
    seen = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)  # n-grams by count
    if (seen[1:5] > 0).all():
        ratio = seen[1] / (seen[1] + 2 * seen[2])
        found = [count - (count + 1) * ratio * seen[count + 1] / seen[count] for count in (1, 2, 3)]
        if all(0 <= discount <= count for count, discount in enumerate(found, 1)):
            return np.array([0.0, *found])
    return np.array([0.0, *_DISCOUNTS])


def _mask(bits: int) -> int:
    return (1 << bits) - 1
