"""The reader: pictures in, Readings out, in flat memory and in the order they came."""

from __future__ import annotations

import itertools
import math
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK
from ocrnn.data.samples import Sample
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.constraints import Decoded, constraints, decode, own_language
from ocrnn.decoding.ctc import (
    Hypothesis,
    LogProbs,
    align,
    character_confidences,
    greedy_all,
    log_probabilities,
)
from ocrnn.decoding.guide import combined, score
from ocrnn.decoding.language import WEIGHT, Language
from ocrnn.decoding.lexicon import WORD_COST
from ocrnn.decoding.parts import Part, alternatives, confidences, words
from ocrnn.errors import ImageError, UsageError
from ocrnn.folders import is_page_file
from ocrnn.image import MAX_PIXELS, Grey, Line, is_video, load_frames, load_lines
from ocrnn.reading import Character, Overruled, Reading, Word
from ocrnn.transcribe import clips, rows, stretches, turning
from ocrnn.transcribe.boxes import places
from ocrnn.transcribe.pipeline import in_turn
from ocrnn.transcribe.stretches import Layout
from ocrnn.transcribe.turning import Turn
from ocrnn.transcribe.views import in_doubt, kept, views

if TYPE_CHECKING:
    from PIL import Image

    from ocrnn.data.pages import PageFile, Placement
    from ocrnn.model.device import Device
    from ocrnn.model.runtime import Model

Source: TypeAlias = "str | Path | bytes | BinaryIO | Grey | Image.Image | Sample"
"""What `load_lines` opens, a path, a file's bytes, an open binary file, an array or a PIL image; a labelled picture;
the path of a PAGE or ALTO file, which ends in .xml."""
Decoder = Literal["greedy", "beam"]
Frames = Literal["pages", "fuse"]
"""What the pages or frames of one picture are: lines of their own, or one line seen several times."""

BEAM_WIDTH = 16
BATCH_SIZE = 16
"""Lines of equal width that go through the network together."""

LOT_BATCHES = 32
"""Batches whose lines are opened, read and decoded by one job in one go: of 500 lines there are eight of one width, of
128 three, and eight together take four fifths of the time that they take one by one."""
_PAGE_LINES = 32
"""Lines that a page is taken to have until it is opened."""
_BATCH_COLUMNS = 32_768
"""Columns of all lines of a batch: a very wide line goes alone, so that memory has one bound."""
_WINDOW_COLUMNS = 4 * _BATCH_COLUMNS
"""Columns of all lines that are decoded together: 60 MB of them and their log-probabilities, for each job."""
_GROWTH = 4
"""How much larger each lot is than the one before it, until all jobs have full ones."""
_BELIEF = 2 / 3
"""How much a language counts in how sure a second look is, where it counts 1 in the search: 0.6 to 0.8 of 0.3 to 1 make
what came true likeliest, on kinds of drawn lines that nothing was fitted on as on real ones."""
_SUREST = -1e-9
"""Log-probability above which nothing is surer than anything else."""
_NOTHING = Hypothesis((), -math.inf, ())
_NOWHERE = Layout(())


@dataclass(frozen=True)
class Result:
    """What became of one page of one source: its reading, or why it has none.

    `source` counts the sources from 0 in the order they came, `page` counts the pages of one source from 1;
    most pictures have one page. A source that cannot be opened gives one result. For a PAGE or ALTO file each of its
    lines is one: `line` is what it is called there, and `placement` is where a line that was read lies.
    """

    source: int
    name: str
    page: int
    pages: int
    outcome: Reading | ImageError
    line: str = ""
    placement: Placement | None = None

    def titled(self, name: str) -> str:
        """Call this page by a name of its source: `name`, `name#2` for page 2 of several, or `name#r1l3` for a line."""
        return _titled(name, self.page, self.pages, self.line)


