"""Class numbers, Unicode forms, and the files that come with the package."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from ocrnn.charset import BLANK, Charset, names
from ocrnn.errors import CharsetError


def test_classes_count_from_one_and_zero_is_the_blank() -> None:
    charset = Charset("abc")
    assert BLANK == 0
    assert charset.encode("cab") == [3, 1, 2]
    assert charset.decode([3, 1, 2]) == "cab"
    assert len(charset) == 3 and charset.classes == 4
    assert "b" in charset and "d" not in charset and "" not in charset


def test_text_is_composed_before_it_is_encoded() -> None:
    charset = Charset("eé")
    assert charset.encode("e\u0301e") == [2, 1]
    assert charset.strangers("e\u0301") == ""


@pytest.mark.parametrize(
    ("characters", "fault"),
    [
        ("", "empty"),
        ("abca", "'a' twice"),
        ("abcb", "'b' twice"),
        ("a\u212b", "not in Unicode form NFC"),
    ],  # U+212B is Å composed elsewhere
)
def test_charsets_that_cannot_be(characters: str, fault: str) -> None:
    with pytest.raises(CharsetError, match=fault):
        Charset(characters)


def test_strangers_are_named() -> None:
    charset = Charset("abc")
    assert charset.strangers("xaxyb") == "xy"
    with pytest.raises(CharsetError, match="'ß' is not in the charset; use a larger --charset or --new-chars add"):
        charset.encode("aß")


def test_an_extended_charset_keeps_old_classes() -> None:
    old = Charset("abc")
    new = old.extended(["x", "b", "e", "e\u0301", "x"])
    assert new.characters == "abcxeé"
    assert new.encode("abc") == old.encode("abc")
    assert old.characters == "abc"


def test_of_texts() -> None:
    assert Charset.of(["ba", "ca", "e\u0301"]).characters == "abcé"


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes("\ufeff \r\na\r\ne\u0301\r\n".encode())
    assert Charset.open(file).characters == " aé"
    assert Charset.open(str(file)) == Charset(" aé")


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"a\nbc\n", r"mine\.txt:2: 'bc' is more than one"), (b"\xff\xfe\x00", "not a charset file"), (b"\n\n", "empty")],
)
def test_files_that_are_no_charset(content: bytes, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(content)
    with pytest.raises(CharsetError, match=fault):
        Charset.open(file)


def test_missing_file_names_the_known_ones() -> None:
    with pytest.raises(CharsetError, match="nosuch: no such charset; .*ascii.*latin"):
        Charset.open("nosuch")


def test_packed_charsets(root: Path) -> None:
    """Each file beside the package opens by its name, whichever way the package was installed."""
    assert names() == sorted(file.stem for file in (root / "charsets").glob("*.txt"))
    for name in names():
        assert unicodedata.is_normalized("NFC", Charset.open(name).characters)


def test_ascii_is_all_that_prints() -> None:
    assert set(Charset.open("ascii").characters) == {chr(code) for code in range(32, 127)}
    assert Charset.open("digits").characters == "0123456789"


def test_latin_reads_the_big_languages_of_europe() -> None:
    """Their alphabets as their spelling rules give them, and the signs that the README promises."""
    latin = Charset.open("latin")
    alphabets = {
        "German": "äöüßÄÖÜẞ",
        "French": "àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ",
        "Spanish": "áéíóúüñÁÉÍÓÚÜÑ¿¡ªº",
        "Portuguese": "áâãàçéêíóôõúÁÂÃÀÇÉÊÍÓÔÕÚ",
        "Italian": "àèéìíîòóùúÀÈÉÌÍÎÒÓÙÚ",
        "Polish": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ",
        "Czech": "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ",
        "Slovak": "äĺľŕôÄĹĽŔÔ",
        "Hungarian": "áéíóöőúüűÁÉÍÓÖŐÚÜŰ",
        "Romanian": "ăâîșțĂÂÎȘȚ",
        "Turkish": "çğıİöşüÇĞÖŞÜ",
        "Swedish, Danish, Norwegian": "åäöæøÅÄÖÆØ",
        "Icelandic": "ðþýáéíóúöæÐÞÝ",
        "Croatian": "čćđšžČĆĐŠŽ",
        "quotes and dashes": "‘’‚“”„«»‹›–—…",
        "signs": "€£§°©®™½±×†•·¶",
        "old print": "ſ⸗\u0364",
    }
    missing = {name: latin.strangers(letters) for name, letters in alphabets.items() if latin.strangers(letters)}
    assert not missing
    assert not latin.strangers("".join(map(chr, range(32, 127))))
