"""The characters a model can write, and the class number of each."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ocrnn.errors import CharsetError

BLANK = 0
"""Class of the CTC blank (Graves 2006); characters count from 1."""


@dataclass(frozen=True)
class Charset:
    """Ordered characters; the n-th has class n, class 0 is the CTC blank.

    Every character is one code point in Unicode normal form C. Text is brought to that form by `encode`.

    >>> digits = Charset("0123456789")
    >>> digits.encode("407")
    [5, 1, 8]
    >>> digits.decode([5, 1, 8])
    '407'
    """

    characters: str
    _classes: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the characters once; raises CharsetError for doubles, an empty set, or a form that is not NFC."""
        if not self.characters:
            raise CharsetError("charset is empty; give it at least one character")
        classes = {character: number for number, character in enumerate(self.characters, BLANK + 1)}
        if len(classes) < len(self.characters):
            double = next(c for c in self.characters if self.characters.count(c) > 1)
            raise CharsetError(f"charset holds {double!r} twice; keep one of them")
        for character in self.characters:
            if unicodedata.normalize("NFC", character) != character:
                raise CharsetError(f"charset holds {character!r}, which is not in Unicode form NFC; write it composed")
        object.__setattr__(self, "_classes", classes)

    def __len__(self) -> int:
        """Count the characters, without the blank."""
        return len(self.characters)

    def __contains__(self, character: object) -> bool:
        """Tell whether one character (NFC) has a class."""
        return character in self._classes

    @property
    def classes(self) -> int:
        """C: the network's outputs, the blank included."""
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """Classes of a text, S numbers from 1 on; raises CharsetError naming the first stranger."""
        text = unicodedata.normalize("NFC", text)
        try:
            return [self._classes[character] for character in text]
        except KeyError as stranger:
            raise CharsetError(f"{stranger} is not in the charset; use a larger --charset or --new-chars add") from None

    def decode(self, classes: Iterable[int]) -> str:
        """Text of classes that are already collapsed: no blank among them."""
        return "".join(self.characters[number - 1] for number in classes)

    def strangers(self, text: str) -> str:
        """Characters of a text that have no class, each once, in order of appearance."""
        text = unicodedata.normalize("NFC", text)
        return "".join(dict.fromkeys(c for c in text if c not in self._classes))

    def extended(self, characters: Iterable[str]) -> Charset:
        """Return this charset with new characters behind the old ones, whose classes stay as they are."""
        new = dict.fromkeys(unicodedata.normalize("NFC", c) for c in characters)
        return Charset(self.characters + "".join(c for c in new if c not in self._classes))

    @classmethod
    def of(cls, texts: Iterable[str]) -> Charset:
        """Every character of some texts, in code point order."""
        return cls("".join(sorted({c for text in texts for c in unicodedata.normalize("NFC", text)})))

    @classmethod
    def open(cls, name_or_path: str | Path) -> Charset:
        """Open a charset that comes with ocrnn by its name, or a file: one character per line, UTF-8."""
        path = Path(name_or_path)
        packed = {file.stem: file for file in _packed()}
        if str(name_or_path) in packed:
            path = packed[str(name_or_path)]
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except FileNotFoundError:
            known = ", ".join(sorted(packed))
            raise CharsetError(f"{name_or_path}: no such charset; name a file or one of: {known}") from None
        except (OSError, UnicodeDecodeError) as fault:
            raise CharsetError(f"{path}: not a charset file ({fault}); write one character per line in UTF-8") from None
        return cls(_characters(path, [line.rstrip("\r") for line in lines]))


def names() -> list[str]:
    """Names of the charsets that come with ocrnn."""
    return sorted(file.stem for file in _packed())


def _packed() -> Sequence[Path]:
    """Charset files: `ocrnn/charsets` in a wheel, `charsets` beside the package in a checkout."""
    here = Path(__file__).parent
    folder = next((f for f in (here / "charsets", here.parent / "charsets") if f.is_dir()), None)
    return [] if folder is None else sorted(folder.glob("*.txt"))


def _characters(path: Path, lines: Sequence[str]) -> str:
    for number, line in enumerate(lines, 1):
        if len(unicodedata.normalize("NFC", line)) > 1:
            raise CharsetError(f"{path}:{number}: {line!r} is more than one character; write one per line")
    return "".join(unicodedata.normalize("NFC", line) for line in lines)
