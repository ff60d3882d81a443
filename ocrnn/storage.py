"""Files that are there whole or not at all, and what a disk refuses, said in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from ocrnn.errors import OutputError

Write = Callable[[bytes], object]
"""What takes the bytes of a file as they come."""

_DRAFT = ".ocrnn-"
"""How the names of files begin that are not whole yet."""
_drafts: set[Path] = set()
"""Drafts of this process that are there now: an interrupt can come between their making and what would remove them."""


@contextmanager
def whole_file(path: str | Path, *, durable: bool = False) -> Iterator[Callable[[bytes], None]]:
    """Give the `write` of a file that takes its name only when the block ends well; until then the old one stands.

    It is written beside its place as a dot-file, which goes again when the block is left by an error. Devices and pipes
    are written as they are. With `durable` the bytes are on the disk before the name is theirs: slow, for what took
    hours to make. Raises OutputError where the disk refuses, with the OSError as its cause.
    """
    special = _is_special(Path(path))
    # A link stays a link, and its target is replaced; /dev/stdout leads to a pipe that has no name of its own.
    place = Path(path) if special else Path(os.path.realpath(path))
    with nullcontext(place) if special else _draft_of(place) as draft:
        with refusals(path):
            stream = open(draft, "wb" if special else "xb")  # noqa: SIM115 - closed below, where its faults are ours

        def write(data: bytes) -> None:
            with refusals(path):
                stream.write(data)

        try:
            yield write
            with refusals(path):
                if durable and not special:
                    stream.flush()
                    os.fsync(stream.fileno())
                stream.close()  # flushes: a full disk shows here at the latest
                if not special:
                    os.replace(draft, place)
        except BaseException:
            with suppress(OSError):  # what could not be written cannot be flushed either
                stream.close()
            raise


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file durably: at every moment the old one or the whole new one stands under its name."""
    with whole_file(path, durable=True) as write:
        write(data)


@contextmanager
def growing_file(path: str | Path, beginning: bytes) -> Iterator[Callable[[bytes], None]]:
    """Give the `write` of a file that grows: what was written is there, whatever becomes of the program.

    The old file stands until it is replaced by one with this beginning. Raises OutputError where the disk refuses.
    """
    with whole_file(path) as write:
        write(beginning)
    with refusals(path):
        stream = open(path, "ab", buffering=0)  # noqa: SIM115 - closed below; what the block raises is not its fault

    def write_on(data: bytes) -> None:
        with refusals(path):
            stream.write(data)

    try:
        yield write_on
    finally:
        stream.close()


def drop_drafts() -> None:
    """Remove what this process had not written whole: for its end, when nothing writes any more."""
    for draft in tuple(_drafts):
        with suppress(OSError):
            draft.unlink()


def clear_drafts(folder: Path) -> None:
    """Remove what a killed program was writing into a folder, where nothing else writes now."""
    for draft in folder.glob(f"{_DRAFT}*"):
        with suppress(OSError):
            draft.unlink()


def make_folder(path: str | Path) -> None:
    """Make a folder with all that lead to it and see that it takes files; OutputError if it does not."""
    with refusals(path):
        os.makedirs(path, exist_ok=True)
        with _draft_of(Path(path, "probe")) as probe:
            probe.touch(exist_ok=False)


def check_empty(folder: str | Path) -> None:
    """See that a folder is new or empty, before anything is made for it; OutputError if it is not."""
    with refusals(folder):
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: not a folder; give one that is new or empty")
        # Dot-files are what a system or a killed run left behind.
        if folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise OutputError(f"{folder}: holds files already; give a folder that is new or empty")


def check_place(path: str | Path) -> None:
    """See that `whole_file` could write here, before any work is done for it; OutputError if not."""
    if _is_special(Path(path)):
        return
    place = Path(os.path.realpath(path))
    with refusals(path):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with _draft_of(place) as probe:
            probe.touch(exist_ok=False)


@contextmanager
def refusals(path: str | Path) -> Iterator[None]:
    """Turn what the disk refuses into an OutputError; a reader that went away is no fault of the output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise OutputError(f"{path}: cannot be written {_refusal(path, fault)}") from fault


def is_final(error: OutputError) -> bool:
    """Tell whether every further file would be refused as this one was: the disk is full or takes no writing."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _refusal(path: str | Path, fault: OSError) -> str:
    """What a disk refuses, in brackets, and the way out."""
    ways_out = {
        errno.ENOENT: f"make the folder {os.path.dirname(path) or os.curdir} first",
        errno.ENOTDIR: "choose another place",
        errno.EEXIST: "choose another place",
        errno.EISDIR: "name a file, not a folder",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.EACCES: "mend its rights, or choose another place",
        errno.EPERM: "mend its rights, or choose another place",
        errno.EROFS: "choose another place",
    }
    way_out = ways_out.get(fault.errno or 0, "make room, or choose another place")
    return f"({fault.strerror or type(fault).__name__}); {way_out}"


@contextmanager
def _draft_of(place: Path) -> Iterator[Path]:
    """Give a name beside a file for what becomes that file; nothing stands under it any more when the block ends."""
    draft = place.with_name(f"{_DRAFT}{os.urandom(6).hex()}")
    _drafts.add(draft)  # before anything is there to be removed
    try:
        yield draft
    finally:
        with suppress(OSError):
            draft.unlink()
        _drafts.discard(draft)


def _is_special(path: Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
