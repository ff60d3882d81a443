"""Standard input and output, and where an option may write: nowhere over a picture, or what it did not make itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from pathlib import Path

from ocrnn.errors import OutputError, UsageError
from ocrnn.folders import is_picture
from ocrnn.storage import Write, check_place, refusals, whole_file

STDOUT = "-"
"""What `-o` calls standard output, as other programs do; a file or folder of that name is `./-`."""

_BEGINNING = 1 << 16
"""Bytes of a file that tell what made it."""


def refuse_picture(path: str, *, wanted: str = "a text file or a folder to write to") -> None:
    """Keep `-o line.png` from taking a picture's place by a slip of the fingers."""
    if is_picture(path) and not os.path.isdir(path):
        raise UsageError(f"{path}: is named like a picture; name {wanted}")


def check_own(path: str, wanted: str, is_own: Callable[[bytes], bool]) -> None:
    """See before the work that a file can be written, and that one that is there may go.

    It may where it is empty or `is_own` knows its beginning: what an option wrote itself it may write again. `wanted`
    says what to name instead. Raises UsageError or OutputError.
    """
    refuse_picture(path, wanted=wanted)
    _check_writable(path, wanted, is_own)


def _check_writable(path: str, wanted: str, is_own: Callable[[bytes], bool]) -> None:
    if path == STDOUT:
        raise UsageError(f"{path}: is no name for standard output here; name {wanted}, or ./- for a file of that name")
    check_place(path)
    if os.path.isfile(path):
        with refusals(path), open(path, "rb") as stream:
            beginning = stream.read(_BEGINNING)
        if beginning and not is_own(beginning):
            raise UsageError(f"{path}: holds something else, and it would be lost; name {wanted}")


def check_apart(places: Mapping[str, str | None]) -> None:
    """Refuse two options with one file to write: the last to be done would take the place of the others, silently.

    `places` has the path of each option. What is no file, such as /dev/null, takes all that comes.
    """
    given = [(option, path) for option, path in places.items() if path is not None]
    for (one, path), (other, its) in combinations(given, 2):
        if os.path.realpath(path) == os.path.realpath(its) and (os.path.isfile(path) or not os.path.exists(path)):
            raise UsageError(f"{its}: {one} and {other} would write to the same file; name two")


def check_page(path: str, title: str) -> None:
    """`check_own` for a page for a browser; pages whose title begins so are its own. No table of labels is named so."""
    from ocrnn.page import is_page

    check_suffix(path, wanted := "a page to write, such as line.html")
    check_own(path, wanted, lambda beginning: is_page(beginning, title))


def check_sheet(path: str) -> None:
    """The same for a sheet of lines, which is a picture itself: another picture, of a line or not, stays."""
    from ocrnn.training.sheet import is_sheet

    check_suffix(path, wanted := "a picture to write, such as sheet.png")
    _check_writable(path, wanted, is_sheet)


def check_suffix(path: str, wanted: str) -> None:
    """Refuse a name that labels have, whether it is there or not."""
    from ocrnn.data.formats import TABLES

    if os.path.splitext(path)[1].lower() in TABLES:
        raise UsageError(f"{path}: is named like a table of labels; name {wanted}")


def standard_input(wanted: str, max_pixels: int | None) -> bytes:
    """All of standard input; `wanted` says how to send something. UsageError where nobody sends anything.

    Raises ImageError for more than a picture of `max_pixels` can take.
    """
    from ocrnn.image import MAX_PIXELS
    from ocrnn.transcribe.source import all_of

    if sys.stdin is None:  # a shell closed it with <&-
        raise UsageError(f"-: standard input is closed; {wanted}")
    if sys.stdin.isatty():
        raise UsageError(f"-: standard input is a terminal; {wanted}")
    return all_of(sys.stdin.buffer, "-", max_pixels or MAX_PIXELS)


def opened(path: str | Path, *, durable: bool = False) -> AbstractContextManager[Write]:
    """Give the `write` of standard output for -, and of a whole file for any other name."""
    return standard_output() if str(path) == STDOUT else whole_file(path, durable=durable)


@contextmanager
def standard_output() -> Iterator[Write]:
    """Standard output without a buffer: each line is there when it is read, and a full disk shows at once."""
    if sys.stdout is None:  # a shell closed it with >&-
        raise OutputError("standard output: is closed; open it, or give -o FILE")
    stream = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)

    def write(data: bytes) -> None:
        rest = memoryview(data)
        with refusals("standard output"):
            while rest:
                rest = rest[stream.write(rest) or 0 :]

    yield write
