from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from ocrnn.errors import UsageError
from ocrnn.transcribe.batch import Picture, find, path_list, targets


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(*arguments: str) -> list[str]:
    found = find(arguments)
    assert not found.problems
    return [picture.path.replace(os.sep, "/") for picture in found.pictures]


def test_a_folder_is_searched_recursively_for_pictures_in_natural_order(here: Path) -> None:
    touch(here, "in/p10.png", "in/p9.PNG", "in/p9.gt.txt", "in/.p1.png", "in/.git/x.png", "in/a2/z.jpg", "in/a10/b.tif")
    touch(here, "in/zz/deep/er/1.webp", "in/notes.txt", "in/q.png.txt")
    expected = ["in/a2/z.jpg", "in/a10/b.tif", "in/p9.PNG", "in/p10.png", "in/zz/deep/er/1.webp"]
    assert paths("in") == expected
    assert paths("in/") == expected
    assert paths("./in") == [f"./{path}" for path in expected]
    assert paths(str(here / "in")) == [(here / path).as_posix() for path in expected]


def test_arguments_keep_their_order_and_files_any_name(here: Path) -> None:
    touch(here, "b.png", "a.png", "scan", "in/1.png")
    assert paths("b.png", "in", "scan", "-", "a.png", "b.png") == ["b.png", "in/1.png", "scan", "-", "a.png", "b.png"]


