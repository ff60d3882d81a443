"""Where texts go: one document of all pictures, in a file or on standard output, or a file for each in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ocrnn.cli.places import refuse_picture, standard_output
from ocrnn.errors import ImageError, OutputError, UsageError
from ocrnn.folders import is_page_file
from ocrnn.storage import Write, check_place, make_folder, refusals, whole_file
from ocrnn.transcribe import parquet
from ocrnn.transcribe.batch import Picture, targets
from ocrnn.transcribe.output import FILE_SUFFIXES, SINGLE, Form, open_sheet

if TYPE_CHECKING:
    from ocrnn.transcribe.result import Result
    from ocrnn.transcribe.shards import Shard

Put = Callable[[Picture, "Sequence[Result]"], None]
"""Writes the pages of one picture, those that could be read."""


@dataclass(frozen=True)
class Outlet:
    """A document in a file or, without `output`, on standard output; with `places` a file for each picture.

    With `alone` the text needs no path before it.
    """

    output: str | None
    form: Form
    alone: bool
    places: Mapping[Picture, str] | None = None

    @classmethod
    def chosen(
        cls,
        output: str | None,
        form: Form,
        pictures: Sequence[Picture],
        *,
        alone: bool,
        overwrite: bool,
        named: Collection[str] = (),
    ) -> Outlet:
        """The outlet for some pictures, before the first of them is read; a folder is made.

        `named` are the paths that were given to be read. Raises UsageError or OutputError for what cannot be written.
        """
        if form in SINGLE and len(pictures) > 1 and (output is None or not is_folder(output)):
            count = len(pictures)
            raise UsageError(f"-f {form}: a file is about one picture, not {count}; give -o DIR for a file for each")
        if output is None:
            return cls(None, form, alone)
        refuse_picture(output)
        if is_folder(output):
            make_folder(output)
            every = list(dict.fromkeys(pictures))
            return cls(output, form, alone, dict(zip(every, targets(every, output, FILE_SUFFIXES[form]), strict=True)))
        if os.path.isfile(output) and not overwrite:
            raise UsageError(f"{output}: is there already; give --overwrite to replace it")
        check_place(output)
        if form not in SINGLE and is_page_file(output) and output in named:
            raise UsageError(f"{output}: is read itself; give another -o, or -f page or -f alto to fill it")
        # Nothing may stand there of a picture that cannot be read.
        return cls(output, form, alone, {pictures[0]: output} if form in SINGLE else None)

    def due(
        self, pictures: Sequence[Picture], share: Shard | None, *, overwrite: bool
    ) -> tuple[Sequence[Picture], Sequence[Picture]]:
        """Of the pictures, or a share of them, those to read, and those whose file is there already."""
        if self.places is not None and self.output is not None and is_folder(self.output):
            every = list(self.places)
            own = every if share is None else share.part(every)
            there = [] if overwrite else [picture for picture in own if os.path.exists(self.places[picture])]
            known = set(there)
            return [picture for picture in own if picture not in known], there
        return (pictures if share is None or self.places is not None else share.part(pictures)), ()

    def fills(self, path: str) -> bool:
        """Whether a file is one of those in a folder that pictures have for themselves."""
        if self.places is None or self.output is None or not is_folder(self.output):
            return False
        inside = os.path.relpath(os.path.realpath(path), os.path.realpath(self.output))
        return os.path.normpath(os.path.join(self.output, inside)) in map(os.path.normpath, self.places.values())

    def takes(self, pages: Sequence[Result]) -> bool:
        """Whether anything is written of a picture with these pages.

        A file with a page left out would not tell which: with a file for each it is every page or no file. A line of a
        page has a name, and what was read of the others is worth having.
        """
        read = [page for page in pages if not isinstance(page.outcome, ImageError)]
        return self.places is None or len(read) == len(pages) or any(page.line for page in read)

    def open(self) -> AbstractContextManager[Put]:
        """Open it for as long as pictures come."""
        return self._stream() if self.places is None else self._files(self.places)

    @contextmanager
    def _stream(self) -> Iterator[Put]:
        """Everything in one document."""
        place: AbstractContextManager[Write] = standard_output() if self.output is None else whole_file(self.output)
        with place as write:
            table = is_table(self.output)
            sheet = parquet.ParquetSheet(write) if table else open_sheet(write, self.form, alone=self.alone)
            try:
                yield lambda picture, pages: sheet.add(picture.path, pages)
            finally:
                sheet.close()

    @contextmanager
    def _files(self, places: Mapping[Picture, str]) -> Iterator[Put]:
        """A document for each picture, with its text alone in the form "text": the file name says whose it is."""

        def put(picture: Picture, pages: Sequence[Result]) -> None:
            if is_page_file(picture.path) and os.path.realpath(picture.path) == os.path.realpath(places[picture]):
                self._check_kind(picture.path)
            with refusals(places[picture]):
                os.makedirs(os.path.dirname(places[picture]) or os.curdir, exist_ok=True)
            with whole_file(places[picture]) as write:
                sheet = open_sheet(write, self.form, alone=True)
                sheet.add(picture.path, pages)
                sheet.close()

        yield put

    def _check_kind(self, page_file: str) -> None:
        """See that a page that stands where its text goes would be filled, and not replaced by a new one."""
        from ocrnn.data.layout import kind_of, parse
        from ocrnn.data.samples import Problem

        with refusals(page_file), open(page_file, "rb") as stream:
            root = parse(Path(page_file), stream.read())
        if root is not None and not isinstance(root, Problem) and kind_of(root) != self.form:
            kind = kind_of(root)
            raise OutputError(
                f"{page_file}: is {kind.upper()}, and all but its lines would be lost; give -f {kind}, or another -o"
            )


def form_for(output: str | None) -> Form:
    """The form that the name of a file asks for by its suffix; text where it asks for none, and for a folder.

    UsageError for a suffix of several forms.
    """
    if output is None or is_folder(output):
        return "text"
    suffix = os.path.splitext(output)[1].lower()
    forms = [form for form, its in FILE_SUFFIXES.items() if its == suffix]
    if len(forms) > 1:
        raise UsageError(f"{output}: {suffix} may be {' or '.join(forms)}; give -f {' or -f '.join(forms)}")
    return forms[0] if forms else "text"


def is_folder(output: str) -> bool:
    """Whether -o means a folder: one that is there, or a name with a slash at its end or without a suffix."""
    if os.path.exists(output):
        return os.path.isdir(output)
    return output.endswith(("/", os.sep)) or not os.path.splitext(output)[1]


def is_table(output: str | None) -> bool:
    """Whether -o means a Parquet file."""
    return output is not None and output.lower().endswith(parquet.SUFFIX) and not is_folder(output)
