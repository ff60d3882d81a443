"""Lines packed as WebDataset packs them are the lines that went in, one at a time and in flat memory."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.labels import read_labels
from ocrnn.data.lines import blocks, chosen, joined
from ocrnn.data.samples import Sample
from ocrnn.errors import ImageError, LabelError


def png(shade: int = 255, width: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, 16), shade).save(file, "PNG")
    return file.getvalue()


def shard(path: Path, files: Mapping[str, str | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def of(numbers: range, ending: str = "txt") -> dict[str, str | bytes]:
    """Files of lines whose picture has the shade of their number, and whose text is that number."""
    files: dict[str, str | bytes] = {}
    for number in numbers:
        files[f"{number:04}.png"] = png(number)
        files[f"{number:04}.{ending}"] = json.dumps({"text": str(number)}) if ending == "json" else f"{number}\n"
    return files


@pytest.mark.parametrize("ending", ["txt", "gt.txt", "json"])
def test_each_line_is_found_by_its_number(ending: str, tmp_path: Path) -> None:
    for number, lines in enumerate([range(3), range(3, 10), range(10, 11)]):
        shard(tmp_path / "in" / f"{number}.tar", of(lines, ending))
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert [sample.text for sample in labels.samples] == [str(n) for n in range(11)]
    for number in (10, 0, 5, 2, 3, -1):
        sample = labels.samples[number]
        assert (sample.text, int(sample.load()[0, 0])) == (str(number % 11), number % 11)
    assert [sample.text for sample in labels.samples[2:9:3]] == ["2", "5", "8"]
    with pytest.raises(IndexError):
        labels.samples[11]
    assert blocks(labels.samples) == [3, 10, 11]
    assert pickle.loads(pickle.dumps(labels.samples[4])) == labels.samples[4]
    assert len({sample.key for sample in labels.samples}) == 11


def test_webdatasets_own_writer(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    truth = {f"book{n % 3}/page.1/{n:03}": f"línea {n}" for n in range(25)}
    with wds.ShardWriter(str(tmp_path / "lines-%03d.tar"), maxcount=10, verbose=0) as writer:
        for number, (key, text) in enumerate(truth.items()):
            grey = np.full((20, 40 + number, 3), 5 * number, np.uint8)
            label = {"json": {"text": text, "document": "D"}} if number % 2 else {"txt": text}
            writer.write({"__key__": key, "png": grey, **label})
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert {sample.name: sample.text for sample in labels.samples} == {f"{k}.png": t for k, t in truth.items()}
    assert [sample.document for sample in labels.samples][:4] == ["book0", "D", "book2", "D"]
    assert [sample.load().shape for sample in labels.samples] == [(20, 40 + n) for n in range(25)]
    assert [int(sample.load()[3, 3]) for sample in labels.samples] == [5 * n for n in range(25)]
    assert [sample.image.name for sample in labels.samples][9:11] == ["lines-000.tar", "lines-001.tar"]


def test_gnu_tar_with_names_sorted(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for name, content in of(range(20)).items():
        (tmp_path / "files" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    command = ["tar", "--sort=name", "-cf", str(tmp_path / "x.tar"), "-C", str(tmp_path / "files"), "."]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no GNU tar here")
    labels = read_labels(tmp_path / "x.tar")
    assert labels.problems == ()
    assert [sample.text for sample in labels.samples] == [str(n) for n in range(20)]


def test_a_name_in_json_goes_before_that_in_the_shard(tmp_path: Path) -> None:
    told = {"name": "book/page/7.jpg", "document": "", "text": "a"}
    shard(tmp_path / "x.tar", {"000.png": png(), "000.json": json.dumps(told)})
    [sample] = read_labels(tmp_path).samples
    assert (sample.name, sample.document) == ("book/page/7.jpg", "book")


def test_files_and_shards_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_text("a")
    shard(tmp_path / "x.tar", of(range(5)))
    labels = read_labels(tmp_path)
    assert [sample.text for sample in labels.samples] == ["a", "0", "1", "2", "3", "4"]
    assert blocks(labels.samples) == [1, 6]
    some = chosen(labels.samples, [0, 2, 5])
    assert [sample.text for sample in some] == ["a", "1", "4"] == [some[n].text for n in range(3)]
    assert [sample.text for sample in chosen(some, [2, 0])] == ["4", "a"]
    assert blocks(some) == [1, 3]
    twice = joined([some, labels.samples, ()])
    assert [twice[n].text for n in range(len(twice))] == [sample.text for sample in twice]
    assert blocks(twice) == [1, 3, 4, 9]


def test_samples_in_memory_stay_a_tuple() -> None:
    samples = tuple(Sample(Path(f"{n}.png"), str(n)) for n in range(4))
    assert joined([samples[:1], (), samples[1:]]) == samples
    assert chosen(samples, [3, 1]) == (samples[3], samples[1])
    assert blocks(samples) == [4]


ASIDE = "let its files follow one another in the shard, as `tar --sort=name` and `ocrnn data pack` do"

SPOILED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "no text": ({"1.png": png()}, f"x.tar/1.png: the picture has no label; {ASIDE}"),
    "no picture": ({"1.txt": "one"}, f"x.tar/1.txt: the label has no picture; {ASIDE}"),
    "an empty text": (
        {"1.png": png(), "1.txt": " \n"},
        "x.tar/1.txt: the label of 1.png of x.tar is empty; write its text or remove the line",
    ),
    "two lines": (
        {"1.png": png(), "1.txt": "one\n\ntwo\n"},
        "x.tar/1.txt:3: 2 lines of text for one picture of a line; keep the line that the picture shows; "
        "lines of a page stand in PAGE or ALTO, or are cut out first",
    ),
    "Latin-1": (
        {"1.png": png(), "1.txt": b"\xe9"},
        "x.tar/1.txt:1: byte 0xe9 is not UTF-8 ('\ufffd'); save the file as UTF-8",
    ),
    "no JSON": (
        {"1.png": png(), "1.json": "{text: 1}"},
        'x.tar/1.json: not a JSON object; write {"text": "its text"}',
    ),
    "JSON brackets without end": (
        {"1.png": png(), "1.json": "[" * 100_000},
        'x.tar/1.json: not a JSON object; write {"text": "its text"}',
    ),
    "a number for a text": (
        {"1.png": png(), "1.json": '{"text": 1}'},
        "x.tar/1.json: no text is written for 1.png; write it as text",
    ),
    "a text as long as a book": (
        {"1.png": png(), "1.txt": "a" * (1 << 21)},
        "x.tar/1.txt: 2097152 bytes are no text of a line; mend the shard",
    ),
    "a control character": (
        {"1.png": png(), "1.json": '{"text": "a\\nb"}'},
        "x.tar/1.json: the label holds a control character, U+000A; write the character that the picture shows",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_each_spoiled_member_is_named_and_costs_only_itself(fault: str, tmp_path: Path) -> None:
    files, expected = SPOILED[fault]
    shard(tmp_path / "x.tar", {**of(range(2)), **{f"bad{name}": data for name, data in files.items()}, "z.txt.md": ""})
    labels = read_labels(tmp_path)
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in labels.problems] == [
        expected.replace("1.", "bad1.", 2) if expected.count("1.png of") else expected.replace("1.", "bad1.")
    ]
    assert [sample.text for sample in labels.samples] == ["0", "1"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[:3500], "x.tar: the shard is cut off or damaged behind '0001'; pack it again"),
        (lambda data: b"\x1f\x8b" + data, "x.tar: the shard is compressed; unpack it with gunzip, bunzip2 or unxz"),
        (lambda data: b"", "x.tar: the shard is empty; pack it again"),
    ],
)
def test_a_spoiled_shard_is_named(spoil: object, reason: str, tmp_path: Path) -> None:
    whole = shard(tmp_path / "x.tar", of(range(3))).read_bytes()
    (tmp_path / "x.tar").write_bytes(spoil(whole))  # type: ignore[operator]
    problems = read_labels(tmp_path).problems
    assert reason in str(problems[-1])


def test_a_shard_that_changes_under_way_is_said(tmp_path: Path) -> None:
    path = shard(tmp_path / "x.tar", of(range(3)))
    samples = read_labels(tmp_path).samples
    sample = samples[2]
    shard(path, {"1.txt": "one"})
    with pytest.raises(LabelError, match=r"x\.tar: has changed since it was looked through; start again"):
        samples[2]
    path.unlink()
    with pytest.raises(LabelError, match=r"x\.tar: cannot be read"):
        samples[0]
    with pytest.raises(ImageError, match=r"x\.tar: cannot be read"):
        sample.load()


def test_a_damaged_picture_is_named_with_its_shard(tmp_path: Path) -> None:
    shard(tmp_path / "x.tar", {"1.png": png()[:50], "1.txt": "a", "2.png": b"", "2.txt": "a"})
    samples = read_labels(tmp_path).samples
    with pytest.raises(ImageError, match=r"x\.tar: 1\.png: the picture is damaged"):
        samples[0].load()
    with pytest.raises(ImageError, match=r"x\.tar: 2\.png: the file is empty"):
        samples[1].load()


def test_an_object_beside_no_picture_is_about_something_else_whatever_its_letters(tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", {**of(range(2)), "INDEX.JSON": "[]", "about.txt": "two lines"})
    labels = read_labels(tmp_path)
    assert len(labels.samples) == 2
    assert [problem.what for problem in labels.problems] == ["the label has no picture"]
    assert labels.problems[0].where.endswith("about.txt")
