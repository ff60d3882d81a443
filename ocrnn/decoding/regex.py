r"""Regular expressions over a charset as guides of the beam: the whole text has to match.

A pattern becomes Glushkov's automaton (Glushkov 1961): a position for each character class in it, and for each
position those that may follow. Sets of positions are made into states only as the beam comes to them.

What is understood: characters, `.`, classes `[a-z]`, `[^a-z]`, `[[:upper:]]`, escapes `\d \D \w \W \s \S` and those of
signs (`\.`), groups `(...)` and `(?:...)`, alternation `|`, and the repeats `? * + {n} {n,} {,m} {n,m}`. `^` at the
beginning and `$` at the end change nothing. It all means what it means to Python's `re.fullmatch`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK, Charset
from ocrnn.decoding.characters import named
from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.guide import CACHED_ROWS
from ocrnn.errors import UsageError

_Members = Callable[[str], bool]
_Node: TypeAlias = "_Class | _Chain | _Choice | _Repeat"

_MOST_POSITIONS = 5000
_DEEPEST = 50
_ESCAPED: dict[str, _Members] = {
    "d": str.isdecimal,
    "w": lambda character: character.isalnum() or character == "_",
    "s": str.isspace,
}


class Regex:
    r"""The guide of all texts that match a pattern in full.

    >>> date = Regex(r"\d\d\.\d\d\.", Charset("0123456789."))
    >>> date.scores(date.start).tolist()[1:] == [0.0] * 10 + [-math.inf]
    True
    """

    most = 0.0
    floor = -math.inf

    def __init__(self, pattern: str, charset: Charset) -> None:
        """Compile a pattern; UsageError with the place for what is not understood, or where nothing can match."""
        automaton = _Automaton(charset)
        whole = automaton.add(_Parser(pattern).parse(), pattern)
        self._masks, self._follow = automaton.trimmed(whole.last)
        self._last = whole.last
        # A state is the positions that may come next, and whether the text may end.
        self._states: list[tuple[int, bool]] = []
        self._numbers: dict[tuple[int, bool], int] = {}
        self._lock = Lock()
        first = whole.first & automaton.live
        if not first and not whole.nullable:
            raise UsageError(f"{_named(pattern)}: no text of the model's characters matches; change the pattern")
        self.start = self._number(first, whole.nullable)
        self.scores = lru_cache(CACHED_ROWS)(self._scores)
        self.step = lru_cache(CACHED_ROWS)(self._step)

    def end(self, state: int) -> float:
        """0 where the text matches, -inf elsewhere."""
        return 0.0 if self._states[state][1] else -math.inf

    def _scores(self, state: int) -> Scores:
        positions = list(_bits(self._states[state][0]))
        return np.where(self._masks[positions].any(axis=0), 0.0, -math.inf)

    def _step(self, state: int, number: int) -> int:
        following, ends = 0, False
        for position in _bits(self._states[state][0]):
            if self._masks[position, number]:
                following |= self._follow[position]
                ends |= bool(self._last >> position & 1)
        return self._number(following, ends)

    def _number(self, positions: int, ends: bool) -> int:
        with self._lock:  # lines are read side by side
            number = self._numbers.setdefault((positions, ends), len(self._states))
            if number == len(self._states):
                self._states.append((positions, ends))
        return number


@dataclass(frozen=True)
class _Class:
    """One character out of some."""

    members: _Members


@dataclass(frozen=True)
class _Chain:
    """One after another; none at all is the empty text."""

    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Choice:
    """One out of several."""

    branches: tuple[_Node, ...]


@dataclass(frozen=True)
class _Repeat:
    """The same from `least` to `most` times, None for any number."""

    part: _Node
    least: int
    most: int | None


class _Parser:
    """Recursive descent over a pattern; errors name the place, counted from 1."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._text = unicodedata.normalize("NFC", pattern)
        self._at = 0
        self._depth = 0

    def parse(self) -> _Node:
        self._take("^")
        node = self._choice()
        if self._at < len(self._text):
            raise self._error("')' closes no group; write \\)")
        return node

    def _choice(self) -> _Node:
        branches = [self._chain()]
        while self._take("|"):
            branches.append(self._chain())
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def _chain(self) -> _Node:
        parts: list[_Node] = []
        while self._at < len(self._text) and self._peek() not in "|)":
            if self._peek() == "$" and self._at == len(self._text) - 1:
                self._at += 1
                break
            parts.append(self._repeated())
        return _Chain(tuple(parts))

    def _repeated(self) -> _Node:
        node = self._atom()
        limits = self._limits()
        if limits is None:
            return node
        if self._peek() in ("?", "+", "*", "{"):
            raise self._error(f"{self._peek()!r} repeats what is repeated already; the whole text has to match anyway")
        return _Repeat(node, *limits)

    def _limits(self) -> tuple[int, int | None] | None:
        for sign, limits in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self._take(sign):
                return limits
        if self._peek() != "{":
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        counts = [count for count in (least, most) if count]
        if end < 0 or not counts or not all(count.isascii() and count.isdigit() for count in counts):
            raise self._error("'{' begins no count such as {2} or {2,4}; write \\{ for the sign")
        low = int(least or 0)
        high = (int(most) if most else None) if comma else low
        if high is not None and high < low:
            raise self._error(f"{{{least},{most}}} asks for at least {low} and at most {high}; turn them around")
        self._at = end + 1
        return low, high

    def _atom(self) -> _Node:
        sign = self._peek()
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._set()
        if sign in "?*+{":
            raise self._error(f"{sign!r} repeats nothing; write \\{sign} for the sign")
        if sign in "^$":
            where = "begin" if sign == "^" else "end"
            raise self._error(f"{sign!r} can only {where} the pattern; write \\{sign} for the sign")
        if sign == "\\":
            return _Class(self._escape())
        self._at += 1
        return _Class(lambda character: True) if sign == "." else _Class(sign.__eq__)

    def _group(self) -> _Node:
        opened = self._at
        self._at += 1
        if self._take("?") and not self._take(":"):
            raise self._error("(?...) other than (?:...) is not supported; use plain groups", opened)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"groups are nested deeper than {_DEEPEST}; write it flatter", opened)
        node = self._choice()
        self._depth -= 1
        if not self._take(")"):
            raise self._error("'(' is not closed; add ) or write \\(", opened)
        return node

    def _escape(self) -> _Members:
        if self._at + 1 == len(self._text):
            raise self._error("'\\' escapes nothing; write \\\\ for the sign")
        sign = self._text[self._at + 1]
        if sign.lower() in _ESCAPED:
            inside = _ESCAPED[sign.lower()]
            self._at += 2
            return inside if sign.islower() else lambda character: not inside(character)
        if sign.isalnum():
            raise self._error(f"'\\{sign}' is not supported; \\d, \\w, \\s and their capitals are")
        self._at += 2
        return sign.__eq__

    def _set(self) -> _Node:
        opened = self._at
        self._at += 1
        negated = self._take("^")
        members: list[_Members] = []
        # A bracket that closes in the first place stands for itself.
        while not members or self._peek() != "]":
            if self._at >= len(self._text):
                raise self._error("'[' is not closed; add ] or write \\[", opened)
            members.append(self._member())
        self._at += 1
        return _Class(lambda character: any(test(character) for test in members) != negated)

    def _member(self) -> _Members:
        """One character, range, escape or named class between brackets."""
        if self._text.startswith("[:", self._at) and ":]" in self._text[self._at :]:
            end = self._text.index(":]", self._at)
            members = named(self._text[self._at + 2 : end], self._where(self._at))
            self._at = end + 2
            return members
        begun = self._at
        low, members = self._single()
        following = self._text[self._at + 1 : self._at + 2]
        if self._peek() != "-" or following in ("]", ""):
            return members
        self._at += 1
        high, _ = self._single()
        if low is None or high is None or high < low:
            raise self._error("the range runs backwards or from a class; put '-' last for the sign", begun)
        first, last = low, high
        return lambda character: first <= character <= last

    def _single(self) -> tuple[str | None, _Members]:
        """A character between brackets and its test; None for an escape that stands for several."""
        sign = self._text[self._at]
        if sign != "\\":
            self._at += 1
            return sign, sign.__eq__
        members = self._escape()
        sign = self._text[self._at - 1]
        return (None if sign.isalpha() else sign), members

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _where(self, at: int) -> str:
        return f"{_named(self._pattern)}: character {at + 1}"

    def _error(self, fault: str, at: int | None = None) -> UsageError:
        return UsageError(f"{self._where(self._at if at is None else at)}: {fault}")


