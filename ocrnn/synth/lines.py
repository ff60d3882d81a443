"""Lines made from fonts and texts: every kind of document that the shipped models must read.

A kind is what it says, which faces it is set in, and what became of the paper. `Synthesizer.line` draws one at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ocrnn.charset import Charset
from ocrnn.errors import UsageError
from ocrnn.image import Grey
from ocrnn.synth import documents, press, texts
from ocrnn.synth.fonts import OTHER_SCRIPT, Face, open_faces, system_faces
from ocrnn.synth.kinds import KINDS, Kind, kind_named, shares_of_kinds
from ocrnn.synth.render import Ink, Setting, draw
from ocrnn.synth.scripts import SCRIPTS
from ocrnn.synth.texts import Texts

MIXING = ("print", "receipt", "form")
"""Kinds of which lines may show other scripts."""
_LETTERS = 20
"""Letters of another script that a face must have: some hold a handful as signs."""
_TRIES = 3000
"""Texts and faces tried for one line; where both fit the charset, one in two goes well."""


class Synthesizer:
    """Draws lines of every kind from a folder of fonts and a folder of texts.

    Without fonts it takes those of the system, without texts `Texts.invented`; texts are a folder, or at hand already.
    The n-th line of a seed is always the same: `line(np.random.default_rng((seed, n)))`.
    """

    def __init__(
        self,
        fonts: Path | None,
        sentences: Path | Texts | None,
        charset: Charset,
        *,
        shares: Mapping[str, float] = MappingProxyType({}),
        other_scripts: float = 0.0,
    ) -> None:
        """Raises UsageError when a folder has nothing to use, and for shares of no kind, of nothing, or below 0.

        `shares` are of the kinds named, instead of their own; all together are then made to be 1. The share
        `other_scripts` of the lines of kinds in MIXING, where the folder of fonts has faces of other scripts, show
        those, and their text is what the charset has of it, mostly nothing.
        """
        self.charset = charset
        wanted = np.array(shares_of_kinds(shares))
        self._shares = wanted / wanted.sum()
        self._other_scripts = other_scripts
        if sentences is None:
            self.texts = Texts.invented(charset)
        else:
            self.texts = sentences if isinstance(sentences, Texts) else Texts.open(sentences, charset)
        families: dict[str, dict[str, list[Face]]] = {}
        for face in system_faces(charset.characters) if fonts is None else open_faces(fonts, charset.characters):
            family = face.path.stem.split("-")[0].split("_")[0]
            families.setdefault(face.category, {}).setdefault(family, []).append(face)
        others = families.pop(OTHER_SCRIPT, {})
        self._faces = {category: list(members.values()) for category, members in families.items()}
        self._others = [
            (face, letters)
            for family in others.values()
            for face in family
            for script in SCRIPTS
            if len(letters := [c for c in script if c in face.characters and c not in charset]) >= _LETTERS
        ]
        # A kind of whose faces the folder has none is set in any: blackletter is rare among a system's fonts.
        self._categories = {
            kind.name: kind.faces if self._faces.keys() & set(kind.faces) else tuple(sorted(self._faces))
            for kind in KINDS
        }

    def line(self, rng: np.random.Generator, *, longest: int = 95, kind: str | None = None) -> tuple[Grey, str]:
        """Picture (h, w) uint8 of one line, and its text: at most `longest` characters of the charset.

        Only a line of another script may have none. Raises UsageError for a kind that there is not, and where no face
        draws what the texts say.
        """
        asked = None if kind is None else kind_named(kind)
        for _ in range(_TRIES):
            chosen = asked or KINDS[rng.choice(len(KINDS), p=self._shares)]
            if self._other_scripts and self._others and chosen.name in MIXING and rng.random() < self._other_scripts:
                face, shown, text = self._another(rng, longest)
            else:
                text = self.says(chosen, rng, longest)
                found = self._face(chosen, text, rng)
                if found is None:
                    continue
                face, text = found, text.upper() if found.capitals else text
                text = shown = (" " if " " in self.charset else "").join(text.split())[:longest].rstrip()
            if not shown or self.charset.strangers(text) or not face.draws(shown):
                continue
            ink = draw(shown, face, press.setting(chosen, rng), rng)
            if ink.shape[1] < 2 or float(ink.max()) < 0.3:
                continue
            return press.picture(chosen, ink, shown, rng, partial(self._neighbour, chosen, face, rng)), text
        raise UsageError(
            f"{kind or 'no'} lines: no face draws what the texts say in this charset; "
            f"give other --fonts or --texts, or a charset that they share"
        )

    def says(self, kind: Kind, rng: np.random.Generator, longest: int = 95) -> str:
        """What a line of a kind says, before a face has its say; it may be longer, or hold strangers to the charset."""
        choice = rng.random()
        short = int(rng.integers(2, max(3, min(26, longest))))
        length = short if rng.random() < 0.45 else int(rng.integers(min(2, longest), longest + 1))
        if kind.name == "word":
            return self.texts.word(rng, kind.languages)
        if kind.name == "captcha":
            return documents.code(rng, int(rng.integers(3, 9)))
        if kind.name == "meter":
            return documents.number(rng)
        if kind.name == "plate":
            return documents.plate(rng)
        if kind.name == "card":
            return documents.card(rng)
        if kind.name in ("receipt", "form"):
            return self._entry(kind, rng, longest, min(length, 50))
        if choice < 0.05:
            return texts.rare(rng, self.charset, int(rng.integers(1, 24)))
        if choice < 0.1:
            return documents.number(rng)
        text = texts.vary(self.texts.running(rng, kind.languages, length), rng)
        if kind.name == "typewriter" and rng.random() < 0.5:
            return texts.typed(text)
        if kind.name in ("early", "incunable") or (kind.name == "book" and rng.random() < 0.1):
            return texts.early(text, rng)
        if kind.name == "fraktur" or (kind.name == "book" and rng.random() < 0.3):
            return texts.with_long_s(text)
        return text

    def _entry(self, kind: Kind, rng: np.random.Generator, longest: int, length: int) -> str:
        """What stands on a till slip or in a box of a form: running text, `length` characters of it, is a third."""
        receipt = kind.name == "receipt"
        choice = rng.random()
        if choice < 0.2:
            text = documents.number(rng)
        elif choice < 0.4:
            text = documents.slip(rng) if receipt else documents.form(rng, lambda: self.texts.name(rng))
        elif choice < 0.62:
            text = self.texts.document(rng)
        elif choice < 0.68:
            text = texts.rare(rng, self.charset, int(rng.integers(1, 12)))
        else:
            text = texts.vary(self.texts.running(rng, ("en", "en", *kind.languages), length), rng)
        text = documents.tabled(text[:longest], rng) if rng.random() < 0.15 else text[:longest]
        text = documents.crammed(text, rng) if rng.random() < 0.2 else text
        return text.upper() if rng.random() < (0.45 if receipt else 0.12) else text

    def _another(self, rng: np.random.Generator, longest: int) -> tuple[Face, str, str]:
        """Face of another script, a few words in it, often with a number or a word of ours beside, and that alone."""
        face, letters = self._others[rng.integers(len(self._others))]
        words = [
            "".join(letters[i] for i in rng.integers(len(letters), size=int(rng.integers(2, 9))))
            for _ in range(1 + rng.poisson(1.0))
        ]
        shown = " ".join(words)[: max(1, longest // 2)].rstrip()
        text = documents.slip(rng) if rng.random() < 0.4 else documents.number(rng)
        text = " ".join(text.split())[: longest // 2].rstrip()
        if not text or not face.draws(text) or rng.random() < 0.55:
            return face, shown, ""
        return face, f"{shown} {text}" if rng.random() < 0.7 else f"{text} {shown}", text

    def _face(self, kind: Kind, text: str, rng: np.random.Generator) -> Face | None:
        categories = self._categories[kind.name]
        for _ in range(8):
            families = self._faces.get(categories[rng.integers(len(categories))])
            if families:
                faces = families[rng.integers(len(families))]
                face = faces[rng.integers(len(faces))]
                if face.draws(text.upper() if face.capitals else text):
                    return face
        return None

    def _neighbour(self, kind: Kind, face: Face, rng: np.random.Generator, setting: Setting) -> Ink:
        """Another line of a page in the same face."""
        text = self.texts.running(rng, kind.languages, int(rng.integers(10, 80)))
        said = "".join(c for c in (text.upper() if face.capitals else text) if c in face.characters or c == " ") or "."
        return draw(said, face, setting, rng)
