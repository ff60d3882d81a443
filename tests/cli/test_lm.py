from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocrnn.decoding.arpa import read_arpa
from ocrnn.decoding.kneser_ney import estimate

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_texts_become_a_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes("\ufeffLe reste à venir\r\n\r\nsa vie ".encode())
    (tmp_path / "two.txt").write_bytes("œuvre\n".encode())
    result = run("lm", "build", "one.txt", "two.txt", "-o", "made.arpa", "--order", "3")
    assert (result.exit_code, result.stdout) == (0, "")
    model, truth = read_arpa("made.arpa"), estimate(["Le reste à venir", "sa vie", "œuvre"], 3)
    assert model.tokens == truth.tokens
    assert model.logp("sa vie") == pytest.approx(truth.logp("sa vie"), abs=1e-4)
    size = len(truth.tokens) - 3
    assert result.stderr.startswith("made.arpa: 0.0 MB, ")
    assert result.stderr.endswith(f"{len(truth.keys)} n-grams of up to 3 characters, {size} different ones\n")


def test_the_order_is_six_and_quiet_is_quiet(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a line of text\n")
    assert run("lm", "build", "text.txt", "-o", "made.arpa", "-q").output == ""
    assert read_arpa("made.arpa").order == 6


def test_a_model_on_standard_output_is_the_same(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("a line of text\n")
    told = run("lm", "build", "text.txt", "-o", "made.arpa").stderr
    result = run("lm", "build", "text.txt", "-o", "-")
    assert (result.exit_code, result.stdout_bytes) == (0, (tmp_path / "made.arpa").read_bytes())
    assert result.stderr == told.replace("made.arpa", "standard output")
    assert not (tmp_path / "-").exists()


def test_a_text_is_not_written_over(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.arpa"
    text.write_text("\\data\\\nis how a model begins, and this text too\n")
    (tmp_path / "link.arpa").symlink_to(text)
    for name in ("text.arpa", "./text.arpa", "link.arpa"):
        result = run("lm", "build", "text.arpa", "-o", name)
        assert result.exit_code == 2
        assert f"{name}: is one of the texts, and it would be lost; name an ARPA file" in result.stderr
    assert text.read_text().endswith("this text too\n")


def test_a_text_in_a_closed_folder_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system tells of a file below a folder without rights, where the tests may not be root."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "text.txt").write_text("a line of text\n")
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    result = run("lm", "build", "text.txt", "-o", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ocrnn: text.txt: cannot be read (Permission denied); give text files in UTF-8\n"


def test_what_is_rare_can_be_left_out(run: Run, tmp_path: Path) -> None:
    lines = ["abab", "abba", "abab", "xyxy"]
    (tmp_path / "text.txt").write_text("\n".join(lines))
    assert run("lm", "build", "text.txt", "-o", "made.arpa", "--order", "4", "--least", "2").exit_code == 0
    model = read_arpa("made.arpa")
    assert len(model.keys) == len(estimate(lines, 4, least=2).keys) < len(estimate(lines, 4).keys)


def test_a_charset_bounds_what_is_known(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("tel. 0123\n")
    assert run("lm", "build", "text.txt", "-o", "made.arpa", "--charset", "digits").exit_code == 0
    model = read_arpa("made.arpa")
    assert model.tokens[3:] == ("0", "1", "2", "3")
    assert math.isfinite(model.logp("tel"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch.txt"], "nosuch.txt: cannot be read (No such file or directory); give text files in UTF-8"),
        (["."], ".: cannot be read (Is a directory); give text files in UTF-8"),
        (["bad.txt"], "bad.txt:2: not UTF-8 (invalid start byte); convert the file to it"),
        (["empty.txt"], "there is no text to learn a language model from; give files with lines of text"),
        (["text.txt", "--charset", "nosuch"], "nosuch: no such charset; name a file or one of: "),
        (
            ["many.txt"],
            "order 6: too high for 4003 different characters; give 5, or a charset that leaves the rare ones",
        ),
        (["text.txt", "-o", "nosuch/made.arpa"], "nosuch/made.arpa: cannot be written (No such file or directory)"),
    ],
)
def test_refusals(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "text.txt").write_text("abc\n")
    (tmp_path / "bad.txt").write_bytes(b"abc\n\xff\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "many.txt").write_text("".join(map(chr, range(0x4E00, 0x4E00 + 4000))), encoding="utf-8")
    (tmp_path / "made.arpa").write_text("\\data\\\nas it was")
    result = run("lm", "build", "-o", "made.arpa", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ocrnn: {said}") and result.stderr.count("\n") == 1
    assert (tmp_path / "made.arpa").read_text() == "\\data\\\nas it was"
    assert not list(tmp_path.glob(".ocrnn-*"))


def test_help(run: Run) -> None:
    assert "ocrnn lm build french.txt -o french.arpa" in run("lm", "build", "--help").stdout
    assert run("lm", "build", "text.txt").exit_code == 2
