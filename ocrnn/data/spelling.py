"""Spelling of labels, looked through for what a reader of pictures cannot see and so a network cannot learn."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ocrnn.data.remarks import Kind, Remarks, named
from ocrnn.data.samples import Sample


class Spelling:
    """What is odd in the texts of a set, line by line, and across its lines: one thing written in several ways.

    Keeps the numbers of lines and no text.
    """

    def __init__(self) -> None:
        """Start with no line."""
        self._odd = tuple(array("i") for _ in _ODDITIES)
        self._ways = tuple({way: array("i") for way in choice.ways} for choice in _CHOICES)
        self._counts: Counter[str] = Counter()
        self._long_s = array("i")
        self._round_s = array("i")

    def add(self, number: int, text: str) -> None:
        """Look at the text of the line of this number; numbers grow."""
        is_ascii = text.isascii()
        for oddity, numbers in zip(_ODDITIES, self._odd, strict=True):
            if (oddity.in_ascii or not is_ascii) and oddity.find(text):
                numbers.append(number)
        for choice, ways in zip(_CHOICES, self._ways, strict=True):
            for way in choice.found(text):
                self._counts[choice.thing + way] += 1
                if not ways[way] or ways[way][-1] != number:
                    ways[way].append(number)
        has_long = not is_ascii and "ſ" in text
        if has_long:
            self._long_s.append(number)
        if _ROUND_S.search(text):
            self._round_s.append(number)

    def remarks(self, samples: Sequence[Sample], kept: Sequence[int], most: int | None) -> Iterator[Remarks]:
        """What is remarked of the samples that are `kept` (1 or 0 for each); `most` of a kind are written out."""
        for oddity, numbers in zip(_ODDITIES, self._odd, strict=True):
            yield from _some(oddity.kind.of(samples, _only(numbers, kept), oddity.say, most))
        yield from _some(self._mixed_s(samples, kept, most))
        for choice, ways in zip(_CHOICES, self._ways, strict=True):
            yield from _some(self._mixed(choice, ways, samples, kept, most))

    def _mixed(
        self,
        choice: _Choice,
        ways: dict[str, array[int]],
        samples: Sequence[Sample],
        kept: Sequence[int],
        most: int | None,
    ) -> Remarks | None:
        counts = {way: self._counts[choice.thing + way] for way in ways}
        usual = max(counts, key=lambda way: counts[way])
        others = {way for way in ways if way != usual and counts[way]}

        def say(_: int, sample: Sample) -> str:
            here = next(way for way in choice.found(sample.text) if way in others)
            return (
                f"{here} for {choice.thing}, which is {usual} in {counts[usual]} of {sum(counts.values())} places, "
                f"in {_around(sample.text, choice.place(sample.text, others))}"
            )

        kind = Kind(f"{choice.thing} written in several ways", "write what the pictures show, and one thing in one way")
        return kind.of(samples, _only((n for way in others for n in ways[way]), kept), say, most)

    def _mixed_s(self, samples: Sequence[Sample], kept: Sequence[int], most: int | None) -> Remarks | None:
        """Where long s had to stand and a round one does: at the start of a word, as no print that knows ſ has it.

        Whole lines without ſ are print of another kind, unless those with it are so few that they are the odd ones.
        """
        both = set(self._long_s).intersection(self._round_s)
        plain = len(self._round_s) - len(both)
        if 0 < len(self._long_s) < _STRAY * plain:
            return Kind("long s beside round s", "write s for both, or ſ wherever the pictures show it").of(
                samples,
                _only(self._long_s, kept),
                lambda _, sample: (
                    f"ſ in {_around(sample.text, sample.text.index('ſ'))}, where {plain} lines have s only"
                ),
                most,
            )

        def say(_: int, sample: Sample) -> str:
            place = next(_ROUND_S.finditer(sample.text)).start()
            return f"s at the start of a word in {_around(sample.text, place)}, in a line with ſ"

        return Kind("long s beside round s", "write ſ where the picture shows it").of(
            samples, _only(both, kept), say, most
        )


_STRAY = 0.05
"""Share under which one of two ways of writing is a slip: books of one kind among others are more than that."""
_ROUND_S = re.compile(r"(?<![^\W_])s(?=[^\W\d_])")


def _only(numbers: Iterator[int] | Sequence[int] | set[int], kept: Sequence[int]) -> Iterator[int]:
    return (number for number in numbers if kept[number])


def _some(remarks: Remarks | None) -> Iterator[Remarks]:
    if remarks is not None:
        yield remarks


_MARGIN = 12
"""Characters that are quoted on either side of a place."""


def _around(text: str, place: int) -> str:
    """The piece of a text around a place, quoted."""
    start, end = max(0, place - _MARGIN), place + _MARGIN
    return repr(("…" if start else "") + text[start:end] + ("…" if end < len(text) else ""))


# --- odd in itself ---


@dataclass(frozen=True)
class _Oddity:
    """Something that no picture shows: `find` says in words what it is and where in a text, or "" where it is not."""

    kind: Kind
    find: Callable[[str], str]
    in_ascii: bool = False

    def say(self, _: int, sample: Sample) -> str:
        """What `find` says of a sample's text."""
        return self.find(sample.text)


def _spaces_in_a_row(text: str) -> str:
    place = text.find("  ")
    if place < 0:
        return ""
    count = len(text) - place - len(text[place:].lstrip(" "))
    return f"{count} spaces in a row in {_around(text, place)}"


def _spreadsheet_quotes(text: str) -> str:
    return f"a doubled quote between quotes, in {_around(text, 0)}" if _QUOTED.fullmatch(text) else ""


