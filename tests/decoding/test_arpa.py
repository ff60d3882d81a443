"""ARPA files, against what KenLM (0.3.0, float) makes of the same, and against every way they can be wrong."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest

from ocrnn.decoding.arpa import arpa, read_arpa
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.ngram import Ngrams
from ocrnn.errors import UsageError

BY_HAND = """\\data\\
ngram 1=7
ngram 2=6
ngram 3=2

\\1-grams:
-2.1\t<unk>
-99\t<s>\t-0.31
-0.9\t</s>
-0.7\ta\t-0.42
-0.8\tb\t-0.13
-1.1\té\t-0.05
-0.6\t<space>\t-0.2

\\2-grams:
-0.4\t<s> a\t-0.07
-0.5\ta b\t-0.11
-0.35\tb <space>\t0.02
-1.3\tb a
-0.61\t<space> é
-0.77\té </s>

\\3-grams:
-0.21\t<s> a b
-0.3\ta b <space>

\\end\\
"""
KENLM = {  # common logarithms that kenlm.Model(BY_HAND).score gives, space written <space>
    "": -1.21,
    "a": -1.79,
    "ab": -1.75,
    "ab é": -2.27,
    "ba": -3.73,
    "éé": -3.33,
    "b?a": -5.36,
    " a": -3.13,
    "ab ab ab é": -5.63,
    "aéb a": -5.39,
}


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "model.arpa"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def stored(model: Ngrams) -> str:
    return b"".join(arpa(model)).decode()


@pytest.mark.parametrize("text", KENLM)
def test_lines_score_as_in_kenlm(text: str, tmp_path: Path) -> None:
    assert read_arpa(written(tmp_path, BY_HAND)).logp(text) / math.log(10) == pytest.approx(KENLM[text], abs=1e-4)


@pytest.mark.parametrize(
    "variant",
    [
        "\ufeff" + BY_HAND,
        BY_HAND.replace("\n", "\r\n"),
        BY_HAND.replace("\t", " "),
        BY_HAND.replace("\t", "  \t").replace("\n", " \n"),
        "\n\n" + BY_HAND + "\n\n",
        BY_HAND.rstrip("\n"),
        BY_HAND.replace("<space>", "▁"),
        BY_HAND.replace("<space>", "|"),
        BY_HAND.replace("<unk>", "<UNK>"),
        BY_HAND.replace("é", "e\u0301"),
        BY_HAND.replace("-0.6\t", "-6e-1\t").replace("-99", "0"),
        BY_HAND.replace("-1.3\tb a", "-1.3\tb a\t0"),
        BY_HAND.replace("-0.4\t<s> a\t-0.07\n-0.5\ta b\t-0.11\n", "-0.5\ta b\t-0.11\n-0.4\t<s> a\t-0.07\n"),
    ],
)
def test_other_spellings_are_the_same_model(variant: str, tmp_path: Path) -> None:
    one, other = read_arpa(written(tmp_path, BY_HAND)), read_arpa(written(tmp_path, variant))
    assert other.tokens == one.tokens == ("<unk>", "<s>", "</s>", " ", "a", "b", "é")
    for array in ("keys", "logps", "backoffs"):
        assert np.array_equal(getattr(other, array), getattr(one, array))


def test_a_model_without_unknown_gives_it_what_kenlm_does(tmp_path: Path) -> None:
    model = read_arpa(written(tmp_path, BY_HAND.replace("-2.1\t<unk>\n", "").replace("1=7", "1=6")))
    assert model.logps[0] == pytest.approx(-100 * math.log(10))
    assert model.logp("a") == pytest.approx(-1.79 * math.log(10))


def test_a_bar_is_a_bar_where_the_space_has_a_token(tmp_path: Path) -> None:
    text = BY_HAND.replace("-0.8\tb\t-0.13", "-0.8\tb\t-0.13\n-0.9\t|").replace("1=7", "1=8")
    assert read_arpa(written(tmp_path, text)).tokens[3:] == (" ", "a", "b", "|", "é")


@pytest.mark.parametrize("order", [2, 3, 6])
def test_what_is_written_is_read_again(order: int, tmp_path: Path, root: Path) -> None:
    model = estimate((root / "README.md").read_text(encoding="utf-8").splitlines(), order)
    text = stored(model)
    again = read_arpa(written(tmp_path, text))
    assert again.tokens == model.tokens and np.array_equal(again.keys, model.keys)
    assert np.allclose(again.logps, model.logps, rtol=0, atol=1e-5)
    assert np.allclose(again.backoffs, model.backoffs, rtol=0, atol=1e-5)
    assert stored(again) == text


def test_what_is_written(tmp_path: Path) -> None:
    assert stored(read_arpa(written(tmp_path, BY_HAND.replace("-99\t", "-3\t")))).splitlines()[:16] == [
        "\\data\\", "ngram 1=7", "ngram 2=6", "ngram 3=2", "",
        "\\1-grams:", "-2.1\t<unk>\t0", "-99\t<s>\t-0.31", "-0.9\t</s>\t0", "-0.6\t<space>\t-0.2",
        "-0.7\ta\t-0.42", "-0.8\tb\t-0.13", "-1.1\té\t-0.05", "",
        "\\2-grams:", "-0.4\t<s> a\t-0.07",
    ]  # fmt: skip


def line(text: str) -> int:
    """Number of the line that begins with a text."""
    return next(number for number, row in enumerate(BY_HAND.splitlines(), 1) if row.startswith(text))


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("\\end\\\n", "", "", "not a language model in ARPA form"),
        ("\\2-grams:", "\\4-grams:", "", "not a language model in ARPA form"),
        ("\\data\\", "\\data\\\n\\data\\", "", "not a language model in ARPA form"),
        ("\\data\\", "# mine\n\\data\\", ":1", "something stands before"),
        ("ngram 2=6", "ngram 2=five", ":3", "not of the form `ngram 1=200`"),
        ("ngram 2=6", "ngram 2=7", "", "holds 6 2-grams, which is not what its"),
        ("ngram 3=2\n", "", "", "holds 2 3-grams, which is not what its"),
        ("ngram 1=7", "ngram 1=" + "9" * 18, "", "holds 7 1-grams, which is not what its"),
        ("-0.5\ta b\t-0.11", "-0.5\ta b\t-0.11\t1\t2", f":{line('-0.5')}", "not a logarithm and 2 tokens"),
        ("-0.3\ta b <space>", "-0.3\ta b <space>\t-1", f":{line('-0.3' + chr(9))}", "not a logarithm and 3 tokens"),
        ("-0.3\ta b <space>", "-0.3\ta b", f":{line('-0.3' + chr(9))}", "not a logarithm and 3 tokens"),
        ("-0.5\ta b\t-0.11", "-0.5\ta b\tx", f":{line('-0.5')}", "'x' is no logarithm"),
        ("-0.5\ta b", "nan\ta b", f":{line('-0.5')}", "'nan' is no logarithm"),
        ("-0.5\ta b", "-1e999\ta b", f":{line('-0.5')}", "'-1e999' is no logarithm"),
        ("-0.5\ta b", "-1_0\ta b", f":{line('-0.5')}", "'-1_0' is no logarithm"),
        ("-0.5\ta b", "1-2\ta b", f":{line('-0.5')}", "'1-2' is no logarithm"),
        ("-0.5\ta b", f"-0.{'1' * 50}\ta b", f":{line('-0.5')}", "is no logarithm"),
        ("-0.5\ta b", "0.5\ta b", f":{line('-0.5')}", "a probability above 1"),
        ("-0.5\ta b", "-0.5\tb a", f":{line('-1.3')}", "an n-gram that was there before"),
        ("-0.5\ta b", "-0.5\ta c", f":{line('-0.5')}", "its token 2 is not among the 1-grams"),
        ("-0.21\t<s> a b", "-0.21\ta a b", f":{line('-0.21')}", "goes on from 2 tokens that are no n-gram of the file"),
        ("-0.8\tb\t", "-0.8\ta\t", f":{line('-0.8')}", "'a' was there before"),
        ("-0.8\tb\t", "-0.8\tthe\t", f":{line('-0.8')}", "'the' is not one character"),
        ("-0.8\tb\t", "-0.8\tcharacters\t", f":{line('-0.8')}", "a token of more than one character"),
        ("-99\t<s>\t-0.31", "-99\tx", "", "knows no <s>"),
        ("-0.9\t</s>", "-0.9\tx", "", "knows no </s>"),
    ],
)
def test_each_fault_is_named_by_file_and_line(old: str, new: str, where: str, said: str, tmp_path: Path) -> None:
    assert old in BY_HAND
    path = written(tmp_path, BY_HAND.replace(old, new, 1))
    with pytest.raises(UsageError) as refused:
        read_arpa(path)
    assert str(refused.value).startswith(f"{path}{where}: ")
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    for content in (
        b"",
        b"\x1f\x8b\x08\x00",
        b"mmap lm http://kheafield.com/code format version 5",
        b"\xff\xfe" + bytes(50),
    ):
        with pytest.raises(UsageError, match="not a language model in ARPA form"):
            read_arpa(written(tmp_path, content))
    with pytest.raises(UsageError, match="cannot be read"):
        read_arpa(tmp_path)
    with pytest.raises(UsageError, match="a token that is no UTF-8"):
        read_arpa(written(tmp_path, BY_HAND.encode().replace("é".encode(), b"\xff")))


def test_damaged_files_end_in_one_sentence_or_a_model(tmp_path: Path) -> None:
    rng = random.Random(5)
    refused = 0
    for _ in range(400):
        damaged = bytearray(BY_HAND.encode())
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(damaged))
            if rng.random() < 0.5:
                damaged[place] = rng.randrange(256)
            else:
                del damaged[place : place + rng.randint(1, 30)]
        try:
            model = read_arpa(written(tmp_path, bytes(damaged)))
        except UsageError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert math.isfinite(model.logp("ab é"))
    assert 200 < refused < 400
