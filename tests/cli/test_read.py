from __future__ import annotations

import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ocrnn.cli import read
from ocrnn.data.labels import read_labels
from ocrnn.decoding.arpa import arpa
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.language import WEIGHT
from ocrnn.decoding.lexicon import WORD_COST
from ocrnn.decoding.search import BEAM_WIDTH
from ocrnn.folders import natural_key
from ocrnn.image import MAX_PIXELS
from ocrnn.transcribe.output import FILE_SUFFIXES
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import Bars

Start = Callable[..., "subprocess.CompletedProcess[bytes]"]
no_windows = pytest.mark.skipif(sys.platform == "win32", reason="signals and devices of POSIX")


@pytest.fixture
def scans(bars: Bars, tmp_path: Path) -> Path:
    """A folder of five pictures and what else lies about."""
    folder = tmp_path / "scans"
    for name, text in {"p10.png": "10", "p9.png": "9", "a/x.jpg": "407", "a/b/y.tif": "31", "z.bmp": "5"}.items():
        bars.save(folder / name, text)
    (folder / "p9.gt.txt").write_text("9")
    return folder


IN_ORDER = [("a/b/y.tif", "31"), ("a/x.jpg", "407"), ("p9.png", "9"), ("p10.png", "10"), ("z.bmp", "5")]


def printed(folder: str = "scans") -> str:
    return "".join(f"{os.path.join(folder, *name.split('/'))}\t{text}\n" for name, text in IN_ORDER)


# What comes out


def test_one_picture_prints_its_text_alone(run: Run, bars: Bars, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "31415")
    result = run("read", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "31415\n", "")
    assert run("read", "lin?.png").stdout == "31415\n"


def test_a_folder_prints_paths_in_natural_order(run: Run, scans: Path) -> None:
    result = run("read", "scans")
    assert (result.exit_code, result.stdout, result.stderr) == (0, printed(), "")
    assert run("read", scans).stdout == printed(str(scans))


def test_several_pictures_keep_the_order_of_the_arguments(run: Run, scans: Path) -> None:
    names = [os.path.join("scans", name) for name in ("z.bmp", "p10.png", "p9.png")]
    assert [line.split("\t") for line in run("read", *names).stdout.splitlines()] == [
        [name, text] for name, text in zip(names, ["5", "10", "9"], strict=True)
    ]


def test_a_folder_of_one_prints_its_path(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "in/line.png", "3")
    assert run("read", "in").stdout == os.path.join("in", "line.png") + "\t3\n"


def test_standard_input_holds_a_picture(run: Run, bars: Bars, tmp_path: Path) -> None:
    data = Path(bars.save(tmp_path / "line.png", "42")).read_bytes()
    assert run("read", "-", input=data).stdout == "42\n"
    assert run("read", "line.png", "-", input=data).stdout == "line.png\t42\n-\t42\n"
    run("read", "-", "-o", "out", input=data)
    assert (tmp_path / "out/stdin.txt").read_text() == "42\n"


def test_standard_input_holds_a_list_of_paths(run: Run, bars: Bars, scans: Path) -> None:
    listed = [os.path.join("scans", name) for name in ("z.bmp", "p9.png")]
    expected = f"{listed[0]}\t5\n{listed[1]}\t9\n"
    for data in ("\n".join(listed), "\n\r\n".join(listed) + "\r\n", "\ufeff" + "\0".join(listed) + "\0"):
        result = run("read", "-", input=data.encode())
        assert (result.exit_code, result.stdout, result.stderr) == (0, expected, "")
    bars.save(scans.parent / "a.png", "1")
    assert run("read", "a.png", "-", input="scans\n").stdout == f"a.png\t1\n{printed()}"
    assert run("read", "-", input="lin[e]\na.p?g").stdout == "a.png\t1\n"
    assert run("read", "-", input="a.png").stdout == "a.png\t1\n", "a list of one is a list"
    (scans.parent / "-").write_bytes((scans / "p9.png").read_bytes())
    assert run("read", "-", input="-\n").stdout == os.path.join(".", "-") + "\t9\n"


def test_a_listed_path_keeps_its_folders_in_the_output(run: Run, bars: Bars, scans: Path, tmp_path: Path) -> None:
    bars.save(scans / "a/b/x.jpg", "8")
    bars.save(tmp_path.parent / "beyond.png", "7")
    data = f"scans/a/x.jpg\n./scans/a/b/x.jpg\n../beyond.png\n{scans / 'p9.png'}\nscans/a\n"
    assert run("read", "-", "-o", "out", input=data).exit_code == 0
    assert texts(tmp_path / "out") == {
        "scans/a/x.txt": "407\n", "scans/a/b/x.txt": "8\n", "beyond.txt": "7\n", "p9.txt": "9\n",
        "b/x.txt": "8\n", "b/y.txt": "31\n", "x.txt": "407\n",
    }  # fmt: skip


def test_what_a_list_names_in_vain_is_a_failure(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "a.png", "1")
    (tmp_path / "bad.png").write_text("bad")
    result = run("read", "-", "--failures", "failed.tsv", input="gone.png\na.png\nbad.png\n")
    assert (result.exit_code, result.stdout) == (1, "a.png\t1\n")
    assert [line.split("\t")[0] for line in Path("failed.tsv").read_text().splitlines()] == ["gone.png", "bad.png"]


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 4, "-: standard input is empty; send a picture, or a path on each line"),
        (b"\n \n", 4, "-: standard input is empty; send a picture, or a path on each line"),
        (b"<html>\nno such page\n", 2, "-: is no picture, and as a list of paths it names nothing that is there, "
         "'<html>' first; send a picture, or a path on each line"),
        (b"\xff\xfea\0.\0", 1, "-: not a picture; give PNG, JPEG, WebP, BMP, PNM, TIFF or GIF, "
         "or a list of paths in UTF-8, one on each line"),
        (b"P2 3 x", 1, "-: the picture is damaged"),
    ],
)  # fmt: skip
def test_what_is_neither_picture_nor_list_is_one_line(run: Run, data: bytes, status: int, message: str) -> None:
    result = run("read", "-", input=data)
    assert (result.exit_code, result.stdout) == (status, "")
    assert result.stderr.startswith(f"ocrnn: {message}")
    assert result.stderr.count("\n") == 1


def test_an_empty_standard_input_among_others_is_a_failure(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "a.png", "1")
    result = run("read", "-", "a.png", input=b"")
    assert (result.exit_code, result.stdout) == (1, "a.png\t1\n")
    assert "ocrnn: -: standard input is empty" in result.stderr


def test_each_page_is_a_line(run: Run, bars: Bars, tmp_path: Path) -> None:
    pages = [Image.fromarray(bars.draw(text)) for text in ("1", "22", "3")]
    pages[0].save(tmp_path / "s.tif", save_all=True, append_images=pages[1:])
    bars.save(tmp_path / "t.png", "4")
    assert run("read", "s.tif").stdout == "1\n22\n3\n"
    assert run("read", "s.tif", "t.png").stdout == "s.tif#1\t1\ns.tif#2\t22\ns.tif#3\t3\nt.png\t4\n"
    assert [item["path"] for item in json.loads(run("read", "s.tif", "-f", "json").stdout)] == [
        f"s.tif#{page}" for page in (1, 2, 3)
    ]
    run("read", "s.tif", "t.png", "-o", "out")
    assert (tmp_path / "out/s.txt").read_text() == "1\n22\n3\n"


