from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocrnn.errors import OutputError
from ocrnn.storage import check_place, drop_drafts, growing_file, is_final, make_folder, whole_file, write_whole


def write(path: Path, data: bytes) -> None:
    with whole_file(path) as put:
        put(data)


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with whole_file(path) as put:
        put(b"new" * 100_000)
        assert path.read_text() == "old"
        assert all(other.name.startswith(".") for other in tmp_path.iterdir() if other != path)
    assert path.read_bytes() == b"new" * 100_000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(fault), whole_file(path) as put:
        put(b"new")
        raise fault
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"out\.txt: cannot be written \(No space left on device\)") as caught:
        write(path, b"new")
    assert is_final(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs names for open pipes")
def test_an_open_pipe_is_written_as_it_is() -> None:
    """As `-o /dev/stdout | less` and `--failures >(mail me)` have it."""
    reading, writing = os.pipe()
    check_place(f"/dev/fd/{writing}")
    write(Path(f"/dev/fd/{writing}"), b"text")
    os.close(writing)
    with open(reading, "rb") as stream:
        assert stream.read() == b"text"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_is_written_as_it_is() -> None:
    with pytest.raises(OutputError, match="No space left on device"):
        write(Path("/dev/full"), b"x" * 100_000)
    write(Path("/dev/null"), b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    check_place("/dev/null")


def test_a_name_as_long_as_the_disk_allows_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    write(path, b"long")
    assert path.read_bytes() == b"long"


def test_what_fails_for_one_file_need_not_fail_for_the_next(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        write(tmp_path / ("x" * 300 + ".txt"), b"longer")
    assert not is_final(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "out.txt"
    link.symlink_to(tmp_path / "there/real.txt")
    write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "there/real.txt").read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such rights there")
def test_a_new_file_has_the_rights_of_any_other(tmp_path: Path) -> None:
    write(tmp_path / "ours", b"")
    (tmp_path / "theirs").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_each_refusal_has_a_way_out_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, way_out in (
        (tmp_path / "gone/out.txt", f"(No such file or directory); make the folder {tmp_path / 'gone'} first"),
        (tmp_path, "(Is a directory); name a file, not a folder"),
        (tmp_path / "file/out.txt", "(Not a directory); choose another place"),
    ):
        with pytest.raises(OutputError) as caught:
            check_place(path)
        assert str(caught.value) == f"{path}: cannot be written {way_out}"


def test_places_are_checked_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "file").touch()
    for path in (tmp_path / "gone/out.txt", tmp_path / "file/out.txt", tmp_path):
        with pytest.raises(OutputError, match="cannot be written"):
            check_place(path)
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder(tmp_path / "file/out")
    with pytest.raises(OutputError, match=re.escape(f"{tmp_path}: cannot be written")), monkeypatch.context() as full:
        full.setattr(Path, "touch", refuse)
        make_folder(tmp_path)
    make_folder(tmp_path / "a/b")
    check_place(tmp_path / "a/b/out.txt")
    assert not list((tmp_path / "a/b").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit there")
def test_a_durable_file_keeps_the_old_file_when_the_system_refuses_more(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    script = (
        "import resource, sys; from pathlib import Path; from ocrnn.storage import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_whole(Path(sys.argv[1]), bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert "OutputError" in done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_durable_file_keeps_the_old_file_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_growing_file_is_there_at_each_moment(tmp_path: Path) -> None:
    place = tmp_path / "log.tsv"
    place.write_bytes(b"old")
    with pytest.raises(RuntimeError), growing_file(place, b"head\n") as write:
        assert place.read_bytes() == b"head\n"
        write(b"one\n")
        assert place.read_bytes() == b"head\none\n"
        raise RuntimeError
    assert place.read_bytes() == b"head\none\n"
    assert list(tmp_path.iterdir()) == [place]
    with pytest.raises(OutputError, match="nosuch"), growing_file(tmp_path / "nosuch" / "log", b""):
        pass
    with pytest.raises(OSError, match="of another"), growing_file(place, b""):  # no fault of this file
        raise OSError("of another")


def test_what_is_not_whole_at_the_end_of_the_program_goes(tmp_path: Path) -> None:
    begun = whole_file(tmp_path / "out.txt")
    begun.__enter__()(b"half")  # as where an interrupt comes before the block begins
    assert list(tmp_path.iterdir())
    drop_drafts()
    assert not list(tmp_path.iterdir())
