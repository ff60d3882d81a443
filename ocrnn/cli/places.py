"""Where an option may write a file: not in a picture's place, nor over what that option did not make."""

from __future__ import annotations

import os
from collections.abc import Callable

from ocrnn.errors import UsageError
from ocrnn.folders import is_picture
from ocrnn.storage import check_place, refusals

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
    check_place(path)
    if os.path.isfile(path):
        with refusals(path), open(path, "rb") as stream:
            beginning = stream.read(_BEGINNING)
        if beginning and not is_own(beginning):
            raise UsageError(f"{path}: holds something else, and it would be lost; name {wanted}")


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
