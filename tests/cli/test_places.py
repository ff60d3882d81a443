"""What a user has is not written over by an option that writes a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocrnn.cli.account import are_failures

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import Bars

COMMANDS = {
    "eval": ["eval", "--data", "in", "--html"],
    "compare": ["compare", "a", "b", "--data", "in", "--html"],
    "explain": ["explain", "in/1.png", "-o"],
    "lm": ["lm", "build", "text.txt", "-o"],
    "failures": ["read", "in", "gone.png", "--failures"],
    "review": ["read", "in", "--min-conf", "1", "--review"],
}
"""Calls that the name of a file is still to be put behind."""


@pytest.fixture
def mine(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a labelled line in `in`, and a text."""
    monkeypatch.setattr("ocrnn.model.runtime.share_cores", lambda *_, **__: (1, 1))
    bars.save(tmp_path / "in/1.png", "1")
    (tmp_path / "in/labels.tsv").write_text("1.png\t1\n")
    (tmp_path / "text.txt").write_text("some text\n")
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("place", ["in/labels.tsv", "in/1.png", "text.txt", "new.png"])
def test_labels_pictures_and_texts_are_refused_before_the_work(
    run: Run, mine: Path, name: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.transcribe.reader.Reader.open", lambda *_, **__: pytest.fail("work"))
    before = {path: path.read_bytes() for path in mine.rglob("*.*")}
    result = run(*COMMANDS[name], place)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith(f"ocrnn: {place}: ")
    assert "; name a" in result.stderr
    assert {path: path.read_bytes() for path in mine.rglob("*.*")} == before


@pytest.mark.parametrize("name", ["eval", "compare", "failures", "review"])
def test_standard_output_is_taken_by_something_else(run: Run, mine: Path, name: str) -> None:
    result = run(*COMMANDS[name], "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith("ocrnn: -: is no name for standard output here; name a")
    assert not (mine / "-").exists()


@pytest.mark.parametrize("call", ["data pack in", "data convert in", "data split in", "synth"])
def test_a_folder_is_not_standard_output(run: Run, mine: Path, call: str) -> None:
    result = run(*call.split(), "-o", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ocrnn: -o -: a folder is written, not standard output; name one")
    assert not (mine / "-").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_option_made_it_makes_again(run: Run, mine: Path, name: str) -> None:
    place = mine / "made.out"
    status = int(name == "failures")
    assert run(*COMMANDS[name], place).exit_code == status
    first = place.read_bytes()
    assert first
    for other in COMMANDS.keys() - {name}:
        assert run(*COMMANDS[other], place).exit_code == 2, "not another one"
    assert place.read_bytes() == first
    assert run(*COMMANDS[name], place).exit_code == status
    place.write_bytes(b"")
    assert run(*COMMANDS[name], place).exit_code == status, "nothing is lost with an empty file"
    assert place.read_bytes()


def test_failures_are_told_from_labels_by_their_way_out() -> None:
    assert are_failures(b"a.png\tnot a picture; give PNG\nb.png\tno such file; check the path\nc.p")
    for other in (b"a.png\tx; y\nb.png\tTOTAL 12.40\n", b"a.png\tx; y\t0.9\n", b"a; b\n", b"x"):
        assert not are_failures(other)
