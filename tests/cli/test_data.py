"""What is packed, converted or split holds the lines that went in; other tools read it as their own."""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pytest
from PIL import Image

from ocrnn.cli.data import command
from ocrnn.data.labels import read_labels
from ocrnn.data.samples import Sample

if TYPE_CHECKING:
    from tests.cli.conftest import Run

TEXTS = {
    "book/page_1/001.png": "Straße 7",
    "book/page_1/002.jpg": 'a, "b"',
    "book/page_2/001.bmp": "[1] x\\t",
    "other/7.v2.png": "œuvre  d’art",
    "other/[8].png": "l'été",
    "other/ä.png": "ſ",
}

PAGE = """<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="scan.png" imageWidth="90" imageHeight="60"><TextRegion id="r"><TextLine id="l1">
<Coords points="5,5 80,5 80,25 5,25"/><TextEquiv><Unicode>first</Unicode></TextEquiv></TextLine><TextLine id="l2">
<Coords points="5,30 80,30 80,50 5,50"/><TextEquiv><Unicode>second</Unicode></TextEquiv></TextLine></TextRegion>
</Page></PcGts>"""


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    folder = tmp_path / "lines"
    for number, name in enumerate(TEXTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 40 + number), 30 * number, np.uint8)).save(folder / name)
    rows = (f"{name}\t{text}\t{'D' if 'other' in name else ''}\n" for name, text in TEXTS.items())
    (folder / "labels.tsv").write_text("image\ttext\tdocument\n" + "".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "pages" / "sub"
    folder.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (60, 90), np.uint8)).save(folder / "scan.png")
    (folder / "scan.xml").write_text(PAGE, encoding="utf-8")
    return folder.parent


def told(folder: Path) -> list[tuple[str, str, str]]:
    labels = read_labels(folder)
    assert labels.problems == ()
    return sorted((sample.name, sample.text, sample.document) for sample in labels.samples)


def pixels(folder: Path) -> dict[str, bytes]:
    return {sample.name: sample.load().tobytes() for sample in read_labels(folder).samples}


@pytest.mark.parametrize("form", ["gt", "tsv", "jsonl", "paddleocr", "tar"])
def test_every_form_holds_the_lines_that_went_in(run: Run, form: str, lines: Path, tmp_path: Path) -> None:
    result = run("data", "convert", lines, "-o", tmp_path / "out", "-f", form, "--lines", "4")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "6 lines written, 0 left out" in result.stderr
    keeps_documents = form in ("tsv", "jsonl", "tar")
    expected = sorted(
        (name, text, "D" if "other" in name and keeps_documents else name.split("/")[0]) for name, text in TEXTS.items()
    )
    assert told(tmp_path / "out") == expected
    copies = {sample.name: sample.read() for sample in read_labels(tmp_path / "out").samples}
    assert copies == {name: (lines / name).read_bytes() for name in TEXTS}


def test_from_each_form_to_each_other(run: Run, lines: Path, tmp_path: Path) -> None:
    before = lines
    for number, form in enumerate(["jsonl", "tar", "gt", "paddleocr", "tar", "tsv"]):
        after = tmp_path / f"{number}"
        assert run("data", "convert", before, "-o", after, "-f", form, "-q").exit_code == 0
        before = after
    assert [(name, text) for name, text, _ in told(before)] == sorted(TEXTS.items())
    assert pixels(before) == pixels(lines)


@pytest.mark.parametrize("form", ["gt", "tar"])
def test_lines_of_pages_are_cut_out(run: Run, form: str, page: Path, tmp_path: Path) -> None:
    assert run("data", "convert", page, "-o", tmp_path / "out", "-f", form).exit_code == 0
    assert told(tmp_path / "out") == told(page)
    assert [name for name, _, _ in told(page)] == ["sub/scan/l1.png", "sub/scan/l2.png"]
    assert pixels(tmp_path / "out") == pixels(page)
    grey = np.asarray(Image.open(page / "sub" / "scan.png"))
    assert pixels(tmp_path / "out")["sub/scan/l2.png"] == grey[30:50, 5:80].tobytes()


