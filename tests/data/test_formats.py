"""Label files as other tools write them give their samples; each way to spoil one is named, with line and way out."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from ocrnn.data.labels import LabelSet, read_labels
from ocrnn.errors import LabelError

TRUTH = {
    "1.png": "Straße 7",
    "2.png": 'say "no", \\n',
    "3.png": "𝔄 – 12,50 €",
    "sub/4.png": "007",
}


def pictures(folder: Path, names: Mapping[str, str]) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 16), 255).save(file)
    return folder


def texts(labels: LabelSet) -> dict[str, str]:
    return {sample.name: sample.text for sample in labels.samples}


def lines(labels: LabelSet, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}{os.sep}", "") for problem in labels.problems]


# --- files as the tools write them; each writer gives the names of the pictures it is about ---


def doctr(folder: Path, indent: int | None = None, ensure_ascii: bool = True) -> str:
    with open(folder / "labels.json", "w", encoding="utf-8") as file:
        json.dump(TRUTH, file, indent=indent, ensure_ascii=ensure_ascii)
    return "images/"


def image_folder(folder: Path) -> str:
    with open(folder / "metadata.jsonl", "w", encoding="utf-8") as file:
        for number, (name, text) in enumerate(TRUTH.items()):
            file.write(json.dumps({"file_name": name, "text": text, "label": number, "box": [0, 1]}) + "\n")
    return ""


def image_folder_in_parts(folder: Path) -> str:
    (folder / "train").mkdir()
    return "train/" + image_folder(folder / "train")


def image_folder_csv(folder: Path) -> str:
    with open(folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)  # with CRLF
        table.writerow(["label", "file_name", "text"])
        table.writerows([number, *row] for number, row in enumerate(TRUTH.items()))
    return ""


def json_lines(folder: Path) -> str:
    (folder / "labels.jsonl").write_text(
        "".join(
            json.dumps({"Image": name, "Transcription": text}, ensure_ascii=False) + "\n\n"
            for name, text in TRUTH.items()
        ),
        "utf-8-sig",
    )
    return ""


def ppocrlabel(folder: Path, end: str = "\n") -> str:
    with open(folder / "rec_gt.txt", "w", encoding="utf-8", newline=end) as file:
        for name, text in TRUTH.items():
            file.write("crop_img/" + name + "\t")
            file.write(text + "\n")
    return "crop_img/"


def paddleocr_from_above(folder: Path) -> str:
    """As in its guide: data_dir is the folder that the trainer is started in."""
    (folder / "rec").mkdir()
    (folder / "rec" / "rec_gt_train.txt").write_text(
        "".join(f"{folder.name}/rec/train/{name}\t{text}\n" for name, text in TRUTH.items()), "utf-8"
    )
    return "rec/train/"


def paddleocr_absolute(folder: Path) -> str:
    """As gen_ocr_train_val_test.py copies its lines."""
    (folder / "rec_gt_val.txt").write_text(
        "".join(f"{folder.absolute()}/val/{name}\t{text}\n" for name, text in TRUTH.items()), "utf-8"
    )
    return "val/"


def paddleocr_split(folder: Path, ending: str = "") -> str:
    """As gen_ocr_train_val_test.py calls its lists, and as the configurations do."""
    for part, name in zip(("train", "train", "val", "test"), TRUTH, strict=True):
        with open(folder / f"{part}{ending}.txt", "a", encoding="utf-8") as file:
            file.write(f"{folder.absolute()}/rec/{name}\t{TRUTH[name]}\n")
    return "rec/"


def benchmark(folder: Path) -> str:
    (folder / "lists").mkdir()
    (folder / "lists" / "gt.txt").write_text("".join(f"test/{name}\t{text}\n" for name, text in TRUTH.items()), "utf-8")
    return "test/"


WRITERS: dict[str, Callable[[Path], str]] = {
    "docTR": doctr,
    "docTR, a pair on each line": lambda folder: doctr(folder, indent=4),
    "docTR, letters as they are": lambda folder: doctr(folder, ensure_ascii=False),
    "ImageFolder": image_folder,
    "ImageFolder of parts": image_folder_in_parts,
    "ImageFolder, CSV": image_folder_csv,
    "JSON lines": json_lines,
    "PPOCRLabel": ppocrlabel,
    "PPOCRLabel on Windows": lambda folder: ppocrlabel(folder, "\r\n"),
    "PaddleOCR, from above": paddleocr_from_above,
    "PaddleOCR, absolute": paddleocr_absolute,
    "PaddleOCR, split": paddleocr_split,
    "PaddleOCR, lists": lambda folder: paddleocr_split(folder, "_list"),
    "deep-text-recognition-benchmark": benchmark,
}


@pytest.mark.parametrize("tool", WRITERS)
@pytest.mark.parametrize("relative", [False, True])
def test_what_a_tool_writes_gives_its_samples(
    tool: str, relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(folder)
    below = WRITERS[tool](folder)
    truth = {f"{below}{name}": text for name, text in TRUTH.items()}
    pictures(folder, truth)
    labels = read_labels("." if relative else folder)
    assert texts(labels) == truth
    assert labels.problems == ()
    assert all(sample.image.samefile(folder / sample.name) for sample in labels.samples)


def test_each_entry_knows_its_line(tmp_path: Path) -> None:
    pictures(tmp_path, TRUTH)
    (tmp_path / "metadata.jsonl").write_text('\n{"file_name": "1.png", "text": "a", "document": "B"}\n')
    (tmp_path / "labels.json").write_text('{\n\n"2.png":\n "b", "3.png": "c"\n}\n')
    (tmp_path / "gt.txt").write_text("sub/4.png\td\n")
    labels = read_labels(tmp_path)
    assert {sample.name: (sample.where.rsplit(os.sep)[-1], sample.document) for sample in labels.samples} == {
        "1.png": ("metadata.jsonl:2", "B"),
        "2.png": ("labels.json:3", ""),
        "3.png": ("labels.json:4", ""),
        "sub/4.png": ("gt.txt:1", "sub"),
    }
    assert labels.problems == ()


def test_forms_mixed_in_a_folder(tmp_path: Path) -> None:
    pictures(tmp_path, {f"{n}.png": "" for n in range(6)})
    (tmp_path / "gt.txt").write_text("0.png\ta\n")
    (tmp_path / "labels.json").write_text('{"0.png": "a", "1.png": "b"}')
    (tmp_path / "labels.tsv").write_text("1.png\tB\n2.png\tc\n")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "3.png", "text": "d"}\n')
    (tmp_path / "rec_gt.txt").write_text('["4.png", "5.png"]\te\n')
    (tmp_path / "3.txt").write_text("old")
    labels = read_labels(tmp_path)
    assert texts(labels) == {"0.png": "a", "1.png": "b", "2.png": "c", "3.png": "d", "4.png": "e", "5.png": "e"}
    assert [line.replace(f"{tmp_path}", "") for line in lines(labels, tmp_path)] == [
        "labels.json:1: 0.png already has this label at gt.txt:1; remove one of the two",
        "labels.tsv:1: 1.png already has another label at labels.json:1, which is taken: 'b'; "
        "keep the right one of the two",
        ": 1 pictures have a label in a table and another in a .txt beside them; the table's is taken; "
        "remove one of the two",
    ]


def test_what_is_tolerated_is_counted(tmp_path: Path) -> None:
    pictures(tmp_path, TRUTH)
    (tmp_path / "rec_gt.txt").write_bytes(b"\xef\xbb\xbf1.png\ta \r\n\r\n")
    (tmp_path / "labels.jsonl").write_bytes(b'\xef\xbb\xbf{"image": "2.png", "text": "e\\u0301"}\r\n \n')
    (tmp_path / "labels.json").write_bytes(b'\xef\xbb\xbf{"3.png": "c",\r\n\r\n"sub/4.png": "d"}')
    labels = read_labels(tmp_path)
    assert texts(labels) == {"1.png": "a", "2.png": "é", "3.png": "c", "sub/4.png": "d"}
    assert labels.problems == ()
    assert labels.tolerated == {
        "CRLF line ends": 5,
        "blank lines": 3,
        "byte order marks": 3,
        "spaces at the ends of texts": 1,
        "texts brought to NFC": 1,
    }


def test_gt_txt_beside_gt_png_is_its_text(tmp_path: Path) -> None:
    pictures(tmp_path, {"gt.png": "", "1.png": ""})
    (tmp_path / "gt.txt").write_text("one")
    (tmp_path / "1.txt").write_text("two")
    assert texts(read_labels(tmp_path)) == {"gt.png": "one", "1.png": "two"}


def test_a_path_counts_from_above_only_into_the_data_folder(tmp_path: Path) -> None:
    pictures(tmp_path, {"images/1.png": "", "data/images/2.png": "", "data/train/images/3.png": ""})
    (tmp_path / "data/train/gt.txt").write_text("images/1.png\ta\nimages/2.png\tb\nimages\\3.png\tc\n")
    labels = read_labels(tmp_path / "data")
    assert texts(labels) == {"images/2.png": "b", "train/images/3.png": "c"}
    assert [problem.where.rsplit(os.sep)[-1] for problem in labels.problems] == ["gt.txt:1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("mine.txt", "1.png\ta\n"), ("x.jsonl", '{"file_name": "1.png", "text": "a"}'), ("x.JSON", '{"1.png": "a"}')],
)
def test_a_table_under_any_name_by_its_path(name: str, content: str, tmp_path: Path) -> None:
    pictures(tmp_path, TRUTH)
    (tmp_path / name).write_text(content)
    labels = read_labels(tmp_path / name)
    assert texts(labels) == {"1.png": "a"}
    assert labels.problems == ()
    with pytest.raises(LabelError, match="no labels found for 4 pictures"):
        read_labels(tmp_path)


@pytest.mark.parametrize(
    "content", ["1.png\n2.png\n", "", "one\ttwo\n", '1.png\t[{"transcription": "a", "points": [[0, 1]]}]\n', "[]\ta\n"]
)
def test_a_list_of_something_else_is_none_of_labels(content: str, tmp_path: Path) -> None:
    pictures(tmp_path, TRUTH)
    (tmp_path / "train.txt").write_text(content)
    (tmp_path / "gt.txt").write_text("2.png\tb\n")
    assert texts(read_labels(tmp_path)) == {"2.png": "b"}
    (tmp_path / "gt.txt").unlink()
    with pytest.raises(LabelError, match="no labels found for 4 pictures") as caught:
        read_labels(tmp_path)
    assert "train.txt" not in str(caught.value)
    (tmp_path / "mine.txt").write_text("\ufeff1.png\ta\r\n", "utf-8")
    with pytest.raises(LabelError, match=r"; if mine.txt is the table of labels, give its path in place of the folder"):
        read_labels(tmp_path)


EMPTY = "the table is empty; write a picture and its text on each line"
OBJECT = 'write {"file_name": "line.png", "text": "its text"}'
WHOLE = 'mend it, as nothing behind it is read; the whole is {"line.png": "its text", ...}'

SPOILED: dict[str, tuple[str, str | bytes, str]] = {
    "a space for a tab": (
        "rec_gt.txt",
        "1.png\tone\n2.png two\n",
        "rec_gt.txt:2: no tab in '2.png two'; write the picture, a tab, and its text",
    ),
    "a tab in a text": (
        "gt.txt",
        "1.png\tone\n2.png\ttwo\tthree\n",
        "gt.txt:2: 3 cells where 2 are expected; take the tabs out of the text",
    ),
    "no text in a list": (
        "rec_gt_train.txt",
        "1.png\tone\n2.png\t\n",
        "rec_gt_train.txt:2: the label of 2.png is empty; write its text or remove the line",
    ),
    "a list of nothing": (
        "rec_gt.txt",
        "1.png\tone\n[]\ttwo\n",
        "rec_gt.txt:2: '[]' is not the name of a picture; write the picture first, then its text; "
        "call the columns image and text if this line names them",
    ),
    "an empty list": ("gt.txt", "\n", f"gt.txt: {EMPTY}"),
    "Latin-1": (
        "gt.txt",
        b"1.png\tone\n2.png\t\xe9\n",
        "gt.txt:2: byte 0xe9 is not UTF-8 ('2.png\\t\ufffd'); save the file as UTF-8",
    ),
    "a picture gone": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "3.png", "text": "three"}\n',
        "metadata.jsonl:2: no picture at 3.png; check the path, which counts from the folder of the labels",
    ),
    "a comma forgotten": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "2.png" "text": "two"}\n',
        f"metadata.jsonl:2: not JSON at column 23 (Expecting ',' delimiter); {OBJECT}",
    ),
    "brackets without end": (
        "labels.jsonl",
        '{"file_name": "1.png", "text": "one"}\n' + "[" * 200_000,
        f"labels.jsonl:2: not JSON of a label; {OBJECT}",
    ),
    "a list for an object": (
        "labels.jsonl",
        '["2.png", "two"]\n{"file_name": "1.png", "text": "one"}\n',
        f"labels.jsonl:1: a list where an object is expected; {OBJECT}",
    ),
    "no picture": (
        "labels.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"text": "two"}\n',
        "labels.jsonl:2: no picture is named; write the picture's path as file_name",
    ),
    "a number for a picture": (
        "labels.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": 2, "text": "two"}\n',
        "labels.jsonl:2: '2' is not the name of a picture; write its path",
    ),
    "no text": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "2.png", "prompt": "two"}\n',
        "metadata.jsonl:2: no text is written for 2.png; write it as text",
    ),
    "a number for a text": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "2.png", "text": 12.50}\n',
        "metadata.jsonl:2: the label of 2.png is a number and no text; write the text between quotes",
    ),
    "half a character": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "2.png", "text": "\\ud835"}\n',
        "metadata.jsonl:2: the label holds half a character, U+D835; write the character that the picture shows",
    ),
    "a line break in a text": (
        "metadata.jsonl",
        '{"file_name": "1.png", "text": "one"}\n{"file_name": "2.png", "text": "t\\nwo"}\n',
        "metadata.jsonl:2: the label holds a control character, U+000A; write the character that the picture shows",
    ),
    "empty JSON lines": ("labels.jsonl", "", f"labels.jsonl: {EMPTY}"),
    "docTR: a comma forgotten": (
        "labels.json",
        '{\n  "1.png": "one"\n  "2.png": "two"\n}',
        f"labels.json:3: not JSON at column 3 (Expecting ',' or '}}'); {WHOLE}",
    ),
    "docTR: cut off": (
        "labels.json",
        '{"1.png": "one", "2.png": "tw',
        f"labels.json:1: not JSON at column 27 (Unterminated string starting at); {WHOLE}",
    ),
    "docTR: a comma too many": (
        "labels.json",
        '{"1.png": "one",}',
        f"labels.json:1: not JSON at column 17 (Expecting the name of a picture in double quotes); {WHOLE}",
    ),
    "docTR: two objects": (
        "labels.json",
        '{"1.png": "one"}\n{"2.png": "two"}',
        f"labels.json:2: not JSON at column 1 (Extra data); {WHOLE}",
    ),
    "docTR: a list": (
        "labels.json",
        '[{"1.png": "one"}]',
        f"labels.json:1: not JSON at column 1 (Expecting an object of names and texts); {WHOLE}",
    ),
    "docTR: brackets without end": (
        "labels.json",
        '{"1.png": "one",\n"2.png": ' + "[" * 200_000,
        'labels.json: not JSON of labels; write {"line.png": "its text", ...}',
    ),
    "docTR: null": (
        "labels.json",
        '{"1.png": "one",\n"2.png": null}',
        "labels.json:2: the label of 2.png is null and no text; write the text between quotes",
    ),
    "docTR: of words on pages": (
        "labels.json",
        '{"1.png": "one",\n"2.png": {"polygons": [], "labels": []}}',
        "labels.json:2: the label of 2.png is an object and no text; write the text between quotes",
    ),
    "docTR: a picture gone": (
        "labels.json",
        '{"1.png": "one",\n"3.png": "three"}',
        "labels.json:2: no picture at images/3.png; check the path, which counts from images beside the labels",
    ),
    "docTR: a name twice": (
        "labels.json",
        '{"1.png": "one",\n"1.png": "eins"}',
        "labels.json:2: 1.png already has another label at labels.json:1, which is taken: 'one'; "
        "keep the right one of the two",
    ),
    "docTR: Latin-1": (
        "labels.json",
        b'{\n"2.png": "\xe9",\n"1.png": "one"}',
        'labels.json:2: byte 0xe9 is not UTF-8 (\'"2.png": "\ufffd",\'); save the file as UTF-8',
    ),
    "docTR: nothing": ("labels.json", "{ }", f"labels.json: {EMPTY}"),
    "CSV about something else": (
        "metadata.csv",
        "file_name,width\n1.png,640\n",
        "metadata.csv:1: no column of pictures and of texts is named; "
        "call them file_name and text, or rename the file if it is not about lines",
    ),
}


WHOLLY_SPOILED = {"an empty list", "empty JSON lines", "docTR: a list", "docTR: nothing", "CSV about something else"}


@pytest.mark.parametrize("fault", SPOILED)
def test_each_spoiled_table_is_named_with_line_reason_and_way_out(fault: str, tmp_path: Path) -> None:
    name, content, expected = SPOILED[fault]
    pictures(tmp_path, {"1.png": "", "2.png": ""})
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    labels = read_labels(tmp_path)
    found = lines(labels, tmp_path)
    # One bad entry costs only itself, and is told once.
    assert [line for line in found if "the picture has no label" not in line] == [expected]
    assert texts(labels) == ({} if fault in WHOLLY_SPOILED else {"1.png": "one"})


def test_any_bytes_make_samples_or_problems(tmp_path: Path) -> None:
    rng = random.Random(5)
    pieces = [b'"1.png"', b"1.png", b"\t", b",", b":", b"{", b"}", b"[", b"]", b'"', b"\n", b"\r\n", b" ", b"text"]
    pieces += [b'"file_name":', b'"text":', b"null", b"1e999", b"\\ud800", b"\xff", b"\0", b"\xef\xbb\xbf", b"\xc3\xa9"]
    pictures(tmp_path, {"1.png": ""})
    for trial in range(400):
        table = tmp_path / ("labels.json", "labels.jsonl", "rec_gt.txt")[trial % 3]
        start = (b"{", b'{"file_name": "1.png", ', b"")[trial % 3] if trial % 2 else b""
        table.write_bytes(start + b"".join(rng.choices(pieces, k=rng.randrange(1, 20))))
        labels = read_labels(tmp_path)
        assert labels.samples or labels.problems
        assert all("\n" not in str(problem) and problem.remedy for problem in labels.problems)
        table.unlink()


def test_the_pairs_of_an_object_are_those_json_reads(tmp_path: Path) -> None:
    rng = random.Random(8)
    for _ in range(60):
        truth = {f"{rng.random()}.png": "".join(rng.choices('a"\\/é𝔄:,{}[]', k=9)) for _ in range(rng.randrange(1, 9))}
        file = io.StringIO()
        json.dump(truth, file, indent=rng.choice([None, 1, 4]), ensure_ascii=rng.random() < 0.5)
        pictures(tmp_path, {f"images/{name}": "" for name in truth})
        (tmp_path / "labels.json").write_text(file.getvalue(), "utf-8")
        read = texts(read_labels(tmp_path / "labels.json"))
        assert read == {f"images/{name}": text for name, text in truth.items()}
