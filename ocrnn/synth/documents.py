"""What stands on forms, till slips, plates and cards: made up of words, figures and marks; and codes of no meaning."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
MARKS = ".,:;!?-/()'\"%&$€£#*+=@_|[]<>"


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


_FIELDS = _words(
    "account accounting action actual additional address adjusted administration agency agent agreement allowance "
    "amount annual answer applicant application approval approved area assigned assistant attached attachment "
    "attention authority authorized average balance bank base beginning benefit branch brand budget building bureau "
    "business buyer call capacity carrier case category center certificate change charge check checked city claim "
    "class classification client code color comments committee company comparison complete completed completion "
    "condition confidential confirmed consultant contact contract control copies copy cost country county course "
    "court coverage credit current customer data date day days decision defendant delivery department deposit "
    "description design details development diagnosis director disposition distribution district division document "
    "dollars duration effective employee employer ending engineer entry equipment error estimate estimated evaluation "
    "event examination exhibit expense expiration explain extension facility family fee field figure file filed final "
    "finance first fiscal floor follow-up form format frequency function fund general goal grade grant gross group "
    "handling head health height hold home hour hours identification identify income increase index indicate "
    "individual industry information initial initiated inspection instructions insurance interest international "
    "interview inventory invoice issue issued item job key kind labor laboratory language last late legal length "
    "letter level license limit line list loan local location lot mail maintenance major management manager "
    "manufacturing market marketing material matter maximum measure medical meeting member message method middle "
    "minimum minutes model month monthly motor name national nature net new next none note notes notice number "
    "objective occupation offer office officer operation operator option order organization origin original other "
    "outside overtime owner package page pages part participant party patient pay payee payment pending per percent "
    "performance period permit person personnel phone physician place plan plant please policy position postage "
    "premium prepared present president previous price primary print printed priority procedure process product "
    "production program project promotion property proposal proposed purchase purpose quality quantity quarter "
    "question quote range rate rating reason receipt received recommendation record reference regarding region "
    "regular release remarks report representative request requested required requirement requisition research "
    "response result results return review revised revision risk room route salary sales sample schedule section "
    "security select sender serial service session sheet ship shipment shipping signature signed site size social "
    "source special specification staff standard start state statement station status stock storage store street "
    "study subject submitted suggested summary supervisor supplier supply support survey system table target tax "
    "telephone temporary term terms test time title today total trade training transfer transmittal travel type unit "
    "unknown update use used user value vehicle vendor verified version visit volume voucher warehouse week weekly "
    "weight width witness work yes zip"
)
"""What is printed on English forms, memoranda and fax sheets."""

_SMALL = _words("of to for the and in on by with or from at per if any this your no. is")
_SHORT = _words(
    "P.O. N/A FAX TEL EXT. DEPT. ACCT. NO. REV. ATTN: CC: cc: c/o RE: Inc. U.S. QTY. APT. ID Ph.D. vs. etc."
)
_ENTRIES = _words("X X x YES NO Yes No N/A n/a OK - -- 0 1 None TBD $ % #")
_ENDS = ("", "", "", "", ":", ":", ":", " :", "?", ".", " #", " No.", " #:", "(s)", "(s):", "/", " *")
_JOINTS = ("/", "/", " / ", " & ", "-", " - ")
_LEADS = ("cc: ", "To: ", "From: ", "Attn: ", "Dr. ", "Mr. ", "By ")


def number(rng: np.random.Generator) -> str:
    """Amount, date, time, code or plain number."""

    def digits(n: int) -> str:
        return "".join(DIGITS[i] for i in rng.integers(10, size=n))

    def capitals(n: int) -> str:
        return "".join(CAPITALS[i] for i in rng.integers(26, size=n))

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
        lambda: f"{month}/{day}/{year % 100:02d}",
        lambda: f"{digits(3)}{'- '[rng.integers(2)]}{digits(3)}{'- '[rng.integers(2)]}{digits(4)}",
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
        CAPITALS[rng.integers(26)] if c == "A" else DIGITS[rng.integers(10)] if c == "0" else c for c in pattern
    )
    return text.replace(" ", ("", " ", "-")[rng.integers(3)])


def card(rng: np.random.Generator) -> str:
    """What is embossed on a bank card: its number or a part of it, or until when it is good."""
    groups = ["".join(DIGITS[i] for i in rng.integers(10, size=4)) for _ in range(4)]
    choice = rng.random()
    if choice < 0.15:
        return f"{rng.integers(1, 13):02}/{rng.integers(100):02}"
    if choice < 0.55:
        return groups[0]
    return " ".join(groups[: 2 if choice < 0.7 else 4])


def code(rng: np.random.Generator, length: int) -> str:
    """Letters and digits without meaning, as in a captcha: digits alone, capitals and digits, or all."""
    alphabet = (DIGITS, CAPITALS + DIGITS, CAPITALS + CAPITALS.lower() + DIGITS)[rng.integers(3)]
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


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
        MARKS[rng.integers(len(MARKS))] * int(rng.integers(1, 12)),
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


def form(rng: np.random.Generator, name: Callable[[], str]) -> str:
    """What stands in one box of an English form, memorandum or fax: a field's name, people, a mark, a number.

    `name` makes up the family name of a person.
    """
    choice = rng.random()
    if choice < 0.05:
        return _ENTRIES[rng.integers(len(_ENTRIES))]
    if choice < 0.1:
        return str(rng.integers(10 ** rng.integers(1, 4)))
    if choice < 0.28:
        several = int(rng.integers(1, 4)) if rng.random() < 0.3 else 0
        lead = _LEADS[rng.integers(len(_LEADS))] if rng.random() < 0.25 else ""
        return lead + ", ".join(_person(rng, name()) for _ in range(1 + several))
    text = _field(rng)
    return f"{text} {number(rng)}" if rng.random() < 0.15 else text


def _person(rng: np.random.Generator, name: str) -> str:
    """Initials and a name."""
    initials = (f"{CAPITALS[i]}." for i in rng.integers(26, size=int(rng.integers(1, 3))))
    name = name.upper() if rng.random() < 0.2 else name
    return ("" if rng.random() < 0.1 else " ").join((*initials, name))


def _field(rng: np.random.Generator) -> str:
    """Name of one field: a few words in one case, joined, numbered or bracketed, with what may stand behind."""
    length = int(rng.choice((1, 2, 3, 4, 6), p=(0.35, 0.33, 0.17, 0.1, 0.05)))
    words = [_FIELDS[i] for i in rng.integers(len(_FIELDS), size=length)]
    for at in range(1, length):
        if rng.random() < 0.2:
            words[at] = _SMALL[rng.integers(len(_SMALL))]
    case = rng.random()
    if case < 0.45:
        words = [word.upper() for word in words]
    elif case < 0.75:
        words = [word.capitalize() for word in words]
    elif case < 0.95:
        words[0] = words[0].capitalize()
    if rng.random() < 0.12:
        words[rng.integers(length)] = _SHORT[rng.integers(len(_SHORT))]
    text = " ".join(words)
    if rng.random() < 0.14:
        text = text.replace(" ", _JOINTS[rng.integers(len(_JOINTS))], 1)
    style = rng.random()
    if style < 0.1:
        head, _, rest = text.partition(" ")
        text = f"{head} ({rest})" if rest else f"({head})"
    elif style < 0.2:
        count = int(rng.integers(1, 30))
        text = (f"{count}. {text}", f"({count}) {text}", f"{'abcdefg'[count % 7]}. {text}")[rng.integers(3)]
    return text + _ENDS[rng.integers(len(_ENDS))]


def crammed(text: str, rng: np.random.Generator) -> str:
    """Without the space behind some commas, stops and colons and before brackets, as tills and hurried typists do."""
    return re.sub(r"(?<=[,.:;/&]) | (?=[(@])", lambda _: "" if rng.random() < 0.7 else " ", text)
