from __future__ import annotations

from pathlib import Path

import pytest

from ocrnn.cli.account import Account, write_failures
from ocrnn.errors import ImageError
from ocrnn.reading import Overruled, Reading
from ocrnn.transcribe.batch import STDIN, Picture
from ocrnn.transcribe.result import Result


def page(outcome: Reading | ImageError, number: int = 1) -> Result:
    return Result(0, "in/x.tif", number, 2, outcome)


def reading(*, fits: bool = True, free: Overruled | None = None, several_lines: bool = False) -> Reading:
    return Reading("12", 0.9, (), 9, 9, fits=fits, overruled=free, several_lines=several_lines)


def test_a_failure_is_named_by_its_page_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(quiet=True, verbose=False, alone=False)
    picture = Picture("scans/x.tif")
    account.unreadable(picture, [page(reading()), page(ImageError("in/x.tif#2: cut off; send it again"), 2)])
    account.unreadable(picture, [page(reading())])
    assert account.failed == [("scans/x.tif#2", "cut off; send it again")]
    assert capsys.readouterr() == ("", "ocrnn: scans/x.tif#2: cut off; send it again\n")


def test_what_is_no_picture_on_standard_input_may_have_been_a_list() -> None:
    account = Account(quiet=True, verbose=False, alone=True)
    account.unreadable(Picture(STDIN), [Result(0, "stdin", 1, 1, ImageError("stdin: not a picture"))])
    assert account.failed == [("-", "not a picture, or a list of paths in UTF-8, one on each line")]


@pytest.mark.parametrize(("place", "line"), [("in/x.xml: ", ""), ("in/x.xml:39: ", "line 39: "), ("", "")])
def test_a_page_is_named_once(place: str, line: str) -> None:
    account = Account(quiet=True, verbose=False, alone=True)
    account.unreadable(Picture("in/x.xml"), [Result(0, "in/x.xml", 1, 1, ImageError(f"{place}not XML; mend it"))])
    assert account.failed == [("in/x.xml", f"{line}not XML; mend it")]


@pytest.mark.parametrize(
    ("quiet", "verbose", "alone", "told"),
    [(False, False, False, ["several", "fits"]), (True, False, False, ["fits"]), (False, True, False, ["*"] * 3),
     (False, False, True, ["*"] * 3)],
)  # fmt: skip
def test_what_is_odd_is_told_to_who_wants_to_know(
    quiet: bool, verbose: bool, alone: bool, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account(quiet=quiet, verbose=verbose, alone=alone)
    free = Overruled("17", 0.95, 2.5)
    odd = [reading(several_lines=True), reading(free=free), reading(fits=False, free=free), reading()]
    account.remark(Picture("x.tif"), [page(each) for each in odd])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(told)
    assert (
        "ocrnn: x.tif#1: no text fits the constraints (freely it reads '17'); loosen them, or look at the picture"
        in lines
    )
    assert ("ocrnn: x.tif#1: '12', freely '17' (cost 2.5)" in lines) is (len(told) == 3)
    assert (account.overruled, len(account.failed)) == (1, 1), "what fits nothing failed"


def test_the_end_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(quiet=False, verbose=False, alone=False)
    account.read = 7
    account.sum_up(skipped=0, doubtful=None)
    assert capsys.readouterr().err == "", "nothing went wrong, and no terminal is there"
    account.overruled = 2
    account.sum_up(skipped=3, doubtful=4)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "ocrnn: 2 texts are not what the picture alone reads as; -f json has both"
    assert second.startswith("ocrnn: 7 read, 3 there already, 0 failed, 4 doubtful, ")
    Account(quiet=True, verbose=False, alone=False).sum_up(skipped=3, doubtful=4)
    assert capsys.readouterr().err == ""


def test_pictures_are_counted_and_not_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    account = Account(quiet=False, verbose=True, alone=False)
    account.fail("gone.png", "no such file; check the path")
    account.watch(4, shown=False)
    bad = page(ImageError("in/x.tif#1: cut off; send it again"))
    for pages in ([reading(), reading()], [reading(fits=False), reading(fits=False), reading()], [bad.outcome] * 3, []):
        account.unreadable(Picture("x.tif"), [page(each) for each in pages])
        account.remark(Picture("x.tif"), [page(each) for each in pages])
        account.advance()
    account.sum_up(skipped=5, doubtful=None)
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("ocrnn: 2 read, 5 there already, 3 failed (6 of their lines), ")


def test_failures_are_a_table(tmp_path: Path) -> None:
    write_failures(str(tmp_path / "f.tsv"), [("a\tb.png", "bad"), ("c.png", "worse")])
    assert (tmp_path / "f.tsv").read_text() == "a\\tb.png\tbad\nc.png\tworse\n"
