"""What whoever started a run is told of it on standard error: what fails, what is odd, how far it is, how it ended."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from ocrnn.cli.progress import Bar
from ocrnn.cli.progress import bar as progress_bar
from ocrnn.errors import ImageError
from ocrnn.storage import whole_file
from ocrnn.transcribe.batch import STDIN, Picture
from ocrnn.transcribe.output import row

if TYPE_CHECKING:
    from ocrnn.reading import Reading
    from ocrnn.transcribe.result import Result


class Account:
    """Of a run: `failed` paths with their reasons, how many pictures were `read` and texts `overruled` by a constraint.

    A picture of several lines is read where all of them are, and fails once however many of them do.
    """

    def __init__(self, *, quiet: bool, verbose: bool, alone: bool) -> None:
        """Begin it; `alone` is a picture that is all there is."""
        self.failed: list[tuple[str, str]] = []
        self.read = self.overruled = 0
        self._lines = self._failed_pictures = self._reasons = 0
        self._quiet, self._verbose, self._alone = quiet, verbose, alone
        self._start = time.perf_counter()
        self._bar: Bar | None = None

    def watch(self, pictures: int, *, shown: bool) -> None:
        """Show how far it is, from now on until it is closed; what failed before were paths that led nowhere."""
        self._failed_pictures = self._reasons = len(self.failed)
        self._bar = progress_bar(pictures, "pictures", shown=shown)

    def advance(self) -> None:
        """One picture more is done: read, unless something of it was named as a failure since the one before it."""
        failed = len(self.failed) > self._reasons
        self._failed_pictures += failed
        self.read += not failed
        self._reasons = len(self.failed)
        if self._bar is not None:
            self._bar.update()

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def fail(self, path: str, reason: str) -> None:
        """Name something that cannot be read."""
        self.failed.append((path, reason))
        self._say(f"{path}: {reason}")

    def opened(self, pictures: int) -> None:
        """The model is open."""
        if self._verbose:
            seconds = time.perf_counter() - self._start
            self._say(f"model open after {seconds:.2f} s, pictures to read: {pictures}")

    def unreadable(self, picture: Picture, pages: Iterable[Result]) -> None:
        """Name the pages of a picture that could not be read."""
        for page in pages:
            if isinstance(page.outcome, ImageError):
                reason = _without(page.titled(page.name), str(page.outcome))
                if picture.path == STDIN and reason.startswith("not a picture"):
                    reason += ", or a list of paths in UTF-8, one on each line"
                self.fail(page.titled(picture.path), reason)

    def remark(self, picture: Picture, pages: Iterable[Result]) -> None:
        """Say what is odd about the pages of a picture that were read."""
        for page in pages:
            if not isinstance(page.outcome, ImageError):
                self._remark(page.titled(picture.path), page.outcome)

    def sum_up(self, *, skipped: int, doubtful: int | None) -> None:
        """Say how it ended, if anybody wants to know; `doubtful` lines are on a list, where there is one."""
        if self.overruled and not self._quiet and not self._alone:
            self._say(f"{self.overruled} texts are not what the picture alone reads as; -f json has both")
        told = doubtful is not None or (not self._alone and (self.failed or skipped or sys.stderr.isatty()))
        if self._verbose or (not self._quiet and told):
            seconds = time.perf_counter() - self._start
            listed = "" if doubtful is None else f", {doubtful} doubtful"
            failed = f"{self._failed_pictures} failed"
            if self._failed_pictures != len(self.failed):
                failed += f" ({len(self.failed)} of their lines)"
            counts = f"{self.read} read, {skipped} there already, {failed}{listed}"
            self._say(f"{counts}, {seconds:.1f} s, {self._lines / seconds:.0f} lines/s")

    def _remark(self, name: str, reading: Reading) -> None:
        self._lines += 1
        if reading.several_lines and not self._quiet:
            self._say(f"{name}: seems to hold several lines of text; cut it into lines first")
        free = reading.overruled
        if not reading.fits:
            freely = f" (freely it reads {free.text!r})" if free is not None else ""
            self.fail(name, f"no text fits the constraints{freely}; loosen them, or look at the picture")
        elif free is not None:
            self.overruled += 1
            if self._verbose or (self._alone and not self._quiet):
                self._say(f"{name}: {reading.text!r}, freely {free.text!r} (cost {free.cost:.1f})")

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        click.echo(f"ocrnn: {text}", err=True)


def _without(name: str, told: str) -> str:
    """What is told of a picture or page, without its name; the number of a line that may be behind it stays."""
    return re.sub("^([0-9]+):", r"line \1:", told[len(name) + 1 :]).lstrip() if told.startswith(f"{name}:") else told


def are_failures(beginning: bytes) -> bool:
    """Tell whether a file that begins so is a list of failures: each of its reasons names a way out after a semicolon.

    A table of labels has two columns too.
    """
    *whole, _ = beginning.split(b"\n")
    rows = [line.split(b"\t") for line in whole]
    return bool(rows) and all(len(row) == 2 and b"; " in row[1] for row in rows)


def write_failures(path: str, failed: Sequence[tuple[str, str]]) -> None:
    """Path, tab and reason of each failure; an empty file says that all was read."""
    with whole_file(path) as write:
        for name, reason in failed:
            write(row(name, reason).encode("utf-8", "surrogateescape"))