@dataclass(frozen=True)
class _Page:
    """One page on its way: its line and the size of the picture it came from, or the error that ends its way.

    Of a clip the line is there read already. `width_px` and `height_px` are of the picture turned by `turned_deg`,
    `layout` says where in it the columns of the line stood; `others` are the same page turned otherwise. `picture` is
    kept where the line may be looked at again.
    """

    source: int
    name: str
    page: int
    pages: int
    line: Line | ImageError | Reading
    width_px: int = 0
    height_px: int = 0
    layout: Layout = _NOWHERE
    called: str = ""
    placement: Placement | None = None
    turned_deg: int = 0
    several_lines: bool = False
    others: tuple[_Page, ...] = ()
    picture: Grey | None = None

    @property
    def columns(self) -> int:
        """W of the prepared line, 0 where there is none."""
        return self.line.shape[2] if isinstance(self.line, np.ndarray) else 0

    def result(self, outcome: Reading | ImageError) -> Result:
        return Result(self.source, self.name, self.page, self.pages, outcome, self.called, self.placement)


class Reader:
    """Reads lines of text with one model.

    >>> from ocrnn import Reader
    >>> Reader.open().read("samples/receipt.png").text
    'TOTAL 12.40 EUR'
    """

    def __init__(
        self,
        model: Model,
        *,
        decoder: Decoder | None = None,
        beam_width: int = BEAM_WIDTH,
        alternatives: int = 0,
        allow: str | None = None,
        block: str | None = None,
        lexicon: str | Path | Iterable[str] | None = None,
        lexicon_cost: float = WORD_COST,
        regex: str | None = None,
        lm: str | Path | None = None,
        lm_weight: float = WEIGHT,
        turn: Turn = "tall",
        frames: Frames = "pages",
        parts: bool = True,
        jobs: int = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Read with an open model, or anything that has its `spec` and `infer`.

        `jobs` is how many threads `read_many` reads with, side by side; `infer` is then called from all of them.
        `alternatives` is how many further texts each reading brings, and further characters each character; they come
        from the beam, which is then at least one wider than their number. `allow` and `block` hold characters and
        classes such as `[:digit:]`; `lexicon` is a file of words, or of whole lines below a first line `# lines`, or
        what would stand there; `lexicon_cost` is what a word outside of it costs, as a natural logarithm; `regex` has
        to match the whole text; `lm` is a language model, an ARPA file, which counts `lm_weight` where the picture
        counts 1. All of these take the beam too: the decoder is otherwise "greedy".
        A picture over 2.5 times as high as wide is also read turned by a right angle either way, unless `turn` is
        "none"; with "auto" any tall one is, and a wide one on its head where it is doubtful as it came. The reading
        with more evidence stays.
        With `frames` "fuse" all pages of a picture show one line and give one reading; a video always does.
        Without `parts` readings have no words and no characters, whose places take a tenth of the time.
        Raises UsageError for options that contradict one another.
        """
        if frames not in get_args(Frames):
            raise UsageError(f"frames {frames!r}: no such choice; take one of {', '.join(get_args(Frames))}")
        if turn not in get_args(Turn):
            raise UsageError(f"turn {turn!r}: no such choice; take one of {', '.join(get_args(Turn))}")
        if decoder is not None and decoder not in get_args(Decoder):
            raise UsageError(f"decoder {decoder!r}: no such choice; take one of {', '.join(get_args(Decoder))}")
        for option, value, least in (
            ("beam width", beam_width, 1),
            ("alternatives", alternatives, 0),
            ("jobs", jobs, 1),
            ("max pixels", max_pixels, 1),
        ):
            if value < least:
                raise UsageError(f"{option} {value}: too small; give {least} or more")
        guides = constraints(
            model.spec.charset,
            allow=allow,
            block=block,
            lexicon=lexicon,
            lexicon_cost=lexicon_cost,
            regex=regex,
            lm=lm,
            lm_weight=lm_weight,
        )
        if decoder == "greedy" and (alternatives or guides):
            raise UsageError("alternatives and constraints belong to the beam; leave out the decoder 'greedy'")
        self.model = model
        self._spaces = frozenset(n for n, c in enumerate(model.spec.charset.characters, BLANK + 1) if c.isspace())
        self._decoder = decoder or ("beam" if alternatives or guides else "greedy")
        self._guide = combined(guides) if guides else None
        self._beam_width = max(beam_width, alternatives + 1)
        self._alternatives = alternatives
        self._turn = turn
        self._frames = frames
        self._parts = parts
        self._jobs = jobs
        self._unpacking = threading.Lock()
        self._max_pixels = max_pixels

    @classmethod
    def open(
        cls,
        model: str | Path | None = None,
        *,
        decoder: Decoder | None = None,
        beam_width: int = BEAM_WIDTH,
        alternatives: int = 0,
        allow: str | None = None,
        block: str | None = None,
        lexicon: str | Path | Iterable[str] | None = None,
        lexicon_cost: float = WORD_COST,
        regex: str | None = None,
        lm: str | Path | None = None,
        lm_weight: float = WEIGHT,
        turn: Turn = "tall",
        frames: Frames = "pages",
        parts: bool = True,
        jobs: int | None = None,
        threads: int | None = None,
        device: Device = "auto",
        max_pixels: int = MAX_PIXELS,
    ) -> Reader:
        """Open a model by its name or file, the shipped default where none is given; ModelError if it is unusable.

        `jobs` is how many lines are read side by side, `threads` how many processor cores each of them may use. What
        is left out is chosen so that together they use the free cores once, with `threads` alone that many of them.
        `device` is where the network is executed. With "auto" that is the processor, by OpenVINO where it is installed
        and the chip has AMX, which starts half a second later; with "cpu" it is ONNX Runtime, in the numbers of the
        model's file. "cuda" is a GPU of NVIDIA's and "mps" that of a Mac, where ONNX Runtime reads in real numbers, and
        torch a .safetensors: UsageError where they are not there.
        """
        from ocrnn.model.runtime import open_model, share_cores

        jobs, threads = share_cores(model, jobs=jobs, threads=threads)
        return cls(
            open_model(model, threads=threads, jobs=jobs, device=device),
            decoder=decoder,
            beam_width=beam_width,
            alternatives=alternatives,
            allow=allow,
            block=block,
            lexicon=lexicon,
            lexicon_cost=lexicon_cost,
            regex=regex,
            lm=lm,
            lm_weight=lm_weight,
            turn=turn,
            frames=frames,
            parts=parts,
            jobs=jobs,
            max_pixels=max_pixels,
        )

    def read(self, source: Source) -> Reading:
        """Read a picture of one line; ImageError if it cannot be opened or holds several."""
        readings = self.read_pages(source)
        if len(readings) != 1:
            raise ImageError(f"{name_of(source)}: holds {len(readings)} lines; read it with read_pages")
        return readings[0]

    def read_pages(self, source: Source) -> list[Reading]:
        """Read each page of a picture, or each line of a PAGE or ALTO file; ImageError if one cannot be read."""
        readings = []
        for result in self.read_many([source]):
            if isinstance(result.outcome, ImageError):
                raise result.outcome
            readings.append(result.outcome)
        return readings

    def read_clip(self, frames: Iterable[Source]) -> Reading:
        """Read pictures of one line, such as frames of a film, as one; ImageError if one cannot be opened or none is.

        They may differ in size, and all of them are read, up to `MAX_FRAMES` of one that has several. None is turned.
        """
        pages = []
        for number, frame in enumerate(frames):
            greys = load_frames(frame.load() if isinstance(frame, Sample) else frame, max_pixels=self._max_pixels)
            pages += [
                self._upright(grey, name_of(frame), partial(_Page, number, name_of(frame), 1, 1)) for grey in greys
            ]
        if not pages:
            raise ImageError("a clip of no frames; give one at least")
        return self._clip(pages)

    def posteriors(self, source: Source) -> npt.NDArray[np.float32]:
        """Calibrated log-probabilities (T, C) of a picture of one line, which its text is decoded from.

        Raises ImageError if it cannot be opened or holds several pages.
        """
        pages = list(self._pages([(0, source)]))
        if len(pages) != 1:
            raise ImageError(f"{name_of(source)}: holds {len(pages)} lines; give one of them")
        (first,) = pages
        if isinstance(first.line, ImageError):
            raise first.line
        if isinstance(first.line, Reading):
            raise ImageError(f"{name_of(source)}: is a clip; give one of its frames")
        return stretches.posteriors(self.model, first.line[None], first.layout.bounds)[:, 0]

    def read_many(self, sources: Iterable[Source], *, batch_size: int = BATCH_SIZE) -> Iterator[Result]:
        """Read any number of pictures in flat memory; results come in the order of the sources, page by page.

        Sources are drawn a few at a time, so that the first result is soon there, then up to 32 batches, and each
        lot is opened, prepared, read and decoded by one of the reader's jobs while others do the same with the next.
        Only lines of equal width share a batch and none is padded, so that a line reads the same alone and in company.
        A picture that cannot be read is a Result with an ImageError and stops nothing.
        """
        if batch_size < 1:
            raise UsageError(f"batch size {batch_size}: too small; give 1 or more")
        return self._read_many(sources, batch_size)

    def read_sources(self, sources: Iterable[Source], *, batch_size: int = BATCH_SIZE) -> Iterator[list[Result]]:
        """Read as `read_many` does, the pages of each source together as soon as its last is there."""
        pages: list[Result] = []
        done, counted = 0, _Counted(sources)
        for result in self.read_many(counted, batch_size=batch_size):
            while done < result.source:  # a page without lines has no results
                yield []
                done += 1
            pages.append(result)
            if result.page == result.pages:
                yield pages
                pages, done = [], done + 1
        yield from ([] for _ in range(done, counted.drawn))

    def _read_many(self, sources: Iterable[Source], batch_size: int) -> Iterator[Result]:
        lots = _lots(sources, LOT_BATCHES * batch_size, self._jobs)
        for results in in_turn(lambda lot: self._read_lot(lot, batch_size), lots, self._jobs):
            yield from results

    def _read_lot(self, lot: Iterable[tuple[int, Source]], batch_size: int) -> list[Result]:
        """Results of some sources with their numbers, as many pages at a time as memory has room for."""
        pages = self._pages(lot)
        results: list[Result] = []
        while window := _window(pages):
            results += self._read_window(window, batch_size)
        return results

    def _pages(self, lot: Iterable[tuple[int, Source]]) -> Iterator[_Page]:
        """Every page of every source, opened and prepared only when it is asked for."""
        for number, source in lot:
            name = name_of(source)
            try:
                if _is_page(source):
                    from ocrnn.data.pages import PageFile

                    yield from self._lines(number, PageFile.open(Path(name)))
                    continue
                if is_video(source) or (self._frames == "fuse" and not isinstance(source, Sample)):
                    made = partial(_Page, number, name, 1, 1)
                    greys = load_frames(source, max_pixels=self._max_pixels)  # type: ignore[arg-type]
                    yield made(self._clip([self._upright(grey, name, made) for grey in greys]))
                    continue
                if isinstance(source, Sample):
                    greys = [source.load(max_pixels=self._max_pixels)]
                else:
                    greys = load_lines(source, max_pixels=self._max_pixels)
            except ImageError as error:
                yield _Page(number, name, 1, 1, error)
                continue
            for page, grey in enumerate(greys, 1):
                made = partial(_Page, number, name, page, len(greys))
                yield self._prepared(grey, _titled(name, page, len(greys)), made)

    def _lines(self, number: int, page: PageFile) -> Iterator[_Page]:
        """Lines of a page, each as if it were a page; none of one that is blank."""
        name, count = str(page.file), len(page.lines)
        for place, (called, cut) in enumerate(page.cut(self._max_pixels) if count else (), 1):
            if isinstance(cut, ImageError):
                yield _Page(number, name, place, count, cut, called=called)
                continue
            grey, placement = cut
            made = partial(_Page, number, name, place, count, called=called, placement=placement)
            yield self._prepared(grey, _titled(name, place, count, called), made)

    def _prepared(self, grey: Grey, title: str, made: Callable[..., _Page]) -> _Page:
        """The page made of a picture's line, with those of the other ways it may have to be turned."""
        height, width = grey.shape
        tries = []
        for angle in turning.turns(height, width, self._turn):
            try:
                tries.append(self._upright(turning.turned(grey, angle), title, partial(made, turned_deg=angle)))
            except ImageError as error:  # what is too wide for a line lying may make a good one standing
                fault = error
        if len(tries) == 1:  # as nearly always
            return tries[0]
        return replace(tries[0], others=tuple(tries[1:])) if tries else made(fault)

    def _upright(self, grey: Grey, title: str, made: Callable[..., _Page]) -> _Page:
        """The page made of a picture's line, which runs from left to right; ImageError where it would be too wide."""
        height, width = grey.shape
        try:
            line, layout = stretches.prepare(grey, self.model.spec, max_pixels=self._max_pixels)
        except ImageError as error:
            raise ImageError(f"{title}: {error}") from None
        return made(
            line,
            width,
            height,
            layout,
            several_lines=rows.holds_several(line),
            picture=kept(grey, self.model.spec),
        )

    def _clip(self, pages: Sequence[_Page]) -> Reading:
        """One reading of several pictures of one line."""
        return replace(self._fused(pages, self._log_probs(pages, BATCH_SIZE)), frames=len(pages))

    def _fused(self, pages: Sequence[_Page], lines: Sequence[LogProbs], *, again: bool = False) -> Reading:
        """One reading of several pictures of one line, from the log-probabilities (T, C) of each.

        Those of a line looked at `again` are views of one picture. What they give to a text is raised to the model's
        `again_power` to be its probability. The language that the model brings finds texts for each of them; which of
        these is taken the pictures say, and how sure that is, both. A word is as sure beside the line as in the picture
        that shows the line best: a line of one word is as sure as the word.
        """
        language = self._own_language() if again else None
        power = self.model.spec.again_power if again else 1.0
        if language is None:
            texts = [found.texts[0].classes for found in self._decoded(lines) if found.texts]
            agreed = clips.agreed(lines, texts, mix=self._guide is None)
            logp = power * agreed.logp
        else:
            width = max(2, self._beam_width)
            beams = [beam_search(np.ascontiguousarray(line), width, best=2, guide=language) for line in lines]
            texts = [found[0].classes for found in beams]
            # What the language speaks against stands in no beam: the pictures' own texts are among the rivals.
            rivals = [text.classes for found in (*beams, greedy_all(lines)) for text in found]
            agreed = clips.agreed(lines, texts, mix=False, rivals=rivals)
            scores = {text: _BELIEF * score(language, text) for text in agreed.shares}
            logp = clips.in_language(agreed, power * agreed.logp, scores)
        chosen, shown = agreed.text, agreed.shown
        best = Hypothesis(chosen, logp, align(lines[shown], chosen)) if logp > -math.inf else _NOTHING
        parts = self._words(best, pages[shown])
        (sure,) = confidences([lines[shown]], [best], [parts])
        found = Decoded((best,) if texts else ())
        share = logp / min(agreed.shown_logp, _SUREST)
        words = zip(parts, sure, strict=True)
        told = [(part, min(probability, math.exp(_SUREST)) ** share) for part, probability in words]
        return self._reading(lines[shown], found, told, pages[shown])

    def _read_window(self, window: Sequence[_Page], batch_size: int) -> list[Result]:
        """Results of some pages, those that are doubtful turned in every way that they may be."""
        outcomes = self._outcomes(window, batch_size)
        doubtful = [
            (position, page)
            for position, (page, outcome) in enumerate(zip(window, outcomes, strict=True))
            if page.others and isinstance(outcome, Reading) and not turning.is_sure(outcome)
        ]
        further = iter(self._outcomes([other for _, page in doubtful for other in page.others], batch_size))
        for position, page in doubtful:
            tried = (outcomes[position], *itertools.islice(further, len(page.others)))
            outcomes[position] = turning.best([outcome for outcome in tried if isinstance(outcome, Reading)])
        if not self._alternatives:
            self._look_again(window, outcomes, batch_size)
        if not self._parts:
            outcomes = [
                replace(outcome, characters=(), words=())
                if isinstance(outcome, Reading) and outcome.characters
                else outcome
                for outcome in outcomes
            ]
        return [page.result(outcome) for page, outcome in zip(window, outcomes, strict=True)]

    def _look_again(self, window: Sequence[_Page], outcomes: list[Reading | ImageError], batch_size: int) -> None:
        """Read doubtful pages again in several views each, and put down as their outcome what these agree on."""
        looks: dict[int, list[_Page]] = {}
        columns = 0
        for position, (page, outcome) in enumerate(zip(window, outcomes, strict=True)):
            if isinstance(outcome, Reading) and page.picture is not None:
                seen = next(turn for turn in (page, *page.others) if turn.turned_deg == outcome.turned_deg)
                assert seen.picture is not None  # kept of all turns of a page alike
                if in_doubt(outcome, seen.picture, self.model.spec):
                    looks[position] = [seen, *self._views(seen, seen.picture)]
                    columns += sum(look.columns for look in looks[position])
            if looks and (columns >= _WINDOW_COLUMNS or position == len(window) - 1):
                lines = iter(self._log_probs([look for its in looks.values() for look in its], batch_size))
                for at, its in looks.items():
                    outcomes[at] = self._fused(its, [*itertools.islice(lines, len(its))], again=True)
                looks.clear()
                columns = 0

    def _own_language(self) -> Language | None:
        """The language that the model brings for its second look, where nothing else is known of the text."""
        with self._unpacking:  # once, whichever job wants it first: it takes half a second
            return self._language

    @cached_property
    def _language(self) -> Language | None:
        return own_language(self.model.spec) if self._guide is None and self.model.spec.language else None

    def _views(self, page: _Page, grey: Grey) -> Iterator[_Page]:
        """The same page seen otherwise; places in it are still those of the picture as it was given."""
        line_format = self.model.spec.line_format
        for view in views(grey):
            line = line_format.prepare(view.grey)
            scale = line_format.scale(*view.grey.shape)
            origin = line_format.margin + round(scale * view.left)
            layout = Layout.whole(page.width_px, line, origin, scale * view.width / page.width_px)
            yield replace(page, line=line, layout=layout)

    def _outcomes(self, window: Sequence[_Page], batch_size: int) -> list[Reading | ImageError]:
        """What becomes of each of some pages, all as they are turned."""
        there = [position for position, page in enumerate(window) if page.columns]
        lines = self._log_probs([window[position] for position in there], batch_size)
        texts = self._decoded(lines)
        best = [found.texts[0] if found.texts else _NOTHING for found in texts]
        parts = [self._words(found, window[position]) for position, found in zip(there, best, strict=True)]
        sure = confidences(lines, best, parts)
        readings = {
            position: self._reading(line, found, list(zip(its, probabilities, strict=True)), window[position])
            for position, line, found, its, probabilities in zip(there, lines, texts, parts, sure, strict=True)
        }
        return [
            readings[position] if isinstance(page.line, np.ndarray) else page.line
            for position, page in enumerate(window)
        ]

    def _log_probs(self, pages: Sequence[_Page], batch_size: int) -> list[LogProbs]:
        """Calibrated log-probabilities (T, C) of each of some pages that have a line."""
        lines: dict[int, LogProbs] = {}
        for batch in _batches(pages, batch_size):
            images = np.stack([pages[position].line for position in batch])  # type: ignore[misc]  # (N, 1, H, W)
            log_probs = stretches.posteriors(self.model, images, pages[batch[0]].layout.bounds)  # (T, N, C)
            lines |= {position: log_probs[:, n] for n, position in enumerate(batch)}
        return [lines[position] for position in range(len(pages))]

    def _decoded(self, lines: Sequence[LogProbs]) -> list[Decoded]:
        """The best text of each line (T, C) and the further ones asked for; `logp` is over all paths."""
        if self._decoder == "beam":
            best = 1 + self._alternatives
            return [
                decode(np.ascontiguousarray(line), self._beam_width, best=best, guide=self._guide) for line in lines
            ]
        found = greedy_all(lines)
        # The greedy path is only one of all paths to its text.
        logps = log_probabilities(lines, [best.classes for best in found])
        return [Decoded((replace(best, logp=float(logp)),)) for best, logp in zip(found, logps, strict=True)]

    def _reading(
        self, log_probs: LogProbs, decoded: Decoded, words: Sequence[tuple[Part, float]], page: _Page
    ) -> Reading:
        """Reading of one line from its log-probabilities (T, C), the texts found in them, the best first, and words.

        Spaces at the ends of a text, which nobody sees, are left out; it is as probable as it was with them.
        """
        spec = self.model.spec
        best, *others = decoded.texts or (_NOTHING,)
        text = spec.charset.decode(best.classes)
        bare = text.strip()
        start = text.find(bare)
        characters = self._characters(text, best, log_probs, page) if self._is_parted(page) else ()
        further = {bare: 0.0}
        for other in others:
            further.setdefault(spec.charset.decode(other.classes).strip(), _probability(other.logp))
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
            fits=bool(decoded.texts) or self._guide is None,
            turned_deg=page.turned_deg,
            several_lines=page.several_lines,
        )

    def _is_parted(self, page: _Page) -> bool:
        """Whether a page's reading has words and characters: by those it is told which way it was to be turned."""
        return self._parts or bool(page.others) or page.turned_deg > 0

    def _words(self, best: Hypothesis, page: _Page) -> tuple[Part, ...]:
        return words(best.classes, self._spaces) if self._is_parted(page) else ()

    def _overruled(self, free: Hypothesis, best: Hypothesis) -> Overruled:
        text = self.model.spec.charset.decode(free.classes)
        return Overruled(text, _probability(free.logp), free.logp - best.logp)

    def _characters(self, text: str, best: Hypothesis, log_probs: LogProbs, page: _Page) -> tuple[Character, ...]:
        """Characters of a text, the ink that is theirs brought from the prepared line to the picture as given."""
        assert isinstance(page.line, np.ndarray)
        spaces = [number in self._spaces for number in best.classes]
        pixels = page.layout.pixels(places(page.line, best.spans, len(log_probs), spaces))
        decode_one = self.model.spec.charset.decode
        others: Sequence[Sequence[tuple[int, float]]] = [()] * len(best.classes)
        if self._alternatives:
            others = alternatives(log_probs, best, self._alternatives, guide=self._guide)
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