def test_tsv(run: Run, scans: Path) -> None:
    head, *rows = run("read", "scans", "-f", "tsv").stdout.splitlines()
    assert head == "path\ttext\tconfidence"
    assert [row.split("\t")[1] for row in rows] == [text for _, text in IN_ORDER]
    assert all(0 < float(row.split("\t")[2]) <= 1 for row in rows)


def test_json_brings_alternatives_from_the_beam(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "line.png", "407")
    (item,) = json.loads(run("read", "line.png", "-f", "json", "--alternatives", "2").stdout)
    assert (item["schema"], item["path"], item["text"]) == (1, "line.png", "407")
    assert [character["text"] for character in item["characters"]] == ["4", "0", "7"]
    assert len(item["alternatives"]) == 2
    assert item["confidence"] > item["alternatives"][0]["confidence"] >= item["alternatives"][1]["confidence"]


def test_json_is_an_array_even_of_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("bad")
    result = run("read", "bad.png", "-f", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])


@pytest.mark.parametrize(("form", "suffix"), [("csv", "csv"), ("jsonl", "jsonl"), ("hocr", "hocr")])
def test_forms_of_many_pictures(run: Run, scans: Path, form: str, suffix: str, tmp_path: Path) -> None:
    data = run("read", "scans", "-f", form).stdout
    assert all(os.path.join("scans", *name.split("/")) in data for name, _ in IN_ORDER)
    run("read", "scans", "-f", form, "-o", "out")
    assert set(texts(tmp_path / "out")) == {name.rpartition(".")[0] + f".{suffix}" for name, _ in IN_ORDER}


@pytest.mark.parametrize("form", ["text", "tsv", "csv", "json", "jsonl", "hocr"])
def test_a_suffix_names_the_form_unless_another_is_given(run: Run, scans: Path, form: str, tmp_path: Path) -> None:
    suffix = FILE_SUFFIXES[form].upper()  # type: ignore[index]
    assert run("read", "scans", "-o", f"all{suffix}").exit_code == 0
    assert (tmp_path / f"all{suffix}").read_bytes() == run("read", "scans", "-f", form).stdout_bytes
    assert run("read", "scans", "-o", f"other{suffix}", "-f", "tsv").exit_code == 0
    assert (tmp_path / f"other{suffix}").read_bytes() == run("read", "scans", "-f", "tsv").stdout_bytes


