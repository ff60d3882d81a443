"""Lines made from fonts and texts: every kind of document that the shipped models must read.

A kind is what it says, which faces it is set in, and what became of the paper. `Synthesizer.line` draws one at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from ocrnn.charset import Charset
from ocrnn.errors import UsageError
from ocrnn.image import Grey
from ocrnn.synth import captcha, degrade, documents, texts
from ocrnn.synth.fonts import OTHER_SCRIPT, Face, open_faces, system_faces
from ocrnn.synth.kinds import KINDS, Kind
from ocrnn.synth.render import Ink, Setting, draw
from ocrnn.synth.scripts import SCRIPTS
from ocrnn.synth.texts import Texts

_THIN = frozenset(" !\"'()*,-./1:;I[]`fijlrt{|}·‘’“”")
"""Characters of which a cut leaves nothing to know them by."""
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
        """Raises UsageError when a folder has nothing to use.

        `shares` are of the kinds named, instead of their own; all together are then made to be 1. The share
        `other_scripts` of the lines of kinds in MIXING, where the folder of fonts has faces of other scripts, show
        those, and their text is what the charset has of it, mostly nothing.
        """
        self.charset = charset
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
        wanted = np.array([shares.get(kind.name, kind.share) for kind in KINDS])
        self._shares = wanted / wanted.sum()

    def line(self, rng: np.random.Generator, *, longest: int = 95, kind: str | None = None) -> tuple[Grey, str]:
        """Picture (h, w) uint8 of one line, and its text: at most `longest` characters of the charset.

        Only a line of another script may have none. Raises UsageError where no face draws what the texts say.
        """
        for _ in range(_TRIES):
            chosen = next((k for k in KINDS if k.name == kind), None) or KINDS[rng.choice(len(KINDS), p=self._shares)]
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
            ink = draw(shown, face, _setting(chosen, rng), rng)
            if ink.shape[1] < 2 or float(ink.max()) < 0.3:
                continue
            return self._picture(chosen, ink, face, shown, rng), text
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
        if kind.name == "incunable" or (kind.name == "book" and rng.random() < 0.1):
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

    def _picture(self, kind: Kind, ink: Ink, face: Face, text: str, rng: np.random.Generator) -> Grey:
        """Everything that happens to the ink between the press and the file, in the order it happens."""
        words = kind.name in ("word", "captcha", "meter", "plate", "card")
        worn = kind.name in ("book", "fraktur", "incunable", "typewriter", "receipt")

        def chance(p: float) -> bool:
            return bool(rng.random() < p)

        if chance(0.5):
            # The printers of tills set tall, narrow letters.
            # Signs stand at an angle to the street, which makes them narrow.
            mean, spread = {"receipt": (-0.12, 0.22), "word": (-0.06, 0.25)}.get(kind.name, (0.0, 0.13))
            ink = _stretch(ink, float(np.exp(rng.normal(mean, spread))))
        if kind.name == "receipt" and chance(0.15):
            ink = degrade.matrix(ink, rng)
        elif chance(0.6):
            ink = degrade.spread(ink, rng, grain=1.0 if worn else 0.5)
        if kind.name == "word" and chance(0.4):
            ink = degrade.embolden(ink, rng)
        if chance({"typewriter": 0.5, "form": 0.2, "book": 0.12}.get(kind.name, 0)):
            ink = degrade.carbon(ink, rng)
        if kind.name == "typewriter" or chance(0.08):
            ink = degrade.fade(ink, rng)
        if kind.name == "receipt" and chance(0.3):
            ink = degrade.starve(ink, rng)
        if kind.name in ("receipt", "meter"):
            if chance(0.25):
                ink = degrade.dots(ink, rng)
            if chance(0.2):
                ink = degrade.streaks(ink, rng)
        if chance({"form": 0.12, "typewriter": 0.05, "receipt": 0.03}.get(kind.name, 0)):
            _underline(ink, rng)
        if kind.name == "word" and chance(0.08):
            ink = degrade.arch(ink, rng, 0.5)
        askew = kind.name == "word" and chance(0.3)
        if kind.name == "captcha":
            ink = captcha.distort(ink, rng)
        else:
            ink = self._hung(kind, ink, face, rng) if askew else self._crop(kind, ink, face, text, rng)
        if chance(0.07 if kind.name != "form" else 0.15):
            _rule(ink, rng)
        if kind.name == "captcha":
            captcha.strew(ink, rng)
        if kind.name == "handwriting" and chance(0.4):
            _squares(ink, rng)
        if kind.name in ("book", "fraktur", "incunable", "form", "receipt") and chance(0.2):
            ink = degrade.specks(ink, rng)
        tilt = 5.0 if words or len(text) < 12 else min(2.0, float(np.degrees(0.22 * ink.shape[0] / ink.shape[1])))
        if not askew and chance(0.45):
            # Words on signs are photographed from below and from the side; their boxes stay upright.
            tilt *= 4.5 if kind.name == "word" and chance(0.7) else 1
            ink = degrade.warp(ink, rng, tilt_deg=tilt, shear=0.25 if words else 0.1, fill=0.0)
        if chance(0.12):
            ink = degrade.wave(ink, rng, 0.06 * ink.shape[0], 0.0)
        if kind.name in ("word", "plate", "card") and chance(0.45):
            ink = degrade.tilt_in_depth(ink, rng, 0.16, 0.0)
        if words:
            lay = {"captcha": captcha.lay, "card": _card, "meter": _dial}.get(kind.name, self._sign)
            grey = lay(ink, rng)
            grey = 255 - grey if chance(0.1 if kind.name == "captcha" else 0.45) else grey
        else:
            # A ground that shows after thresholding hides the text: what becomes black and white starts even.
            bitonal = chance(0.5 if kind.name in ("book", "fraktur", "incunable", "form") else 0.3)
            clean = bitonal or (kind.name in ("print", "form", "receipt") and chance(0.3))
            contrast = (0.75, 1.0) if clean else (0.22, 0.95)
            if chance(0.06):
                ink = np.maximum(ink, _bleed(ink, rng))
            grey = degrade.lay(ink, rng, contrast=contrast, texture=0.3 if bitonal else 0 if clean else 1)
            if bitonal:
                return _scan(kind, degrade.binarise(grey, rng), rng)
            grey = 255 - grey if chance(0.04) else grey
        return _scan(kind, grey, rng)

    def _crop(self, kind: Kind, ink: Ink, face: Face, text: str, rng: np.random.Generator) -> Ink:
        """Cut the line out of its page: tight, fair or loose, with parts of the neighbours where there is room."""
        rows = np.flatnonzero(ink.max(1) > 0.2)
        top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, ink.shape[0])
        em = ink.shape[0] * 0.55
        # Boxes drawn by eye hug the ink; boxes of a layout engine follow ascender and descender.
        if bottom - top < 0.35 * em or rng.random() < 0.3:
            top, bottom = min(top, int(0.27 * ink.shape[0])), max(bottom, int(0.76 * ink.shape[0]))
        # Words are boxed one by one, and boxed close.
        loose = rng.random() * (0.75 if kind.name == "word" else 1)
        most = 0.1 if loose < 0.35 else 0.35 if loose < 0.8 else 0.9 if kind.name != "form" else 0.4
        sides = rng.uniform((-0.02, -0.02, 0, 0), (most, most, 1.2 * most, 1.2 * most))
        if kind.name in ("form", "receipt", "word", "plate") and rng.random() < (0.25 if kind.name == "word" else 0.12):
            # Boxes cut into the first letter or the last, and it is still to be read.
            end = int(rng.integers(2))
            if text[-end] not in _THIN:
                sides[2 + end] = -min(rng.uniform(0.03, 0.25), 0.3 * ink.shape[1] / em)
        if kind.name == "word" and rng.random() < 0.15:
            sides[int(rng.integers(2))] = -rng.uniform(0.02, 0.12)  # a slice off their heads or feet
        above, below, left, right = (int(side * em) for side in sides)
        height, width = bottom - top + above + below, ink.shape[1] + left + right
        page = np.zeros((height, width), np.float32)
        _paste(page, ink, above - top, left)
        if kind.name != "meter" and rng.random() < (0.25 if kind.name == "word" else 0.45):
            neighbour = draw(self._neighbour(kind, rng, face), face, Setting(max(10, int(em * 0.8))), rng)
            leading = rng.uniform(1.0, 1.5) * em
            for direction in (-1, 1):
                if rng.random() < 0.6:
                    shift = int(rng.integers(0, 1 + int(em)))
                    _paste(page, neighbour, int(above - top + direction * leading), left - shift)
        return page

    def _hung(self, kind: Kind, ink: Ink, face: Face, rng: np.random.Generator) -> Ink:
        """A word on a sign that hangs askew: what stands above and below it reaches into the corners of its box."""
        height, width = ink.shape
        em = 0.55 * height
        leading = int(rng.uniform(1.0, 1.7) * em)
        # The sign, as a layer for the word and one for its neighbours, is turned before the word is boxed.
        sign = np.zeros((height + 2 * leading, width, 2), np.float32)
        sign[leading : leading + height, :, 0] = ink
        for direction in (-1, 1):
            if rng.random() < 0.7:
                setting = Setting(max(10, int(em * rng.uniform(0.5, 1.0))))
                neighbour = draw(self._neighbour(kind, rng, face), face, setting, rng)
                _paste(sign[:, :, 1], neighbour, leading * (1 + direction), -int(rng.integers(0, 1 + int(em))))
        sign = degrade.warp(sign, rng, tilt_deg=22.0, shear=0.25, fill=0.0)
        hung: Ink = sign.max(2)
        rows, columns = (np.flatnonzero(sign[:, :, 0].max(axis) > 0.2) for axis in (1, 0))
        if not len(rows):  # what has no ink is a space
            return hung
        sides = (rng.uniform(0.0, 0.2, 4) * em).astype(int)
        if rows[-1] - rows[0] < 0.35 * em:  # a dash is boxed with its line
            sides[[0, 2]] += int(0.25 * em)
        top, left = max(0, rows[0] - sides[0]), max(0, columns[0] - sides[1])
        return hung[top : rows[-1] + 1 + sides[2], left : columns[-1] + 1 + sides[3]]

    def _neighbour(self, kind: Kind, rng: np.random.Generator, face: Face) -> str:
        text = self.texts.running(rng, kind.languages, int(rng.integers(10, 80)))
        return "".join(c for c in (text.upper() if face.capitals else text) if c in face.characters or c == " ") or "."

    def _sign(self, ink: Ink, rng: np.random.Generator) -> Grey:
        """A word or a plate in the wild: outlined or shadowed letters on a textured, unevenly lit ground."""
        if rng.random() < 0.15:
            shift = max(1, ink.shape[0] // 20)
            shadow = np.roll(np.roll(ink, shift, 0), shift, 1) * np.float32(rng.uniform(0.3, 0.7))
            ink = np.maximum(ink, shadow * (rng.random() < 0.5)) - 0.4 * shadow * (ink < 0.3)
        elif rng.random() < 0.1:
            ink = cv2.morphologyEx(ink, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(np.float32)
        for _ in range(int(rng.choice((0, 1, 2), p=(0.7, 0.2, 0.1)))):
            ink = ink + _beyond(ink.shape, rng) * np.float32(rng.uniform(-0.6, 0.5)) * (1 - np.clip(ink, 0, 1))
        return degrade.lay(ink, rng, contrast=(0.08, 0.95), texture=float(rng.choice([0.0, 0.0, 0.0, 0.4, 0.8, 1.6])))


def _setting(kind: Kind, rng: np.random.Generator) -> Setting:
    em = int(rng.integers(28, 60)) // 4 * 4
    if kind.name == "typewriter":
        jump = float(rng.choice([0, 0.01, 0.025])) * em
        pitch, fade = float(rng.choice([0, 0, 0.05])), float(rng.choice([0, 0.15, 0.3]))
        return Setting(em, space=1.0, tracking=pitch, jump_px=jump, fade=fade)
    if kind.name == "captcha":
        return captcha.setting(rng, em)
    if kind.name == "handwriting":
        # A hand never makes two letters alike, nor keeps to its line.
        return Setting(em, space=float(np.exp(rng.normal(0.4, 0.3))), jump_px=float(rng.choice([0, 0.015, 0.03])) * em)
    tracking = float(rng.uniform(-0.03, 0.2)) if rng.random() < 0.15 else 0.0
    if kind.name == "word" and rng.random() < 0.3:
        tracking = float(rng.uniform(-0.09, 0.0))  # letters of a sign touch
    return Setting(em, space=float(np.exp(rng.normal(0.05, 0.25))), tracking=tracking)


def _scan(kind: Kind, grey: Grey, rng: np.random.Generator) -> Grey:
    """Resolution, focus, black and white, compression: what the capturing device adds."""
    street = kind.name == "word"
    low = {"form": 0.75, "word": 0.5, "plate": 0.5, "receipt": 0.45, "captcha": 0.3}.get(kind.name, 0.25)
    if rng.random() < low:
        smallest = {"form": 13, "word": 13, "captcha": 22}.get(kind.name, 16)
        if rng.random() < (0.5 if street else 0.3):
            grey = degrade.blur(grey, rng, 0.04 if street else 0.02)
        height = int(rng.integers(smallest, 36))
        if kind.name == "form" and rng.random() < 0.5:
            grey = degrade.binarise(degrade.lower(grey, rng, 2 * height), rng)
        grey = degrade.lower(grey, rng, height)
    elif rng.random() < (0.4 if street else 0.35):
        grey = degrade.blur(grey, rng, 0.055 if street else 0.025)
    if street and rng.random() < 0.2:
        grey = degrade.sharpen(grey, rng)
    if rng.random() < {"captcha": 0.1, "word": 0.15}.get(kind.name, 0.3):
        grain = degrade.noise(grey.shape, rng, float(rng.choice([0.0, 0.8]))) * np.float32(rng.uniform(1, 9))
        grey = np.clip(grey + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        grey = degrade.compress(grey, rng, 20)
    return np.ascontiguousarray(grey)


def _stretch(ink: Ink, factor: float) -> Ink:
    width = max(2, round(ink.shape[1] * factor))
    return cv2.resize(ink, (width, ink.shape[0]), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _paste(page: Ink, ink: Ink, top: int, left: int) -> None:
    """Add ink to the page where it falls inside it."""
    y0, y1 = max(0, top), min(page.shape[0], top + ink.shape[0])
    x0, x1 = max(0, left), min(page.shape[1], left + ink.shape[1])
    if y0 < y1 and x0 < x1:
        part = page[y0:y1, x0:x1]
        np.maximum(part, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def _rule(ink: Ink, rng: np.random.Generator) -> None:
    """An underline, the line of a form, or the side of a box."""
    height, width = ink.shape
    thick = max(1, int(rng.integers(1, 2 + height // 24)))
    if rng.random() < 0.75:
        at = int(height * rng.choice([rng.uniform(0.0, 0.1), rng.uniform(0.82, 1.0)]))
        ink[at : at + thick] = np.float32(rng.uniform(0.5, 1))
    else:
        # Of a box that was filled in without care the side stands anywhere, through a letter too.
        at = int(rng.choice([0, max(0, width - thick), rng.integers(width)]))
        ink[:, at : at + thick] = np.float32(rng.uniform(0.5, 1))


def _underline(ink: Ink, rng: np.random.Generator) -> None:
    """A stroke under all or some of the letters, at times through their feet."""
    height, width = ink.shape
    filled = ink.sum(1)
    baseline = int(np.flatnonzero(filled > 0.4 * filled.max())[-1])
    top = baseline + int(rng.uniform(-0.01, 0.1) * height)
    thick = max(1, int(rng.uniform(0.01, 0.05) * height))
    left, right = (0, width) if rng.random() < 0.6 else np.sort(rng.integers(0, width + 1, 2))
    ink[top : top + thick, left:right] = np.float32(rng.uniform(0.6, 1))


def _squares(ink: Ink, rng: np.random.Generator) -> None:
    """The squares or lines of an exercise book, paler than the hand that writes on them."""
    height, width = ink.shape
    pitch, strength = max(6, int(height * rng.uniform(0.25, 1.1))), np.float32(rng.uniform(0.1, 0.5))
    at = np.arange(int(rng.integers(pitch)), max(height, width), pitch)
    thick = 1 + int(height > 60)
    for shift in range(thick):
        rows, columns = at + shift, at + shift
        ink[rows[rows < height]] = np.maximum(ink[rows[rows < height]], strength)
        if rng.random() < 0.7:
            ink[:, columns[columns < width]] = np.maximum(ink[:, columns[columns < width]], strength)


def _card(ink: Ink, rng: np.random.Generator) -> Grey:
    """Raised figures on a patterned card: lit on one side, in shadow on the other, their tops worn or inked."""
    depth = max(1, ink.shape[0] // 24)
    lit = np.roll(ink, -depth, (0, 1)) - np.roll(ink, depth, (0, 1))
    relief = lit * np.float32(rng.uniform(0.3, 1)) + ink * np.float32(rng.choice([0.0, 0.3, 0.8]))
    if rng.random() < 0.5:
        pattern = degrade.noise(ink.shape, rng, float(rng.choice([4.0, 16.0]))) * np.float32(rng.uniform(0, 0.15))
        relief = relief + pattern
    return degrade.lay(relief.astype(np.float32), rng, contrast=(0.2, 0.8), texture=1)


def _beyond(shape: tuple[int, int], rng: np.random.Generator) -> Ink:
    """Where (h, w) the wall begins beside a sign that stands askew in its box: 1 beyond one of its edges."""
    height, width = shape
    down, along = np.mgrid[0:height, 0:width].astype(np.float32)
    reach, slope = np.float32(rng.uniform(0.0, 0.3) * height), np.float32(rng.uniform(-0.4, 0.4))
    if rng.random() < 0.6:
        across, middle, far = down, along - width / 2, height
    else:
        across, middle, far = along, down - height / 2, width
    edge = across if rng.random() < 0.5 else far - across
    beyond: Ink = (edge < reach + slope * middle).astype(np.float32)
    return beyond


def _dial(ink: Ink, rng: np.random.Generator) -> Grey:
    """The digits of a meter behind its window."""
    return degrade.lay(ink, rng, contrast=(0.35, 1.0), texture=1)


def _bleed(ink: Ink, rng: np.random.Generator) -> Ink:
    """The other side of the sheet shining through, mirrored and soft."""
    ghost = cv2.GaussianBlur(np.roll(ink[:, ::-1], int(rng.integers(3, 30)), 1), (0, 0), 1.5)
    return (ghost * np.float32(rng.uniform(0.08, 0.25))).astype(np.float32)