def _unusual_space(text: str) -> str:
    return _first(text, lambda c: c != " " and unicodedata.category(c) in {"Zs", "Zl", "Zp"})


def _invisible(text: str) -> str:
    # A soft hyphen shows at the end of a line, and is a way of writing one.
    return _first(text, lambda c: unicodedata.category(c) == "Cf" and c != "\u00ad")


def _first(text: str, is_odd: Callable[[str], bool]) -> str:
    place = next((place for place, character in enumerate(text) if is_odd(character)), None)
    if place is None:
        return ""
    name = unicodedata.name(text[place], "no name").lower()
    return f"{name}, U+{ord(text[place]):04X}, in {_around(text, place)}"


_QUOTED = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
"""A text in quotes whose own are doubled: a cell that a spreadsheet wrote, found where no quotes are undone."""
_WORD = re.compile(r"[^\W\d_]+")
_LIKE_LATIN = {
    "CYRILLIC": frozenset("АВЕЅІЈКМНОРСТУХЗаеорсухѕіјһӏԁԛԝ"),
    "GREEK": frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον"),
    # Which Latin letters are so themselves, where they are the few.
    "LATIN": frozenset("ABCEHIJKMNOPSTXYZaceijopsvxyh"),
}
"""Letters of each script that look like one of Latin script, in most faces to the dot."""


def _look_alike(text: str) -> str:
    line = Counter(filter(None, map(_script, text)))
    if len(line) < 2:
        return ""
    for match in _WORD.finditer(text):
        word = match.group()
        scripts = Counter(filter(None, map(_script, word)))
        if not scripts:
            continue
        main = max(scripts, key=lambda script: (scripts[script], line[script]))
        for script in scripts:
            # A sign of another script beside Latin letters is a symbol, such as that of ohm: only doubles are meant.
            if script != main and "LATIN" in (script, main):
                culprit = next((c for c in word if c in _LIKE_LATIN[script]), "")
                if culprit:
                    return f"{script.capitalize()} {named(culprit)} in the {main.capitalize()} word {word!r}"
        # Of Greek, an article or a single letter may well stand in a Latin line.
        is_stray = main == "CYRILLIC" and line["LATIN"] > len(word) + 2 and line[main] == len(word)
        if is_stray and all(c in _LIKE_LATIN[main] for c in word):
            return f"Cyrillic {named(word[0])} in a line of Latin script, {_around(text, match.start())}"
    return ""


def _script(character: str) -> str:
    """Script of a letter, "" for all but the three whose letters are taken for one another."""
    script = unicodedata.name(character, "").partition(" ")[0]
    return script if script in _LIKE_LATIN else ""


_ODDITIES = (
    _Oddity(Kind("spaces in a row", "write one space, as no picture shows how many"), _spaces_in_a_row, in_ascii=True),
    _Oddity(
        Kind("quotes of a spreadsheet", "save the table as .csv, where they are undone, or take them off"),
        _spreadsheet_quotes,
        in_ascii=True,
    ),
    _Oddity(Kind("unusual space", "write a plain space"), _unusual_space),
    _Oddity(Kind("invisible character", "remove it, as no picture shows it"), _invisible),
    _Oddity(Kind("letter of another script", "write the letter of the word's own script"), _look_alike),
)


# --- one thing in several ways ---


@dataclass(frozen=True)
class _Choice:
    """A thing that may be written in several ways: `ways` gives the name of each by its first character."""

    thing: str
    pattern: re.Pattern[str]
    names: dict[str, str]

    @property
    def ways(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names.values()))

    def found(self, text: str) -> list[str]:
        """Name of the way at each place of a text."""
        return [self.names[found[0]] for found in self.pattern.findall(text)]

    def place(self, text: str, ways: set[str]) -> int:
        """Where one of these ways first stands."""
        return next(m.start() for m in self.pattern.finditer(text) if self.names[m.group()[0]] in ways)


def _each(characters: str) -> dict[str, str]:
    return {c: c if c.isprintable() else f"U+{ord(c):04X}" for c in characters}


_LETTER = r"[^\W\d_]"
_CHOICES = (
    _Choice("apostrophe", re.compile(f"(?<={_LETTER})['’ʼ`´′](?={_LETTER})"), _each("'’ʼ`´′")),
    _Choice(
        "double quote",
        re.compile("[\"“”„‟]|(?<!')''(?!')"),
        {'"': 'straight "', "'": "two '"} | dict.fromkeys("“”„‟", "curly “”"),
    ),
    # Not the double one of Fraktur, which pictures show.
    _Choice("hyphen", re.compile(f"(?<={_LETTER})[-‐‑\u00ad¬−](?={_LETTER}|$)"), _each("-‐‑\u00ad¬−")),
    _Choice("long dash", re.compile("(?<!-)--(?!-)|[—―]"), {"-": "--"} | _each("—―")),
    _Choice("ellipsis", re.compile(r"(?<!\.)\.\.\.(?!\.)|…"), {".": "three dots"} | _each("…")),
    _Choice("ligature of f", re.compile("[ﬀ-ﬄ]|f[fil]"), {"f": "letters"} | dict.fromkeys("ﬀﬁﬂﬃﬄ", "one character")),
    _Choice(
        "ligature of st",
        re.compile("[ﬅﬆ]|[sſ]t"),
        dict.fromkeys("sſ", "letters") | dict.fromkeys("ﬅﬆ", "one character"),
    ),
    _Choice(
        "digit or Latin letter",
        re.compile("[０-９Ａ-Ｚａ-ｚ]+|[0-9A-Za-z]+"),
        {c: "narrow form" for c in map(chr, range(0x30, 0x7B))} | {chr(n): "wide form" for n in range(0xFF10, 0xFF5B)},
    ),
)
