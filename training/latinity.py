"""Latin to draw: the words of Collatinus' lexicon in all their forms, as often as its texts have them, strung together.

No public package holds Latin prose; what a line recognizer learns of a language are its words, and the lexicon counts
how often each stands in the texts of the LASLA. Collatinus is by Yves Ouvrard and Philippe Verkerk, GPL 3.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

_SLOTS = {
    *range(1, 49),  # nouns and adjectives
    *range(121, 181, 6),  # I, and behind it he and they
    *range(123, 181, 3),
    *range(187, 201),  # infinitives and the present participle
    *range(261, 265),  # gerund
    *range(269, 297, 3),  # passive
    *range(302, 339),  # its infinitive, and the perfect participle
    416,  # what is never inflected
}
"""Forms that are drawn, by Collatinus' numbers: prose says the others seldom."""


@dataclass
class _Model:
    """How words of one kind are inflected: stems by number, and of each slot the stem and what is set behind it."""

    stems: dict[int, str] = field(default_factory=dict)
    endings: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    tails: list[str] = field(default_factory=list)


def sentences(lexicon: str, models: str, count: int, seed: int = 0) -> Iterator[str]:
    """So many lines like Latin sentences, of 3 to 16 words, from Collatinus' `lemmes.la` and `modeles.la`."""
    forms, often = zip(*_words(lexicon, _models(models)), strict=True)
    reached = list(accumulate(often))
    chance = random.Random(seed)
    for _ in range(count):
        words = [chance.choice(its) for its in chance.choices(forms, cum_weights=reached, k=chance.randrange(3, 17))]
        line = ""
        for number, word in enumerate(words):
            joined = "que" if chance.random() < 0.02 and len(word) > 3 else ""
            last = number == len(words) - 1
            mark = chance.choices((".", "?", "!", ";"), (12, 2, 1, 1))[0] if last else ""
            line += word + joined + (mark or chance.choices((" ", ", ", "; ", ": "), (40, 6, 1, 1))[0])
        yield line[0].upper() + line[1:]


def _words(lexicon: str, models: Mapping[str, _Model]) -> Iterator[tuple[list[str], int]]:
    """Forms of each word, and how often it stands in the texts that were counted."""
    for line in lexicon.splitlines():
        fields = line.split("|")
        if line.startswith("!") or len(fields) < 6 or fields[1] not in models or not fields[-1].isdigit():
            continue
        model = models[fields[1]]
        canon = fields[0].partition("=")[2].partition(",")[0] or re.sub(r"\d+$", "", fields[0])
        given = {number: text.partition(",")[0] for number, text in ((1, fields[2]), (2, fields[3])) if text}
        forms = {
            plain
            for its in model.endings.values()
            for number, ending in its
            if (stem := given.get(number, _stem(canon, model.stems.get(number)))) is not None
            for tail in model.tails or [""]
            if (plain := _plain(stem + ending + tail)) is not None
        }
        if forms:
            yield sorted(forms), int(fields[-1])


def _stem(canon: str, rule: str | None) -> str | None:
    """The stem that a rule makes of a word: K takes it whole, `2,r` its letters but two, and an r; None has none."""
    if rule is None or rule == "-":
        return None
    if rule == "K":
        return canon
    cut, _, added = rule.partition(",")
    letters = re.findall(r"[^\u0300-\u036f][\u0300-\u036f]*", canon)
    return "".join(letters[: len(letters) - int(cut)]) + added.replace("0", "")


def _plain(form: str) -> str | None:
    """A form without signs of length, or None where anything is left that is no Latin letter."""
    text = unicodedata.normalize("NFD", form).translate(dict.fromkeys(map(ord, "\u0304\u0306\u0308")))
    text = re.sub(r"\d", "", text.replace("ў", "y"))
    return text if re.fullmatch(r"[A-Za-z]+", text) else None


def _models(description: str) -> dict[str, _Model]:
    """The models of `modeles.la`, each with what it inherits."""
    constants: dict[str, str] = {}
    models: dict[str, _Model] = {}
    model = _Model()
    for line in description.splitlines():
        name, _, rest = line.partition(":")
        if line.startswith("$"):
            name, _, rest = line[1:].partition("=")
            constants[name] = rest
        elif name == "modele":
            model = models[rest] = _Model()
        elif name == "pere":
            parent = models[rest]
            model.stems |= parent.stems
            model.endings |= {slot: list(its) for slot, its in parent.endings.items()}
            model.tails += parent.tails
        elif name == "R":
            number, _, rule = rest.partition(":")
            model.stems[int(number)] = rule
        elif name in ("des", "des+"):
            slots, number, endings = rest.split(":", 2)
            given = _spelled(endings, constants)
            for place, slot in enumerate(_numbers(slots)):
                its = given[min(place, len(given) - 1)].split(",")
                ways = [(int(number), "" if each == "-" else each) for each in its]
                if slot in _SLOTS:
                    model.endings[slot] = [*(model.endings.get(slot, []) if name == "des+" else []), *ways]
        elif name == "abs":
            for slot in _numbers(rest):
                model.endings.pop(slot, None)
        elif name == "sufd":
            model.tails.append(rest)
    return models


def _spelled(endings: str, constants: Mapping[str, str]) -> list[str]:
    """Endings of a list, with what a `$constant` in it stands for: what is before it goes before each of those."""
    spelled = []
    for each in endings.split(";"):
        before, _, name = each.partition("$")
        spelled += [before + its for its in constants[name].split(";")] if name else [each]
    return spelled


def _numbers(slots: str) -> list[int]:
    """Numbers of `1-3,7`."""
    numbers: list[int] = []
    for each in slots.split(","):
        first, _, last = each.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
