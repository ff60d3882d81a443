"""`ocrnn merge`: shares become the whole that was never cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import Bars

NAMES = ["1.png", "2.png", "3.png", "10.png", "ä,b.png", 'q"x.png', "tab\there.png"]
WAYS = [("all.txt", "text"), ("all.tsv", "tsv"), ("all.csv", "csv"), ("all.json", "json"), ("all.jsonl", "jsonl")]


@pytest.fixture
def folder(bars: Bars, tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        try:
            bars.save(tmp_path / "in" / name, str(number))
        except OSError:  # no file of such a name on this system
            continue
    return tmp_path


def shares(run: Run, name: str, form: str, count: int = 3) -> list[str]:
    for number in range(1, count + 1):
        assert run("read", "in", "--shard", f"{number}/{count}", "-f", form, "-o", name).exit_code == 0
    stem, suffix = name.split(".")
    return [f"{stem}-{number}-of-{count}.{suffix}" for number in range(1, count + 1)]


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_shares_in_any_order_are_the_file_that_was_never_cut(run: Run, folder: Path, name: str, form: str) -> None:
    parts = shares(run, name, form)
    result = run("merge", *parts[::-1], "-o", name)
    assert result.exit_code == 0, result.stderr
    run("read", "in", "-f", form, "-o", f"whole-{name}")
    assert (folder / name).read_bytes() == (folder / f"whole-{name}").read_bytes()
    pictures = len(list((folder / "in").iterdir()))
    assert result.stderr == f"ocrnn: {pictures} lines of 3 shares\n"


def test_shares_of_nothing_make_a_table_of_nothing(run: Run, tmp_path: Path) -> None:
    head = "path\ttext\tconfidence\n"
    for number in (1, 2):
        (tmp_path / f"all-{number}-of-2.tsv").write_text(head)
    result = run("merge", "all-1-of-2.tsv", "all-2-of-2.tsv", "-o", "all.tsv")
    assert (result.exit_code, result.stderr) == (0, "ocrnn: 0 lines of 2 shares\n")
    assert (tmp_path / "all.tsv").read_text() == head


def test_empty_shares_count_as_there(run: Run, folder: Path) -> None:
    parts = shares(run, "all.json", "json", count=20)
    assert run("merge", *parts, "-o", "all.json").exit_code == 0
    assert len(json.loads((folder / "all.json").read_text("utf-8"))) == len(list((folder / "in").iterdir()))


def test_shares_of_one_picture_are_put_together_too(run: Run, folder: Path) -> None:
    for number in (1, 2):
        assert run("read", "in/1.png", "--shard", f"{number}/2", "-o", "all.txt").exit_code == 0
    assert run("merge", "all-1-of-2.txt", "all-2-of-2.txt", "-o", "all.txt").exit_code == 0
    text = run("read", "in/1.png").stdout
    assert (folder / "all.txt").read_text() == f"in/1.png\t{text}"


def test_a_missing_share_is_named_and_the_rest_written(run: Run, folder: Path) -> None:
    parts = shares(run, "all.tsv", "tsv")
    result = run("merge", parts[2], parts[0], "-o", "all.tsv")
    assert result.exit_code == 1
    assert "ocrnn: share 2/3: is missing; read it with --shard 2/3\n" in result.stderr
    lines = (folder / "all.tsv").read_text("utf-8").splitlines()
    whole = run("read", "in", "-f", "tsv").stdout.splitlines()
    assert lines == [line for line in whole if line in lines]
    assert 1 < len(lines) < len(whole)


@pytest.mark.parametrize(("name", "form"), WAYS)
def test_what_is_there_twice_is_named_and_written_once(run: Run, folder: Path, name: str, form: str) -> None:
    suffix = name.split(".")[1]
    one, other = f"one.{suffix}", f"other.{suffix}"
    run("read", "in/1.png", "in/2.png", "-f", form, "-o", one)
    run("read", "in/3.png", "in/1.png", "-f", form, "-o", other)
    result = run("merge", one, other, "-o", name)
    assert result.exit_code == 1
    assert f"in/1.png: is in {one}, {other}; the first counts\n" in result.stderr
    run("read", "in/1.png", "in/2.png", "in/3.png", "-f", form, "-o", f"whole.{suffix}")
    assert (folder / name).read_bytes() == (folder / f"whole.{suffix}").read_bytes()


def test_a_table_without_a_head_loses_no_line(run: Run, folder: Path) -> None:
    (folder / "a.tsv").write_text("x.png\t1\n")
    (folder / "b.tsv").write_text("y.png\t2\n")
    assert run("merge", "a.tsv", "b.tsv", "-o", "all.tsv").exit_code == 0
    assert (folder / "all.tsv").read_text() == "x.png\t1\ny.png\t2\n"


def test_tables(run: Run, folder: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for number in (1, 2, 3):
        run("read", "in", "--shard", f"{number}/3", "-o", "all.parquet")
    parts = sorted(map(str, folder.glob("all-*.parquet")))
    result = run("merge", *parts, "-o", "all.parquet")
    assert result.exit_code == 0
    run("read", "in", "-o", "whole.parquet")
    merged, whole = (parquet.read_table(folder / name) for name in ("all.parquet", "whole.parquet"))
    assert merged.equals(whole, check_metadata=True)
    assert merged.num_rows == len(list((folder / "in").iterdir()))
    assert f"ocrnn: {merged.num_rows} lines of 3 shares\n" in result.stderr
    again = run("merge", "all.parquet", "whole.parquet", "-o", "twice.parquet")
    assert again.exit_code == 1
    assert parquet.read_table(folder / "twice.parquet").equals(whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-1-of-2.tsv", "-o", "x.tsv"], "no-1-of-2.tsv: cannot be read"),
        (["a.tsv", "b.txt", "-o", "x.tsv"], "give shares of one form"),
        (["a.png", "-o", "x.png"], "give shares of one form"),
        (["a.tsv", "-o", "x.json"], "x.json: a file put together keeps the form"),
        (["a.tsv", "-o", "a.tsv", "--overwrite"], "is one of the parts"),
        (["a.tsv", "-o", "there.tsv"], "there.tsv: is there already"),
        (["a-1-of-2.tsv", "a-1-of-3.tsv", "-o", "x.tsv"], "one count in their names"),
        (["a-1-of-2.tsv", "./a-1-of-2.tsv", "-o", "x.tsv"], "share 1/2: given twice"),
        (["cut.tsv", "-o", "x.tsv"], "cut.tsv:2: the last line is cut off"),
        (["cut.csv", "-o", "x.csv"], "cut.csv:2: the last line is cut off"),
        (["foreign.txt", "-o", "x.txt"], "foreign.txt:1: no path stands there"),
        (["foreign.csv", "-o", "x.csv"], "foreign.csv:1: no path stands there"),
        (["foreign.jsonl", "-o", "x.jsonl"], "foreign.jsonl:1: no path stands there"),
    ],
)
def test_what_cannot_be_put_together_is_one_line(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    for name in ("a.tsv", "there.tsv", "a-1-of-2.tsv", "a-1-of-3.tsv"):
        (tmp_path / name).write_text("path\ttext\tconfidence\nx.png\t1\t0.5\n")
    (tmp_path / "cut.tsv").write_text("path\ttext\tconfidence\nx.png\t1")
    (tmp_path / "cut.csv").write_text('path,text,confidence\r\nx.png,"1')
    (tmp_path / "foreign.txt").write_text("hello\n")
    (tmp_path / "foreign.csv").write_text("hello\r\n")
    (tmp_path / "foreign.jsonl").write_text("[1]\n")
    result = run("merge", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"[" * 100_000 + b"\n", "a.jsonl:1: no path stands there"),
        ("a.csv", b'path,text\na,"' + b"x" * 200_000 + b'"\n', "a.csv:2: no path stands there"),
        ("a.csv", b'path,text\na,"' + b"x\n" * 100_000, "a.csv:2: "),
        ("a.json", b'[\n{"path": "a"},\n{"path": "b"}', "a.json: the array is cut off; read the share again"),
        ("a.json", b"", "a.json: the array is cut off; read the share again"),
    ],
)
def test_a_damaged_share_is_one_line(run: Run, folder: Path, name: str, content: bytes, message: str) -> None:
    """Also one whose quote nothing closes, in the time that its lines take."""
    (folder / name).write_bytes(content)
    result = run("merge", name, "-o", f"all{name[1:]}")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ocrnn: {message}") and result.stderr.count("\n") == 1
    assert not (folder / f"all{name[1:]}").exists()


def test_half_a_character_is_a_path_too(run: Run, folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'{"path": "\\ud800"}\n')
    assert run("merge", "a.jsonl", "-o", "all.jsonl").exit_code == 0
    assert (folder / "all.jsonl").read_bytes() == (folder / "a.jsonl").read_bytes()


def test_a_damaged_table_is_one_line(run: Run, folder: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for paths, message in (
        ([1, 2], "has no column path of texts"),
        (["a", None], "has lines without a path"),
    ):
        parquet.write_table(arrow.table({"path": paths}), folder / "a.parquet")
        result = run("merge", "a.parquet", "-o", "all.parquet")
        assert (result.exit_code, result.stderr) == (
            2, f"ocrnn: a.parquet: {message}; give files that `ocrnn read` wrote\n"
        )  # fmt: skip
    parquet.write_table(arrow.table({"path": ["a.png"] * 9}), folder / "a.parquet", compression="zstd")
    data = bytearray((folder / "a.parquet").read_bytes())
    data[4:60] = bytes(56)  # its end, which says where everything is, stays
    (folder / "a.parquet").write_bytes(data)
    result = run("merge", "a.parquet", "-o", "all.parquet")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("ocrnn: a.parquet: cannot be read as Parquet (")
