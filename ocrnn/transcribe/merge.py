"""Shares of one reading put together again: in order, each line once, and what is missing named."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ocrnn.errors import UsageError, unreadable
from ocrnn.storage import Write
from ocrnn.transcribe.parquet import SUFFIX, libraries
from ocrnn.transcribe.shards import Shard

Doubled = dict[str, list[str]]
"""Paths that stand in several places, each with the files they stand in; the first counts."""

SUFFIXES = (".txt", ".tsv", ".csv", ".json", ".jsonl", SUFFIX)
"""Endings of files that can be put together; `.txt` of paths and texts, as `ocrnn read` writes them for several."""
_HEADS = {".tsv": b"path\t", ".csv": b"path,"}
"""How the line begins that names the columns of a table."""


@dataclass(frozen=True)
class Plan:
    """Shares in their order, the numbers of those that are not there, and what stands there twice."""

    files: tuple[Path, ...]
    missing: tuple[Shard, ...]
    doubled: Doubled


def plan(paths: Sequence[str | Path]) -> Plan:
    """Look shares through: their names say their order, `all-2-of-8.jsonl`, as `ocrnn read --shard` writes them.

    Files without such names keep the order they are given in. Memory holds eight bytes for each line. Raises UsageError
    for shares of different forms or counts, one share twice, and what cannot be read.
    """
    files = [Path(path) for path in paths]
    endings = sorted({file.suffix.lower() for file in files})
    if len(endings) > 1 or endings[0] not in SUFFIXES:
        raise UsageError(f"{', '.join(map(str, files[:3]))}: give shares of one form, one of {', '.join(SUFFIXES)}")
    shares = [Shard.named(file) for file in files]
    known = [share for share in shares if share is not None]
    missing: list[Shard] = []
    if known:
        if len(known) < len(files) or len({share.count for share in known}) > 1:
            raise UsageError("shares of one reading have one count in their names, as all-2-of-8; give those alone")
        twice = next((share for share, times in Counter(known).items() if times > 1), None)
        if twice is not None:
            raise UsageError(f"share {twice}: given twice; give each once")
        files = [file for _, file in sorted(zip(known, files, strict=True))]
        every = (Shard(known[0].count, number) for number in range(1, known[0].count + 1))
        missing = [share for share in every if share not in set(known)]
    return Plan(tuple(files), tuple(missing), _doubled(files))


def merge(plan: Plan, write: Write) -> int:
    """Write the shares of a plan as one file, each path once; gives the number of lines."""
    ending = plan.files[0].suffix.lower()
    seen: set[str] = set()

    def fresh(path: str) -> bool:
        """Tell whether a path comes for the first time; only those that come again need be remembered."""
        if path not in plan.doubled:
            return True
        first = path not in seen
        seen.add(path)
        return first

    if ending == SUFFIX:
        return _merge_parquet(plan.files, write, fresh)
    count = 0
    for number, file in enumerate(plan.files):
        head, records = _opened(file)
        if number == 0:
            write(head)
        for path, record in records:
            if fresh(path):
                write((b",\n" if count else b"\n") + record if ending == ".json" else record)
                count += 1
    write(b"\n]\n" if ending == ".json" else b"")
    return count


def _doubled(files: Sequence[Path]) -> Doubled:
    """Paths that stand more than once in some files. Two passes: the first keeps a hash of each path and no more."""
    hashes = array("Q")
    for file in files:
        hashes.extend(_hash(path) for path in _paths(file))
    values, times = np.unique(np.frombuffer(hashes, np.uint64), return_counts=True) if hashes else (np.array([]),) * 2
    again = set(values[times > 1].tolist())
    if not again:
        return {}
    places: Doubled = {}
    for file in files:
        for path in _paths(file):
            if _hash(path) in again:
                places.setdefault(path, []).append(str(file))
    return {path: found for path, found in places.items() if len(found) > 1}


def _hash(path: str) -> int:
    data = path.encode("utf-8", "surrogatepass")  # JSON can write any half of a pair
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _paths(file: Path) -> Iterator[str]:
    """Path of each line of a file."""
    if file.suffix.lower() == SUFFIX:
        with _damaged(file):
            for batch in _parquet(file).iter_batches(columns=["path"]):
                if batch.column("path").null_count:
                    raise UsageError(f"{file}: has lines without a path; give files that `ocrnn read` wrote")
                yield from batch.column("path").to_pylist()
    else:
        yield from (path for path, _ in _opened(file)[1])


def _opened(file: Path) -> tuple[bytes, Iterator[tuple[str, bytes]]]:
    """What stands before the records of a file, and each of them with its path."""
    ending = file.suffix.lower()
    records = _records(file, ending)
    if ending == ".json":
        return b"[", records
    if ending not in _HEADS:
        return b"", records
    try:
        with open(file, "rb") as stream:
            first = stream.readline()
            return first if first.startswith(_HEADS[ending]) else b"", records
    except OSError as fault:
        raise unreadable(UsageError, file, fault) from None


def _records(file: Path, ending: str) -> Iterator[tuple[str, bytes]]:
    try:
        with open(file, "rb") as stream:
            if ending == ".json":
                yield from ((_path_of(file, number, record), record) for number, record in _json_records(file, stream))
                return
            lines: Iterator[bytes] = _csv_records(stream) if ending == ".csv" else iter(stream)
            for number, record in enumerate(lines, 1):
                if number == 1 and ending in _HEADS and record.startswith(_HEADS[ending]):
                    continue
                if not record.endswith(b"\n"):
                    raise UsageError(f"{file}:{number}: the last line is cut off; read the share again")
                yield _path_of(file, number, record), record
    except OSError as fault:
        raise unreadable(UsageError, file, fault) from None


def _json_records(file: Path, stream: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Records of an array as `ocrnn read` writes it, each on a line of its own: read so, memory holds one."""
    line = b""
    for number, line in enumerate(stream, 1):
        record = line.strip().removesuffix(b",")
        if number == 1 and record.startswith(b"["):
            record = record[1:].strip()
        if record and record != b"]":
            yield number, record
    if not line.rstrip().endswith(b"]"):
        raise UsageError(f"{file}: the array is cut off; read the share again")