def test_shards_are_of_the_size_asked_for_and_the_same_each_time(run: Run, lines: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run("data", "pack", lines, "-o", tmp_path / name, "--lines", "4").exit_code == 0
    shards = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert shards == ["lines-000000.tar", "lines-000001.tar"]
    for shard, count in zip(shards, (4, 2), strict=True):
        assert (tmp_path / "one" / shard).read_bytes() == (tmp_path / "two" / shard).read_bytes()
        with tarfile.open(tmp_path / "one" / shard) as tar:  # Python's own, which checks it whole
            assert len(tar.getnames()) == 2 * count
    order = [sample.name for sample in read_labels(lines).samples]
    assert [sample.name for sample in read_labels(tmp_path / "one").samples] == order


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # its own
def test_webdataset_reads_what_is_packed(run: Run, lines: Path, tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    run("data", "pack", lines, "-o", tmp_path / "out")
    read = wds.WebDataset(str(tmp_path / "out" / "lines-000000.tar"), shardshuffle=False).decode("l8")
    found = {entry["json"]["name"]: entry for entry in read}
    assert {name: entry["json"]["text"] for name, entry in found.items()} == {
        name: unicodedata.normalize("NFC", text) for name, text in TEXTS.items()
    }
    assert found["book/page_1/001.png"]["png"].shape == (20, 40)


def test_hugging_faces_imagefolder_reads_jsonl(run: Run, lines: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    run("data", "convert", lines, "-o", tmp_path / "out", "-f", "jsonl")
    cache = str(tmp_path / "cache")
    read = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=cache)
    assert sorted(entry["text"] for entry in read) == sorted(TEXTS.values())
    sizes = {entry["text"]: entry["image"].size for entry in read}
    assert sizes[TEXTS["book/page_1/002.jpg"]] == (41, 20)


def test_paddleocrs_own_steps_read_its_form(run: Run, lines: Path, tmp_path: Path) -> None:
    """As SimpleDataSet does: a line is cut at its tab, the path counts from data_dir, there must be such a file."""
    run("data", "convert", lines, "-o", tmp_path / "out", "-f", "paddleocr")
    found = {}
    for line in (tmp_path / "out" / "rec_gt.txt").read_bytes().decode().splitlines():
        name, label = line.strip("\n").split("\t")
        assert (tmp_path / "out" / name).is_file()
        found[name] = label
    assert found == TEXTS


def test_names_never_lead_out_of_the_folder(run: Run, tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.new("L", (30, 10), 9).save(png, "PNG")
    names = ["../../out.png", "/etc/x.png", "..", "a:b?.png", "C:\\x.png", ".hidden/.y.png", "a/b.png", "a/b.jpg", ""]
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        for number, name in enumerate(names):
            label = json.dumps({"text": f"{number}", "name": name}).encode()
            for ending, data in ((".png", png.getvalue()), (".json", label)):
                info = tarfile.TarInfo(f"{number}{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    for form in ("gt", "tsv"):
        folder = tmp_path / "deep" / form
        assert run("data", "convert", tmp_path / "in.tar", "-o", folder, "-f", form).exit_code == 0
        assert {text: name for name, text, _ in told(folder)} == {
            "0": "out.png",
            "1": "etc/x.png",
            "2": "_.png",
            "3": "a_b_.png",
            "4": "C__x.png",
            "5": "hidden/y.png",
            "6": "a/b.png",
            "7": "a/b_2.png",
            "8": "8.png",
        }
        assert {path.name for path in tmp_path.iterdir()} == {"in.tar", "deep"}


def test_a_line_that_cannot_be_written_is_named(run: Run, page: Path, lines: Path, tmp_path: Path) -> None:
    (page / "sub" / "scan.png").write_bytes(b"no picture")
    with (lines / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write("gone.png\tx\ty\n")
    result = run("data", "pack", page, "-o", tmp_path / "1")
    assert result.exit_code == 1
    assert "scan.xml:2: " in result.stderr and "not a picture" in result.stderr
    assert "0 lines written, 2 left out" in result.stderr
    result = run("data", "pack", lines, "-o", tmp_path / "2")
    assert result.exit_code == 1
    assert "labels.tsv:8: no picture at" in result.stderr
    assert len(read_labels(tmp_path / "2").samples) == 6


@pytest.mark.parametrize("call", ["pack", "convert", "split", "stats"])
def test_of_what_is_no_line_the_first_ten_are_named(run: Run, call: str, lines: Path, tmp_path: Path) -> None:
    for number in range(20):
        Image.new("L", (40, 20)).save(lines / f"{number:02}.png")
    with (lines / "labels.tsv").open("a", encoding="utf-8") as labels:
        labels.write("gone.png\tx\t\n")
    result = run("data", call, lines, *([] if call == "stats" else ["-o", tmp_path / "out"]))
    assert result.exit_code == 1
    assert result.stderr.startswith("ocrnn: ") and "gone.png" in result.stderr.splitlines()[0], "what is lost first"
    assert result.stderr.count("has no label") == 9
    assert "ocrnn: and 11 more; `ocrnn check --all` names them all\n" in result.stderr
    assert call == "stats" or "6 lines written, 21 left out" in result.stderr


@pytest.mark.parametrize("form", ["tsv", "tar"])
def test_of_what_cannot_be_written_the_first_ten_are_named(run: Run, form: str, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "scan.png").write_bytes(b"no picture")
    line = PAGE[PAGE.index("<TextLine") : PAGE.index("</TextRegion>")]
    more = "".join(line.replace("l1", f"a{number}").replace("l2", f"b{number}") for number in range(6))
    (folder / "scan.xml").write_text(PAGE.replace(line, more), encoding="utf-8")
    result = run("data", "convert", folder, "-o", tmp_path / "out", "-f", form)
    assert result.exit_code == 1
    assert result.stderr.count("not a picture") == 10
    assert "ocrnn: and 2 more; `ocrnn check --all` names them all\n" in result.stderr
    assert "0 lines written, 12 left out" in result.stderr


def test_a_folder_that_holds_files_is_refused(run: Run, lines: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    for name in ("pack", "convert", "split"):
        result = run("data", name, lines, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "out: holds files already; give a folder that is new or empty" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_shard_under_way_has_no_name_yet(lines: Path, tmp_path: Path) -> None:
    from ocrnn.data.copies import copy_lines

    written = copy_lines(read_labels(lines).samples, tmp_path / "out", "tar", lines=4)
    for _ in range(3):
        next(written)
    assert [path.name[0] for path in (tmp_path / "out").iterdir()] == ["."]
    written.close()  # type: ignore[attr-defined]
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("by", ["line", "document"])
def test_a_split_written_down_is_the_one_of_training(run: Run, by: str, lines: Path, tmp_path: Path) -> None:
    from ocrnn.data.splits import split_by_hash

    result = run("data", "split", lines, "-o", tmp_path / "out", "--val-split", "0.4", "--split-by", by, "--seed", "3")
    assert result.exit_code == 0
    expected = split_by_hash(read_labels(lines).samples, 0.4, 3, by)  # type: ignore[arg-type]
    for part, samples in (("train", expected.train), ("val", expected.validation)):
        assert [name for name, _, _ in told(tmp_path / "out" / part)] == sorted(sample.name for sample in samples)
    assert f"{len(expected.train)} lines to train on, {len(expected.validation)} to validate with" in result.stderr


def test_one_line_is_not_called_lines(run: Run, lines: Path, tmp_path: Path) -> None:
    (lines / "labels.tsv").write_text("other/ä.png\ta\nother/[8].png\tb\n", encoding="utf-8")
    result = run("data", "split", lines, "-o", tmp_path / "out", "--val-split", "0.5")
    assert "1 line to train on, 1 to validate with" in result.stderr
    (lines / "labels.tsv").write_text("other/ä.png\ta\n", encoding="utf-8")
    assert "1 line written, " in run("data", "convert", lines, "-o", tmp_path / "one").stderr


def test_packing_leaves_every_line_on_its_side(run: Run, lines: Path, tmp_path: Path) -> None:
    from ocrnn.data.splits import split_by_hash

    run("data", "pack", lines, "-o", tmp_path / "out", "--lines", "2")

    def held_out(folder: Path) -> set[str]:
        return {sample.name for sample in split_by_hash(read_labels(folder).samples, 0.4).validation}

    assert held_out(tmp_path / "out") == held_out(lines)


def test_stats_count_by_hand(run: Run, lines: Path) -> None:
    result = run("data", "stats", lines, "--json")
    assert result.exit_code == 0
    stats = json.loads(result.stdout)
    text = "".join(TEXTS.values())
    assert stats["lines"] == 6
    assert stats["characters"] == {character: text.count(character) for character in text}
    assert stats["documents"] == {"D": 3, "book": 3}
    assert stats["length"] == {"least": 1, "median": (6 + 7) / 2, "most": 12}
    assert stats["width_px"] == {"least": 40, "median": 42.5, "most": 45}
    assert stats["height_px"] == {"least": 20, "median": 20, "most": 20}
    shown = run("data", "stats", lines).stdout
    assert "lines       6\n" in shown and "width       40 to 45, half of them up to 42.5 px" in shown
    assert "       3 D\n" in shown and "U+0020 space" in shown and "U+017F ſ" in shown


def test_stats_say_what_cannot_be_opened(run: Run, lines: Path) -> None:
    (lines / "other" / "ä.png").write_bytes(b"")
    result = run("data", "stats", lines)
    assert result.exit_code == 1
    assert "1 picture cannot be opened; `ocrnn check --all` names them" in result.stderr


def commands() -> list[str]:
    assert isinstance(command, click.Group)
    return list(command.commands)


@pytest.mark.parametrize("name", commands())
def test_each_command_of_the_group_helps(run: Run, name: str) -> None:
    result = run("data", name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: ocrnn data {name} ")
    assert f"  ocrnn data {name}" in result.stdout, "an example"
    assert "Exit status: 0 " in result.stdout
    assert "\\b" not in result.stdout
    for option in command.commands[name].params:
        assert not isinstance(option, click.Option) or (option.help and option.help.endswith((".", "]")))


@pytest.mark.parametrize("name", commands())
def test_a_folder_without_labels_is_wrong_use(run: Run, name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    output = [] if name == "stats" else ["-o", str(tmp_path / "out")]
    result = run("data", name, tmp_path / "empty", *output)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no labels found for 0 pictures; put" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_sample_of_one_page_of_several_is_written_as_a_picture_of_its_own(tmp_path: Path) -> None:
    from ocrnn.data.copies import copy_lines

    sheets = [Image.new("L", (30, 10), shade) for shade in (1, 2)]
    sheets[0].save(tmp_path / "scan.tif", save_all=True, append_images=sheets[1:])
    copies: Callable[..., Any] = copy_lines
    list(copies([Sample(tmp_path / "scan.tif", "b", page=1, name="scan.tif")], tmp_path / "out", "gt"))
    [sample] = read_labels(tmp_path / "out").samples
    assert (sample.name, int(sample.load()[0, 0])) == ("scan.png", 2)
