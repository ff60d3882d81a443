"""Tar shards as WebDataset has them: each holds many lines, which are read in place and in flat memory.

The files of a line stand side by side and share a name up to its first dot: `17.png` with `17.txt`, `17.gt.txt`, or
`17.json`, an object with the text under `text`, and with the line's `name` and `document` if it has them.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ocrnn.data.cells import TEXT_COLUMNS, column_of
from ocrnn.data.lines import Numbers, Store, by_part
from ocrnn.data.samples import UNLABELLED, Problem, Sample, cleaned, document_of, shortened, text_problem, tolerate
from ocrnn.data.tar import BLOCK, Member, TarFault, members
from ocrnn.data.textfile import lines_of, only_line
from ocrnn.errors import LabelError, unreadable
from ocrnn.folders import is_picture

_MOST_TEXT = 1 << 20
"""Bytes of a label beyond which it is none."""
_TEXTS = ("gt.txt", "txt", "json")
"""What holds the text of a line, by its ending; an earlier one goes before a later one."""


class ShardLines(Store):
    """Lines of tar shards, four bytes of memory each: where in its shard a line starts."""

    def __init__(self, shards: Sequence[Path], starts: Sequence[array[int]]) -> None:
        """Take shards with the block number at which each of their lines starts."""
        self._shards = shards
        self._starts = starts
        self._ends: Numbers = np.cumsum([len(lines) for lines in starts], dtype=np.int64)

    def __len__(self) -> int:
        """Lines of all shards."""
        return int(self._ends[-1])

    def blocks(self) -> list[int]:
        """Ends of the shards."""
        return [int(end) for end in self._ends]

    def sample(self, number: int) -> Sample:
        """A line, read from its shard; raises LabelError where that has changed since."""
        return next(self.picked(np.array([number])))

    def picked(self, numbers: Numbers) -> Iterator[Sample]:
        """Lines of these numbers; a shard stays open for all that follow one another in it."""
        for shard, own in by_part(numbers, self._ends):
            starts = self._starts[shard]
            yield from _lines_at(self._shards[shard], (starts[number] for number in own.tolist()))


def read_shards(shards: Iterable[Path], problems: list[Problem], tolerated: Counter[str]) -> Sequence[Sample]:
    """Lines of shards in their order, looked through once; adds a problem for each that cannot be learned from."""
    found: list[Path] = []
    starts: list[array[int]] = []
    for shard in shards:
        own = array("I")
        for entry in _looked_through(shard, tolerated):
            if isinstance(entry, Problem):
                problems.append(entry)
            else:
                own.append(entry // BLOCK)
        if own:
            found.append(shard)
            starts.append(own)
    return ShardLines(found, starts) if found else ()


def _looked_through(shard: Path, tolerated: Counter[str]) -> Iterator[int | Problem]:
    """Where each line of a shard starts, or why it is none."""
    try:
        with open(shard, "rb") as stream:
            for group in _groups(shard, stream):
                if isinstance(group, Problem):
                    yield group
                    continue
                line = _line(shard, stream, group, tolerated)
                if isinstance(line, Problem):
                    yield line
                elif line is not None:
                    yield group.start
    except OSError as fault:
        yield Problem(str(shard), f"cannot be read ({fault.strerror})", "check its rights")


def _lines_at(shard: Path, starts: Iterable[int]) -> Iterator[Sample]:
    try:
        with open(shard, "rb") as stream:
            for start in starts:
                group = next(_groups(shard, stream, start * BLOCK), None)
                line = _line(shard, stream, group, Counter()) if isinstance(group, _Group) else None
                if not isinstance(line, Sample):
                    raise LabelError(f"{shard}: has changed since it was looked through; start again")
                yield line
    except OSError as fault:
        raise unreadable(LabelError, shard, fault) from None


@dataclass
class _Group:
    """Files of one line: where in the shard the first starts, and those that are of use, by their endings."""

    key: str
    start: int
    picture: Member | None = None
    texts: dict[str, Member] = field(default_factory=dict)


def _groups(shard: Path, stream: BinaryIO, at: int = 0) -> Iterator[_Group | Problem]:
    """Lines from this byte to the end of a shard; a problem for what ends it before its end."""
    group: _Group | None = None
    problem: Problem | None = None
    try:
        for start, member in members(stream, at):
            key, ending = _key(member.name)
            if group is None or group.key != key:
                if group is not None:
                    yield group
                group = _Group(key, start)
            if ending in _TEXTS:
                group.texts.setdefault(ending, member)
            elif group.picture is None and is_picture(f"_.{ending}"):
                group.picture = member
    except TarFault as fault:
        behind = f" behind {shortened(group.key)}" if group is not None else ""
        problem = Problem(str(shard), f"{fault}{behind}", _REMEDIES.get(str(fault), "pack it again"))
    if group is not None:
        yield group
    if problem is not None:
        yield problem


_REMEDIES = {"the shard is compressed": "unpack it with gunzip, bunzip2 or unxz: lines are read in place"}


def _key(name: str) -> tuple[str, str]:
    """What the files of a line share, and what they do not: the ending, from the first dot of the file's name on."""
    folder, slash, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}{slash}{stem}", ending.lower()


