"""Texts to draw: sentences of several languages, words of them, and how printers and typists spelled them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrnn.charset import Charset
from ocrnn.errors import UsageError
from ocrnn.synth.documents import CAPITALS, DIGITS, MARKS, code, number
from ocrnn.synth.fonts import STROKED


@dataclass(frozen=True)
class Texts:
    """Sentences by language (the file's stem); `mul` holds document-like lines."""

    sentences: dict[str, tuple[str, ...]]

    @classmethod
    def open(cls, folder: Path, charset: Charset) -> Texts:
        """Read `<language>.txt` files, one sentence a line; lines with characters outside the charset are left out.

        A file of which the charset covers less than a tenth is in another script, and left out whole.
        Raises UsageError for a file that is not text, and when nothing is left.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; give --texts a folder of .txt files with one sentence a line")
        sentences = {}
        for path in sorted(folder.glob("*.txt")):
            try:
                lines = unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig")).split("\n")
            except (OSError, UnicodeDecodeError) as fault:
                raise UsageError(f"{path}: cannot be read as text ({fault}); write it in UTF-8") from None
            kept = tuple(clean for line in lines if (clean := " ".join(line.split())) and not charset.strangers(clean))
            if len(kept) > len(lines) // 10:
                sentences[path.stem] = kept
        if not sentences:
            raise UsageError(f"{folder}: no text file whose lines the charset covers; give another --texts folder")
        return cls(sentences)

    @classmethod
    def invented(cls, charset: Charset) -> Texts:
        """Texts that are nobody's: numbers, dates, codes, and words of random letters; the same at every call."""
        rng = np.random.default_rng(0)
        made = (_invent(rng, charset) for _ in range(2000))
        lines = tuple(line for line in made if not charset.strangers(line))
        return cls({"mul": lines or (charset.characters,)})

    def running(self, rng: np.random.Generator, languages: Sequence[str], length: int) -> str:
        """About `length` characters of running text, cut between words, of one language picked from those named."""
        known = [language for language in languages if language in self.sentences] or sorted(self.sentences)
        lines = self.sentences[known[rng.integers(len(known))]]
        text = lines[rng.integers(len(lines))]
        while len(text) < length:
            text += " " + lines[rng.integers(len(lines))]
        words = text.split(" ")
        start = int(rng.integers(max(1, len(words) - length // 6)))
        return _cut(words[start:], length) if rng.random() < 0.8 else _cut(words, length)

    def document(self, rng: np.random.Generator) -> str:
        """One line of a form, receipt or letter head."""
        lines = self.sentences.get("mul") or next(iter(self.sentences.values()))
        return lines[rng.integers(len(lines))]

    def name(self, rng: np.random.Generator) -> str:
        """A word of any language that could be a family name: up to 12 letters, the first a capital."""
        words = self.running(rng, ("en", "de", "fr", "it"), 40).split()
        longest = max(words, key=len).strip(" ,.;:!?()[]\"'“”«»-—_")
        return longest[:12].title() if longest.isalpha() else "Smith"

    def word(self, rng: np.random.Generator, languages: Sequence[str]) -> str:
        """One word, or two short ones, as on signs: in capitals more often than not.

        Half of them are the longest of some: signs name things, and seldom say "the".
        """
        if rng.random() < 0.5:
            text = max(self.running(rng, languages, 30).split(), key=len)
        else:
            text = self.running(rng, languages, int(rng.integers(4, 14)))
        text = text.strip(" ,.;:!?()\"'-")
        choice = rng.random()
        if choice < 0.1:
            text = number(rng)
        elif choice < 0.55:
            text = text.upper()
        elif choice < 0.8:
            text = text.title() if rng.random() < 0.7 else text
        return text or "A"


def rare(rng: np.random.Generator, charset: Charset, length: int) -> str:
    """Characters drawn evenly from the charset in groups: what running text too seldom shows."""
    pool = charset.characters if rng.random() < 0.4 else MARKS + DIGITS + CAPITALS
    picked = [pool[i] for i in rng.integers(len(pool), size=length)]
    for at in np.flatnonzero(rng.random(length) < 0.15):
        picked[at] = " "
    return " ".join("".join(picked).split()) or "-"


def vary(text: str, rng: np.random.Generator) -> str:
    """Sometimes in capitals, sometimes with typographic quotes and dashes."""
    choice = rng.random()
    if choice < 0.07:
        return text.upper()
    if choice < 0.09:
        return text.title()
    if choice < 0.14:
        text = re.sub(r'"([^"]*)"', "“\\1”", text).replace("'", "’").replace(" - ", " — ")
    elif choice < 0.16:
        text = "—" + text.lstrip("-–— ")  # how most of Europe opens direct speech
    return text


def early(text: str, rng: np.random.Generator) -> str:
    """As printers spelled it until 1650 or so: v begins words, u stands within, i for j, at times a stroke for n or m.

    The earliest had no comma: a slash or a point stood for it.
    """
    text = re.sub(r"\Bv", "u", re.sub(r"\bu", "v", text.replace("U", "V"))).replace("j", "i").replace("J", "I")
    if rng.random() < 0.3:
        stroked = {letter: under for under, letter in STROKED.items()}
        text = re.sub(
            r"([aoeu])[nm](?=[bcdfgpqst]|\b)",
            lambda found: stroked[found.group(1)] if rng.random() < 0.5 else found.group(),
            text,
        )
    if rng.random() < 0.5:
        text = re.sub(r"[,;]", (" /", "/", ".", ":")[rng.integers(4)], text)
    return with_long_s(text)


def with_long_s(text: str) -> str:
    """Round s as the long ſ wherever a letter follows, as printers set it until about 1800, Fraktur until 1941."""
    return re.sub(r"s(?=[^\W\d_])", "ſ", text)


def typed(text: str) -> str:
    """As French typists set it: a space before high punctuation and around dashes, straight quotes."""
    text = re.sub(r"\s*([;:!?])", r" \1", text)
    return text.translate(str.maketrans("’‘“”«»–—", '\'\'""""--'))


def _invent(rng: np.random.Generator, charset: Charset) -> str:
    """One line of random words, numbers and codes; it may hold characters outside the charset."""
    letters = "".join(filter(str.isalpha, charset.characters))
    small = "".join(c for c in letters if not c.isupper())
    plain = "".join(filter(str.isascii, small))
    pool = (plain, small, letters)[rng.choice(3, p=(0.6, 0.3, 0.1))] or letters or charset.characters
    words = []
    for _ in range(int(rng.integers(1, 10)) if " " in charset else 1):
        choice = rng.random()
        if choice < 0.15:
            words.append(number(rng))
        elif choice < 0.25:
            words.append(code(rng, int(rng.integers(2, 9))))
        else:
            word = "".join(pool[i] for i in rng.integers(len(pool), size=1 + rng.poisson(4.5)))
            word = word.capitalize() if rng.random() < 0.2 else word
            words.append(word + ("", "", "", "", ",", ".")[rng.integers(6)] * ({",", "."} <= set(charset.characters)))
    return " ".join(words)


def _cut(words: Sequence[str], length: int) -> str:
    text = ""
    for word in words:
        if text and len(text) + 1 + len(word) > length:
            break
        text = f"{text} {word}" if text else word
    return text[: max(length, 1) * 2].strip()
