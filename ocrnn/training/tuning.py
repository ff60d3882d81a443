"""Teaching a network that can read already: what of it stays as it is, and what it gained and lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK, Charset
from ocrnn.errors import ImageError, UsageError
from ocrnn.image import Grey
from ocrnn.metrics import distance, fold
from ocrnn.model.network import Network, with_classes
from ocrnn.spec import ModelSpec
from ocrnn.synth.lines import Synthesizer
from ocrnn.transcribe.reader import Reader

Part = Literal["conv", "rnn", "head"]

OLD_LINES = 200
"""Drawn lines that stand for what the start model could read."""
_OLD_SEED = 0x01D
"""Their own chance: no run's `--seed` draws these lines to learn from."""
_FOREIGN = 0.5
"""CER from which on drawn lines are not what a start model reads, and say nothing about what it forgets."""

Pairs = Sequence[tuple[str, str]]
"""(label, reading) of each line of a set."""


def parts(names: str) -> tuple[Part, ...]:
    """Parts of the network in a list with commas, in the order a line goes through them; UsageError for a stranger."""
    asked = [name.strip() for name in names.split(",")]
    known: tuple[Part, ...] = get_args(Part)
    for name in asked:
        if name not in known:
            raise UsageError(f"--freeze {name}: the network has no such part; name some of {', '.join(known)}")
    if set(asked) == set(known):
        raise UsageError(f"--freeze {names}: nothing is left to learn; leave one of {', '.join(known)} out")
    return tuple(part for part in known if part in asked)


def freeze(network: Network, names: Sequence[Part]) -> None:
    """Keep parts of a network as they are, weights and norm statistics alike: nothing in them asks for a gradient."""
    for name in names:
        modules = (network.head, network.shortcut) if name == "head" else (getattr(network, name),)
        for module in filter(None, modules):
            module.requires_grad_(False)
    network.train(network.training)


def adapted(network: Network, spec: ModelSpec, charset: Charset) -> tuple[Network, ModelSpec]:
    """Network and spec with another charset: what both know keeps its weights, the rest is new or forgotten."""
    known = spec.charset
    if charset == known:
        return network, spec
    origins = [known.encode(character)[0] if character in known else None for character in charset.characters]
    changed = dataclasses.replace(spec, charset=charset)
    return with_classes(network, [BLANK, *origins]), changed


def old_kind(synthesizer: Synthesizer) -> tuple[tuple[Grey, str], ...]:
    """Pictures and texts of the drawn lines that a model is asked before and after: the same at every call."""
    return tuple(synthesizer.line(np.random.default_rng((_OLD_SEED, number))) for number in range(OLD_LINES))


def read_drawn(reader: Reader, lines: Sequence[tuple[Grey, str]]) -> Pairs:
    """(label, reading) of drawn lines. Raises ImageError."""
    readings = []
    for result in reader.read_many(grey for grey, _ in lines):
        if isinstance(result.outcome, ImageError):
            raise result.outcome
        readings.append(result.outcome.text)
    return tuple(zip((text for _, text in lines), readings, strict=True))


@dataclass(frozen=True)
class Change:
    """How one set of lines is read by the start model and by the one that training left, folded or as written.

    `before` and `after` are (CER, low, high), 0..1 with their 95 % intervals; `worse` tells that the loss is more than
    chance: of the difference, line by line, 97.5 % lies above zero when the lines are drawn anew. `better` likewise.
    """

    lines: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    worse: bool
    better: bool

    @classmethod
    def of(cls, before: Pairs, after: Pairs, *, folded: bool = True) -> Change:
        """Compare two readings of the same lines; ValueError where they are not the same."""
        form = fold if folded else str
        lengths = np.array([len(form(t)) for t, _ in before])
        edits, later = (np.array([distance(form(r), form(t)) for t, r in pairs]) for pairs in (before, after))
        if [text for text, _ in before] != [text for text, _ in after]:
            raise ValueError("these are readings of different lines")
        drawn = np.random.default_rng(0).integers(len(edits), size=(1000, len(edits)))
        differences = (later - edits)[drawn].sum(1)  # over equal lengths: the sign says it all
        low, high = np.percentile(differences, (2.5, 97.5))

        def figures(wrong: npt.NDArray[np.int64]) -> tuple[float, float, float]:
            rates = wrong[drawn].sum(1) / np.maximum(1, lengths[drawn].sum(1))
            around = np.percentile(rates, (2.5, 97.5)).tolist()
            return float(wrong.sum() / max(1, lengths.sum())), *around

        return cls(len(edits), figures(edits), figures(later), worse=bool(low > 0), better=bool(high < 0))

    def stored(self) -> dict[str, object]:
        """What a model file says about it."""
        named = {"before": self.before, "after": self.after}
        shown: dict[str, object] = {"lines": self.lines}
        for name, (cer, low, high) in named.items():
            shown |= {f"cer {name}": round(cer, 5), f"interval {name}": [round(low, 5), round(high, 5)]}
        return shown


@dataclass(frozen=True)
class Outcome:
    """What fine-tuning came to: the validation lines, and lines of the start model's own kind where fonts draw some.

    `new` is of their texts after folding, `written` of the same as they are written, which is what training goes by.
    `kept` tells that training did not beat the start, which therefore is the model still. `no_old` says why there is
    no old kind.
    """

    new: Change
    written: Change
    old: Change | None
    kept: bool
    rehearsed: float
    no_old: str = ""

    def table(self) -> str:
        """CER of both sets before and after with 95 % intervals, as lines of text."""
        rows = [("new lines", self.new)]
        rows += [("  as written", self.written)] if self.written != self.new else []
        rows += [("its old kind", self.old)] if self.old else []
        shown = [f"{'CER in %':<14}{'lines':>6}  {'start':<27}now"]
        shown += [f"{name:<14}{c.lines:>6}  {_interval(c.before):<27}{_interval(c.after)}" for name, c in rows]
        return "\n".join(shown)

    def remarks(self) -> tuple[str, ...]:
        """What the table means, a sentence each; nothing where all is well or all stayed."""
        if self.kept:
            return ()
        said = []
        if not self.written.better:
            said.append(
                f"on the new lines this may be chance: {self.new.lines} are few to tell it by; "
                "measure it with `ocrnn eval` on lines of neither set"
            )
        if self.old is None:
            said.append(f"what the model forgot is not known: {self.no_old}")
        elif self.old.before[0] > _FOREIGN:
            said.append(
                f"the start model read {self.old.before[0]:.0%} of the drawn characters wrong: they are not of its "
                "kind, and do not tell what it forgot"
            )
        elif self.old.worse:
            more = min(0.5, 2 * self.rehearsed or 0.2)
            said.append(
                f"it reads its old kind worse: {self.old.before[0]:.1%} -> {self.old.after[0]:.1%} of the characters "
                f"wrong; --rehearse {more:g} keeps more of it"
            )
        return tuple(said)

    def stored(self) -> dict[str, object]:
        """What a model file says about it, by heading."""
        about: dict[str, object] = {"new lines": self.new.stored(), "new lines as written": self.written.stored()}
        if self.old:
            about["old kind"] = self.old.stored()
        if self.kept:
            about["training"] = "did not beat the start, which was kept"
        return about


def _interval(figures: tuple[float, float, float]) -> str:
    cer, low, high = (100 * figure for figure in figures)
    return f"{cer:.2f} ({low:.2f} to {high:.2f})"
