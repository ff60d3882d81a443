"""What a user knows of a text beforehand, as guides of the beam, and where that is against what the picture says."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ocrnn.charset import Charset
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.characters import alphabet
from ocrnn.decoding.ctc import Hypothesis, LogProbs
from ocrnn.decoding.guide import Guide
from ocrnn.decoding.language import WEIGHT, Language
from ocrnn.decoding.lexicon import WORD_COST, known
from ocrnn.errors import ModelError, UsageError
from ocrnn.spec import ModelSpec

# Of 768 amounts on receipts, read as amounts, none cost more than 9.6; other lines bent into amounts cost 21 and more,
# their characters being few, and hundreds as a rule.
_FAR, _FAR_PER_CHARACTER = 10.0, 2.0


@dataclass(frozen=True)
class Decoded:
    """The texts found for a line, best first, and the best without a guide where that is another and more probable.

    No texts are found where none fits.
    """

    texts: tuple[Hypothesis, ...]
    free: Hypothesis | None = None


def constraints(
    charset: Charset,
    *,
    allow: str | None = None,
    block: str | None = None,
    lexicon: str | Path | Iterable[str] | None = None,
    lexicon_cost: float | None = None,
    regex: str | None = None,
    lm: str | Path | None = None,
    lm_weight: float | None = None,
) -> list[Guide]:
    """A guide for each constraint that is given; UsageError for one that no text of the charset can meet.

    `allow` and `block` as `alphabet` takes them, `lexicon` a file or its lines, `regex` as `Regex` has it, `lm` an ARPA
    file. `lexicon_cost` and `lm_weight` belong to them, and are the defaults where they are left out.
    """
    if lexicon_cost is not None and lexicon is None:
        raise UsageError("lexicon_cost: says what words outside of a lexicon cost; give a lexicon")
    if lm_weight is not None and lm is None:
        raise UsageError("lm_weight: says how much a language counts; give an lm")
    guides: list[Guide] = []
    if allow is not None or block is not None:
        guides.append(alphabet(charset, allow, block))
    if lexicon is not None:
        guides.append(known(lexicon, charset, cost=WORD_COST if lexicon_cost is None else lexicon_cost))
    if regex is not None:
        from ocrnn.decoding.regex import Regex  # here and not above: reading a picture does not wait for it

        guides.append(Regex(regex, charset))
    if lm is not None:
        from ocrnn.decoding.arpa import read_arpa

        guides.append(Language(read_arpa(lm), charset, WEIGHT if lm_weight is None else lm_weight))
    return guides


def own_language(spec: ModelSpec) -> Language:
    """The language that a model brings; ModelError where it is damaged."""
    from ocrnn.decoding.packed import unpack

    try:
        return Language(unpack(base64.b64decode(spec.language, validate=True)), spec.charset, spec.language_weight)
    except ValueError as fault:
        raise ModelError(f"the language in the model file is damaged ({fault}); fetch the file again") from None


def decode(log_probs: LogProbs, width: int, *, best: int = 1, guide: Guide | None = None) -> Decoded:
    """The `best` texts of (T, C) that `beam_search` finds with a guide, held against what it finds without.

    A text of S characters fits where it is at most e**(10 + 2 S) times less probable than the free one: further away it
    is not read but made up.
    """
    found = tuple(beam_search(log_probs, width, best=best, guide=guide))
    # What has more than half of the probability has nothing above it.
    if guide is None or (found and found[0].logp > math.log(0.5)):
        return Decoded(found)
    free = next(iter(beam_search(log_probs, width, best=1)), None)
    if free is None or (found and free.logp <= found[0].logp):
        return Decoded(found)
    if found and free.logp - found[0].logp > _FAR + _FAR_PER_CHARACTER * len(found[0].classes):
        return Decoded((), free)
    return Decoded(found, free)
