"""The search for the texts of lines: the best class of each frame, or a beam with what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ocrnn.decoding.beam import beam_texts
from ocrnn.decoding.constraints import Decoded, decode
from ocrnn.decoding.ctc import LogProbs, greedy_all, log_probabilities
from ocrnn.decoding.guide import Guide, combined
from ocrnn.errors import UsageError, at_least, one_of

Decoder = Literal["greedy", "beam"]

BEAM_WIDTH = 16
LIKELY_WIDTH = 8
"""Of many views of a line each needs fewer prefixes: 16 find no better texts, in a fifth more time."""


@dataclass(frozen=True)
class Search:
    """How texts are looked for: by which decoder, how many the beam keeps, how many are asked for beside the best one.

    `guide` is what the beam knows beforehand.
    """

    decoder: Decoder = "greedy"
    beam_width: int = BEAM_WIDTH
    alternatives: int = 0
    guide: Guide | None = None

    @classmethod
    def chosen(
        cls,
        decoder: Decoder | None = None,
        *,
        beam_width: int = BEAM_WIDTH,
        alternatives: int = 0,
        guides: Sequence[Guide] = (),
    ) -> Search:
        """The search that some options ask for: a beam where they need one, at least one wider than the alternatives.

        Raises UsageError for options that contradict one another.
        """
        if decoder is not None:
            one_of(Decoder, decoder=decoder)
        at_least(1, beam_width=beam_width)
        at_least(0, alternatives=alternatives)
        needs_beam = alternatives > 0 or bool(guides)
        if decoder == "greedy" and needs_beam:
            raise UsageError("alternatives and constraints belong to the beam; leave out the decoder 'greedy'")
        return cls(
            decoder or ("beam" if needs_beam else "greedy"),
            max(beam_width, alternatives + 1),
            alternatives,
            combined(guides) if guides else None,
        )

    def texts(self, lines: Sequence[LogProbs]) -> list[Decoded]:
        """The best text of each line (T, C) and the further ones asked for; `logp` is over all paths."""
        if self.decoder == "beam":
            best = 1 + self.alternatives
            return [decode(np.ascontiguousarray(line), self.beam_width, best=best, guide=self.guide) for line in lines]
        found = greedy_all(lines)
        # The greedy path is only one of all paths to its text.
        logps = log_probabilities(lines, [best.classes for best in found])
        return [Decoded((replace(best, logp=float(logp)),)) for best, logp in zip(found, logps, strict=True)]

    def best(self, lines: Sequence[LogProbs]) -> list[tuple[int, ...] | None]:
        """Classes of the best text of each line (T, C); None where a guide allows for no text at all."""
        if self.decoder == "beam":
            return [found.texts[0].classes if found.texts else None for found in self.texts(lines)]
        return [found.classes for found in greedy_all(lines)]


def likely(lines: Sequence[LogProbs], language: Guide, most: int) -> list[list[tuple[int, ...]]]:
    """Classes of up to `most` texts of each line (T, C), the best first, as a beam finds them with a language."""
    return [beam_texts(np.ascontiguousarray(line), LIKELY_WIDTH, best=most, guide=language) for line in lines]
