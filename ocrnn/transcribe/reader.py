"""The reader: pictures in, Readings out, in flat memory and in the order they came."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.constraints import constraints
from ocrnn.decoding.search import BEAM_WIDTH, Decoder, Search
from ocrnn.errors import ImageError, UsageError, at_least, one_of
from ocrnn.image import MAX_PIXELS
from ocrnn.reading import Reading
from ocrnn.transcribe import stretches, turning
from ocrnn.transcribe.inference import log_probs
from ocrnn.transcribe.lots import BATCH_SIZE, LOT_BATCHES, lots, windows
from ocrnn.transcribe.pipeline import in_turn
from ocrnn.transcribe.prepared import Frames, Opener, Prepared
from ocrnn.transcribe.result import Result
from ocrnn.transcribe.scribe import Scribe
from ocrnn.transcribe.second_looks import Read, SecondLooks
from ocrnn.transcribe.source import Counted, Source, check_several, name_of
from ocrnn.transcribe.turning import Turn
from ocrnn.transcribe.views import in_doubt

if TYPE_CHECKING:
    from ocrnn.model.device import Device
    from ocrnn.model.executors import Model


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
        lexicon_cost: float | None = None,
        regex: str | None = None,
        lm: str | Path | None = None,
        lm_weight: float | None = None,
        turn: Turn = "tall",
        frames: Frames = "pages",
        parts: bool = True,
        jobs: int = 1,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Read with an open model, or anything that has its `spec` and `infer`.

        Models that it has as `further` take part in second looks, and read the frames of clips.
        `jobs` is how many threads `read_many` reads with, side by side; `infer` is then called from all of them.
        `alternatives` is how many further texts each reading brings, and further characters each character; they come
        from the beam, which is then at least one wider than their number. `allow` and `block` hold characters and
        classes such as `[:digit:]`; `lexicon` is a file of words, or of whole lines below a first line `# lines`, or
        what would stand there; `lexicon_cost` is what a word outside of it costs, as a natural logarithm; `regex` has
        to match the whole text; `lm` is a language model, an ARPA file, which counts `lm_weight` where the picture
        counts 1; both are what `ocrnn read --help` says where they are left out. All of these take the beam too: the
        decoder is otherwise "greedy".
        A picture over 2.5 times as high as wide is also read turned by a right angle either way, unless `turn` is
        "none"; with "auto" any tall one is, and a wide one on its head where it is doubtful as it came. The reading
        with more evidence stays.
        With `frames` "fuse" all pages of a picture show one line and give one reading; a video always does.
        Without `parts` readings have no words and no characters, whose places take a tenth of the time.
        Raises UsageError for options that contradict one another.
        """
        if isinstance(model, (str, os.PathLike)):
            raise UsageError(f"{model}: is the name of a model and no open one; give it to Reader.open")
        one_of(Frames, frames=frames)
        one_of(Turn, turn=turn)
        at_least(1, jobs=jobs, max_pixels=max_pixels)
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
        self.model = model
        self._search = Search.chosen(decoder, beam_width=beam_width, alternatives=alternatives, guides=guides)
        self._opener = Opener(model.spec, turn, frames, max_pixels)
        self._scribe = Scribe(model.spec, self._search, parts=parts)
        self._second_looks = SecondLooks((model, *getattr(model, "further", ())), self._scribe)
        self._parts = parts
        self._jobs = jobs
        self._looks_again = alternatives == 0

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
        lexicon_cost: float | None = None,
        regex: str | None = None,
        lm: str | Path | None = None,
        lm_weight: float | None = None,
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
        `device` is where the network is executed: with "auto" and "cpu" on the processor, in the numbers of the model's
        file. "cuda" is a GPU of NVIDIA's and "mps" that of a Mac, where ONNX Runtime reads in real numbers, and torch a
        .safetensors: UsageError where they are not there.
        """
        from ocrnn.model.runtime import open_model, share_cores

        jobs, threads = share_cores(model, jobs=jobs, threads=threads)
        return cls(
            open_model(model, threads=threads, device=device),
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
        check_several(frames)
        shots = [shot for number, frame in enumerate(frames) for shot in self._opener.shots(number, frame)]
        if not shots:
            raise ImageError("a clip of no frames; give one at least")
        return self._clip(shots)

    def posteriors(self, source: Source) -> npt.NDArray[np.float32]:
        """Calibrated log-probabilities (T, C) of a picture of one line, which its text is decoded from.

        Raises ImageError if it cannot be opened or holds several pages.
        """
        pages = list(self._opener.pages([(0, source)]))
        if len(pages) != 1:
            raise ImageError(f"{name_of(source)}: holds {len(pages)} lines; give one of them")
        (first,) = pages
        if isinstance(first.line, ImageError):
            raise first.line
        if first.line is None:
            raise ImageError(f"{name_of(source)}: is a clip; give one of its frames")
        return stretches.posteriors(self.model, first.line[None], first.layout.bounds)[:, 0]

    def read_many(self, sources: Iterable[Source], *, batch_size: int = BATCH_SIZE) -> Iterator[Result]:
        """Read any number of pictures in flat memory; results come in the order of the sources, page by page.

        Sources are drawn a few at a time, so that the first result is soon there, then up to 24 batches, and each
        lot is opened, prepared, read and decoded by one of the reader's jobs while others do the same with the next.
        Only lines of equal width are convolved together and none is padded, so that a line reads the same alone and in
        company.
        A picture that cannot be read is a Result with an ImageError and stops nothing. What drawing the sources raises
        comes behind the results of all that were drawn before.
        """
        at_least(1, batch_size=batch_size)
        check_several(sources)
        return self._read_many(sources, batch_size)

    def read_sources(self, sources: Iterable[Source], *, batch_size: int = BATCH_SIZE) -> Iterator[list[Result]]:
        """Read as `read_many` does, the pages of each source together as soon as its last is there."""
        pages: list[Result] = []
        done, counted = 0, Counted(sources)
        for result in self.read_many(counted, batch_size=batch_size):
            while done < result.source:  # a page without lines has no results
                yield []
                done += 1
            pages.append(result)
            if result.page == result.pages:
                yield pages
                pages, done = [], done + 1
        yield from ([] for _ in range(done, counted.drawn))

    def at_first_look(self) -> Reader:
        """The same reader, but for what it reads in doubt: it leaves that at what the first look shows."""
        other = Reader.__new__(Reader)
        other.__dict__.update(self.__dict__, _looks_again=False)
        return other

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, which a model that is open cannot be, with what to do instead."""
        raise UsageError(
            "a Reader holds an open model and goes to no other process; open one in each, such as by the initializer "
            "of a pool, or let jobs of read_many read side by side in this one"
        )

    def _read_many(self, sources: Iterable[Source], batch_size: int) -> Iterator[Result]:
        drawn = lots(sources, LOT_BATCHES * batch_size, self._jobs)
        for results in in_turn(lambda lot: self._read_lot(lot, batch_size), drawn, self._jobs):
            yield from results

    def _read_lot(self, lot: Iterable[tuple[int, Source]], batch_size: int) -> list[Result]:
        """Results of some sources with their numbers, as many pages at a time as memory has room for."""
        results: list[Result] = []
        for window in windows(self._opener.pages(lot)):
            results += self._read_window(window, batch_size)
        return results

    def _read_window(self, window: Sequence[Prepared], batch_size: int) -> list[Result]:
        """Results of some pages, those that are doubtful turned in every way that they may be."""
        read = self._first_looks(window, batch_size)
        doubtful = [
            (position, page)
            for position, page in enumerate(window)
            if page.others and isinstance(outcome := read[position].outcome, Reading) and not turning.is_sure(outcome)
        ]
        further = iter(self._first_looks([other for _, page in doubtful for other in page.others], batch_size))
        for position, page in doubtful:
            tried = (read[position], *itertools.islice(further, len(page.others)))
            best = turning.best([its.outcome for its in tried if isinstance(its.outcome, Reading)])
            read[position] = next(its for its in tried if its.outcome is best)
        if self._looks_again:
            self._second_looks.take(read, batch_size)
        outcomes = [its.outcome for its in read]
        if not self._parts:
            outcomes = [
                replace(outcome, characters=(), words=())
                if isinstance(outcome, Reading) and outcome.characters
                else outcome
                for outcome in outcomes
            ]
        return [page.result(outcome) for page, outcome in zip(window, outcomes, strict=True)]

    def _first_looks(self, window: Sequence[Prepared], batch_size: int) -> list[Read]:
        """What becomes of each of some pages, all as they are turned."""
        there = [page for page in window if page.columns]
        lines = log_probs(self.model, there, batch_size)
        found = iter(zip(self._scribe.readings(there, lines), lines, strict=True))
        read = []
        for page in window:
            if isinstance(page.line, ImageError):
                read.append(Read(page, page.line))
            elif page.line is None:
                read.append(Read(page, self._clip(page.frames)))
            else:
                reading, line = next(found)
                doubtful = page.picture is not None and in_doubt(reading, page.picture, self.model.spec)
                read.append(Read(page, reading, line.copy() if doubtful else None))  # or all of its batch stays
        return read

    def _clip(self, shots: Sequence[Prepared]) -> Reading:
        """One reading of several pictures of one line."""
        lines = log_probs(self.model, shots, BATCH_SIZE)
        again, others = self._second_looks.of_frames(shots, lines, BATCH_SIZE) if self._looks_again else ([], [])
        return replace(self._scribe.fused([*shots, *again], [*lines, *others]), frames=len(shots))