class _Counted:
    """Sources, counted as they are drawn; their number is known where it was."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = sources
        self.drawn = 0

    def __length_hint__(self) -> int:
        return operator.length_hint(self._sources, sys.maxsize)

    def __iter__(self) -> Iterator[Source]:
        for source in self._sources:
            self.drawn += 1
            yield source


def _titled(name: str, page: int, pages: int, line: str = "") -> str:
    return f"{name}#{line or page}" if line or pages > 1 else name


def name_of(source: Source) -> str:
    """What a source is called in results and errors; as `load_lines` calls it."""
    if isinstance(source, Sample):
        return str(source.image) if source.part is None else f"{source.image}: {source.part}"
    if isinstance(source, (str, os.PathLike)):
        return str(source)
    if isinstance(source, bytes):
        return "picture"
    if isinstance(source, np.ndarray):
        return "array"
    if hasattr(source, "read"):
        return str(getattr(source, "name", "stdin"))
    return str(getattr(source, "filename", "") or "picture")


def _lots(sources: Iterable[Source], most: int, jobs: int) -> Iterator[list[tuple[int, Source]]]:
    """Sources with their numbers, in lots: small ones first, so that results are soon there, then up to `most`.

    Where the number of sources is known the lots become small again towards the end, so that the jobs end together.
    """
    numbered = enumerate(sources)
    left = operator.length_hint(sources, sys.maxsize)
    size = 1
    while lot := list(_lot(numbered, size)):
        yield lot
        left -= len(lot)
        # Each takes its share of what is left and no less: small lots go through the network a tenth more slowly.
        size = max(min(_GROWTH * size, most, left // jobs), 1)


def _lot(numbered: Iterator[tuple[int, Source]], size: int) -> Iterator[tuple[int, Source]]:
    """The next sources of about so many lines."""
    for number, source in numbered:
        yield number, source
        size -= _PAGE_LINES if _is_page(source) else 1
        if size <= 0:
            return


def _is_page(source: Source) -> bool:
    return isinstance(source, (str, os.PathLike)) and is_page_file(source)


def _window(pages: Iterator[_Page]) -> list[_Page]:
    """The next pages to read together: few when they are wide."""
    window: list[_Page] = []
    columns = 0
    for page in pages:
        window.append(page)
        columns += page.columns + sum(other.columns for other in page.others)
        if columns >= _WINDOW_COLUMNS:
            break
    return window


def _batches(window: Sequence[_Page], batch_size: int) -> Iterator[list[int]]:
    """Positions in the window of lines that go through the network together: all of one width, cut at one place."""
    alike: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for position, page in enumerate(window):
        if page.columns:
            alike.setdefault(page.layout.bounds, []).append(position)
    for bounds, positions in alike.items():
        size = max(1, min(batch_size, _BATCH_COLUMNS // bounds[-1][1]))
        for start in range(0, len(positions), size):
            yield positions[start : start + size]


def _probability(logp: float) -> float:
    """Bring a log-probability to 0..1; rounding of float32 sums may lift it a hair above 0."""
    return math.exp(min(0.0, logp))
