"""Lexicons against rules written a second time, on every short text over a small charset."""

from __future__ import annotations

import itertools
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.guide import Guide
from ocrnn.decoding.lexicon import WORD_COST, known
from ocrnn.errors import UsageError

CHARSET = Charset("abAB1- ")
WORDS = ["a", "ab", "bAb", "ba'b", "xa"]
KNOWN = {"a", "A", "ab", "Ab", "AB", "bAb", "BAb", "BAB", "ba", "Ba", "BA", "b", "B"}
"""What WORDS are written like; the charset has no x."""


@cache
def texts() -> list[str]:
    return ["".join(text) for length in range(5) for text in itertools.product("abAB1- ", repeat=length)]


def score(guide: Guide, text: str) -> float:
    total, state = 0.0, guide.start
    for number in CHARSET.encode(text):
        gained = float(guide.scores(state)[number])
        if gained == -math.inf:
            return gained
        total += gained
        state = guide.step(state, number)
    return total + guide.end(state)


def strange_words(text: str) -> int:
    """Words outside of KNOWN, counted by the rules of the manual."""
    if fragment := re.search("([abAB]+)-$", text):
        before = text[fragment.start() - 1 : fragment.start()]
        if before != "1" and any(word.startswith(fragment[1]) for word in KNOWN):
            text = text[: fragment.start()]
    count = 0
    for digit, run in re.findall("(1?)([abAB]+)", text):
        count += len(run) > 2 if digit else run not in KNOWN
    return count


def test_each_strange_word_costs_the_same() -> None:
    guide = known(WORDS, CHARSET, cost=2.0)
    for text in texts():
        assert score(guide, text) == -2.0 * strange_words(text), text


def test_strange_words_can_be_forbidden() -> None:
    guide = known(WORDS, CHARSET, cost=math.inf)
    for text in texts():
        assert score(guide, text) == (-math.inf if strange_words(text) else 0.0), text


def test_a_text_is_one_of_the_whole_lines() -> None:
    lines = ["ab 1", "ab", "a b-", "ab 1"]
    guide = known(["# lines", *lines], CHARSET)
    assert {text for text in texts() if score(guide, text) == 0.0} == {*lines}
    assert {score(guide, text) for text in texts()} == {0.0, -math.inf}


@pytest.mark.parametrize("seed", range(5))
def test_many_random_lines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = {texts()[place] for place in rng.integers(1, len(texts()), size=rng.integers(1, 3000))}
    lines = {line.strip() for line in lines if line.strip()}
    guide = known(["# lines", *lines], CHARSET)
    assert {text for text in texts() if score(guide, text) == 0.0} == lines


def test_a_file_is_read_as_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeff# words\r\n\r\nab\r\n bAb \r\n".encode())
    guide = known(path, CHARSET)
    assert score(guide, "ab, bab"[:2]) == 0.0
    assert score(guide, "bAb-ab") == 0.0
    assert score(guide, "ba") == -WORD_COST
    same = known(["ab", "bAb"], CHARSET)
    assert all(score(guide, text) == score(same, text) for text in texts()[:4000])


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    def refused(data: bytes) -> str:
        path = tmp_path / "names.txt"
        path.write_bytes(data)
        with pytest.raises(UsageError) as raised:
            known(path, CHARSET)
        assert "\n" not in str(raised.value)
        assert str(raised.value).startswith(str(path))
        return str(raised.value).removeprefix(str(path))

    assert refused(b"\n \n# lines".split(b"#")[0]) == ": holds no entries; write one on each line"
    assert refused(b"# lines\n") == ": holds no entries; write one on each line"
    assert refused(b"ab\n\na b\n") == (
        ":3: 'a b' is more than one word; put '# lines' on the first line if the entries are whole lines"
    )
    assert refused(b"# lines\nab\nxyz\n") == ":3: 'xyz' holds 'x', which the model cannot write"
    assert refused(b"xyz\n12\n") == ": holds no word that the model can write; check what language it is in"
    assert refused(b"\xff\xfe\n") == ": is not text in UTF-8; write one word or line on each line"
    with pytest.raises(UsageError, match="nosuch.txt: cannot be read .No such file or directory.; name a file"):
        known(tmp_path / "nosuch.txt", CHARSET)
    for cost in (-1.0, math.nan):
        with pytest.raises(UsageError, match="--lexicon-cost .*: would favour strange words; give 0 or more"):
            known(["ab"], CHARSET, cost=cost)
