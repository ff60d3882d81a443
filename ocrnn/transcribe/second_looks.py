"""Second looks: what was read in doubt is read again, by further networks and in further views, until they agree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocrnn.decoding.ctc import LogProbs
from ocrnn.errors import ImageError
from ocrnn.reading import Reading
from ocrnn.transcribe.inference import log_probs
from ocrnn.transcribe.lots import WINDOW_COLUMNS
from ocrnn.transcribe.prepared import Prepared
from ocrnn.transcribe.scribe import Scribe
from ocrnn.transcribe.views import by_network, is_settled, is_word

if TYPE_CHECKING:
    from ocrnn.model.executors import Model


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
        self._specs = [network.spec for network in networks]
        self._scribe = scribe

    def take(self, read: Sequence[Read], batch_size: int) -> None:
        """Look again at those of some pages that are in doubt, and put down as their outcome what is agreed on."""
        looks: list[_Look] = []
        columns = 0
        for number, page in enumerate(read, 1):
            if page.line is not None:
                looks.append(self._look(page, page.line))
                columns += looks[-1].columns
            if looks and (columns >= WINDOW_COLUMNS or number == len(read)):
                self._agree(looks, batch_size)
                looks.clear()
                columns = 0

    def further(self, shots: Sequence[Prepared], batch_size: int) -> tuple[list[Prepared], list[LogProbs]]:
        """What further networks that know such lines say of frames of one, and for each which frame it is.

        They are asked however sure the first is: of drawn clips they mend one error in forty.
        """
        picture = shots[0].picture
        if picture is None:  # the model never looks again
            return [], []
        shares = by_network(1, self._specs, word=is_word(*picture.shape))
        asked = [model for model, share in zip(self._networks, shares, strict=True) if share]
        return list(shots) * len(asked), [line for model in asked for line in log_probs(model, shots, batch_size)]

    def _look(self, read: Read, line: LogProbs) -> _Look:
        """What each network is to read of a page."""
        assert read.page.picture is not None  # it is in doubt
        views = [read.page, *read.page.views(self._specs[0])]
        word, own = is_word(*read.page.picture.shape), self._specs[0]
        shares = by_network(len(views), self._specs, word=word)
        return _Look(read, own.word_power if word else own.again_power, views, shares, [read.page], [line])

    def _agree(self, looks: Sequence[_Look], batch_size: int) -> None:
        """Let networks agree on what some pages show: as they are, and where that settles nothing in all views."""
        self._see(looks, slice(1), batch_size)
        unsettled = [look for look in looks if len(look.seen) == 1 or not self._settles(look)]
        self._see(unsettled, slice(1, None), batch_size)
        for look in unsettled:
            look.read.outcome = self._scribe.fused(look.seen, look.lines, power=look.power)

    def _settles(self, look: _Look) -> bool:
        """Whether what was seen of a page is enough; it is then what becomes of the page."""
        page = look.read.page
        assert page.picture is not None
        look.read.outcome = agreed = self._scribe.fused(look.seen, look.lines, power=look.power)
        return is_settled(agreed, page.picture, self._specs[0])

    def _see(self, looks: Sequence[_Look], views: slice, batch_size: int) -> None:
        """Let each network read its share of some of the views of pages."""
        for network, model in enumerate(self._networks):
            shares = [look.share(network, views) for look in looks]
            lines = iter(log_probs(model, [view for its in shares for view in its], batch_size))
            for look, its in zip(looks, shares, strict=True):
                look.seen.extend(its)
                look.lines.extend(itertools.islice(lines, len(its)))


@dataclass(frozen=True)
class _Look:
    """A second look at a page: its views, which of them each network is to read, and what was seen so far.

    `lines` are the log-probabilities (T, C) of each view `seen`; what they give to a text is raised to `power`.
    """

    read: Read
    power: float
    views: Sequence[Prepared]
    shares: Sequence[Sequence[int]]
    seen: list[Prepared]
    lines: list[LogProbs]

    @property
    def columns(self) -> int:
        """W of all lines that may have to be read."""
        return sum(self.views[view].columns for share in self.shares for view in share)

    def share(self, network: int, part: slice) -> list[Prepared]:
        """What a network is to read of a part of the views."""
        asked = range(len(self.views))[part]
        return [self.views[view] for view in self.shares[network] if view in asked]
