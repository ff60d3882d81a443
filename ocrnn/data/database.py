"""The LMDB of deep-text-recognition-benchmark: `num-samples`, `image-000000001`, `label-000000001`, read in place."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ocrnn.data.found import DATABASE
from ocrnn.data.lines import Numbers, Store
from ocrnn.data.samples import Problem, Sample, cleaned, load_stored, name_of, text_problem, tolerate
from ocrnn.errors import ImageError, LabelError
from ocrnn.image import MAX_PIXELS, Grey

if TYPE_CHECKING:
    from lmdb import Environment


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture in a database: its number there, from 1."""

    number: int

    def __str__(self) -> str:
        """Its key, `image-000000017`."""
        return f"image-{self.number:09}"

    def load(self, holder: Path, max_pixels: int = MAX_PIXELS) -> Grey:
        """Picture (h, w) of the database in this folder; raises ImageError."""
        return load_stored(f"{holder}: {self}", self.read(holder), max_pixels)

    def read(self, holder: Path) -> bytes:
        """Its bytes as they are; raises ImageError where the database has none or cannot be read."""
        try:
            data = _get(_opened(str(holder)), str(self))
        except _Fault as fault:
            raise ImageError(f"{holder}: {fault}; {fault.remedy}") from None
        if data is None:
            raise ImageError(f"{holder}: has no {self}; make the database again")
        return data


class DatabaseLines(Store):
    """Lines of a database, four bytes of memory each."""

    def __init__(self, folder: Path, name: str, numbers: Sequence[int]) -> None:
        """Take the folder of a database, what it is called in the data folder, and the numbers of its lines."""
        self._folder = folder
        self._name = name
        self._numbers = numbers

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._numbers)

    def blocks(self) -> list[int]:
        """One: a database finds any of its lines alike."""
        return [len(self)]

    def sample(self, number: int) -> Sample:
        """A line, read from the database; raises LabelError where that has changed since."""
        return next(self.picked([number]))

    def picked(self, numbers: Numbers | Sequence[int]) -> Iterator[Sample]:
        """Lines of these numbers."""
        try:
            environment = _opened(str(self._folder))
            for number in numbers:
                line = _line(environment, self._folder, self._name, self._numbers[int(number)], Counter())
                if isinstance(line, Problem):
                    raise LabelError(f"{self._folder}: has changed since it was looked through; start again")
                yield line
        except _Fault as fault:
            raise LabelError(f"{self._folder}: {fault}; {fault.remedy}") from None


def read_databases(
    files: Iterable[Path], root: Path, problems: list[Problem], tolerated: Counter[str]
) -> list[Sequence[Sample]]:
    """Lines of the databases with these files, looked through once; adds a problem for each that is none to learn from.

    Raises LabelError where lmdb is not installed.
    """
    found: list[Sequence[Sample]] = []
    for folder in (file.parent for file in files):
        try:
            environment = _opened(str(folder))
            count = _count(environment)
        except _Fault as fault:
            problems.append(Problem(str(folder / DATABASE), str(fault), fault.remedy))
            continue
        name = "" if folder == root else f"{name_of(folder, root)}/"
        numbers = array("I")
        for number in range(1, count + 1):
            line = _line(environment, folder, name, number, tolerated)
            if isinstance(line, Problem):
                problems.append(line)
            else:
                numbers.append(number)
        if numbers:
            found.append(DatabaseLines(folder, name, numbers))
    return found


class _Fault(Exception):
    """What keeps a database from being read, and what to do."""

    def __init__(self, what: str, remedy: str = "make the database again") -> None:
        super().__init__(what)
        self.remedy = remedy


def _opened(folder: str) -> Environment:
    # A process of its own must open it anew.
    return _environment(folder, os.getpid())


@cache  # all of them: LMDB refuses to open one again that a thread still reads in
def _environment(folder: str, process: int) -> Environment:
    try:
        import lmdb
    except ImportError:
        raise LabelError(f"{folder}: LMDB is read with lmdb; pip install 'ocrnn[lmdb]'") from None
    try:
        environment = lmdb.open(folder, readonly=True, create=False, lock=False, readahead=False, max_dbs=0)
        told = environment.info()["last_pgno"] + 1, environment.stat()["psize"]
        size = os.path.getsize(os.path.join(folder, DATABASE))
    except (lmdb.Error, OSError) as fault:
        raise _Fault(f"not a database of LMDB ({' '.join(str(fault).split())})") from None
    if size < told[0] * told[1]:
        # Reading where the file ends too early would kill the process.
        raise _Fault(f"the database is cut off: {size} bytes of {told[0] * told[1]}", "copy it again")
    return environment


def _get(environment: Environment, key: str) -> bytes | None:
    import lmdb

    try:
        with environment.begin() as reading:
            data = reading.get(key.encode())
    except lmdb.Error as fault:
        raise _Fault(f"the database is damaged ({' '.join(str(fault).split())})") from None
    return None if data is None else bytes(data)


def _count(environment: Environment) -> int:
    told = _get(environment, "num-samples")
    if told is None:
        raise _Fault("the database has no num-samples", "give one as create_lmdb_dataset.py makes it")
    try:
        count = int(told)
    except ValueError:
        count = -1
    if not 0 <= count <= environment.stat()["entries"]:
        raise _Fault(f"num-samples is {told[:20]!r}, of {environment.stat()['entries']} entries")
    return count


def _line(environment: Environment, folder: Path, name: str, number: int, tolerated: Counter[str]) -> Sample | Problem:
    part = Entry(number)
    label = folder / DATABASE / f"label-{number:09}"
    data = _get(environment, label.name)
    if data is None:
        return Problem(str(label), "is not there", "make the database again", "picture without label")
    try:
        raw = data.decode()
    except UnicodeDecodeError as fault:
        return Problem(str(label), f"byte 0x{data[fault.start]:02x} is not UTF-8", "write the labels as UTF-8")
    sample = Sample(folder, cleaned(raw), label_file=label, name=f"{name}{part}", part=part)
    tolerate(raw, tolerated)
    return text_problem(sample) or sample
