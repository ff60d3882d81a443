"""What the lines say: running text of several languages, forms and receipts, numbers, codes, single words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrnn.charset import Charset
from ocrnn.errors import UsageError

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_MARKS = ".,:;!?-/()'\"%&$€£#*+=@_|[]<>"


_PLATES = (
    "AA00 AAA", "0000 AAA", "AA 000 AA", "AAA 0000", "AAA0A00", "A AA 000", "AA A 0000", "AA 00 AA", "A 000 AA",
    "000 AAA", "AAA 000", "00 AAA 0", "AA 0000", "A00 0000", "000000", "AA 00000", "0AAA000",
)  # fmt: skip
"""Capitals and digits of number plates around the world, A for any letter, 0 for any digit."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TILL = _words(
    "account address adjustment after amount approved balance barcode bill branch card cash cashier change charge "
    "check code company contact copy counter credit customer daily date debit deposit desc discount document due "
    "email excess exchange excl excluding exempt fax for free gift goods gross gst guest hotline id incl included "
    "including inclusive inv invoice item items keep list ltd member merchant net no. number of office open order "
    "original paid pay payable payment pcs please point price product proof purchase qty quantity rate receipt "
    "ref reference refund register remark return returnable round rounding sale sales save served service shop "
    "sold staff store sub subtotal sum summary supplies table tax taxable tel tender terminal thank the this "
    "ticket time to total trans transaction unit valid vat visit void welcome with within you your again days"
)
"""What is printed on till slips in English, in whatever order: a network need not know more of them than the words."""


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


def number(rng: np.random.Generator) -> str:
    """Amount, date, time, code or plain number."""

    def digits(n: int) -> str:
        return "".join(_DIGITS[i] for i in rng.integers(10, size=n))

    def capitals(n: int) -> str:
        return "".join(_CAPITALS[i] for i in rng.integers(26, size=n))

    def clock() -> str:
        return f"{rng.integers(24):02d}:{rng.integers(60):02d}"

    value = float(np.exp(rng.normal(3, 2)))
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(1900, 2030)
    makers = (
        lambda: f"{value:.2f}",
        lambda: f"{value:,.2f}",
        lambda: f"{value:.2f}".replace(".", ","),
        lambda: f"${value:.2f}",
        lambda: f"{value:.0f}%",
        lambda: f"{rng.integers(0, 26)}{'%' if rng.random() < 0.7 else ' %'}",
        lambda: f"@{' ' * int(rng.integers(2))}{rng.integers(0, 21)}%",
        lambda: f"RM {value:.2f}",
        lambda: f"-{value:.2f}",
        lambda: digits(int(rng.integers(1, 9))),
        lambda: digits(int(rng.integers(1, 4))),
        lambda: f"{'-' * int(rng.integers(2))}{digits(1)}",
        lambda: f"{digits(2)}-{digits(3)}",
        lambda: f"{rng.integers(1, 20)}00'{'sS'[rng.integers(2)]}",
        lambda: f"{day:02d}/{month:02d}/{year}",
        lambda: f"{day}-{month}-{year % 100:02d}",
        lambda: f"{day:02d}.{month:02d}.{year}",
        lambda: clock() + (f":{rng.integers(60):02d}" if rng.random() < 0.4 else ""),
        lambda: f"{capitals(int(rng.integers(1, 4)))}{digits(int(rng.integers(1, 6)))}",
        lambda: f"{capitals(3)}-{digits(4)}",
        lambda: f"({digits(3)}) {digits(3)}-{digits(4)}",
        lambda: f"#{digits(int(rng.integers(2, 7)))}",
        lambda: f"{digits(1)} x {value:.2f}",
        lambda: f"{rng.integers(1, 100)}.",
        lambda: f"({rng.integers(1, 20)})",
    )
    return makers[rng.integers(len(makers))]()


def plate(rng: np.random.Generator) -> str:
    """What stands on a number plate: letters and digits in groups, as one country or another has them."""
    pattern = _PLATES[rng.integers(len(_PLATES))]
    text = "".join(
        _CAPITALS[rng.integers(26)] if c == "A" else _DIGITS[rng.integers(10)] if c == "0" else c for c in pattern
    )
    return text.replace(" ", ("", " ", "-")[rng.integers(3)])


def card(rng: np.random.Generator) -> str:
    """What is embossed on a bank card: its number or a part of it, or until when it is good."""
    groups = ["".join(_DIGITS[i] for i in rng.integers(10, size=4)) for _ in range(4)]
    choice = rng.random()
    if choice < 0.15:
        return f"{rng.integers(1, 13):02}/{rng.integers(100):02}"
    if choice < 0.55:
        return groups[0]
    return " ".join(groups[: 2 if choice < 0.7 else 4])


def code(rng: np.random.Generator, length: int) -> str:
    """Letters and digits without meaning, as in a captcha: digits alone, capitals and digits, or all."""
    alphabet = (_DIGITS, _CAPITALS + _DIGITS, _CAPITALS + _CAPITALS.lower() + _DIGITS)[rng.integers(3)]
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


def rare(rng: np.random.Generator, charset: Charset, length: int) -> str:
    """Characters drawn evenly from the charset in groups: what running text too seldom shows."""
    pool = charset.characters if rng.random() < 0.4 else _MARKS + _DIGITS + _CAPITALS
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


def tabled(text: str, rng: np.random.Generator) -> str:
    """As fields of a table or till slip: a colon that stands apart, figures behind, marks around."""
    text = text.rstrip(" .:;,")
    forms = (
        f"{text} :",
        f"{text}:",
        f": {text}",
        f"{text} #",
        f"{'#%$@&'[rng.integers(5)]} {text}",
        f"{text} {number(rng)}",
        f"{number(rng)} {text}",
        f"{text} : {number(rng)}",
        f"({text})",
        f"*{text}*",
        _MARKS[rng.integers(len(_MARKS))] * int(rng.integers(1, 12)),
    )
    return forms[rng.integers(len(forms))]


def slip(rng: np.random.Generator) -> str:
    """A line of a till slip: what was bought, what it came to, what the shop has to say."""
    words = [_TILL[i] for i in rng.integers(len(_TILL), size=int(rng.integers(1, 5)))]
    for at in np.flatnonzero(rng.random(len(words)) < 0.25):
        words[at] = number(rng)
    text = " ".join(words)
    style = rng.random()
    text = text.upper() if style < 0.5 else text.title() if style < 0.8 else text
    return tabled(text, rng) if rng.random() < 0.4 else text


def crammed(text: str, rng: np.random.Generator) -> str:
    """Without the space behind some commas, stops and colons, as tills and hurried typists leave it out."""
    return re.sub(r"(?<=[,.:;/&]) ", lambda _: "" if rng.random() < 0.7 else " ", text)


def early(text: str, rng: np.random.Generator) -> str:
    """As printers spelled it until 1650 or so: v begins words, u stands within, i for j, at times a stroke for n."""
    text = re.sub(r"\Bv", "u", re.sub(r"\bu", "v", text.replace("U", "V"))).replace("j", "i").replace("J", "I")
    if rng.random() < 0.3:
        stroked = {"a": "ã", "o": "õ", "e": "ẽ", "u": "ũ"}
        text = re.sub(
            r"([aoeu])[nm](?=[bcdfgpqst])",
            lambda found: stroked[found.group(1)] if rng.random() < 0.5 else found.group(),
            text,
        )
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
