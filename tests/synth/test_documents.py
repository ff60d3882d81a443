from __future__ import annotations

import re

import numpy as np

from ocrnn.charset import Charset
from ocrnn.synth.documents import card, code, crammed, form, number, plate, slip

LATIN = Charset.open("latin")


def rngs(count: int = 200) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_numbers_hold_digits() -> None:
    made = [number(rng) for rng in rngs(400)]
    assert all(re.search(r"\d", text) for text in made)
    for pattern in (
        r"\d\d/\d\d/\d{4}",
        r"\d\d:\d\d",
        r"-?\d+\.\d\d",
        r"\d+%",
        r"[A-Z]{3}-\d{4}",
        r"\(\d{3}\) \d{3}-\d{4}",
        r"\d{3}[- ]\d{3}[- ]\d{4}",
        r"[1-9]\d?/[1-9]\d?/\d\d",
    ):
        assert any(re.fullmatch(pattern, text) for text in made), pattern
    assert not LATIN.strangers("".join(made))


def test_codes_have_their_length() -> None:
    for length, rng in enumerate(rngs(60), 1):
        assert re.fullmatch(rf"[A-Za-z0-9]{{{length}}}", code(rng, length))


def test_till_slips_hold_words_and_numbers_that_the_charset_has() -> None:
    made = [slip(rng) for rng in rngs()]
    assert len(set(made)) > 0.9 * len(made)
    assert not LATIN.strangers("".join(made))
    assert 0.2 < np.mean([any(map(str.isdigit, text)) for text in made]) < 0.9
    assert 0.3 < np.mean([text.isupper() for text in made]) < 0.8


def test_crammed_text_loses_spaces_behind_marks_and_no_others() -> None:
    made = {crammed("No. 3, Hill: a b", rng) for rng in rngs()}
    assert {text.replace(" ", "") for text in made} == {"No.3,Hill:ab"}
    assert {crammed("Tax (10%)", rng) for rng in rngs()} == {"Tax (10%)", "Tax(10%)"}
    assert "No.3,Hill:a b" in made
    assert "No. 3, Hill: a b" in made
    assert all(text.endswith("a b") for text in made)


def test_plates_and_cards_are_groups_of_capitals_and_digits() -> None:
    plates = {plate(rng) for rng in rngs()}
    assert all(re.fullmatch(r"[A-Z0-9]+([ -][A-Z0-9]+)*", text) and 6 <= len(text) <= 9 for text in plates)
    assert len(plates) > 190
    cards = [card(rng) for rng in rngs()]
    assert {re.sub(r"\d", "0", text) for text in cards} == {"00/00", "0000", "0000 0000", "0000 0000 0000 0000"}


def test_forms_hold_fields_people_and_entries_that_the_charset_has() -> None:
    made = [form(rng, lambda: "Ruiz") for rng in rngs(1000)]
    assert not LATIN.strangers("".join(made))
    assert all(text and text == " ".join(text.split()) for text in made)
    for pattern, share in (
        (r"(\w+[.:] )?[A-Z]\. ?([A-Z]\. ?)?(Ruiz|RUIZ)(, .*)?", 0.18),  # people
        (r"\d{1,3}", 0.05),
        (r".*[A-Za-z]/[A-Za-z].*", 0.05),
        (r".*\(.+\).*", 0.15),
        (r".*:", 0.2),
    ):
        seen = np.mean([bool(re.fullmatch(pattern, text)) for text in made])
        assert 0.5 * share < seen < 2 * share, (pattern, seen)
