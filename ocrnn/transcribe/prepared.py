"""Pages on their way to a reading: sources are opened here, and their lines prepared as the network wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ocrnn.data.samples import Sample
from ocrnn.errors import ImageError
from ocrnn.image import MAX_PIXELS, Grey, Line, is_video, load_frames, load_lines
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec
from ocrnn.transcribe import rows, stretches, turning
from ocrnn.transcribe.result import Result, titled
from ocrnn.transcribe.source import Source, bounded, is_page, name_of
from ocrnn.transcribe.stretches import Layout
from ocrnn.transcribe.turning import Turn
from ocrnn.transcribe.views import View, kept, views

if TYPE_CHECKING:
    from ocrnn.data.pages import PageFile, Placement

Frames = Literal["pages", "fuse"]
"""What the pages or frames of one picture are: lines of their own, or one line seen several times."""

_NOWHERE = Layout(())


@dataclass(frozen=True)
class Prepared:
    """One page: its line and the size of the picture it came from, or the error that ends its way.

    A clip has no line of its own but `frames`. `width_px` and `height_px` are of the picture turned by `turned_deg`,
    `layout` says where in it the columns of the line stood; `others` are the same page turned otherwise. `picture` is
    kept where the line may be looked at again.
    """

    source: int
    name: str
    page: int
    pages: int
    line: Line | ImageError | None = None
    width_px: int = 0
    height_px: int = 0
    layout: Layout = _NOWHERE
    called: str = ""
    placement: Placement | None = None
    turned_deg: int = 0
    several_lines: bool = False
    others: tuple[Prepared, ...] = ()
    frames: tuple[Prepared, ...] = ()
    picture: Grey | None = None

    @property
    def columns(self) -> int:
        """W of the prepared line, 0 where there is none."""
        return self.line.shape[2] if isinstance(self.line, np.ndarray) else 0

    @property
    def all_columns(self) -> int:
        """W of all lines that may have to be read for this page."""
        return self.columns + sum(page.columns for page in (*self.others, *self.frames))

    def result(self, outcome: Reading | ImageError) -> Result:
        """What became of this page."""
        return Result(self.source, self.name, self.page, self.pages, outcome, self.called, self.placement)

    def views(self, spec: ModelSpec) -> Iterator[Prepared]:
        """The same page seen otherwise."""
        assert self.picture is not None
        return (self.seen(view, spec) for view in views(self.picture))

    def seen(self, view: View, spec: ModelSpec) -> Prepared:
        """The page in a view of it; places in it are still those of the picture as it was given."""
        line_format = spec.line_format
        line = line_format.prepare(view.grey)
        scale = line_format.scale(*view.grey.shape)
        origin = line_format.margin + round(scale * view.left)
        layout = Layout.whole(self.width_px, line, origin, scale * view.width / self.width_px)
        return replace(self, line=line, layout=layout)


@dataclass(frozen=True)
class Opener:
    """Opens sources for a model; `turn`, `frames` and `max_pixels` are those of the `Reader`."""

    spec: ModelSpec
    turn: Turn = "tall"
    frames: Frames = "pages"
    max_pixels: int = MAX_PIXELS

    def pages(self, numbered: Iterable[tuple[int, Source]]) -> Iterator[Prepared]:
        """Every page of every source, opened and prepared only when it is asked for."""
        for number, source in numbered:
            name = name_of(source)
            try:
                if is_page(source):
                    from ocrnn.data.pages import PageFile

                    yield from self._lines(number, PageFile.open(Path(name)))
                    continue
                if is_video(source) or (self.frames == "fuse" and not isinstance(source, Sample)):
                    yield Prepared(number, name, 1, 1, frames=tuple(self.shots(number, source)))
                    continue
                if isinstance(source, Sample):
                    greys = [source.load(max_pixels=self.max_pixels)]
                else:
                    greys = load_lines(bounded(source, self.max_pixels), max_pixels=self.max_pixels)
            except ImageError as error:
                yield Prepared(number, name, 1, 1, error)
                continue
            for page, grey in enumerate(greys, 1):
                made = partial(Prepared, number, name, page, len(greys))
                yield self._turned(grey, titled(name, page, len(greys)), made)

    def shots(self, number: int, source: Source) -> Iterator[Prepared]:
        """Each frame of a source, none turned; ImageError where it cannot be opened or one would be too wide."""
        name = name_of(source)
        most = self.max_pixels
        opened = source.load(max_pixels=most) if isinstance(source, Sample) else bounded(source, most)
        for grey in load_frames(opened, max_pixels=self.max_pixels):
            yield self._upright(grey, name, partial(Prepared, number, name, 1, 1))

    def _lines(self, number: int, page: PageFile) -> Iterator[Prepared]:
        """Lines of a page, each as if it were a page; none of one that is blank."""
        name, count = str(page.file), len(page.lines)
        for place, (called, cut) in enumerate(page.cut(self.max_pixels) if count else (), 1):
            if isinstance(cut, ImageError):
                yield Prepared(number, name, place, count, cut, called=called)
                continue
            grey, placement = cut
            made = partial(Prepared, number, name, place, count, called=called, placement=placement)
            yield self._turned(grey, titled(name, place, count, called), made)

    def _turned(self, grey: Grey, title: str, made: Callable[..., Prepared]) -> Prepared:
        """The page made of a picture's line, with those of the other ways it may have to be turned."""
        height, width = grey.shape
        tries = []
        for angle in turning.turns(height, width, self.turn):
            try:
                tries.append(self._upright(turning.turned(grey, angle), title, partial(made, turned_deg=angle)))
            except ImageError as error:  # what is too wide for a line lying may make a good one standing
                fault = error
        return replace(tries[0], others=tuple(tries[1:])) if tries else made(fault)

    def _upright(self, grey: Grey, title: str, made: Callable[..., Prepared]) -> Prepared:
        """The page made of a picture's line, which runs from left to right; ImageError where it would be too wide."""
        height, width = grey.shape
        if not grey.size:
            raise ImageError(f"{title}: the picture has no pixels; save it again")
        try:
            line, layout = stretches.prepare(grey, self.spec, max_pixels=self.max_pixels)
        except ImageError as error:
            raise ImageError(f"{title}: {error}") from None
        return made(line, width, height, layout, several_lines=rows.holds_several(line), picture=kept(grey, self.spec))
