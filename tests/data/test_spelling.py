"""What is odd in labels is remarked at its line, and nothing is remarked of usual ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ocrnn.data.samples import Sample
from ocrnn.data.spelling import Spelling

USUAL = (
    "Don't count on it, said the well-known man",
    '"Stand", he said, "and deliver"',
    '"Stand and deliver!" -- he cried... "now!"',
    "TOTAL 12.40 EUR, ½ kg à 3 °C, 10 kΩ, 5 µm, № 7",
    "a first file fit for the last stop",
    "Ἰησοῦς, λόγος and Слово stand beside Latin words",
    "Смотри: Windows и Linux",
    "Windows and Linux, а не DOS",
    "Äußerst übel; naïve façade",
)


def remarks(texts: Iterable[str], most: int | None = None) -> dict[str, list[tuple[int, str]]]:
    """Kind of remark to line number (from 0) and what is seen there."""
    samples = [Sample(Path(f"{n}.png"), text, label_file=Path("t"), line_number=n) for n, text in enumerate(texts)]
    spelling = Spelling()
    for number, sample in enumerate(samples):
        spelling.add(number, sample.text)
    return {
        found.kind: [(int(remark.where.rpartition(":")[2]), remark.what) for remark in found.first]
        for found in spelling.remarks(samples, [1] * len(samples), most)
    }


def test_usual_texts_have_nothing_odd() -> None:
    assert remarks(USUAL * 3) == {}


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("two  spaces", "spaces in a row", "2 spaces in a row in 'two  spaces'"),
        ("four    spaces", "spaces in a row", "4 spaces in a row in 'four    spaces'"),
        ('"He said ""no"", and left"', "quotes of a spreadsheet", "a doubled quote between quotes, in '\"He said "),
        ("no\u00a0break", "unusual space", "no-break space, U+00A0, in 'no\\xa0break'"),
        ("1\u2009000", "unusual space", "thin space, U+2009,"),
        ("wide\u3000space", "unusual space", "ideographic space, U+3000,"),
        ("zero\u200bwidth", "invisible character", "zero width space, U+200B,"),
        ("mark \ufeffhere", "invisible character", "zero width no-break space, U+FEFF,"),
        ("\u200eleft", "invisible character", "left-to-right mark, U+200E,"),
        ("b\u0430nk", "letter of another script", "Cyrillic 'а' (U+0430) in the Latin word 'bаnk'"),
        ("\u039fhm", "letter of another script", "Greek 'Ο' (U+039F) in the Latin word 'Οhm'"),
        ("слoво", "letter of another script", "Latin 'o' (U+006F) in the Cyrillic word 'слoво'"),
        ("this is \u0430 test", "letter of another script", "Cyrillic 'а' (U+0430) in a line of Latin script"),
        (
            "It’s his",
            "apostrophe written in several ways",
            "’ for apostrophe, which is ' in 3 of 4 places, in 'It’s his'",
        ),
        ("“Stop", "double quote written in several ways", 'curly “” for double quote, which is straight " in 24 of 25'),
        ("well\u2010known", "hyphen written in several ways", "‐ for hyphen, which is - in 3 of 4 places"),
        ("soft\u00ad", "hyphen written in several ways", "U+00AD for hyphen, which is - in 3 of 4 places"),
        ("so — then", "long dash written in several ways", "— for long dash, which is -- in 3 of 4 places"),
        ("and so on…", "ellipsis written in several ways", "… for ellipsis, which is three dots in 3 of 4 places"),
        ("a ﬁrst one", "ligature of f written in several ways", "one character for ligature of f, which is letters in"),
        (
            "the laﬆ one",
            "ligature of st written in several ways",
            "one character for ligature of st, which is letters in",
        ),
        (
            "ＴＯＴＡＬ 5",
            "digit or Latin letter written in several ways",
            "wide form for digit or Latin letter, which is narrow form in",
        ),
        ("ſie kam so", "long s beside round s", "s at the start of a word in 'ſie kam so', in a line with ſ"),
    ],
)
def test_what_is_odd_is_found_at_its_line_and_nothing_else(text: str, kind: str, said: str) -> None:
    found = remarks([*USUAL * 3, text])
    assert list(found) == [kind]
    ((line, what),) = found[kind]
    assert line == len(USUAL * 3)
    assert what.startswith(said)


def test_the_rarer_way_is_named_whichever_it_is() -> None:
    many_curly = remarks(["l’eau"] * 5 + ["l'eau"])
    assert [line for line, _ in many_curly["apostrophe written in several ways"]] == [5]
    assert remarks(["l’eau"] * 5) == {}


def test_each_line_counts_once_for_a_kind() -> None:
    (found,) = remarks(["it's"] * 9 + ["l’eau d’or l’été"]).values()
    assert [line for line, _ in found] == [9]
    assert found[0][1].startswith("’ for apostrophe, which is ' in 9 of 12 places")


def test_long_s_is_right_in_prints_that_have_it_and_a_slip_among_many_that_do_not() -> None:
    fraktur, antiqua = ["ſie ſoll das Haus ſehen", "Ausdruck iſt Gesetz"], ["sie soll so sein"]
    assert remarks(fraktur * 20 + antiqua * 3) == {}
    assert remarks(fraktur * 3 + antiqua * 20) == {}
    found = remarks(antiqua * 30 + ["ſie ſoll"])
    assert found == {"long s beside round s": [(30, "ſ in 'ſie ſoll', where 30 lines have s only")]}


def test_lines_that_are_left_out_are_not_remarked() -> None:
    samples = [Sample(Path("a.png"), "two  spaces"), Sample(Path("b.png"), "two  spaces")]
    spelling = Spelling()
    for number, sample in enumerate(samples):
        spelling.add(number, sample.text)
    (found,) = spelling.remarks(samples, [0, 1], None)
    assert found.lines == 1
    assert [remark.where for remark in found.first] == ["b.png"]


def test_only_the_first_are_written_out_but_all_are_counted() -> None:
    samples = [Sample(Path(f"{n}.png"), "two  spaces") for n in range(9)]
    spelling = Spelling()
    for number, sample in enumerate(samples):
        spelling.add(number, sample.text)
    (found,) = spelling.remarks(samples, [1] * 9, 2)
    assert found.lines == 9
    assert [remark.where for remark in found.first] == ["0.png", "1.png"]