def _csv_records(stream: io.BufferedReader) -> Iterator[bytes]:
    """Records with the line ends that stand between quotes inside of them."""
    record: list[bytes] = []
    open_quote = False
    for line in stream:
        record.append(line)
        open_quote ^= line.count(b'"') % 2 == 1
        if not open_quote:
            yield b"".join(record)
            record = []
    if record:
        yield b"".join(record)


def _path_of(file: Path, number: int, record: bytes) -> str:
    ending = file.suffix.lower()
    text = record.decode("utf-8", "surrogateescape")
    if ending in (".json", ".jsonl"):
        try:
            path = json.loads(text)["path"]
        except (ValueError, TypeError, KeyError, RecursionError):
            path = None
    elif ending == ".csv":
        try:
            cells = next(csv.reader(io.StringIO(text, newline="")), [])
        except csv.Error:  # a cell longer than any text: behind a quote that nothing closes
            cells = []
        path = cells[0] if len(cells) > 1 else None
    else:
        path, tab, _ = text.partition("\t")
        path = path if tab else None
    if not isinstance(path, str):
        raise UsageError(f"{file}:{number}: no path stands there; give files that `ocrnn read` wrote")
    return path


def _parquet(file: Path) -> Any:
    arrow, parquet = libraries()
    with _damaged(file):
        opened = parquet.ParquetFile(file)
        known = opened.schema_arrow
    if known.get_all_field_indices("path") == [] or known.field("path").type != arrow.string():
        raise UsageError(f"{file}: has no column path of texts; give files that `ocrnn read` wrote")
    return opened


@contextmanager
def _damaged(file: Path) -> Iterator[None]:
    """Turn what pyarrow raises for a damaged file into a UsageError that names it."""
    arrow, _ = libraries()
    try:
        yield
    except (OSError, arrow.ArrowException, UnicodeDecodeError) as fault:
        reason = next(iter(str(fault).splitlines()), type(fault).__name__)
        raise UsageError(f"{file}: cannot be read as Parquet ({reason}); read it again") from None


def _merge_parquet(files: Sequence[Path], write: Write, fresh: Callable[[str], bool]) -> int:
    from ocrnn.transcribe.parquet import Sink

    arrow, parquet = libraries()
    count = 0
    first = _parquet(files[0]).schema_arrow
    with parquet.ParquetWriter(Sink(write), first, compression="zstd") as writer:
        for file in files:
            opened = _parquet(file)
            if not opened.schema_arrow.equals(first):
                raise UsageError(f"{file}: has other columns than {files[0]}; read both with one version of ocrnn")
            for group in range(opened.num_row_groups):
                with _damaged(file):
                    table = opened.read_row_group(group)
                    paths = table.column("path").to_pylist()
                table = table.filter(arrow.array(map(fresh, paths), arrow.bool_()))
                writer.write_table(table)
                count += table.num_rows
    return count
