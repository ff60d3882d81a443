"""The list of doubtful lines, as it is on the disk at each moment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocrnn.errors import OutputError
from ocrnn.reading import Reading
from ocrnn.transcribe.review import review_list

HEAD = "path\ttext\tconfidence\n"


def reading(text: str, confidence: float) -> Reading:
    return Reading(text, confidence, (), 10, 10)


def test_what_is_below_is_listed_and_there_at_once(tmp_path: Path) -> None:
    place = tmp_path / "review.tsv"
    with review_list(place, 0.9) as review:
        assert place.read_text(encoding="utf-8") == HEAD
        review.add("a.png", reading("sure", 0.9))
        review.add("b.png", reading("two\twords", 0.89996))
        assert place.read_text(encoding="utf-8") == f"{HEAD}b.png\ttwo\\twords\t0.9000\n"
        review.add("c.png", reading("", 0.0))
    assert review.doubtful == 2
    assert place.read_text(encoding="utf-8").splitlines()[2] == "c.png\t\t0.0000"
    assert os.listdir(tmp_path) == ["review.tsv"]


def test_a_new_run_begins_a_new_list(tmp_path: Path) -> None:
    place = tmp_path / "review.tsv"
    for _ in range(2):
        with review_list(place, 0.5) as review:
            review.add("a.png", reading("x", 0.1))
    assert place.read_text(encoding="utf-8").count("a.png") == 1


def test_a_run_that_goes_on_keeps_what_it_does_not_read_again(tmp_path: Path) -> None:
    """The last line was cut off when the first run was killed; its picture is read again, as is one page of a scan."""
    place = tmp_path / "review.tsv"
    old = "done.png\told\t0.1\nscan.tif#1\told\t0.2\nscan.tif#2\told\t0.2\nodd#2\told\t0.3\nagain.p"
    place.write_text(HEAD + old, encoding="utf-8")
    with review_list(place, 0.5, again=["again.png", "scan.tif"]) as review:
        review.add("scan.tif#2", reading("new", 0.4))
        review.add("again.png", reading("new", 0.8))
    kept = "done.png\told\t0.1\nodd#2\told\t0.3\nscan.tif#2\tnew\t0.4000\n"
    assert place.read_text(encoding="utf-8") == HEAD + kept
    assert review.doubtful == 1


def test_names_that_are_no_text_are_found_again(tmp_path: Path) -> None:
    place = tmp_path / "review.tsv"
    name, stored = "a\udcff\tb.png", b"a\xff\\tb.png\tx\t0.1000\n"
    with review_list(place, 0.5) as review:
        review.add(name, reading("x", 0.1))
    with review_list(place, 0.5, again=["other.png"]):
        pass
    assert place.read_bytes() == HEAD.encode() + stored
    with review_list(place, 0.5, again=[name]):
        pass
    assert place.read_bytes() == HEAD.encode()


@pytest.mark.parametrize("again", [None, ["a.png"]])
def test_a_file_that_is_no_list_is_left_alone(again: list[str] | None, tmp_path: Path) -> None:
    place = tmp_path / "thesis.txt"
    place.write_text("all my work", encoding="utf-8")
    with pytest.raises(OutputError, match=r"thesis.txt: is no review list"), review_list(place, again=again):
        pass
    assert place.read_text(encoding="utf-8") == "all my work"
    with pytest.raises(OutputError, match="cannot be written"), review_list(tmp_path / "no" / "r.tsv"):
        pass
    (tmp_path / "empty").touch()
    with review_list(tmp_path / "empty"):
        pass
