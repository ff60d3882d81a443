"""The scribe: what the network says of lines, written down as Readings."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from ocrnn.charset import BLANK, Charset
from ocrnn.decoding.constraints import Decoded, own_language
from ocrnn.decoding.ctc import Hypothesis, LogProbs, align, character_confidences, greedy_all
from ocrnn.decoding.guide import score
from ocrnn.decoding.language import Language
from ocrnn.decoding.parts import Part, alternatives, confidences, words
from ocrnn.decoding.search import Search, likely
from ocrnn.reading import Character, Overruled, Reading, Word
from ocrnn.spec import ModelSpec
from ocrnn.transcribe import clips
from ocrnn.transcribe.boxes import places
from ocrnn.transcribe.prepared import Prepared

_BELIEF = 2 / 3
"""How much a language counts in how sure a second look is, where it counts 1 in the search: 0.6 to 0.8 of 0.3 to 1 make
what came true likeliest, on kinds of drawn lines that nothing was fitted on as on real ones."""
_SUREST = -1e-9
"""Log-probability above which nothing is surer than anything else."""
_NOTHING = Hypothesis((), -math.inf, ())


@dataclass(frozen=True)
class Look:
    """A second look at a line: views of it, the log-probabilities (T, C) of each, and the power to raise theirs to.

    What the views give to a text, raised to the power, is its probability.
    """

    pages: Sequence[Prepared]
    lines: Sequence[LogProbs]
    power: float


class Scribe:
    """Finds the texts of lines in their log-probabilities, and where in the picture each part of them stands."""

    def __init__(self, spec: ModelSpec, search: Search, *, parts: bool = True) -> None:
        """Write what a model of this spec says; without `parts` readings have no words and no characters."""
        self._spec = spec
        self._search = search
        self._parts = parts
        self._unpacking = threading.Lock()
        self._spaces = frozenset(n for n, c in enumerate(spec.charset.characters, BLANK + 1) if c.isspace())

    def readings(self, pages: Sequence[Prepared], lines: Sequence[LogProbs]) -> list[Reading]:
        """The reading of each of some pages that have a line, from its calibrated log-probabilities (T, C)."""
        texts = self._search.texts(lines)
        best = [found.texts[0] if found.texts else _NOTHING for found in texts]
        parts = [self._words(found, page) for page, found in zip(pages, best, strict=True)]
        sure = confidences(lines, best, parts)
        return [
            self._reading(line, found, list(zip(its, probabilities, strict=True)), page)
            for page, line, found, its, probabilities in zip(pages, lines, texts, parts, sure, strict=True)
        ]

    def fused(self, pages: Sequence[Prepared], lines: Sequence[LogProbs]) -> Reading:
        """One reading of several pictures of one line, from the log-probabilities (T, C) of each."""
        texts = _texts(self._search.best(lines))
        agreed = clips.agreed(lines, texts, clips.weighed([(lines, texts)])[0], mix=self._search.guide is None)
        return self._fused(pages, lines, agreed, agreed.logp, fits=bool(texts))

    def agreed(self, looks: Sequence[Look]) -> list[Reading]:
        """The reading of each of some lines that were looked at again.

        The language that the model brings finds texts for each view; which of these is taken the pictures say, and how
        sure that is, both.
        """
        language = self._own_language()
        if language is None:
            best = iter(self._search.best([line for look in looks for line in look.lines]))
            texts = [_texts(islice(best, len(look.lines))) for look in looks]
            rivals: list[list[clips.Text]] = [[]] * len(looks)
        else:
            beams = [likely(look.lines, language, 2) for look in looks]
            texts = [[found[0] for found in its] for its in beams]
            # What the language speaks against stands in no beam: the pictures' own texts are among the rivals.
            rivals = [
                [text for found in its for text in found] + [found.classes for found in greedy_all(look.lines)]
                for look, its in zip(looks, beams, strict=True)
            ]
        tables = clips.weighed(
            (look.lines, (*its, *others)) for look, its, others in zip(looks, texts, rivals, strict=True)
        )
        readings = []
        for look, its, table in zip(looks, texts, tables, strict=True):
            # Views of one picture wash nothing out: mixing their texts gains a hundredth, in twice the time.
            agreed = clips.agreed(look.lines, its, table, mix=False)
            if language is not None:
                scores = {text: _BELIEF * score(language, text) for text in agreed.shares}
                logp = clips.in_language(agreed, look.power, scores)
            else:
                # Of a model whose language keeps silent the power is that of the mean: Bayes' rule goes on from it.
                logp = look.power * (agreed.mean_logp if self._spec.language else agreed.logp)
            readings.append(self._fused(look.pages, look.lines, agreed, logp, fits=bool(its)))
        return readings

    def _fused(
        self, pages: Sequence[Prepared], lines: Sequence[LogProbs], agreed: clips.Agreement, logp: float, *, fits: bool
    ) -> Reading:
        """The reading that several pictures agree on, of such a log-probability; `fits`: of a text that may be read.

        A word is as sure beside the line as in the picture that shows the line best: a line of one word is as sure as
        the word.
        """
        line, page = lines[agreed.shown], pages[agreed.shown]
        best = _NOTHING
        if logp > -math.inf:
            best = Hypothesis(agreed.text, logp, align(line, agreed.text) if self._is_parted(page) else ())
        parts = self._words(best, page)
        (sure,) = confidences([line], [best], [parts])
        share = logp / min(agreed.shown_logp, _SUREST)
        told = [(part, min(p, math.exp(_SUREST)) ** share) for part, p in zip(parts, sure, strict=True)]
        return self._reading(line, Decoded((best,) if fits else ()), told, page)

    def _own_language(self) -> Language | None:
        """The language that the model brings for its second look, where nothing else is known of the text."""
        with self._unpacking:  # once, whichever job wants it first: it takes half a second
            return self._language

    @cached_property
    def _language(self) -> Language | None:
        spoken = self._search.guide is None and self._spec.language and self._spec.language_weight
        return own_language(self._spec) if spoken else None

    def _reading(
        self, log_probs: LogProbs, decoded: Decoded, words: Sequence[tuple[Part, float]], page: Prepared
    ) -> Reading:
        """Reading of one line from its log-probabilities (T, C), the texts found in them, the best first, and words.

        Spaces at the ends of a text, which nobody sees, are left out; it is as probable as it was with them.
        """
        spec = self._spec
        best, *others = decoded.texts or (_NOTHING,)
        text = spec.charset.decode(best.classes)
        bare = text.strip()
        start = text.find(bare)
        characters = self._characters(text, best, log_probs, page) if self._is_parted(page) else ()
        further = bare_texts((best, *others), spec.charset)
        del further[bare]
        lying = page.turned_deg % 180 != 0
        return Reading(
            text=bare,
            confidence=_probability(best.logp),
            characters=characters[start : start + len(bare)],
            width_px=page.height_px if lying else page.width_px,
            height_px=page.width_px if lying else page.height_px,
            alternatives=tuple(further.items()),
            words=tuple(
                Word(text[first:last], characters[first].left_px, characters[last - 1].right_px, confidence)
                for (first, last), confidence in words
            ),
            overruled=None if decoded.free is None else self._overruled(decoded.free, best),
            fits=bool(decoded.texts) or self._search.guide is None,
            turned_deg=page.turned_deg,
            several_lines=page.several_lines,
        )

    def _is_parted(self, page: Prepared) -> bool:
        """Whether a page's reading has words and characters: by those it is told which way it was to be turned."""
        return self._parts or bool(page.others) or page.turned_deg > 0

    def _words(self, best: Hypothesis, page: Prepared) -> tuple[Part, ...]:
        return words(best.classes, self._spaces) if self._is_parted(page) else ()

    def _overruled(self, free: Hypothesis, best: Hypothesis) -> Overruled:
        text = self._spec.charset.decode(free.classes)
        return Overruled(text, _probability(free.logp), free.logp - best.logp)

    def _characters(self, text: str, best: Hypothesis, log_probs: LogProbs, page: Prepared) -> tuple[Character, ...]:
        """Characters of a text, the ink that is theirs brought from the prepared line to the picture as given."""
        assert isinstance(page.line, np.ndarray)
        spaces = [number in self._spaces for number in best.classes]
        pixels = page.layout.pixels(places(page.line, best.spans, len(log_probs), spaces))
        decode_one = self._spec.charset.decode
        others: Sequence[Sequence[tuple[int, float]]] = [()] * len(best.classes)
        if self._search.alternatives:
            others = alternatives(log_probs, best, self._search.alternatives, guide=self._search.guide)
        return tuple(
            Character(
                text=character,
                left_px=left,
                right_px=right,
                confidence=confidence,
                alternatives=tuple((decode_one([other] if other else []), share) for other, share in further),
            )
            for character, (left, right), confidence, further in zip(
                text, pixels.tolist(), character_confidences(log_probs, best), others, strict=True
            )
        )


def bare_texts(found: Iterable[Hypothesis], charset: Charset) -> dict[str, float]:
    """Texts without the spaces at their ends, each once and as probable as where it is first found."""
    told: dict[str, float] = {}
    for each in found:
        told.setdefault(charset.decode(each.classes).strip(), _probability(each.logp))
    return told


def _probability(logp: float) -> float:
    """Bring a log-probability to 0..1; rounding of float32 sums may lift it a hair above 0."""
    return math.exp(min(0.0, logp))


def _texts(found: Iterable[clips.Text | None]) -> list[clips.Text]:
    """Those that were found."""
    return [text for text in found if text is not None]