def _line(shard: Path, stream: BinaryIO, group: _Group, tolerated: Counter[str]) -> Sample | Problem | None:
    """The line of a group of files, or why it is none; None where they are about something else."""
    picture, label = group.picture, next((group.texts[end] for end in _TEXTS if end in group.texts), None)
    apart = "let its files follow one another in the shard, as `tar --sort=name` and `ocrnn data pack` do"
    if picture is None:
        if label is None or label is group.texts.get("json"):
            return None  # an index, a readme
        return Problem(f"{shard / label.name}", "the label has no picture", apart, "label without picture")
    if label is None:
        return Problem(f"{shard / picture.name}", "the picture has no label", apart, UNLABELLED)
    told = _object(shard, stream, group.texts["json"]) if "json" in group.texts else {}
    if isinstance(told, Problem):
        return told
    file = shard / label.name
    if label is group.texts.get("json"):
        place = column_of(list(told), TEXT_COLUMNS)
        if place is None:
            return Problem(str(file), f"no text is written for {picture.name}", "write it as text")
        raw = list(told.values())[place]
    else:
        text = _text(shard, stream, label, tolerated)
        if isinstance(text, Problem):
            return text
        raw = text
    name = told.get("name") or picture.name
    sample = Sample(
        shard,
        cleaned(raw),
        label_file=file,
        document=told.get("document") or document_of(name),
        name=name,
        part=picture,
    )
    tolerate(raw, tolerated)
    return text_problem(sample) or sample


def _text(shard: Path, stream: BinaryIO, member: Member, tolerated: Counter[str]) -> str | Problem:
    """The one line of a text file."""
    data = _content(shard, stream, member)
    if isinstance(data, Problem):
        return data
    file = shard / member.name
    line = only_line(file, lines_of(file, data, tolerated))
    return line if isinstance(line, Problem) else line[1]


def _object(shard: Path, stream: BinaryIO, member: Member) -> dict[str, str] | Problem:
    """Texts of a JSON object, by their names in small letters."""
    data = _content(shard, stream, member)
    if isinstance(data, Problem):
        return data
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return Problem(str(shard / member.name), "not a JSON object", 'write {"text": "its text"}')
    return {name.strip().lower(): value for name, value in told.items() if isinstance(value, str)}


def _content(shard: Path, stream: BinaryIO, member: Member) -> bytes | Problem:
    if member.size > _MOST_TEXT:
        return Problem(str(shard / member.name), f"{member.size} bytes are no text of a line", "mend the shard")
    stream.seek(member.start)
    return stream.read(member.size)
