"""Folders are searched in one order everywhere, and what is hidden stays so."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

import pytest

from ocrnn.errors import UsageError
from ocrnn.folders import find_files, find_pictures, natural_key


def laid(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return folder


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_pictures(folder)]


def test_numbers_count_by_their_value(tmp_path: Path) -> None:
    laid(tmp_path, "line10.png", "line2.png", "line1.png", "line02.png", "line.png", "page9/a.jpg", "page10/a.jpg")
    laid(tmp_path, "v1.10/a.png", "v1.9/a.png")
    assert names(tmp_path) == [
        "line.png",
        "line1.png",
        "line02.png",
        "line2.png",
        "line10.png",
        "page9/a.jpg",
        "page10/a.jpg",
        "v1.9/a.png",
        "v1.10/a.png",
    ]


def test_every_ending_of_a_picture_and_no_other(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", "b.JPG", "c.jpeg", "d.webp", "e.bmp", "f.TIFF", "g.tif", "h.gif", "i.pgm", "j.pbm", "k.ppm")
    laid(tmp_path, "l.txt", "m", "n.png.txt", "o.pdf", "png")
    assert [name[0] for name in names(tmp_path)] == list("abcdefghijk")


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    laid(tmp_path, "a.png", "._a.png", ".thumbs/a.png", "b/.c/d.png", "b/e.png")
    assert names(tmp_path) == ["a.png", "b/e.png"]


def test_a_hidden_folder_named_outright_is_searched(tmp_path: Path) -> None:
    laid(tmp_path, ".data/a.png")
    assert names(tmp_path / ".data") == ["a.png"]


def test_the_folder_is_joined_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid(tmp_path, "in/a.png")
    monkeypatch.chdir(tmp_path)
    assert list(find_pictures("in")) == [Path("in/a.png")]
    assert list(find_pictures(".")) == [Path("in/a.png")]


def test_walking_agrees_with_sorting_whole_paths(tmp_path: Path) -> None:
    rng = random.Random(5)
    parts = ["a", "A", "a1", "a01", "a10", "a2", "a.b", "a-b", "10", "9", "b 3", "ß", "é"]
    for _ in range(60):
        folder = tmp_path.joinpath(*rng.choices(parts, k=rng.randrange(3)))
        if not any(place.is_file() for place in (folder, *folder.parents)):
            laid(folder, rng.choice(parts) + ".png")
    found = list(find_pictures(tmp_path))
    assert len(found) > 20
    assert found == sorted(found, key=natural_key)
    assert set(found) == set(tmp_path.rglob("*.png"))


def test_the_key_orders_any_two_names_one_way() -> None:
    several = ["", "1", "01", "a", "A", "a1", "a01", "1a", "a1b2", "a1b10", "9" * 5000, "²", "٣", "line2", "Line10"]
    for left, right in itertools.permutations(several, 2):
        assert (natural_key(left) < natural_key(right)) != (natural_key(right) < natural_key(left))


def test_pictures_come_one_by_one(tmp_path: Path) -> None:
    laid(tmp_path, "a/1.png", "b/1.png")
    found = find_pictures(tmp_path)
    assert next(found) == tmp_path / "a" / "1.png"
    (tmp_path / "b" / "1.png").unlink()
    assert list(found) == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    laid(tmp_path, "in/a/1.png", "elsewhere/2.png")
    (tmp_path / "in/b").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "in/a/up").symlink_to(tmp_path / "in", target_is_directory=True)
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "in/a", target_is_directory=True)
    (tmp_path / "in/c.png").symlink_to(tmp_path / "nowhere.png")
    # in/b/back leads to in/a, which is no folder above it, and ends there.
    assert names(tmp_path / "in") == ["a/1.png", "b/2.png", "b/back/1.png", "c.png"]


def test_what_is_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    laid(tmp_path, "a.png")
    with pytest.raises(UsageError, match=r"nosuch: no such folder; check the path"):
        list(find_pictures(tmp_path / "nosuch"))
    with pytest.raises(UsageError, match=r"a\.png: not a folder; name the folder"):
        list(find_pictures(tmp_path / "a.png"))


def test_a_folder_that_cannot_be_listed_need_not_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(tmp_path, "a/1.png", "lost+found/2.png", "z/3.png")
    listed = os.scandir

    def guarded(folder: Path) -> object:
        if Path(folder).name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    refused: list[UsageError] = []
    found = [path.name for path in find_files(tmp_path, unreadable=refused.append)]
    assert found == ["1.png", "3.png"]
    assert "lost+found: the folder cannot be listed (Permission denied); check its rights" in str(refused[0])
    with pytest.raises(UsageError, match="cannot be listed"):
        list(find_files(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_left_out_and_told_of_where_pictures_are_wanted(tmp_path: Path) -> None:
    """To open one waits for whoever writes into it, for ever."""
    laid(tmp_path, "a.png", "b.txt")
    for name in ("x.png", "x.xml", "x.log"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "away.png").symlink_to("nowhere")  # is found, so that whoever opens it says what it is
    (tmp_path / "zero.png").symlink_to(os.devnull)
    told: list[str] = []
    files = list(find_files(tmp_path, unreadable=lambda error: told.append(str(error))))
    assert (
        [file.name for file in files] == ["a.png", "away.png", "b.txt"] == [file.name for file in find_files(tmp_path)]
    )
    reason = "is no file but a pipe, socket or device; name it itself to have it read"
    assert told == [f"{tmp_path / name}: {reason}" for name in ("x.png", "x.xml", "zero.png")]
