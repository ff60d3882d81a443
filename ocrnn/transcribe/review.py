"""The list of doubtful lines: what a person should look at, there line by line as it is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocrnn.errors import OutputError
from ocrnn.reading import Reading
from ocrnn.storage import growing_file, refusals
from ocrnn.transcribe.output import row

MIN_CONF = 0.95
"""Lines with less confidence are doubtful, where nothing else is asked for."""

_HEAD = row("path", "text", "confidence")


class Review:
    """Lists the readings whose confidence is below `min_conf`; `doubtful` counts them."""

    def __init__(self, write: Callable[[bytes], object], min_conf: float) -> None:
        """Write each line with `write`, behind a head that is there already."""
        self._write = write
        self._min_conf = min_conf
        self.doubtful = 0

    def add(self, path: str, reading: Reading) -> None:
        """Put one reading on the list, under the path of its picture, if it is doubtful."""
        if reading.confidence < self._min_conf:
            self.doubtful += 1
            self._write(_encoded(row(path, reading.text, f"{reading.confidence:.4f}")))


@contextmanager
def review_list(
    path: str | Path, min_conf: float = MIN_CONF, *, again: Collection[str] | None = None
) -> Iterator[Review]:
    """Keep a list of doubtful lines in a file: tab-separated path, text and confidence, with a head (UTF-8).

    Each line is there as soon as it is read, so that a run that is killed leaves what it found. With `again`, the
    pictures that are read this time, the list goes on from the one that is there: their lines are taken off it, all
    others stay. Without, it begins anew. Raises OutputError where the file cannot be written or holds anything else.
    """
    kept = _lines(path)
    if again is None:
        kept = []
    else:
        names = {_name(row(picture)) for picture in again}
        kept = [line for line in kept if not {_name(line), _name(line).rpartition("#")[0]} & names]
    with growing_file(path, _encoded(_HEAD + "".join(kept))) as write:
        yield Review(write, min_conf)


def is_review(beginning: bytes) -> bool:
    """Tell whether a file that begins so is a list of doubtful lines."""
    return beginning.startswith(_encoded(_HEAD))


def _lines(path: str | Path) -> list[str]:
    """Lines of a list that is there, without its head and what was cut off; OutputError for what is no such list."""
    if not Path(path).is_file():
        return []
    with refusals(path):
        data = Path(path).read_bytes()
    if data and not is_review(data):
        raise OutputError(f"{path}: is no review list, and it would be lost; name another file")
    return [f"{line}\n" for line in data.decode("utf-8", "surrogateescape")[len(_HEAD) :].split("\n")[:-1]]


def _name(line: str) -> str:
    return line.rstrip("\n").partition("\t")[0]


def _encoded(text: str) -> bytes:
    # File names that are not UTF-8 leave as the bytes they came as.
    return text.encode("utf-8", "surrogateescape")
