"""What a run starts from: a network, new or known already, its charset and rate, and what draws lines for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.data.lines import evenly
from ocrnn.errors import CharsetError, UsageError
from ocrnn.image import LineFormat
from ocrnn.model.network import Network
from ocrnn.model.runtime import find, further, shipped
from ocrnn.model.weights import load_weights
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.synth.lines import Synthesizer
from ocrnn.synth.texts import Texts
from ocrnn.training.options import Options
from ocrnn.training.tuning import adapted, freeze, parts

LEARNING_RATE = 2e-3
FINE_TUNING_RATE = 1e-3
PLAIN_RATE = 5e-4
"""At most, without a shortcut head, which else brings a network past the blanks that CTC begins with: at 2e-3 that of
2015 read none of the digits of `samples/digits` in five rounds, at this most of them after two."""
_MOST_TEXTS = 100_000
"""Labels that synthetic lines take their texts from, evenly spread: so many are held in memory."""


def network_for(
    options: Options, samples: Sequence[Sample], held_out: Sequence[Sample]
) -> tuple[Network, ModelSpec, Charset | None]:
    """Network to teach and its spec, with the charset these lines need, and that of the model it starts from."""
    torch.manual_seed(options.seed)
    if options.from_model:
        network, spec = load_weights(find(options.from_model, ".safetensors"))
        known = spec.charset
        charset = _charset(options, _narrowed(known, options.charset), samples)
        network, spec = adapted(network, spec, charset)
        if options.freeze:
            _freeze(network, options.freeze, known.strangers(charset.characters))
        return network, spec, known
    open_charset = (
        Charset.open(options.charset) if options.charset else Charset.of(s.text for s in chain(samples, held_out))
    )
    charset = _charset(options, open_charset, samples)
    architecture = Architecture.named(options.arch or "fast", backbone=options.backbone, cell=options.cell)
    spec = ModelSpec(charset, LineFormat(height=architecture.height), architecture)
    return Network(architecture, charset.classes), spec, None


def left_behind(name: str | None) -> int:
    """How many networks a shipped model of that name asks beside its own, which training leaves out."""
    return len(further(name)) if name in shipped() else 0


def usual_rate(architecture: Architecture, *, from_model: bool) -> float:
    """Highest learning rate that suits such a network where none is asked for."""
    rate = FINE_TUNING_RATE if from_model else LEARNING_RATE
    return rate if architecture.shortcut else min(rate, PLAIN_RATE)


def own_writer(options: Options, charset: Charset, known: Charset) -> tuple[Synthesizer | None, str]:
    """What draws lines as the start model knows them, and why not where nothing can.

    Raises UsageError for that where they are to be rehearsed, or fonts or texts were named.
    """
    kept = "".join(character for character in known.characters if character in charset)
    try:
        if not kept:
            raise UsageError("no character of the start model is left; leave --charset out")
        return _drawing(options.fonts, options.texts, Charset(kept), options.seed), ""
    except UsageError as fault:
        if options.rehearse:
            raise UsageError(f"--rehearse: {fault}") from None
        if options.fonts or options.texts:
            raise
        return None, str(fault)


def label_writer(options: Options, charset: Charset, samples: Sequence[Sample]) -> Synthesizer:
    """What draws the lines of --synth: with no texts given, it writes what the labels say in other hands."""
    said = options.texts or Texts({"labels": tuple(sample.text for sample in evenly(samples, _MOST_TEXTS))})
    return _drawing(options.fonts, said, charset, options.seed)


def _narrowed(known: Charset, asked: str | None) -> Charset:
    """The charset asked for, what a start model knows of it first and in its order; all of it where none is."""
    if asked is None:
        return known
    wanted = Charset.open(asked)
    kept = "".join(character for character in known.characters if character in wanted)
    return Charset(kept).extended(wanted.characters) if kept else wanted


def _charset(options: Options, charset: Charset, samples: Sequence[Sample]) -> Charset:
    """A charset with what else the labels say, as --new-chars has it; raises CharsetError where that is to fail."""
    strangers = "".join(dict.fromkeys(c for sample in samples for c in charset.strangers(sample.text)))
    if strangers and options.new_chars == "fail":
        culprit = next(sample for sample in samples if charset.strangers(sample.text))
        raise CharsetError(
            f"{culprit.where}: {charset.strangers(culprit.text)[0]!r} is not in the charset; "
            f"use a larger --charset, or --new-chars add or drop"
        )
    return charset.extended(strangers) if options.new_chars == "add" else charset


def _freeze(network: Network, names: str, added: str) -> None:
    """Freeze what --freeze names; raises UsageError where new characters could not be learned for it."""
    frozen = parts(names)
    if added and "head" in frozen:
        raise UsageError(
            f"--freeze head: {added[0]!r} is new to the model, and its head must learn it; "
            f"leave head out, or add --new-chars drop"
        )
    freeze(network, frozen)


def _drawing(fonts: Path | None, texts: Path | Texts | None, charset: Charset, seed: int) -> Synthesizer:
    """A synthesizer that has proved itself; raises UsageError where its fonts draw none of its texts."""
    synthesizer = Synthesizer(fonts, texts, charset)
    synthesizer.line(np.random.default_rng(seed))
    return synthesizer
