from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from ocrnn.cli.main import program


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    folder = tmp_path / "lines"
    folder.mkdir()
    rows = []
    for name, text, width in (("a", "one", 80), ("b", "two ß", 120), ("c", "three", 100)):
        Image.new("L", (width, 40), 255).save(folder / f"{name}.png")
        rows.append(f"{name}.png\t{text}\n")
    (folder / "labels.tsv").write_text("".join(rows), encoding="utf-8")
    return folder


def check(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(program, ["check", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_clean_folder_has_nothing_to_say(lines: Path) -> None:
    status, out, err = check(lines)
    assert (status, out) == (0, "")
    assert "3 lines can be learned, 0 cannot" in err


def test_each_problem_is_one_line_with_file_line_and_way_out(lines: Path) -> None:
    with (lines / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write("gone.png\tfour\na.png\tagain\nc.png\n")
    Image.new("L", (20, 40), 255).save(lines / "d.png")
    with (lines / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write(f"d.png\t{'too long ' * 9}\n")
    status, out, _ = check(lines)
    assert status == 1
    found = out.splitlines()
    assert len(found) == 4
    for number, row in zip((4, 5, 6, 7), sorted(found), strict=True):
        assert f"labels.tsv:{number}: " in row
        assert "; " in row


def test_strangers_are_counted(lines: Path) -> None:
    status, out, err = check(lines, "--charset", "ascii")
    assert status == 1
    assert "labels.tsv:2" in out
    assert "outside charset ascii: 'ß' 1" in err


def test_a_folder_without_labels_is_wrong_use(tmp_path: Path) -> None:
    status, out, err = check(tmp_path)
    assert (status, out) == (2, "")
    assert "line.gt.txt" in err


def test_a_narrow_line_depends_on_the_network(lines: Path) -> None:
    """48 prepared columns make 12 frames for fast, and 11 for paper, whose last layer takes one."""
    Image.new("L", (40, 40), 255).save(lines / "e.png")
    with (lines / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write("e.png\tabcdefghijkl\n")
    assert check(lines)[0] == 0
    assert check(lines, "--arch", "paper")[0] == 1
