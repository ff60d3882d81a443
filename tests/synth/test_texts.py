from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset, names
from ocrnn.errors import UsageError
from ocrnn.synth.texts import Texts, early, rare, typed, vary, with_long_s

LATIN = Charset.open("latin")


def rngs(count: int = 200) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_lines_outside_the_charset_are_left_out(texts: Path) -> None:
    ascii_only = Texts.open(texts, Charset.open("ascii")).sentences
    assert [len(ascii_only[language]) for language in ("en", "fr", "mul")] == [2, 1, 2]
    assert len(Texts.open(texts, LATIN).sentences["en"]) == 3


def test_texts_are_brought_to_nfc(tmp_path: Path) -> None:
    (tmp_path / "fr.txt").write_bytes(b"\xef\xbb\xbfcafe\xcc\x81  au \tlait\r\n\r\n")
    assert Texts.open(tmp_path, LATIN).sentences == {"fr": ("café au lait",)}


def test_another_script_is_left_out_whole(tmp_path: Path) -> None:
    (tmp_path / "ru.txt").write_text("\n".join(["Привет, мир"] * 19 + ["ok"]), encoding="utf-8")
    with pytest.raises(UsageError, match="whose lines the charset covers"):
        Texts.open(tmp_path, LATIN)


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such folder; give --texts"):
        Texts.open(tmp_path / "nowhere", LATIN)
    with pytest.raises(UsageError, match="no text file"):
        Texts.open(tmp_path, LATIN)
    (tmp_path / "en.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"en\.txt: cannot be read as text .*UTF-8"):
        Texts.open(tmp_path, LATIN)


def test_running_text_is_cut_between_words(texts: Path) -> None:
    known = Texts.open(texts, LATIN)
    words = {word for line in known.sentences["en"] for word in line.split()}
    for length, rng in enumerate(rngs(), 12):
        text = known.running(rng, ("en",), length)
        assert 0 < len(text) <= length
        assert set(text.split()) <= words


def test_a_language_that_is_not_there_becomes_another(texts: Path) -> None:
    assert Texts.open(texts, LATIN).running(rngs(1)[0], ("pl",), 30)


def test_documents_come_from_their_own_lines(texts: Path) -> None:
    known = Texts.open(texts, LATIN)
    assert {known.document(rng) for rng in rngs(40)} == {"TOTAL 7.50", "Invoice No. 4711"}


@pytest.mark.parametrize("name", names())
def test_invented_texts_fit_any_charset(name: str) -> None:
    charset = Charset.open(name)
    lines = Texts.invented(charset).sentences["mul"]
    assert len(lines) > 500
    assert all(lines)
    assert not charset.strangers("".join(lines))
    assert Texts.invented(charset).sentences["mul"] == lines
    letters = {c for c in charset.characters if c.isalpha()}
    assert letters <= set("".join(lines)), "every letter is to be learned"


def test_invented_texts_of_an_unknown_script() -> None:
    lines = Texts.invented(Charset("αβγδ ")).sentences["mul"]
    assert set("".join(lines)) == set("αβγδ ")
    assert Texts.invented(Charset("*")).sentences["mul"][0].strip("*") == ""


def test_names_are_words_with_a_capital(texts: Path) -> None:
    known = Texts.open(texts, LATIN)
    made = {known.name(rng) for rng in rngs()}
    assert len(made) > 5
    assert all(re.fullmatch(r"[A-ZÀ-Þ][^\W\d_]{0,11}", name) for name in made)


def test_words_are_short(texts: Path) -> None:
    known = Texts.open(texts, LATIN)
    made = [known.word(rng, ("en",)) for rng in rngs()]
    assert all(0 < len(word) <= 30 for word in made)
    assert 0.3 < np.mean([word.isupper() for word in made]) < 0.8


def test_rare_characters_come_up() -> None:
    charset = Charset("aé¿§ ")
    seen = "".join(rare(rng, charset, 20) for rng in rngs(60))
    assert set("aé¿§") <= set(seen)
    assert all(rare(rng, charset, 1) for rng in rngs())


def test_variants() -> None:
    text = 'it\'s "so" - no'
    made = {vary(text, rng) for rng in rngs()}
    assert made == {text, text.upper(), text.title(), "it’s “so” — no", f"—{text}"}


def test_early_spelling() -> None:
    assert early("une vive oeuvre jeu", np.random.default_rng(1)) == "vne viue oeuure ieu"
    assert early("Until JUDAS has", np.random.default_rng(1)) == "Vntil IVDAS has"
    assert {early("commande", rng) for rng in rngs()} == {"commande", "commãde"}
    assert {early("tum", rng) for rng in rngs()} == {"tum", "tũ"}
    assert {early("animal", rng) for rng in rngs()} == {"animal"}


def test_the_earliest_printers_had_no_comma() -> None:
    assert {early("et, ad", rng) for rng in rngs(40)} == {"et, ad", "et / ad", "et/ ad", "et. ad", "et: ad"}


def test_long_s() -> None:
    assert with_long_s("das ist es, sie sassen") == "das iſt es, ſie ſaſſen"
    assert with_long_s("s1 S Haus-s") == "s1 S Haus-s"


def test_typed() -> None:
    assert typed("« Quoi ? » dit-il : l’ami; non!") == '" Quoi ? " dit-il : l\'ami ; non !'
