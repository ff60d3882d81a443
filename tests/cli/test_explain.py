"""`ocrnn explain` from the command line, with a model whose readings are known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import Bars


def test_a_page_of_one_line(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "line.png", "407")
    result = run("explain", "line.png", "-o", "page.html")
    assert result.exit_code == 0 and result.stdout == ""
    assert "page.html: 1 line explained" in result.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<div class="text" role="group" aria-label="407">' in page
    assert run("explain", "line.png", "-o", "page.html", "-q").stderr == ""


def test_a_page_on_standard_output_is_the_same(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "line.png", "407")
    assert run("explain", "line.png", "-o", "page.html", "-q").exit_code == 0
    result = run("explain", "line.png", "-o", "-")
    assert (result.exit_code, result.stdout_bytes) == (0, (tmp_path / "page.html").read_bytes())
    assert result.stderr.startswith("ocrnn: standard output: 1 line explained")
    assert not (tmp_path / "-").exists()


def test_a_picture_may_come_through_standard_input(run: Run, bars: Bars, tmp_path: Path) -> None:
    picture = Path(bars.save(tmp_path / "line.png", "407")).read_bytes()
    result = run("explain", "-", "-o", "page.html", input=picture)
    assert result.exit_code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'aria-label="407">' in page and "<title>ocrnn explain: stdin</title>" in page
    result = run("explain", "-", "-o", "page.html", input=b"")
    assert (result.exit_code, result.stderr) == (2, "ocrnn: stdin: the file is empty; save the picture again\n")


def test_each_page_of_a_picture_up_to_twenty(run: Run, bars: Bars, tmp_path: Path) -> None:
    first, *others = (Image.fromarray(bars.draw(f"{n}")) for n in range(23))
    first.save(tmp_path / "scan.tif", save_all=True, append_images=others)
    result = run("explain", "scan.tif", "-o", "page.html")
    assert result.exit_code == 0
    assert "scan.tif: holds 23 pages, the first 20 are explained" in result.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h2>scan.tif#1</h2>" in page and "<h2>scan.tif#20</h2>" in page and "scan.tif#21" not in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nosuch.png", "-o", "page.html"], "nosuch.png: no such file"),
        (["text.png", "-o", "page.html"], "text.png: not a picture"),
        (["line.png", "-o", "line.png"], "line.png: is named like a picture"),
        (["line.png", "-o", "nosuch/page.html"], "nosuch/page.html: cannot be written"),
        (["line.png", "-o", "page.html", "--max-pixels", "100"], "line.png: 40x40 pixels, over the limit of 100"),
        (["flat.png", "-o", "page.html", "--max-pixels", "2000"], "flat.png: a picture of 900x2 makes a line"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    run: Run, bars: Bars, tmp_path: Path, arguments: list[str], told: str
) -> None:
    bars.save(tmp_path / "line.png", "407")
    before = (tmp_path / "line.png").read_bytes()
    Image.new("L", (900, 2)).save(tmp_path / "flat.png")
    (tmp_path / "text.png").write_text("no picture")
    result = run("explain", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists() and (tmp_path / "line.png").read_bytes() == before


def test_help_has_examples(run: Run) -> None:
    result = run("explain", "--help")
    assert result.exit_code == 0 and "ocrnn explain line.png -o line.html" in result.stdout