def test_shares_in_the_form_of_their_suffix_are_put_together(run: Run, scans: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        run("read", "scans", "--shard", f"{number}/2", "-o", "all.tsv")
    assert run("merge", "all-1-of-2.tsv", "all-2-of-2.tsv", "-o", "all.tsv").exit_code == 0
    assert (tmp_path / "all.tsv").read_bytes() == run("read", "scans", "-f", "tsv").stdout_bytes


def test_a_dash_is_standard_output(run: Run, scans: Path, tmp_path: Path) -> None:
    for form in ([], ["-f", "csv"]):
        assert run("read", "scans", "-o", "-", *form).stdout_bytes == run("read", "scans", *form).stdout_bytes
    assert not (tmp_path / "-").exists()
    assert run("read", "scans", "-o", "./-").exit_code == 0
    assert (tmp_path / "-/z.txt").exists()


@pytest.mark.parametrize("form", ["alto", "page"])
def test_forms_of_one_picture(run: Run, bars: Bars, scans: Path, form: str, tmp_path: Path) -> None:
    assert 'imageFilename="p9.png"' in run("read", "scans/p9.png", "-f", "page").stdout
    for arguments in (["-o", "all.xml"], []):
        result = run("read", "scans", "-f", form, *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == (
            f"ocrnn: -f {form}: a file is about one picture, not 5; give -o DIR for a file for each\n"
        )
    assert run("read", "scans", "-f", form, "-o", "out").exit_code == 0
    assert set(texts(tmp_path / "out")) == {name.rpartition(".")[0] + ".xml" for name, _ in IN_ORDER}
    (tmp_path / "bad.png").write_text("bad")
    assert run("read", "bad.png", "-f", form, "-o", "bad.xml").exit_code == 1
    assert not (tmp_path / "bad.xml").exists()
    pages = [Image.fromarray(bars.draw(text)) for text in ("1", "22")]
    pages[0].save(tmp_path / "s.tif", save_all=True, append_images=pages[1:])
    result = run("read", "s.tif", "-f", form, "-o", "s.xml", "--failures", "failed.tsv")
    assert result.exit_code == (form == "page")
    if form == "page":
        assert result.stderr.startswith("ocrnn: s.tif: holds 2 pages, a PAGE file has one; save each by itself")
        assert Path("failed.tsv").read_text().startswith("s.tif\tholds 2 pages")
        assert not (tmp_path / "s.xml").exists()


PAGE = """<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Metadata><Creator>x</Creator><Created>2020-01-01T00:00:00</Created><LastChange>2020-01-01T00:00:00</LastChange></Metadata>
<Page imageFilename="page.png" imageWidth="28" imageHeight="100"><TextRegion id="r"><Coords points="0,0 28,0 28,100"/>
<TextLine id="one"><Coords points="0,0 28,0 28,40 0,40"/></TextLine>
<TextLine id="two"><Coords points="0,60 28,60 28,100 0,100"/></TextLine></TextRegion></Page></PcGts>"""


@pytest.fixture
def described(bars: Bars, scans: Path) -> Path:
    """The folder of pictures, with a page of two lines and what describes it in a folder of pages."""
    pytest.importorskip("lxml")
    page = np.full((100, 28), 255, np.uint8)
    page[:40], page[60:] = bars.draw("12"), bars.draw("34")
    Image.fromarray(page).save(scans / "page.png")
    (scans / "page").mkdir()
    (scans / "page" / "p1.xml").write_text(PAGE)
    (scans / "page" / "mets.xml").write_text("<mets/>")
    return scans / "page" / "p1.xml"


def test_a_page_gives_its_lines(run: Run, described: Path) -> None:
    result = run("read", "scans/page/p1.xml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "12\n34\n", "")
    assert run("read", "scans/page/p1.xml", "scans/z.bmp").stdout.splitlines() == [
        "scans/page/p1.xml#one\t12",
        "scans/page/p1.xml#two\t34",
        "scans/z.bmp\t5",
    ]
    (item, _) = json.loads(run("read", described, "-f", "json").stdout)
    assert (item["path"], item["text"], item["width_px"]) == (f"{described}#one", "12", 28)


def test_the_picture_of_a_page_is_no_line(run: Run, described: Path) -> None:
    """A folder's pages are found wherever they lie in it; other XML is none of it."""
    page = os.path.join("scans", "page", "p1.xml")
    lines = run("read", "scans").stdout.splitlines()
    assert lines == sorted(lines, key=lambda line: natural_key(line.partition("#")[0].partition("\t")[0]))
    assert set(lines) == {*printed().splitlines(), f"{page}#one\t12", f"{page}#two\t34"}
    assert run("read", "scans/page.png").stdout != "", "unless it is named itself"


@pytest.mark.parametrize(("path", "output", "place"), [
    ("scans/page/p1.xml", "out.xml", "out.xml"), ("scans/page", "out", "out/p1.xml"),
])  # fmt: skip
def test_a_page_is_written_again_with_its_texts(
    run: Run, described: Path, path: str, output: str, place: str, tmp_path: Path
) -> None:
    assert run("read", path, "-o", output, "-f", "page").exit_code == 0
    assert described.read_text() == PAGE
    text = (tmp_path / place).read_text()
    assert text.startswith(PAGE[: PAGE.index("</TextLine>")])
    assert "<Unicode>12</Unicode>" in text and "<Unicode>34</Unicode>" in text


def test_a_page_is_changed_in_place_only_where_that_is_asked_for(run: Run, described: Path) -> None:
    for output in ("scans/page/p1.xml", "scans/page"):
        described.write_text(PAGE)
        result = run("read", "scans/page/p1.xml", "-f", "page", "-o", output)
        assert described.read_text() == PAGE
        assert result.exit_code == (0 if output == "scans/page" else 2)
        assert run("read", "scans/page/p1.xml", "-f", "page", "-o", output, "--overwrite").exit_code == 0
        assert "<Unicode>34</Unicode>" in described.read_text()
    result = run("read", "scans/page/p1.xml", "-o", "scans/page/p1.xml", "--overwrite")
    assert (result.exit_code, result.stderr) == (
        2, "ocrnn: scans/page/p1.xml: .xml may be alto or page; give -f alto or -f page\n"
    )  # fmt: skip


@pytest.mark.parametrize("output", ["scans/page/p1.xml", "scans/page", "link.xml"])
def test_a_page_is_not_replaced_by_one_of_the_other_kind(
    run: Run, described: Path, tmp_path: Path, output: str
) -> None:
    """It would have nothing of the old one but its lines: no regions, no metadata, no styles."""
    (tmp_path / "link.xml").symlink_to(described)
    result = run("read", "scans/page/p1.xml", "-f", "alto", "-o", output, "--overwrite")
    assert (result.exit_code, result.stderr) == (
        1, "ocrnn: scans/page/p1.xml: is PAGE, and all but its lines would be lost; give -f page, or another -o\n"
    )  # fmt: skip
    assert described.read_text() == PAGE
    assert run("read", "scans/page/p1.xml", "-f", "alto", "-o", "other.xml").exit_code == 0


def test_a_damaged_video_is_one_line(start: Start, bars_file: str, tmp_path: Path) -> None:
    """What decodes it has much to say of its own, in the first process that asks for it."""
    (tmp_path / "cut.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(40))
    done = start("read", "cut.mp4", "-m", bars_file)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"ocrnn: cut.mp4: the video is damaged")


def test_what_a_page_lacks_is_named(run: Run, described: Path, tmp_path: Path) -> None:
    described.write_text(PAGE.replace("0,60 28,60 28,100 0,100", "0,60 28,60"))
    result = run("read", described, "-f", "page", "-o", "out", "--failures", "failed.tsv")
    assert result.exit_code == 1
    assert f"{described}#two\t" in Path("failed.tsv").read_text() and "has no outline; draw one" in result.stderr
    assert "<Unicode>12</Unicode>" in (tmp_path / "out/p1.xml").read_text()
    described.write_text(PAGE.replace("0,60 28,60 28,100 0,100", "0,60").replace("0,0 28,0 28,40 0,40", "0,0"))
    (described.parent.parent / "page.png").unlink()
    for output in ([], ["-o", "none"], ["-o", "none.xml"]):
        result = run("read", described, "-f", "page", *output)
        assert (result.exit_code, result.stdout, result.stderr.count("no picture at page.png")) == (1, "", 1)
    assert not list((tmp_path / "none").iterdir()) and not (tmp_path / "none.xml").exists()
    result = run("read", described, "scans/z.bmp")
    assert (result.exit_code, result.stdout) == (1, "scans/z.bmp\t5\n")
    assert f"ocrnn: {described}: no picture at page.png; put it beside the file" in result.stderr
    result = run("read", described.with_name("mets.xml"))
    assert "mets.xml: neither PAGE nor ALTO; give one of them, or a picture\n" in result.stderr


def test_without_lxml_a_page_says_what_to_install(
    run: Run, described: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Any]
) -> None:
    """The rest of its folder is read, and never its picture as a line; a page that is named is refused at once."""
    monkeypatch.setitem(sys.modules, "lxml", None)
    told = "p1.xml: PAGE and ALTO are read with lxml; pip install 'ocrnn[pages]'\n"
    result = run("read", "scans/page/p1.xml", "scans")
    assert (result.exit_code, result.stdout) == (2, "") and result.stderr.endswith(told)
    assert not opened
    result = run("read", "scans")
    assert result.exit_code == 1 and told in result.stderr
    assert result.stdout == printed()


# Options


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, bars: Bars) -> list[dict[str, Any]]:
    """What `Reader.open` was called with."""
    calls: list[dict[str, Any]] = []

    def open_(model: str | None, **options: Any) -> Reader:
        calls.append({"model": model, **options})
        return Reader(bars)

    monkeypatch.setattr(Reader, "open", open_)
    return calls


def test_the_defaults_are_those_of_the_reader(run: Run, bars: Bars, tmp_path: Path, opened: list[Any]) -> None:
    bars.save(tmp_path / "a.png", "1")
    run("read", "a.png")
    assert opened == [
        {
            "model": None,
            "decoder": "greedy",
            "beam_width": BEAM_WIDTH,
            "alternatives": 0,
            "allow": None,
            "block": None,
            "lexicon": None,
            "lexicon_cost": None,
            "regex": None,
            "lm": None,
            "lm_weight": None,
            "turn": "tall",
            "frames": "pages",
            "parts": False,
            "jobs": 1,
            "threads": None,
            "max_pixels": MAX_PIXELS,
            "device": "auto",
        }
    ]
    text = run("read", "--help").stdout
    assert f"[default: {MAX_PIXELS}]" in " ".join(text.split())
    assert f"[default: {BEAM_WIDTH}]" in " ".join(text.split())
    assert f"[default: {WORD_COST:g}]" in " ".join(text.split())
    assert f"[default: {WEIGHT:g}]" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "x.onnx"], {"model": "x.onnx"}),
        (["--decoder", "beam"], {"decoder": "beam", "beam_width": 16}),
        (["--beam-width", "4"], {"decoder": "beam", "beam_width": 4}),
        (["--alternatives", "3", "-f", "json"], {"decoder": "beam", "alternatives": 3}),
        (["--allow", "[:digit:]"], {"decoder": "beam", "allow": "[:digit:]"}),
        (["--block", "12"], {"decoder": "beam", "block": "12"}),
        (["--lexicon", "a.png"], {"decoder": "beam", "lexicon": "a.png"}),
        (["--lexicon", "a.png", "--lexicon-cost", "inf"], {"lexicon_cost": math.inf}),
        (["--regex", ""], {"decoder": "beam", "regex": ""}),
        (["--lm", "a.png"], {"decoder": "beam", "lm": "a.png"}),
        (["--lm", "a.png", "--lm-weight", "0.25"], {"lm_weight": 0.25}),
        (["--threads", "2"], {"threads": 2}),
        (["-j", "3"], {"jobs": 3}),
        (["--max-pixels", "2000"], {"max_pixels": 2000}),
        (["a.png", "--device", "auto"], {"device": "auto"}),
    ],
)
def test_options_reach_the_reader(
    run: Run, bars: Bars, tmp_path: Path, opened: list[Any], arguments: list[str], expected: dict[str, Any]
) -> None:
    bars.save(tmp_path / "a.png", "1")
    assert run("read", "a.png", *arguments).exit_code == 0
    assert opened[0].items() >= expected.items()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_that_is_missing_is_refused_before_anything_is_read(
    run: Run, bars_file: str, opened: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr("ocrnn.model.device.offered", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr("ocrnn.cli.read.standard_input", lambda *_: pytest.fail("nobody may wait for it"))
    result = run("read", "nosuch.png", "-", "-m", bars_file, "-o", "out", "--device", device)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ocrnn: --device {device}: the ONNX Runtime that is installed has no ")
    assert result.stderr.count("\n") == 1
    assert not opened and not list(tmp_path.iterdir())


def test_a_gpu_that_is_there_reads(
    run: Run, bars_file: str, scans: Path, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.model.device.offered", lambda: ["CUDAExecutionProvider"])
    assert run("read", "scans", "-m", bars_file, "--device", "cuda").stdout == printed()
    assert opened[0]["device"] == "cuda"


def test_several_pictures_share_the_cores(run: Run, scans: Path, opened: list[Any]) -> None:
    run("read", "scans")
    assert opened[0]["jobs"] is None


def test_the_environment_stands_for_options(run: Run, bars: Bars, tmp_path: Path, opened: list[Any]) -> None:
    bars.save(tmp_path / "a.png", "1")
    run("read", "a.png", env={"OCRNN_MODEL": "env.onnx", "OCRNN_READ_THREADS": "3"})
    run("read", "a.png", "-m", "told.onnx", env={"OCRNN_MODEL": "env.onnx"})
    assert [call["model"] for call in opened] == ["env.onnx", "told.onnx"]
    assert [call["threads"] for call in opened] == [3, None]


def test_the_batch_size_reaches_the_model(run: Run, bars: Bars, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = bars.infer

    def infer(images: Any) -> Any:
        sizes.append(len(images))
        return real(images)

    monkeypatch.setattr(bars, "infer", infer)
    for n in range(9):
        bars.save(scans / f"same{n}.png", "777")
    run("read", "scans", "-b", "2")
    assert max(sizes) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alternatives", "2"], "--alternatives: has no place in the form text; add -f json"),
        (["--decoder", "greedy", "--beam-width", "8"], "--beam-width: belongs to the beam"),
        (["--decoder", "greedy", "--alternatives", "1", "-f", "json"], "--alternatives: belongs to the beam"),
        (["--decoder", "greedy", "--regex", "1"], "a constraint: belongs to the beam; leave out --decoder greedy"),
        (["--lexicon", "gone.txt"], "gone.txt: no such file; name a file of words or lines for --lexicon"),
        (["--lexicon-cost", "3"], "--lexicon-cost: says what words outside of a lexicon cost; add --lexicon FILE"),
        (["--lm", "gone.arpa"], "gone.arpa: no such file; name a language model for --lm, made by `ocrnn lm build`"),
        (["--lm-weight", "1"], "--lm-weight: says how much a language counts; add --lm FILE"),
        (["-q", "-v"], "contradict"),
        (["-", "-"], "name it once"),
        (["-o", "other.png"], "named like a picture"),
        (["-o", "other.xml"], "other.xml: .xml may be alto or page; give -f alto or -f page"),
        (["--failures", "other.jpg"], "named like a picture"),
        (["-o", "gone/out.txt"], "gone/out.txt: cannot be written"),
        (["--failures", "gone/out.tsv"], "gone/out.tsv: cannot be written"),
        (["-o", "there.txt"], "there.txt: is there already; give --overwrite"),
        (["-o", "there.txt/"], "there.txt/: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_model(
    run: Run, bars: Bars, tmp_path: Path, opened: list[Any], arguments: list[str], message: str
) -> None:
    bars.save(tmp_path / "a.png", "1")
    (tmp_path / "there.txt").write_text("old")
    result = run("read", "a.png", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ocrnn: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not opened
    assert (tmp_path / "there.txt").read_text() == "old"


# What is known beforehand


def test_a_constraint_says_where_it_overrules_the_picture(run: Run, bars: Bars, scans: Path, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "407")
    result = run("read", path, "--regex", "4[1-9].")
    assert (result.exit_code, result.stdout) == (0, "417\n")
    assert re.fullmatch(rf"ocrnn: {re.escape(path)}: '417', freely '407' \(cost \d\.\d\)\n", result.stderr)
    assert run("read", path, "--regex", "4[1-9].", "-q").stderr == ""
    assert run("read", path, "--regex", "4[0-9].").stderr == ""
    (record,) = json.loads(run("read", path, "--block", "0", "-f", "json").stdout)
    assert (record["text"], record["fits"], record["overruled"]["text"]) == ("417", True, "407")
    assert 0 < record["overruled"]["cost"] < 20
    result = run("read", "scans", "--block", "0")
    assert result.exit_code == 0
    assert result.stdout == printed().replace("407", "417").replace("\t10", "\t11")
    assert "ocrnn: 2 texts are not what the picture alone reads as; -f json has both\n" in result.stderr
    assert len(re.findall("freely", run("read", "scans", "--block", "0", "-v").stderr)) == 2


def test_a_picture_to_which_nothing_fits_is_a_failure(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("read", "scans", "--regex", "5|9|10|31", "--failures", "failed.tsv")
    name = os.path.join("scans", "a", "x.jpg")
    assert (result.exit_code, result.stdout) == (1, printed().replace("407", ""))
    reason = "no text fits the constraints (freely it reads '407'); loosen them, or look at the picture"
    assert f"ocrnn: {name}: {reason}\n" in result.stderr
    assert (tmp_path / "failed.tsv").read_text() == f"{name}\t{reason}\n"
    (record,) = json.loads(run("read", name, "--regex", "9", "-f", "json").stdout)
    assert (record["text"], record["confidence"], record["fits"]) == ("", 0, False)
    assert record["overruled"] == {"text": "407", "confidence": record["overruled"]["confidence"], "cost": None}


def test_a_language_decides_where_the_picture_is_less_sure(run: Run, bars: Bars, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "407")
    (tmp_path / "made.arpa").write_bytes(b"".join(arpa(estimate(["417", "4177", "31"] * 20))))
    result = run("read", path, "--lm", "made.arpa", "--lm-weight", "3")
    assert (result.exit_code, result.stdout) == (0, "417\n")
    assert "'417', freely '407'" in result.stderr
    assert run("read", path, "--lm", "made.arpa", "--lm-weight", "0.01").stdout == "407\n"
    both = run("read", path, "--lm", "made.arpa", "--lm-weight", "3", "--block", "1")
    assert both.stdout == "407\n"
    result = run("read", path, "--lm", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ocrnn: {path}: not a language model in ARPA form, with ")


def test_words_and_lines_come_from_a_file(run: Run, bars: Bars, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "line.png", "407")
    (tmp_path / "lines.txt").write_text("# lines\n417\n31\n")
    assert run("read", path, "--lexicon", "lines.txt").stdout == "417\n"
    (tmp_path / "lines.txt").write_text("31 41\n")
    result = run("read", path, "--lexicon", "lines.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ocrnn: lines.txt:1: '31 41' is more than one word; put '# lines' on the first")


@pytest.mark.parametrize(
    "arguments", [("--regex", "(1"), ("--allow", "x"), ("--block", "[:digit:]"), ("--block", "[:no:]")]
)
def test_what_no_text_can_meet_is_wrong_use(run: Run, bars: Bars, tmp_path: Path, arguments: tuple[str, str]) -> None:
    result = run("read", bars.save(tmp_path / "line.png", "1"), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ocrnn: {arguments[0]}")
    assert result.stderr.count("\n") == 1


# What goes wrong


def test_a_missing_file_is_wrong_use(run: Run, opened: list[Any]) -> None:
    result = run("read", "nosuch.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ocrnn: nosuch.png: no such file or folder; check the path\n"
    assert not opened


def test_a_missing_file_among_others_stops_nothing(run: Run, scans: Path) -> None:
    result = run("read", "nosuch.png", "scans")
    assert (result.exit_code, result.stdout) == (1, printed())
    assert "ocrnn: nosuch.png: no such file" in result.stderr
    assert "5 read, 0 there already, 1 failed" in result.stderr


def test_an_empty_folder_is_nothing_to_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").touch()
    result = run("read", "in")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == "ocrnn: in: holds no pictures; give a folder that does\n"


@pytest.fixture
def spoiled(scans: Path) -> dict[str, str]:
    """Bad pictures put among the good ones, and a word of the reason for each."""
    (scans / "empty.png").touch()
    (scans / "text.png").write_text("this is text")
    jpeg = io.BytesIO()
    Image.effect_noise((300, 60), 90).save(jpeg, "JPEG")
    (scans / "cut.jpg").write_bytes(jpeg.getvalue()[:-1000])
    Image.new("1", (5000, 2000)).save(scans / "bomb.png")
    Image.new("L", (100_000, 2), 255).save(scans / "thread.png")
    return {
        "bomb.png": "--max-pixels",
        "cut.jpg": "damaged",
        "empty.png": "empty",
        "text.png": "not a picture",
        "thread.png": "--max-pixels",
    }


def test_bad_pictures_are_named_and_stop_nothing(run: Run, scans: Path, spoiled: dict[str, str]) -> None:
    result = run("read", "scans", "--max-pixels", 5_000_000, "--failures", "failed.tsv")
    assert (result.exit_code, result.stdout) == (1, printed())
    rows = [line.split("\t") for line in Path("failed.tsv").read_text(encoding="utf-8").splitlines()]
    assert [path for path, _ in rows] == [os.path.join("scans", name) for name in spoiled]
    for (path, reason), (name, word) in zip(rows, spoiled.items(), strict=True):
        assert word in reason
        assert f"ocrnn: {path}: {reason}\n" in result.stderr
        assert result.stderr.count(name) == 1
    quiet = run("read", "scans", "--max-pixels", 5_000_000, "-q")
    assert (quiet.stdout, quiet.stderr.count("\n")) == (printed(), len(spoiled))


def test_failures_of_the_last_run_do_not_stay(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "failed.tsv").write_text("old\tfault; mend it\n")
    assert run("read", "scans", "--failures", "failed.tsv").exit_code == 0
    assert (tmp_path / "failed.tsv").read_text() == ""


def test_a_single_bad_picture_is_a_failure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("this is text")
    result = run("read", "text.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("ocrnn: text.png: not a picture")
    assert result.stderr.count("\n") == 1


def test_a_line_of_one_pixel_is_read(run: Run, tmp_path: Path) -> None:
    Image.new("L", (1, 1), 255).save(tmp_path / "dot.png")
    assert run("read", "dot.png").exit_code == 0


def test_a_limit_can_be_raised(run: Run, tmp_path: Path) -> None:
    Image.new("L", (3000, 1000), 255).save(tmp_path / "big.png")
    assert run("read", "big.png", "--max-pixels", 2_999_999).exit_code == 1
    assert run("read", "big.png", "--max-pixels", 3_000_000).exit_code == 0


@pytest.mark.parametrize("name", ["gone.onnx", "bad.onnx", "nosuchname", "bad.safetensors"])
def test_an_unusable_model_is_status_3(start: Start, bars: Bars, tmp_path: Path, name: str) -> None:
    bars.save(tmp_path / "a.png", "1")
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07no model")
    (tmp_path / "bad.safetensors").write_bytes(b"\x08\x07no model")
    run = start("read", "a.png", "-m", name, "-o", "out", "--failures", "failed.tsv")
    assert (run.returncode, run.stdout) == (3, b"")
    assert run.stderr.startswith(f"ocrnn: {name}: ".encode())
    assert run.stderr.count(b"\n") == 1
    assert not list((tmp_path / "out").iterdir())


# Files


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


WRITTEN = {"a/b/y.txt": "31\n", "a/x.txt": "407\n", "p9.txt": "9\n", "p10.txt": "10\n", "z.txt": "5\n"}


def test_a_folder_gets_a_file_for_each_picture_and_nothing_else(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("read", "scans", "-o", "out")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert texts(tmp_path / "out") == WRITTEN


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_another_form_brings_its_own_suffix(run: Run, scans: Path, tmp_path: Path, form: str) -> None:
    run("read", "scans", "-o", "out", "-f", form)
    found = texts(tmp_path / "out")
    assert found.keys() == {name.replace(".txt", f".{form}") for name in WRITTEN}
    assert found[f"p9.{form}"] == run("read", "scans/p9.png", "-f", form).stdout


def test_the_suffix_stays_where_two_would_collide(run: Run, scans: Path, bars: Bars, tmp_path: Path) -> None:
    bars.save(scans / "z.png", "6")
    run("read", "scans", "-o", "out")
    expected = {name: text for name, text in WRITTEN.items() if name != "z.txt"}
    assert texts(tmp_path / "out") == {**expected, "z.bmp.txt": "5\n", "z.png.txt": "6\n"}


def test_two_of_one_name_are_refused_before_the_work(run: Run, bars: Bars, tmp_path: Path, opened: list[Any]) -> None:
    one, two = bars.save(tmp_path / "1/a.png", "1"), bars.save(tmp_path / "2/a.png", "2")
    result = run("read", one, two, "-o", "out")
    assert result.exit_code == 2
    assert "would both be written" in result.stderr
    assert not opened
    assert run("read", one, one, "-o", "out").exit_code == 0


def test_what_is_there_is_skipped_unless_told(run: Run, scans: Path, tmp_path: Path, opened: list[Any]) -> None:
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/a/x.txt").write_text("mine")
    result = run("read", "scans", "-o", "out")
    assert texts(tmp_path / "out") == {**WRITTEN, "a/x.txt": "mine"}
    assert "4 read, 1 there already, 0 failed" in result.stderr
    assert len(opened) == 1
    assert "0 read, 5 there already" in run("read", "scans", "-o", "out").stderr
    assert len(opened) == 1, "nothing to do needs no model"
    run("read", "scans", "-o", "out", "--overwrite")
    assert texts(tmp_path / "out") == WRITTEN


def test_a_picture_that_fails_has_no_file_and_is_tried_again(
    run: Run, scans: Path, spoiled: dict[str, str], bars: Bars, tmp_path: Path
) -> None:
    assert run("read", "scans", "-o", "out", "--max-pixels", 5_000_000).exit_code == 1
    assert texts(tmp_path / "out") == WRITTEN
    bars.save(scans / "text.png", "8")
    assert run("read", "scans", "-o", "out", "--max-pixels", 5_000_000).exit_code == 1
    assert texts(tmp_path / "out") == {**WRITTEN, "text.txt": "8\n"}


def test_one_file(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("read", "scans", "-o", "all.txt")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "all.txt").read_text() == printed()
    run("read", "scans/p9.png", "-o", "all.txt", "--overwrite")
    assert (tmp_path / "all.txt").read_text() == "9\n"
    assert {path.name for path in tmp_path.iterdir()} == {"all.txt", "scans"}


@pytest.mark.parametrize("name", ["out", "new.dir/", "here.d"])
def test_which_names_are_folders(run: Run, scans: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "here.d").mkdir()
    run("read", "scans/p9.png", "-o", name)
    assert (tmp_path / name / "p9.txt").read_text() == "9\n"


def test_an_existing_file_without_a_suffix_is_a_file(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    run("read", "scans/p9.png", "-o", "out", "--overwrite")
    assert (tmp_path / "out").read_text() == "9\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("-o all.tsv --failures all.tsv", "all.tsv: -o and --failures would write to the same file; name two"),
        ("-o all.tsv --review ./all.tsv", "./all.tsv: -o and --review would write to the same file; name two"),
        ("--failures a.tsv --review a.tsv", "a.tsv: --failures and --review would write to the same file; name two"),
        ("-o all.tsv --failures all.tsv --shard 1/2", "all-1-of-2.tsv: -o and --failures would write to the same file"),
        ("-o out --failures out/p9.txt", "out/p9.txt: is where -o puts the text of a picture; name another file for"),
    ],
)
def test_nothing_is_written_into_one_file_twice(
    run: Run, scans: Path, tmp_path: Path, arguments: str, told: str
) -> None:
    result = run("read", "scans", *arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"ocrnn: {told}") and result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.tsv")) and not list(tmp_path.rglob("out/*.txt"))


def test_lists_may_be_in_the_folder_that_is_made(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("read", "scans", "gone.png", "-o", "out", "--failures", "out/failed.tsv", "--review", "out/doubt.tsv")
    assert result.exit_code == 1
    assert (tmp_path / "out/failed.tsv").read_text().startswith("gone.png\tno such file")
    assert (tmp_path / "out/doubt.tsv").exists() and (tmp_path / "out/p9.txt").exists()


def test_a_file_that_takes_everything_takes_both(run: Run, scans: Path) -> None:
    assert run("read", "scans", "-o", os.devnull, "--failures", os.devnull, "--overwrite").exit_code == 0


def test_a_picture_without_rights_does_not_stop_the_rest(
    run: Run, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named among others, as a shell makes names of a pattern; read here all the same, since root may."""
    closed = os.path.join("scans", "p9.png")
    monkeypatch.setattr(os, "access", lambda path, *_, **__: os.fspath(path) != closed)
    result = run("read", os.path.join("scans", "z.bmp"), closed)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("\t5\n" + f"{closed}\t9\n")


@no_windows
def test_a_closed_stream_is_one_line(root: Path, tmp_path: Path, bars: Bars) -> None:
    picture = bars.save(tmp_path / "a.png", "1")
    for call, told in ((f"{picture} >&-", "standard output: is closed; "), ("- <&-", "-: standard input is closed; ")):
        done = subprocess.run(
            ["sh", "-c", f"{sys.executable} -m ocrnn read {call}"],
            cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"ocrnn: {told}") and done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_written_fails_alone(run: Run, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("in the way")
    result = run("read", "scans", "-o", "out", "--failures", "failed.tsv")
    assert result.exit_code == 1
    assert texts(tmp_path / "out") == {"a": "in the way", "p9.txt": "9\n", "p10.txt": "10\n", "z.txt": "5\n"}
    assert (tmp_path / "failed.tsv").read_text().count("cannot be written") == 2
    assert "3 read, 0 there already, 2 failed" in result.stderr


# Shares, tars and tables


def test_shares_together_are_the_whole(run: Run, scans: Path, tmp_path: Path) -> None:
    parts = [run("read", "scans", "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert all(part.exit_code == 0 and part.stderr == "" for part in parts)
    assert "".join(part.stdout for part in parts) == printed()
    for number in (3, 1, 2):
        run("read", "scans", "--shard", f"{number}/3", "-o", "out")
    assert texts(tmp_path / "out") == WRITTEN


def test_shares_take_their_place_from_all_pictures(run: Run, bars: Bars, tmp_path: Path) -> None:
    """What collides does so in the whole folder, and what one share has done does not move the others."""
    for name in ("z.bmp", "z.png"):
        bars.save(tmp_path / "in" / name, "5")
    run("read", "in", "--shard", "1/2", "-o", "out")
    run("read", "in", "--shard", "2/2", "-o", "out")
    assert texts(tmp_path / "out") == {"z.bmp.txt": "5\n", "z.png.txt": "5\n"}


def test_shares_write_files_of_their_own(run: Run, scans: Path, tmp_path: Path) -> None:
    (scans / "bad.png").write_text("bad")
    for number in range(1, 9):
        environment = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "1"}
        arguments = ["scans", "no", "--shard", "auto", "-f", "tsv", "-o", "all.tsv", "--failures", "bad.tsv"]
        result = run("read", *arguments, env=environment)
        assert result.exit_code in (0, 1)
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"all-{number}-of-8.tsv" for number in range(1, 9)} <= names
    failures = [(tmp_path / f"bad-{number}-of-8.tsv").read_text() for number in range(1, 9)]
    assert "".join(failures).count("\n") == 2, "what leads nowhere is told once"
    result = run("merge", *sorted(map(str, tmp_path.glob("all-*-of-8.tsv"))), "-o", "all.tsv")
    assert (result.exit_code, result.stderr) == (0, "ocrnn: 5 lines of 8 shares\n")
    assert (tmp_path / "all.tsv").read_text() == run("read", "scans", "-f", "tsv").stdout


def test_a_share_is_refused_before_the_work(run: Run, scans: Path, opened: list[Any]) -> None:
    result = run("read", "scans", "--shard", "4/3")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert not opened


def packed(path: Path, folder: Path, names: list[str]) -> None:
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.add(folder / name, name)


def test_a_tar_stands_for_its_pictures(run: Run, scans: Path, tmp_path: Path) -> None:
    names = ["p9.png", "p9.gt.txt", "a/x.jpg", "z.bmp"]
    packed(tmp_path / "s.tar", scans, names)
    (scans / "bad.png").write_text("bad")
    packed(tmp_path / "t.tar", scans, ["bad.png", "p10.png"])
    result = run("read", "*.tar")
    assert result.exit_code == 1
    assert result.stdout == "s.tar/p9.png\t9\ns.tar/a/x.jpg\t407\ns.tar/z.bmp\t5\nt.tar/p10.png\t10\n"
    assert result.stderr.startswith("ocrnn: t.tar/bad.png: not a picture; ")
    run("read", "s.tar", "t.tar", "-o", "out")
    expected = {"s.tar/p9.txt": "9\n", "s.tar/a/x.txt": "407\n", "s.tar/z.txt": "5\n", "t.tar/p10.txt": "10\n"}
    assert texts(tmp_path / "out") == expected


def test_a_tar_that_is_cut_off_is_read_as_far_as_it_goes(run: Run, scans: Path, tmp_path: Path) -> None:
    packed(tmp_path / "s.tar", scans, ["p9.png", "z.bmp"])
    (tmp_path / "s.tar").write_bytes((tmp_path / "s.tar").read_bytes()[:2000])
    result = run("read", "s.tar")
    assert (result.exit_code, result.stdout) == (1, "s.tar/p9.png\t9\n")
    assert result.stderr.startswith("ocrnn: s.tar: the shard is cut off or damaged; ")
    packed(tmp_path / "empty.tar", scans, ["p9.gt.txt"])
    result = run("read", "empty.tar")
    assert (result.exit_code, result.stderr) == (2, "ocrnn: empty.tar: holds no pictures; give a tar that does\n")


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png"])
def test_nothing_is_written_outside_of_the_folder(run: Run, scans: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        data = (scans / "p9.png").read_bytes()
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
        tar.add(scans / "p10.png", "p10.png")
    result = run("read", "s.tar", "-o", "deep/out")
    assert (result.exit_code, texts(tmp_path / "deep")) == (1, {"out/s.tar/p10.txt": "10\n"})
    assert "its name leads out of the tar" in result.stderr


def test_a_table(run: Run, scans: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (scans / "bad.png").write_text("bad")
    assert run("read", "scans", "-o", "all.parquet").exit_code == 1
    found = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    expected = json.loads(run("read", "scans", "-f", "json").stdout)
    assert [record.pop("schema") for record in expected] == [1] * 5
    for record, other in zip(found, expected, strict=True):
        assert record["confidence"] == pytest.approx(other.pop("confidence"), rel=1e-6)
        for part, another in zip(
            record["words"] + record["characters"], other["words"] + other["characters"], strict=True
        ):
            assert part.pop("text") == another.pop("text")
            assert part.pop("alternatives", []) == another.pop("alternatives", []) == []
            assert part == pytest.approx(another, rel=1e-6)
        assert record == {**record, **other, "words": record["words"], "characters": record["characters"]}
    assert run("read", "scans", "-o", "told.parquet", "--block", "0", "--alternatives", "1").exit_code == 1
    told = {Path(record["path"]).name: record for record in parquet.read_table(tmp_path / "told.parquet").to_pylist()}
    assert (told["z.bmp"]["overruled"], told["z.bmp"]["fits"]) == (None, True)
    (expected,) = json.loads(run("read", "scans/a/x.jpg", "-f", "json", "--block", "0").stdout)
    assert told["x.jpg"]["overruled"] == {
        "text": "407",
        "confidence": pytest.approx(expected["overruled"]["confidence"], rel=1e-5),
        "cost": pytest.approx(expected["overruled"]["cost"], rel=1e-3),
    }
    result = run("read", "scans", "-o", "all.parquet", "-f", "json")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_a_table_without_its_library_is_refused_before_the_work(
    run: Run, scans: Path, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("read", "scans", "-o", "all.parquet")
    assert result.exit_code == 2
    assert result.stderr == "ocrnn: a .parquet needs pyarrow; pip install 'ocrnn[parquet]', or write .jsonl\n"
    assert not opened


# A process of its own


@no_windows
@pytest.mark.parametrize("arguments", [[], ["-o", "/dev/full"], ["-f", "json"]])
def test_a_full_disk_is_one_line(start: Start, bars_file: str, scans: Path, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    with open("/dev/full", "wb") as full:
        run = start("read", "scans", "-m", bars_file, *arguments, stdout=full)
    assert run.returncode == 2
    assert run.stderr.count(b"\n") == 1
    assert b"cannot be written (No space left on device)" in run.stderr


@no_windows
def test_a_disk_that_fills_up_keeps_the_old_file(start: Start, bars_file: str, scans: Path, tmp_path: Path) -> None:
    import resource

    (tmp_path / "all.json").write_text("old")

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    run = start(
        "read", "scans", "-m", bars_file, "-f", "json", "-o", "all.json", "--overwrite", preexec_fn=small, env=NO_CACHE
    )
    assert run.returncode == 2
    assert run.stderr.count(b"\n") == 1
    assert b"all.json: cannot be written (File too large)" in run.stderr
    assert (tmp_path / "all.json").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"all.json", "scans"}


NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}


@no_windows
def test_a_reader_that_goes_away_is_no_traceback(start: Start, bars_file: str, scans: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as pipe:
        run = start("read", "scans", "-m", bars_file, stdout=pipe)
    assert run.returncode == 1
    assert run.stderr == b""


@no_windows
def test_unusual_locales_and_names(start: Start, bars: Bars, bars_file: str, tmp_path: Path) -> None:
    names = ["ſ€.png", "tab\there.png", os.fsdecode(b"\xff.png")]
    for name in names:
        try:
            bars.save(tmp_path / "in" / name, "1")
        except OSError:
            pytest.skip("the file system takes no such names")
    run = start("read", "in", "-m", bars_file, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert run.returncode == 0
    assert sorted(run.stdout.splitlines()) == sorted(
        [b"in/tab\\there.png\t1", "in/ſ€.png\t1".encode(), b"in/\xff.png\t1"]
    )


@no_windows
@pytest.mark.parametrize("output", [["-o", "out"], ["-o", "all.txt"], ["-f", "json"]])
def test_an_interrupt_loses_nothing_that_is_done(
    root: Path, bars: Bars, bars_file: str, tmp_path: Path, output: list[str]
) -> None:
    status, out, err = stopped(root, bars, bars_file, tmp_path, output, signal.SIGINT)
    assert status == 130
    assert err[-1] == "ocrnn: interrupted"
    assert (tmp_path / "failed.tsv").read_text().count("\n") == 1
    if output == ["-f", "json"]:
        assert [item["text"] for item in json.loads(out)] == ["1", "2"]
    elif output == ["-o", "out"]:
        assert texts(tmp_path / "out") == {"1.txt": "1\n", "2.txt": "2\n"}
    else:
        assert {path.name for path in tmp_path.iterdir()} == {"in", "failed.tsv"}


@no_windows
@pytest.mark.parametrize("output", [["-o", "out"], ["-o", "all.txt"], ["-f", "json"]])
def test_a_run_that_is_asked_to_end_leaves_no_half_file(
    root: Path, bars: Bars, bars_file: str, tmp_path: Path, output: list[str]
) -> None:
    status, out, _ = stopped(root, bars, bars_file, tmp_path, output, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert (tmp_path / "failed.tsv").read_text().count("\n") == 1
    left = {path.name for path in tmp_path.iterdir()} - {"in", "failed.tsv", "out"}
    assert not left
    if output == ["-f", "json"]:
        assert [item["text"] for item in json.loads(out)] == ["1", "2"]


@no_windows
def test_a_killed_run_goes_on_where_it_was(
    root: Path, bars: Bars, bars_file: str, tmp_path: Path, start: Start
) -> None:
    status, _, _ = stopped(root, bars, bars_file, tmp_path, ["-o", "out"], signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert texts(tmp_path / "out") == {"1.txt": "1\n", "2.txt": "2\n"}
    os.unlink(tmp_path / "in/3.png")
    bars.save(tmp_path / "in/3.png", "3")
    run = start("read", "in", "-m", bars_file, "-o", "out")
    assert b"2 read, 2 there already, 1 failed" in run.stderr
    assert texts(tmp_path / "out") == {f"{n}.txt": f"{n}\n" for n in (1, 2, 3, 4)}


def stopped(
    root: Path, bars: Bars, bars_file: str, folder: Path, output: list[str], number: int
) -> tuple[int, str, list[str]]:
    """Status, stdout and stderr of a run that got a signal while it waited for its fourth picture.

    One bad and two good ones were behind it: each of two jobs takes one or two of so few at a time.
    """
    (folder / "in").mkdir()
    (folder / "in/0.png").write_text("bad")
    for n in (1, 2, 4):
        bars.save(folder / f"in/{n}.png", str(n))
    os.mkfifo(folder / "in/3.png")
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ocrnn",
            "read",
            *(f"in/{n}.png" for n in range(5)),  # in a folder a pipe would not be opened
            "-m",
            bars_file,
            "-j2",
            "--failures",
            "failed.tsv",
            "-v",
            *output,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # The fourth picture is a pipe: it can be opened for writing once the run has opened it for reading.
        writing = os.open(folder / "in/3.png", os.O_WRONLY)
        time.sleep(1)  # pictures before it are still being read: with a tenth, too few were done on a busy machine
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        os.close(writing)
    return process.returncode, out, err.splitlines()


def test_a_picture_is_read_as_it_was_drawn(start: Start, bars: Bars, bars_file: str, tmp_path: Path) -> None:
    bars.save(tmp_path / "a.png", "31415926")
    run = start("read", "a.png", "-m", bars_file)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"31415926" + os.linesep.encode()[-1:], b"")


def test_the_shipped_model_reads_the_samples(start: Start, root: Path, latin: str) -> None:
    # Not the folder as a whole: samples/digits/make.py fills more of it.
    own = [*map(str, sorted((root / "samples").glob("*.png"))), str(root / "samples" / "pages")]
    run = start("read", *own, "-m", latin)
    assert run.returncode == 0
    read = dict(line.split("\t") for line in run.stdout.decode().splitlines())
    truth = {
        str(path): path.with_suffix(".gt.txt").read_text("utf-8").strip() for path in (root / "samples").glob("*.png")
    }
    for page in read_labels(root / "samples" / "pages").samples:
        truth[f"{page.label_file}#{page.name.split('/')[-1].removesuffix('.png')}"] = page.text
    assert read == truth


def doubtful(bars: Bars, path: Path, text: str) -> None:
    """Draw a text whose last character stands halfway between two."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = bars.draw(text)
    half = bars.draw("4")[:, 4:12].copy()
    half[40 - 11 :] = 0  # 5 is as high as 10 rows, 6 as 12
    grey[:, -8:] = half
    Image.fromarray(grey).save(path)


def test_doubtful_lines_go_on_a_list(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "scans" / "1.png", "123")
    doubtful(bars, tmp_path / "scans" / "2.png", "124")
    result = run("read", "scans", "--review", "review.tsv", "--min-conf", "0.6")
    assert result.exit_code == 0
    assert ", 1 doubtful, " in result.stderr
    rows = [line.split("\t") for line in (tmp_path / "review.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["path", "text", "confidence"]
    assert len(rows) == 2 and rows[1][0] == os.path.join("scans", "2.png") and 0 < float(rows[1][2]) < 0.6
    assert "\t".join(rows[1][:2]) in result.stdout
    assert run("read", "scans", "--review", "all.tsv", "--min-conf", "1").stderr.count(", 2 doubtful, ") == 1
    assert run("read", "scans", "--review", "none.tsv", "--min-conf", "0", "-q").stderr == ""
    assert (tmp_path / "none.tsv").read_text(encoding="utf-8") == "path\ttext\tconfidence\n"


def test_a_run_that_goes_on_keeps_its_list(run: Run, bars: Bars, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        doubtful(bars, tmp_path / "scans" / f"{number}.png", "124")
    run("read", "scans", "-o", "texts", "--review", "review.tsv")
    whole = (tmp_path / "review.tsv").read_text(encoding="utf-8")
    assert whole.count("\n") == 4
    (tmp_path / "texts" / "3.txt").unlink()
    result = run("read", "scans", "-o", "texts", "--review", "review.tsv")
    assert "1 read, 2 there already, 0 failed, 1 doubtful" in result.stderr
    assert (tmp_path / "review.tsv").read_text(encoding="utf-8") == whole
    assert "0 read, 3 there already" in run("read", "scans", "-o", "texts", "--review", "review.tsv").stderr
    assert (tmp_path / "review.tsv").read_text(encoding="utf-8") == whole
    run("read", "scans", "-o", "texts", "--review", "review.tsv", "--overwrite", "--min-conf", "0.1")
    assert (tmp_path / "review.tsv").read_text(encoding="utf-8").count("\n") == 1


def test_a_list_that_cannot_be_is_refused_early(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "1.png", "123")
    lost = run("read", "1.png", "--min-conf", "0.5")
    assert lost.exit_code == 2 and "--min-conf" in lost.stderr and "--review FILE" in lost.stderr
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for place in ("notes.txt", "nosuch/review.tsv", "2.png"):
        refused = run("read", "1.png", "--review", place)
        assert refused.exit_code == 2 and refused.stdout == "" and refused.stderr.count("\n") == 1
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert run("read", "1.png", "--review", "r.tsv", "--min-conf", "95").exit_code == 2


def test_lines_on_their_side_and_on_their_head_are_read_with_turn_auto(run: Run, bars: Bars, tmp_path: Path) -> None:
    bars.save(tmp_path / "line.png", "84071")
    lying = tmp_path / "lying.png"
    Image.open(tmp_path / "line.png").rotate(90, expand=True).save(lying)
    (record,) = json.loads(run("read", lying, "-f", "json", "--turn", "auto").stdout)
    assert (record["text"], record["turned_deg"], record["width_px"], record["height_px"]) == ("84071", 90, 40, 64)
    (record,) = json.loads(run("read", lying, "-f", "json").stdout)
    assert record["turned_deg"] == 0 and record["text"] != "84071"


def test_a_picture_of_several_lines_is_named_and_read(run: Run, bars: Bars, tmp_path: Path) -> None:
    gap = np.full((16, 148), 255, np.uint8)
    Image.fromarray(np.vstack([bars.draw("989898989898"), gap, bars.draw("898989898989")])).save(tmp_path / "two.png")
    result = run("read", "two.png")
    assert result.exit_code == 0 and result.stdout
    assert result.stderr == "ocrnn: two.png: seems to hold several lines of text; cut it into lines first\n"
    assert run("read", "two.png", "-q").stderr == ""
    (record,) = json.loads(run("read", "two.png", "-f", "json", "-q").stdout)
    assert record["several_lines"] is True


def test_an_animation_is_a_line_for_each_frame_or_one_line(run: Run, bars: Bars, tmp_path: Path) -> None:
    first, *rest = (Image.fromarray(bars.draw(text)) for text in ("407", "408", "407"))
    first.save(tmp_path / "clip.gif", save_all=True, append_images=rest)
    assert run("read", "clip.gif").stdout == "407\n408\n407\n"
    assert run("read", "clip.gif", "--frames", "fuse").stdout == "407\n"
    (record,) = json.loads(run("read", "clip.gif", "-f", "json", "--frames", "fuse").stdout)
    assert (record["frames"], record["path"]) == (3, "clip.gif")


@pytest.mark.parametrize("library", [object(), None])
def test_where_the_c_library_has_no_arenas_they_are_left_alone(
    library: object | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of macOS and musl lack the call, and Windows refuses to open what has no name."""

    def opened(_: None) -> object:
        if library is None:
            raise TypeError
        return library

    monkeypatch.setattr("ctypes.CDLL", opened)
    read._few_arenas()
