"""Second looks: what is in doubt is read as it is by further networks, and where that settles nothing in more views."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocrnn.decoding.ctc import LogProbs
from ocrnn.errors import ImageError
from ocrnn.image import Grey
from ocrnn.reading import Reading
from ocrnn.transcribe.clips import certainty
from ocrnn.transcribe.inference import log_probs
from ocrnn.transcribe.lots import WINDOW_COLUMNS
from ocrnn.transcribe.prepared import Prepared
from ocrnn.transcribe.scribe import Look, Scribe
from ocrnn.transcribe.stacking import stacked
from ocrnn.transcribe.views import View, by_network, is_settled, is_word

if TYPE_CHECKING:
    from ocrnn.model.executors import Model
    from ocrnn.spec import ModelSpec


@dataclass
class Read:
    """A page, turned as it is, with what becomes of it; where it is to be looked at again `line` is its first look."""

    page: Prepared
    outcome: Reading | ImageError
    line: LogProbs | None = None


class SecondLooks:
    """Takes second looks with some networks, the model's own the first of them, and has a scribe tell their texts."""

    def __init__(self, networks: Sequence[Model], scribe: Scribe) -> None:
        self._networks = networks
        self._scribe = scribe

    def take(self, read: Sequence[Read], batch_size: int) -> None:
        """Look again at those of some pages that are in doubt, and put down as their outcome what is agreed on.

        Further views are made, and take their memory, only of what the networks leave unsettled.
        """
        looks = [_Look(page, [page.page], [page.line]) for page in read if page.line is not None]
        for part in _parts(looks):
            self._see(part, [[look.read.page] for look in part], batch_size)
        asked = [look for look in looks if len(look.seen) > 1]
        self._agree(asked)
        settled = {id(look) for look in asked if is_settled(look.reading, look.picture, self._own)}
        for part in _parts([look for look in looks if id(look) not in settled], _VIEWS):
            views = [[look.read.page, *look.read.page.views(self._own)] for look in part]
            self._see(part, views, batch_size)
            self._agree(part)
            for look in part:
                look.forget()

    def of_frames(
        self, shots: Sequence[Prepared], lines: Sequence[LogProbs], batch_size: int
    ) -> tuple[list[Prepared], list[LogProbs]]:
        """What else there is to see in the frames of one line, the first look at each being its line: pages and lines.

        Stacks of them, and what further networks that know such lines as the first frame say of all. However sure the
        first is: of drawn clips these mend one error in five.
        """
        picture = shots[0].picture
        if picture is None:  # the model never looks again, or not at what is so wide
            return [], []
        stacks = _stacks(shots, lines, self._own)
        shares = by_network(1, self._specs, word=is_word(*picture.shape))
        pages, found = list(stacks), log_probs(self._networks[0], stacks, batch_size)
        for model, share in zip(self._networks, shares, strict=True):
            if share:
                pages += [*shots, *stacks]
                found += log_probs(model, [*shots, *stacks], batch_size)
        return pages, found

    @property
    def _own(self) -> ModelSpec:
        return self._networks[0].spec

    @property
    def _specs(self) -> list[ModelSpec]:
        return [network.spec for network in self._networks]

    def _see(self, looks: Sequence[_Look], views: Sequence[Sequence[Prepared]], batch_size: int) -> None:
        """Let each network read its share of the views of each page: of one alone that, else of those behind it."""
        specs = self._specs
        shares = [by_network(len(its), specs, word=look.is_word) for look, its in zip(looks, views, strict=True)]
        for network, model in enumerate(self._networks):
            asked = [
                [its[view] for view in share[network] if (view == 0) == (len(its) == 1)]
                for its, share in zip(views, shares, strict=True)
            ]
            lines = iter(log_probs(model, [view for its in asked for view in its], batch_size))
            for look, its in zip(looks, asked, strict=True):
                look.seen.extend(its)
                look.lines.extend(itertools.islice(lines, len(its)))

    def _agree(self, looks: Sequence[_Look]) -> None:
        """Put down what all that was seen of some pages makes of them."""
        own = self._own
        powers = [own.word_power if look.is_word else own.again_power for look in looks]
        agreed = self._scribe.agreed(
            [Look(its.seen, its.lines, power) for its, power in zip(looks, powers, strict=True)]
        )
        for look, reading in zip(looks, agreed, strict=True):
            look.read.outcome = reading


def _stacks(shots: Sequence[Prepared], lines: Sequence[LogProbs], spec: ModelSpec) -> list[Prepared]:
    """Stacks of the frames of one line, seen as the surest of them: that is what the others are laid upon."""
    kept = [
        (certainty(line), shot.picture, shot)
        for shot, line in zip(shots, lines, strict=True)
        if shot.picture is not None
    ]
    kept.sort(key=lambda frame: frame[0], reverse=True)
    return [kept[0][2].seen(View.whole(grey), spec) for grey in stacked([picture for _, picture, _ in kept])]


_VIEWS = 15
"""Views of a page, no more: how wide they are is known when they are made."""


@dataclass(frozen=True)
class _Look:
    """A second look at a page, and what was seen so far: the log-probabilities (T, C) of each view are its line."""

    read: Read
    seen: list[Prepared]
    lines: list[LogProbs]

    def forget(self) -> None:
        """Let go of the views: of a window of words in doubt they would take a hundred megabytes."""
        self.seen.clear()
        self.lines.clear()

    @property
    def reading(self) -> Reading:
        """What became of the page so far."""
        assert isinstance(self.read.outcome, Reading)  # it is in doubt
        return self.read.outcome

    @property
    def picture(self) -> Grey:
        """The page as it is turned."""
        assert self.read.page.picture is not None  # it is in doubt
        return self.read.page.picture

    @property
    def is_word(self) -> bool:
        """Whether it holds a word more often than a line."""
        return is_word(*self.picture.shape)


def _parts(looks: Iterable[_Look], views: int = 1) -> Iterator[list[_Look]]:
    """Looks in lists to take together: of few where so many views of each are wide."""
    part: list[_Look] = []
    columns = 0
    for look in looks:
        part.append(look)
        columns += views * look.read.page.columns
        if columns >= WINDOW_COLUMNS:
            yield part
            part, columns = [], 0
    if part:
        yield part