def test_patterns_are_expanded_here_too(here: Path) -> None:
    touch(here, "in/p10.png", "in/p9.png", "in/p9.txt", "in/b/p1.png", "other/x.png")
    assert paths("in/p*") == ["in/p9.png", "in/p10.png"]
    assert paths("in/p?.*") == ["in/p9.png"]
    assert paths("in/p[19]*") == ["in/p9.png", "in/p10.png"]
    assert paths("in/**") == ["in/b/p1.png", "in/p9.png", "in/p10.png"]
    assert paths("o*") == ["other/x.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_only_where_it_is_named_itself(here: Path) -> None:
    Path("scans").mkdir()
    for name in ("scans/pipe.png", "scans/pipe.tar", "scans/pipe.xml"):
        os.mkfifo(name)
    assert paths("scans/pipe.png") == ["scans/pipe.png"]
    found = find(["scans/p*"])
    assert not found.pictures and [path for path, _ in found.problems][:3] == [
        "scans/pipe.png", "scans/pipe.tar", "scans/pipe.xml"
    ]  # fmt: skip
    assert ("scans/pipe.png", "is no file but a pipe, socket or device; name it itself to have it read") in (
        find(["scans"]).problems
    )


def test_an_address_is_told_to_be_none_as_it_was_given(here: Path) -> None:
    address = "https://example.org/*/line.png?a=b"
    assert find([address]).problems == (
        (address, "is no file, and nothing is fetched; download it, and name the file"),
    )


def test_a_file_that_looks_like_a_pattern_is_a_file(here: Path) -> None:
    touch(here, "scan[1].png", "scan1.png")
    assert paths("scan[1].png") == ["scan[1].png"]


def test_what_leads_nowhere_is_named(here: Path) -> None:
    touch(here, "a.png")
    found = find(["no.png", "a.png", "*.jpg", "gone/"])
    assert [picture.path for picture in found.pictures] == ["a.png"]
    assert [path for path, _ in found.problems] == ["no.png", "*.jpg", "gone/"]
    assert "no such file or folder" in found.problems[0][1]
    assert "no picture matches" in found.problems[1][1]


def test_an_empty_folder_is_no_problem_but_holds_nothing(here: Path) -> None:
    (here / "in").mkdir()
    assert find(["in"]) == find([])


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_followed_but_not_in_circles(here: Path) -> None:
    touch(here, "in/1.png", "far/2.png")
    (here / "in/more").symlink_to(here / "far")
    (here / "in/round").symlink_to(here / "in")
    (here / "far/back").symlink_to(here / "in")
    (here / "in/self").symlink_to(here / "in/self")
    assert paths("in") == ["in/1.png", "in/more/2.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_broken_link_is_found_so_that_it_is_named_as_unreadable(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in/1.png").symlink_to(here / "gone.png")
    assert paths("in") == ["in/1.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="rights do not bind the superuser")
def test_a_folder_without_rights_is_named_and_the_rest_is_found(here: Path) -> None:
    touch(here, "in/1.png", "in/shut/2.png")
    (here / "in/shut").chmod(0)
    try:
        found = find(["in"])
    finally:
        (here / "in/shut").chmod(0o755)
    assert [picture.path for picture in found.pictures] == ["in/1.png"]
    assert found.problems[0][0] == "in/shut"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
@pytest.mark.parametrize("grey", [0, 65, 255])
def test_no_picture_passes_for_a_list(form: str, grey: int) -> None:
    for mode, size in (("L", (1, 1)), ("L", (70, 40)), ("RGB", (33, 9)), ("1", (8, 8))):
        data = io.BytesIO()
        Image.new(mode, size, grey and (grey if mode != "RGB" else (grey, 66, 0))).save(data, form)
        assert path_list(data.getvalue()) is None


@pytest.mark.parametrize("plain", [b"P1\n2 1\n0 1\n", b"P2 # grey\n2 1 9\n1 2\n", b"P3\n# a\n# b\n1 1 255\n1 2 3\n"])
def test_a_plain_pnm_is_a_picture_though_it_is_text(plain: bytes) -> None:
    assert path_list(plain) is None


def test_lists_in_every_spelling() -> None:
    assert path_list(b"") == []
    assert path_list(" a b.png \r\n\n\tü\x0c.png".encode()) == [" a b.png ", "\tü\x0c.png"]
    assert path_list(b"P1\nP2\n") == ["P1", "P2"], "folders may be called so"
    assert path_list(b"a\nb\0c\0") == ["a\nb", "c"], "find -print0 is for names that hold line ends"
    assert path_list(b"a\0b") is None
    assert path_list(b"caf\xe9.png\n") is None


def names(pictures: list[Picture]) -> list[str]:
    return [Path(path).as_posix() for path in targets(pictures, "out", ".txt")]


def test_targets_are_relative_to_the_argument(here: Path) -> None:
    touch(here, "scans/a/7.png", "scans/8.v2.png", "one/line.png")
    found = find(["scans", "one/line.png", "-"])
    assert names(list(found.pictures)) == ["out/8.v2.txt", "out/a/7.txt", "out/line.txt", "out/stdin.txt"]
    assert names(list(find([str(here / "scans") + os.sep]).pictures)) == ["out/8.v2.txt", "out/a/7.txt"]
    assert names(list(find(["sc*"]).pictures)) == ["out/8.v2.txt", "out/a/7.txt"]


def test_the_suffix_stays_where_two_would_collide() -> None:
    assert names([Picture("a.png"), Picture("a.jpg"), Picture("b.png")]) == [
        "out/a.png.txt",
        "out/a.jpg.txt",
        "out/b.txt",
    ]


def test_a_kept_suffix_can_collide_once_more() -> None:
    assert names([Picture("a.png"), Picture("a.jpg"), Picture("a.png.gif")]) == [
        "out/a.png.txt",
        "out/a.jpg.txt",
        "out/a.png.gif.txt",
    ]


def test_two_pictures_never_share_a_file() -> None:
    with pytest.raises(UsageError, match=r"x/a\.png and y/a\.png would both be written to .*out"):
        targets([Picture("x/a.png", 2), Picture("y/a.png", 2)], "out", ".txt")


def test_the_picture_of_a_page_is_read_by_its_lines_alone(here: Path) -> None:
    touch(here, "in/a.png", "in/b.png", "in/page/b.xml")
    (here / "in" / "notes.xml").write_text("<notes/>")
    assert paths("in") == ["in/a.png", "in/b.png"]
    (here / "in" / "page" / "b.xml").write_text('<PcGts><Page imageFilename="b.png"/></PcGts>')
    assert paths("in") == ["in/a.png", "in/page/b.xml"]
