"""Patterns against `re.fullmatch`, on every short text over a small charset."""

from __future__ import annotations

import doctest
import itertools
import math
import re
from functools import cache

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding import regex
from ocrnn.decoding.guide import Guide
from ocrnn.decoding.regex import Regex
from ocrnn.errors import UsageError

CHARSET = Charset("ab1_.- ")
LONGEST = 4


@cache
def texts() -> list[str]:
    return ["".join(text) for length in range(LONGEST + 1) for text in itertools.product("ab1_.- ", repeat=length)]


def matches(guide: Guide, text: str) -> bool:
    state = guide.start
    for number in CHARSET.encode(text):
        if guide.scores(state)[number] == -math.inf:
            return False
        state = guide.step(state, number)
    return guide.end(state) == 0.0


@pytest.mark.parametrize(
    "pattern",
    [
        "ab", "a|b", "a|b|1-", "(a|b)1", "(?:a|b)*", "a*b*", "a+", "a?b?1?", "(ab)+", "(a*)*", "(a?b?)+", "(a|)b",
        "|a", "", "()", "a{2}", "a{,2}", "a{2,}", "a{0}", "a{0,0}b", "a{1,3}b{0,2}", "(ab){1,2}1", "(a{1,2}){2}",
        "(a{2,}|b){1,2}", "(a?){3}", "(a*){2,3}", "(a|b?){2,}", "((a|b){2}1){1,2}", "(a{,2}b){0,}", ".", "..", ".*a",
        "[ab]", "[^ab]", "[a-b1]", "[]a]", "[^]a]", "[a-]", "[-a]", r"[\d_]", r"[^\w]", r"[\-a]", r"[a\]]", r"\d",
        r"\D", r"\w+", r"\W+", r"\s", r"\S\s\S", r"\.", r"a\-b", r"\d+\.\d", "^ab$", "^a|b$", r"a\+?", "[.]", "é|a",
        "a*.a",
    ],
)  # fmt: skip
def test_the_same_texts_match_as_in_python(pattern: str) -> None:
    guide = Regex(pattern, CHARSET)
    ours = [text for text in texts() if matches(guide, text)]
    assert ours == [text for text in texts() if re.fullmatch(pattern, text)]


def random_pattern(rng: np.random.Generator, depth: int) -> str:
    kind = int(rng.integers(5)) if depth else 0
    if kind == 0:
        return str(rng.choice(["a", "b", "1", ".", "[ab]", r"\d", r"\w", "[^a]"]))
    if kind == 1:
        return random_pattern(rng, depth - 1) + random_pattern(rng, depth - 1)
    if kind == 2:
        return f"({random_pattern(rng, depth - 1)}|{random_pattern(rng, depth - 1)})"
    return f"(?:{random_pattern(rng, depth - 1)})" + str(rng.choice(["?", "*", "+", "{2}", "{1,2}", "{0,3}", "{2,}"]))


@pytest.mark.parametrize("seed", range(40))
def test_random_patterns_match_as_in_python(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pattern = random_pattern(rng, 5)
    guide = Regex(pattern, CHARSET)
    some = [text for text in texts() if len(text) < 4] + [
        texts()[place] for place in rng.integers(len(texts()), size=500)
    ]
    assert [matches(guide, text) for text in some] == [bool(re.fullmatch(pattern, text)) for text in some]


def test_every_step_leads_to_a_text_that_matches() -> None:
    guide = Regex("a(b[^ab1_. -]|1)|[^ab1_. -]", CHARSET)
    letters = dict(zip("ab1", CHARSET.encode("ab1"), strict=True))
    assert np.isfinite(guide.scores(guide.start)[1:]).sum() == 1
    behind = guide.scores(guide.step(guide.start, letters["a"]))
    assert np.isfinite(behind[1:]).sum() == 1
    assert behind[letters["1"]] == 0.0


def test_posix_classes_stand_between_brackets() -> None:
    assert [text for text in texts() if matches(Regex("[[:alpha:]]", CHARSET), text)] == ["a", "b"]
    assert [text for text in texts() if matches(Regex("[^[:alnum:]-]", CHARSET), text)] == ["_", ".", " "]


def test_a_long_count_has_few_followers() -> None:
    guide = Regex("a{0,2000}", CHARSET)
    state = guide.start
    for _ in range(2000):
        state = guide.step(state, 1)
    assert guide.end(state) == 0.0
    assert guide.scores(state)[1] == -math.inf


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a(b", r"character 2: '\(' is not closed"),
        ("a)b", r"character 2: '\)' closes no group"),
        ("[ab", r"character 1: '\[' is not closed"),
        ("*a", r"character 1: '\*' repeats nothing"),
        ("a|+", r"character 3: '\+' repeats nothing"),
        ("a**", r"character 3: '\*' repeats what is repeated already"),
        ("a+?", r"character 3: '\?' repeats what is repeated already"),
        ("a{x}", r"character 2: '\{' begins no count"),
        ("a{", r"character 2: '\{' begins no count"),
        ("a{,}", r"character 2: '\{' begins no count"),
        ("a{3,2}", r"character 2: \{3,2\} asks for at least 3 and at most 2"),
        ("a(?=b)", r"character 2: \(\?\.\.\.\) other than \(\?:\.\.\.\) is not supported"),
        (r"(a)\1", r"character 4: '\\1' is not supported"),
        (r"\bab", r"character 1: '\\b' is not supported"),
        ("a\\", r"character 2: '\\' escapes nothing"),
        ("a^b", r"character 2: '\^' can only begin"),
        ("a$b", r"character 2: '\$' can only end"),
        ("[b-a]", r"character 2: the range runs backwards"),
        (r"[\d-a]", r"character 2: the range runs backwards or from a class"),
        ("[[:nosuch:]]", r"character 2: \[:nosuch:\] is no class of characters"),
        ("(" * 60 + "a" + ")" * 60, r"character 51: groups are nested deeper than 50"),
        ("((a{100}){100}){100}", r"is longer than 5000 characters"),
        ("xyz", r"no text of the model's characters matches"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_one_line_with_its_place(pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        Regex(pattern, CHARSET)
    assert str(raised.value).startswith(f"--regex '{pattern}': ")
    assert "\n" not in str(raised.value)


def test_a_line_end_in_the_name_of_a_class_is_spelled_out() -> None:
    with pytest.raises(UsageError, match=r"character 2: \[:a\\nb:\] is no class of characters") as raised:
        Regex("[[:a\nb:]]", CHARSET)
    assert "\n" not in str(raised.value)


def test_a_line_break_in_a_pattern_is_spelled_out() -> None:
    with pytest.raises(UsageError, match=r"^--regex 'x\\ny': no text"):
        Regex("x\ny", CHARSET)


def test_examples() -> None:
    assert doctest.testmod(regex).failed == 0
