"""How far readings are from the truth: folding, character and word error, and how sure those figures are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_QUOTES = {ord(c): "'" for c in "‘’‚‛′´`ʼ"} | {ord(c): '"' for c in "“”„‟″«»"}
_DASHES = {ord(c): "-" for c in "‐‑‒–—―−﹘﹣－\u00ad⸗"}
_SHAPES = _QUOTES | _DASHES


def fold(text: str) -> str:
    """Text without what two careful transcribers may write differently; case is kept.

    Unicode form NFKC (so ſ is s), every quote as ' or ", every dash as -, two single quotes as one double,
    runs of white space as one space, none at either end.

    >>> fold("„Straße‟  —  ſo")
    '"Straße" - so'
    """
    # Shapes go first because NFKC takes some apart (´ becomes a space and an accent), and once more because
    # it makes others of what is in no table (‴ comes apart into three ′).
    text = unicodedata.normalize("NFKC", text.translate(_SHAPES)).translate(_SHAPES)
    return " ".join(text.replace("''", '"').split())


def distance(reading: Sequence[str], truth: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that turn one text, or list of words, into the other."""
    import editdistance  # not at the top: reading folds, and measures nothing

    return int(editdistance.eval(reading, truth))


def cer(readings: Iterable[str], truths: Iterable[str]) -> float:
    """Character error rate of folded readings: edits over characters of the truth; 0 is perfect, above 1 is possible.

    Pairs reading and truth in order; raises ValueError where one side has more lines.

    >>> cer(["TOTA1  12.40"], ["TOTAL 12.40"]) == 1 / 11
    True
    """
    return _ratio([(fold(r), fold(t)) for r, t in zip(readings, truths, strict=True)])


def wer(readings: Iterable[str], truths: Iterable[str]) -> float:
    """Word error rate of folded readings, words being what spaces part; otherwise as `cer`."""
    return _ratio([(fold(r).split(), fold(t).split()) for r, t in zip(readings, truths, strict=True)])


def alphanumerics(text: str) -> str:
    """Letters a-z and digits of a text after folding, lower case: what photographs of words are judged by."""
    return re.sub("[^0-9a-z]", "", fold(text).lower())


def unpunctuated(text: str) -> str:
    """A text after folding, without anything that Unicode calls punctuation; signs such as + and $ stay.

    >>> unpunctuated("«Oui», dit-il : 5 € !")
    'Oui ditil 5 €'
    """
    return " ".join("".join(c for c in fold(text) if unicodedata.category(c)[0] != "P").split())


@dataclass(frozen=True)
class Score:
    """How well a set of lines was read; every rate is 0..1 (shown as per cent), summed over the set before dividing.

    `cer` is folded with case kept, and `cer_low` to `cer_high` its 95 % interval; `cer_raw` takes code points as they
    stand, `cer_caseless` folds case too, `cer_spaceless` leaves spaces out, `cer_unpunctuated` punctuation; `wer`
    counts folded words, `wer_low` to `wer_high` is its interval; `exact` is the share of lines that are equal after
    folding; `alnum_error` the share of lines whose `alphanumerics` differ, among those that have any.
    """

    lines: int
    cer: float
    cer_low: float
    cer_high: float
    cer_raw: float
    cer_caseless: float
    cer_spaceless: float
    cer_unpunctuated: float
    wer: float
    wer_low: float
    wer_high: float
    exact: float
    alnum_error: float


def score(readings: Sequence[str], truths: Sequence[str], *, resamples: int = 1000, seed: int = 0) -> Score:
    """Score N readings against N truths; raises ValueError where the numbers differ or there are none.

    The interval is the percentile bootstrap over lines (Efron 1979): `resamples` sets of N lines drawn with
    replacement, the same for the same seed. Lines of one page err together, so for pages the truth is wider; where all
    lines err at one rate, as one line or lines without errors do, the interval has no width and says nothing.
    """
    if not truths:
        raise ValueError("no lines to score")
    pairs = [(fold(r), fold(t)) for r, t in zip(readings, truths, strict=True)]
    words36 = [(alphanumerics(r), t36) for r, t in pairs if (t36 := alphanumerics(t))]
    words = [(r.split(), t.split()) for r, t in pairs]
    cer_low, cer_high = _interval(pairs, resamples, seed)
    wer_low, wer_high = _interval(words, resamples, seed)
    return Score(
        lines=len(pairs),
        cer=_ratio(pairs),
        cer_low=cer_low,
        cer_high=cer_high,
        cer_raw=_ratio(list(zip(readings, truths, strict=True))),
        cer_caseless=_ratio([(r.casefold(), t.casefold()) for r, t in pairs]),
        cer_spaceless=_ratio([(r.replace(" ", ""), t.replace(" ", "")) for r, t in pairs]),
        cer_unpunctuated=_ratio([(unpunctuated(r), unpunctuated(t)) for r, t in pairs]),
        wer=_ratio(words),
        wer_low=wer_low,
        wer_high=wer_high,
        exact=sum(r == t for r, t in pairs) / len(pairs),
        alnum_error=sum(r != t for r, t in words36) / max(1, len(words36)),
    )


def _ratio(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    """Edits of all pairs (reading, truth) over the length of all truths; a set of empty truths counts as length 1."""
    return sum(distance(r, t) for r, t in pairs) / max(1, sum(len(t) for _, t in pairs))


def _interval(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], resamples: int, seed: int) -> tuple[float, float]:
    """Percentiles 2.5 and 97.5 of what `_ratio` gives for pairs drawn with replacement."""
    edits = np.array([distance(r, t) for r, t in pairs])
    lengths = np.array([len(t) for _, t in pairs])
    rng = np.random.default_rng(seed)
    rates = []
    for _ in range(resamples):
        drawn = rng.integers(len(edits), size=len(edits))
        rates.append(edits[drawn].sum() / max(1, lengths[drawn].sum()))
    low, high = np.percentile(rates, (2.5, 97.5)) if rates else (0.0, 1.0)
    return float(low), float(high)