@dataclass(frozen=True)
class _Part:
    """Positions (as bits) with which a part of the pattern can begin and end, and whether it can be empty."""

    first: int
    last: int
    nullable: bool


_EMPTY = _Part(0, 0, True)


class _Automaton:
    """Positions of a pattern: the classes (C,) each takes, and the positions (as bits) that may follow it."""

    def __init__(self, charset: Charset) -> None:
        self.live = 0
        self._charset = charset
        self._masks: list[npt.NDArray[np.bool_]] = []
        self._made: dict[_Class, npt.NDArray[np.bool_]] = {}  # masks of what is repeated are made once
        self._follow: list[int] = []

    def add(self, node: _Node, pattern: str) -> _Part:
        """Positions for a part of the pattern; a repeated one gets them anew each time."""
        if isinstance(node, _Class):
            if len(self._masks) == _MOST_POSITIONS:
                raise UsageError(
                    f"{_named(pattern)}: is longer than {_MOST_POSITIONS} characters with its counts written out; "
                    f"use smaller ones"
                )
            self._masks.append(self._mask(node))
            self._follow.append(0)
            bit = 1 << len(self._masks) - 1
            return _Part(bit, bit, False)
        if isinstance(node, _Choice):
            branches = [self.add(branch, pattern) for branch in node.branches]
            first = last = 0
            for branch in branches:
                first, last = first | branch.first, last | branch.last
            return _Part(first, last, any(branch.nullable for branch in branches))
        if isinstance(node, _Chain):
            whole = _EMPTY
            for part in node.parts:
                whole = self._joined(whole, self.add(part, pattern))
            return whole
        return self._repeated(node, pattern)

    def trimmed(self, last: int) -> tuple[npt.NDArray[np.bool_], list[int]]:
        """Masks (positions, C) and followers without positions from which no text can end; `live` are the others."""
        possible = sum(1 << position for position, mask in enumerate(self._masks) if mask.any())
        before = [0] * len(self._follow)
        for position, following in enumerate(self._follow):
            for follower in _bits(following):
                before[follower] |= 1 << position
        self.live = last & possible
        new = list(_bits(self.live))
        while new:
            found = before[new.pop()] & possible & ~self.live
            self.live |= found
            new.extend(_bits(found))
        masks = np.array(self._masks, dtype=np.bool_).reshape(len(self._masks), self._charset.classes)
        return masks, [following & self.live for following in self._follow]

    def _mask(self, node: _Class) -> npt.NDArray[np.bool_]:
        if node not in self._made:
            members = [node.members(character) for character in self._charset.characters]
            self._made[node] = np.array([False] * (BLANK + 1) + members)
        return self._made[node]

    def _repeated(self, node: _Repeat, pattern: str) -> _Part:
        if node.most is None:
            again = self.add(node.part, pattern)
            self._link(again.last, again.first)
            # The last of the times that must be is the one that goes round.
            tail = _Part(again.first, again.last, again.nullable or node.least == 0)
        else:
            tail = _EMPTY
            # From the right, each within the one before: a follower for each position, not all that come after.
            for _ in range(node.most - node.least):
                tail = self._joined(self.add(node.part, pattern), tail)
                tail = _Part(tail.first, tail.last, True)
        once = node.most is None and node.least > 0
        for _ in range(node.least - once):
            tail = self._joined(self.add(node.part, pattern), tail)
        return tail

    def _joined(self, left: _Part, right: _Part) -> _Part:
        self._link(left.last, right.first)
        return _Part(
            left.first | (right.first if left.nullable else 0),
            right.last | (left.last if right.nullable else 0),
            left.nullable and right.nullable,
        )

    def _link(self, positions: int, followers: int) -> None:
        for position in _bits(positions):
            self._follow[position] |= followers


def _named(pattern: str) -> str:
    """The option with its pattern as it was written: a backslash is one, and not two as in Python."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in pattern)
    return f"--regex '{shown}'"


def _bits(number: int) -> Iterator[int]:
    """Places of the bits that are set, lowest first."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
