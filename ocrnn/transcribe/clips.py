"""Clips: several pictures of one line, read as one.

Where a character stands in the frames of the network differs from picture to picture, and in each another one is washed
out. So it is not frames that are averaged but what they make of a text: its log-probability is a sum over every
alignment (Graves 2006), and the mean of it over all pictures, the sure ones counting more, says how well the text fits.
Frames of the network warped onto one another and then averaged were tried, and read worse than the surest picture
alone; pictures laid upon one another read better, and join the others (`stacking`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from ocrnn.charset import BLANK
from ocrnn.decoding.ctc import LogProbs, Scores, log_probabilities

Text = tuple[int, ...]
Weighed = dict[Text, Scores]
"""What some pictures of one line give to texts: of each its log-probability in each picture."""

_SHARPNESS = 5.0  # of the weights: a picture that is surer by 0.14 nats a character counts twice
_WORST = -30.0  # log-probability below which a text is simply not what a picture shows: none can veto the others
_SHOWING = 16
"""Power of the mean of a text's probabilities in the pictures that says how sure it is. Those that show little make the
plain mean far too modest: of drawn clips of nine frames 73 % are right, it said 48. The best picture alone is too
sure."""
_RIVALRY = 4
"""How much better a text fits, in powers of its mean, than others that were weighed: 2 and 9 are as good."""
_ROUNDS = 4
_IMPOSSIBLE = -500.0  # log-probability below which a text is none that a language could make likely
_MOST_GAIN = 60.0  # logarithm of how much more usual a rival can be, far beyond what decides


def certainty(log_probs: LogProbs) -> float:
    """How sure a picture (T, C) is of what it reads: the mean log-probability of its best classes, blanks left out."""
    best = log_probs.max(axis=1)
    read = log_probs.argmax(axis=1) != BLANK
    return float(best[read].mean()) if read.any() else -math.log(log_probs.shape[1])


@dataclass(frozen=True)
class Agreement:
    """The text that fits some pictures best, its log-probability, and which of them shows it best.

    `shares` are the mean probability (0..1) over the pictures for each text that was weighed, and `shown_logp` the
    log-probability in the picture that shows the text best. Nothing that they can show is the empty text, of -inf.
    """

    text: Text = ()
    logp: float = -math.inf
    shown: int = 0
    shown_logp: float = -math.inf
    shares: Mapping[Text, float] = field(default_factory=dict, repr=False)

    @property
    def mean_logp(self) -> float:
        """Log-probability of the text in the mean of the pictures, among all texts that there are."""
        share = self.shares.get(self.text, 0.0)
        return math.log(share) if share else self.shown_logp


def weighed(looks: Iterable[tuple[Sequence[LogProbs], Iterable[Text]]]) -> list[Weighed]:
    """What the pictures of each of some lines give to each of its texts; `looks` are the pictures (T, C), the texts.

    All in one go: of forty words with ten views and ten texts each, a third of the time of one after the other.
    """
    asked = [(lines, sorted(set(texts))) for lines, texts in looks]
    pairs = [(line, text) for lines, texts in asked for text in texts for line in lines]
    scores = log_probabilities([line for line, _ in pairs], [text for _, text in pairs])
    tables = []
    first = 0
    for lines, texts in asked:
        table = scores[first : first + len(texts) * len(lines)].reshape(len(texts), len(lines))
        tables.append(dict(zip(texts, table, strict=True)))
        first += table.size
    return tables


def agreed(lines: Sequence[LogProbs], texts: Sequence[Text], known: Weighed, *, mix: bool = True) -> Agreement:
    """The text that fits all pictures best.

    `lines` are the log-probabilities (T, C) of each picture, `texts` what was read of it. With `mix`, parts that one
    text has otherwise are tried in the best one, as long as that gains: no picture need show the whole line. Without it
    the text is one of `texts`. `known` is what the pictures give to all of the texts, and to any rivals, which are
    weighed beside them and never taken.

    Means of logarithms find the text; how sure it is the pictures that show it say, and whether another text fits
    nearly as well: one blurred picture of ten does not make them doubt what the other nine show, two that show
    different texts do.
    """
    sure = np.array([certainty(line) for line in lines])
    weights = np.exp(_SHARPNESS * (sure - sure.max()))
    weights /= weights.sum()
    known, tried = dict(known), set(texts)

    def best() -> Text:
        # What no picture can show is no text, however the others are.
        possible = (text for text in sorted(tried) if known[text].max() > -math.inf)
        return max(possible, key=lambda text: float(weights @ np.maximum(known[text], _WORST)), default=())

    chosen = best()
    for _ in range(_ROUNDS if mix else 0):
        tried |= {mixed for text in set(texts) for mixed in _mixed(chosen, text)}
        known |= weighed([(lines, tried - known.keys())])[0]
        chosen, before = best(), chosen
        if chosen == before:
            break
    if chosen not in known:
        return Agreement()
    shares = {text: float(weights @ np.exp(scores)) for text, scores in known.items()}
    shown_logp = float(known[chosen].max())
    shown = shown_logp + math.log(weights @ np.exp(_SHOWING * (known[chosen] - shown_logp))) / _SHOWING
    fits = np.array([weights @ np.maximum(scores, _WORST) for scores in known.values()])
    best_fit = float(weights @ np.maximum(known[chosen], _WORST))
    logp = shown - float(np.logaddexp.reduce(_RIVALRY * (fits - best_fit)))
    return Agreement(chosen, logp, int(known[chosen].argmax()), shown_logp, shares)


def in_language(found: Agreement, power: float, scores: Mapping[Text, float]) -> float:
    """Log-probability of the text agreed on once a language has its say: Bayes' rule over all texts that were weighed.

    The mean of the pictures, raised to the power, is the text's probability by them alone; `scores` are what the
    language adds to the logarithm of that of each text. What the pictures leave to others falls to the rivals as they
    share it, and the rest to texts that nobody thought of; these are taken to be as usual as the rivals are, but no
    more usual than the text itself.
    """
    logp = power * found.mean_logp
    others = {text: share for text, share in found.shares.items() if text != found.text and share}
    if not others or not _IMPOSSIBLE < logp < 0.0:
        return logp
    gains = {text: math.exp(min(_MOST_GAIN, scores[text] - scores[found.text])) for text in others}
    weighed, known = sum(gains[text] * share for text, share in others.items()), sum(others.values())
    unthought = max(0.0, 1.0 - found.shares[found.text] - known)
    gain = (weighed + unthought * min(1.0, weighed / known)) / (known + unthought)
    return -math.log1p(math.expm1(-logp) * gain)


def _mixed(text: Text, other: Text) -> list[Text]:
    """The text with one of the parts that differ taken from the other."""
    parts = SequenceMatcher(None, text, other, autojunk=False).get_opcodes()
    return [text[:first] + other[start:end] + text[last:] for kind, first, last, start, end in parts if kind != "equal"]
