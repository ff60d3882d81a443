"""Each form of labels gives the same samples; each way to spoil one is named by file, line, reason and way out."""

from __future__ import annotations

import io
import os
import random
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from ocrnn.data.labels import LabelSet, Problem, Sample, read_labels
from ocrnn.errors import LabelError


def png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (64, 16), 255).save(file, "PNG")
    return file.getvalue()


PNG = png()


def laid(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder of files; pictures whose content is "" are drawn."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        is_text = file.suffix.lower() in {".txt", ".tsv", ".csv"}
        data = content.encode() if isinstance(content, str) else content
        file.write_bytes(data if is_text or data else PNG)
    return folder


def texts(labels: LabelSet) -> dict[str, str]:
    return {sample.name: sample.text for sample in labels.samples}


def lines(labels: LabelSet, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}{os.sep}", "") for problem in labels.problems]


TRUTH = {"images/2.png": "Straße 7", "images/10.png": "a, b"}
PICTURES: dict[str, str | bytes] = dict.fromkeys(TRUTH, "")
FORMS: dict[str, dict[str, str | bytes]] = {
    "gt.txt": {"images/2.gt.txt": "Straße 7\n", "images/10.gt.txt": "a, b"},
    "txt": {"images/2.txt": "Straße 7\n", "images/10.TXT": "a, b\n"},
    "both endings": {"images/2.gt.txt": "Straße 7", "images/2.txt": "what was read", "images/10.txt": "a, b"},
    "tsv": {"labels.tsv": "images/2.png\tStraße 7\nimages/10.png\ta, b\n"},
    "tsv beside": {"images/labels.tsv": "2.png\tStraße 7\n10.png\ta, b\n"},
    "tsv with header": {"labels.tsv": "image\ttext\nimages/2.png\tStraße 7\nimages/10.png\ta, b\n"},
    "tsv turned round": {"labels.tsv": "n\tLabel\tPath\n1\tStraße 7\timages/2.png\n2\ta, b\timages/10.png\n"},
    "csv": {"labels.csv": 'images/2.png,Straße 7\nimages/10.png,"a, b"\n'},
    "csv with header": {"Labels.CSV": 'file_name,transcription\nimages/2.png,Straße 7\nimages/10.png, "a, b"\n'},
    "csv of semicolons": {"labels.csv": "images/2.png;Straße 7\nimages/10.png;a, b\n"},
    "csv of semicolons with header": {"labels.csv": "text;image\nStraße 7;images/2.png\na, b;images/10.png\n"},
    "csv of tabs": {"labels.csv": "images/2.png\tStraße 7\nimages/10.png\ta, b\n"},
    "BOM": {"labels.tsv": "\ufeffimages/2.png\tStraße 7\nimages/10.png\ta, b\n"},
    "CRLF": {"labels.tsv": "images/2.png\tStraße 7\r\nimages/10.png\ta, b\r\n"},
    "CR": {"labels.tsv": "images/2.png\tStraße 7\rimages/10.png\ta, b\r"},
    "blank lines": {"labels.tsv": "\n\nimages/2.png\tStraße 7\n \t \nimages/10.png\ta, b\n\n"},
    "no last line end": {"labels.tsv": "images/2.png\tStraße 7\nimages/10.png\ta, b"},
    "spaces": {"labels.tsv": " images/2.png \t Straße 7\u00a0\nimages/10.png\ta, b  \n"},
    "backslashes": {"labels.tsv": "images\\2.png\tStraße 7\n.\\images\\10.png\ta, b\n"},
    "roundabout": {"labels.tsv": "./images/2.png\tStraße 7\nimages/../images/10.png\ta, b\n"},
    "a table for one, a text for the other": {"labels.tsv": "images/2.png\tStraße 7\n", "images/10.txt": "a, b"},
    "quotes are letters in tsv": {"labels.tsv": "images/2.png\tStraße 7\nimages/10.png\ta, b\n", "notes.md": "x"},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_samples(form: str, tmp_path: Path) -> None:
    labels = read_labels(laid(tmp_path, PICTURES | FORMS[form]))
    assert texts(labels) == TRUTH
    assert labels.problems == ()
    assert [sample.image.name for sample in labels.samples] == ["2.png", "10.png"]
    assert all(sample.image.samefile(tmp_path / sample.name) for sample in labels.samples)


def test_a_sample_says_where_its_text_is(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"a.png": "", "b.png": "", "b.gt.txt": "\nb", "labels.tsv": "image\ttext\n\na.png\tx\n"})
    first, second = read_labels(folder).samples
    assert (first.label_file, first.line_number) == (folder / "labels.tsv", 3)
    assert first.where == f"{folder / 'labels.tsv'}:3"
    assert (second.label_file, second.line_number) == (folder / "b.gt.txt", 2)
    assert Sample(Path("x.png"), "x").where == "x.png"


def test_what_is_tolerated_is_counted(tmp_path: Path) -> None:
    composed, taken_apart = "é", unicodedata.normalize("NFD", "é")
    table = f"\ufeffa.png\t{taken_apart}\r\n\r\n  \r\nb.png\tb \r\n\ufeffc.png\t{composed}\n"
    labels = read_labels(laid(tmp_path, {"a.png": "", "b.png": "", "c.png": "", "labels.tsv": table}))
    assert texts(labels) == {"a.png": composed, "b.png": "b", "c.png": composed}
    assert labels.tolerated == {
        "CRLF line ends": 4,
        "blank lines": 2,
        "byte order marks": 2,
        "spaces at the ends of texts": 1,
        "texts brought to NFC": 1,
    }


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read_as_spreadsheets_save_it(encoding: str, tmp_path: Path) -> None:
    table = "\ufeffimage\ttext\r\na.png\tſé ⁊\r\n".encode(encoding)
    beside = "\ufeffq\u0303\r\n".encode(encoding)
    labels = read_labels(laid(tmp_path, {"a.png": "", "b.png": "", "labels.tsv": table, "b.gt.txt": beside}))
    assert texts(labels) == {"a.png": "ſé ⁊", "b.png": "q\u0303"}
    assert labels.tolerated == {"files in UTF-16": 2, "CRLF line ends": 3}


def test_clean_labels_need_no_tolerance(tmp_path: Path) -> None:
    assert read_labels(laid(tmp_path, {"a.png": "", "a.txt": "a\n"})).tolerated == {}


def test_tsv_knows_no_quotes_and_csv_does(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"a.png": "", "b.png": "", "c.png": "", "labels.tsv": 'a.png\t"No"\nb.png\t5" pipe\n'})
    laid(folder, {"labels.csv": 'c.png,"""No"", 5"""\n'})
    assert texts(read_labels(folder)) == {"a.png": '"No"', "b.png": '5" pipe', "c.png": '"No", 5"'}


def test_a_table_may_be_given_itself_under_any_name(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"sets/fold1.tsv": "../a.png\tx\n", "a.png": "", "b.png": ""})
    labels = read_labels(folder / "sets" / "fold1.tsv")
    assert texts(labels) == {"../a.png": "x"}
    assert labels.problems == ()


def test_tables_all_over_a_tree_in_natural_order(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"set{n}/1.png": "" for n in (2, 10, 1)}
    files |= {f"set{n}/labels.tsv": f"1.png\t{n}\n" for n in (2, 10, 1)}
    assert list(texts(read_labels(laid(tmp_path, files))).values()) == ["1", "2", "10"]


def test_forms_of_one_picture_share_a_text(tmp_path: Path) -> None:
    folder = laid(tmp_path, {"1.bin.png": "", "1.nrm.png": "", "1.gt.txt": "a", "2.v1.png": "", "2.v1.gt.txt": "b"})
    assert texts(read_labels(folder)) == {"1.bin.png": "a", "1.nrm.png": "a", "2.v1.png": "b"}


def test_a_readme_is_no_label(tmp_path: Path) -> None:
    labels = read_labels(laid(tmp_path, {"readme.txt": "Lines of\na book.", "a.png": "", "labels.tsv": "a.png\tx\n"}))
    assert labels.problems == ()


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("book1/page2/3.png", "book1"),
        ("images/00017.png", ""),
        ("IMG/page_018_line_3.png", "page_018_line"),
        ("page_018_003.png", "page_018"),
        ("page 18-3.bin.png", "page 18"),
        ("crop_img/receipt 7_crop_12.jpg", "receipt 7_crop"),
        ("line.png", ""),
        ("17.png", ""),
        ("lines/book/17.png", ""),
    ],
)
def test_the_document_of_a_line(name: str, document: str, tmp_path: Path) -> None:
    laid(tmp_path, {name: "", "labels.tsv": f"{name}\tx\n"})
    assert [sample.document for sample in read_labels(tmp_path).samples] == [document]


def test_a_column_says_the_document(tmp_path: Path) -> None:
    laid(tmp_path, {"a/1.png": "", "a/2.png": "", "labels.csv": "image,text,document\na/1.png,x,B\na/2.png,y,\n"})
    assert [sample.document for sample in read_labels(tmp_path).samples] == ["B", "a"]


SPOILED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "no tab": (
        {"labels.tsv": "1.png\tone\n2.png two\n"},
        "labels.tsv:2: no tab in '2.png two'; write the picture, a tab, and its text",
    ),
    "no comma": (
        {"labels.csv": "1.png,one\n2.png\n"},
        "labels.csv:2: no comma or semicolon in '2.png'; write the picture, a comma or semicolon, and its text",
    ),
    "a tab too many": (
        {"labels.tsv": "1.png\tone\n2.png\ttwo\tthree\n"},
        "labels.tsv:2: 3 cells where 2 are expected; take the tabs out of the text",
    ),
    "a comma without quotes": (
        {"labels.csv": "1.png,one\n2.png,two, three\n"},
        "labels.csv:2: 3 cells where 2 are expected; put a text that holds the delimiter between quotes",
    ),
    "cells too many from the first line on": (
        {"labels.csv": "2.png;x;7\n1.png;one\n"},
        "labels.csv:1: 3 cells where 2 are expected; put a text that holds the delimiter between quotes, "
        "or name the columns above, image and text among them",
    ),
    "names of columns in another language": (
        {"labels.csv": "Bild;Abschrift, Zeile\n1.png;one\n"},
        "labels.csv:1: 'Bild' is not the name of a picture; write the picture first, then its text; "
        "call the columns image and text if this line names them",
    ),
    "a cell too few": (
        {"labels.tsv": "text\tby\timage\none\tme\t1.png\ntwo\t2.png\n"},
        "labels.tsv:3: 2 cells where 3 are expected; take the tabs out of the text",
    ),
    "a quote never closed": (
        {"labels.csv": '2.png,"two\n1.png,one\n'},
        'labels.csv:1: not a line of CSV (unexpected end of data); close each quote, and write a quote in a text as ""',
    ),
    "empty label": (
        {"labels.tsv": "1.png\tone\n2.png\t  \n"},
        "labels.tsv:2: the label of 2.png is empty; write its text or remove the line",
    ),
    "empty label beside": (
        {"1.gt.txt": "one", "2.gt.txt": "\n \n"},
        "2.gt.txt:1: the label of 2.png is empty; write its text or remove the line",
    ),
    "no picture named": (
        {"labels.tsv": "1.png\tone\n\ttwo\n"},
        "labels.tsv:2: no picture is named; write the picture's path, or remove the line",
    ),
    "picture not there": (
        {"labels.tsv": "1.png\tone\nlost/3.png\tthree\n"},
        "labels.tsv:2: no picture at lost/3.png; check the path, which counts from the folder of the labels",
    ),
    "columns the wrong way round": (
        {"labels.tsv": "1.png\tone\ntwo\t2.png\n"},
        "labels.tsv:2: 'two' is not the name of a picture; write the picture first, then its text; "
        "call the columns image and text if this line names them",
    ),
    "unknown names of columns": (
        {"labels.csv": "Bild,Wort\n1.png,one\n"},
        "labels.csv:1: 'Bild' is not the name of a picture; write the picture first, then its text; "
        "call the columns image and text if this line names them",
    ),
    "Latin-1": (
        {"labels.tsv": b"1.png\tone\n2.png\tt\xe9\n"},
        "labels.tsv:2: byte 0xe9 is not UTF-8 ('2.png\\tt\ufffd'); save the file as UTF-8",
    ),
    "Latin-1 beside": (
        {"1.gt.txt": "one", "2.gt.txt": b"t\xe9\n"},
        "2.gt.txt:1: byte 0xe9 is not UTF-8 ('t\ufffd'); save the file as UTF-8",
    ),
    "a character lost before": (
        {"labels.tsv": "1.png\tone\n2.png\tt\ufffd\n"},
        "labels.tsv:2: the label holds the mark of a lost character, U+FFFD; "
        "write the character that the picture shows",
    ),
    "control character": (
        {"labels.tsv": "1.png\tone\n2.png\tt\0wo\n"},
        "labels.tsv:2: the label holds a control character, U+0000; write the character that the picture shows",
    ),
    "the same line again": (
        {"labels.tsv": "1.png\tone\n./1.png\tone\n"},
        "labels.tsv:2: 1.png already has this label at labels.tsv:1; remove one of the two",
    ),
    "another label": (
        {"labels.tsv": "1.png\tone\n1.png\teins\n"},
        "labels.tsv:2: 1.png already has another label at labels.tsv:1, which is taken: 'one'; "
        "keep the right one of the two",
    ),
    "two lines of text": (
        {"1.gt.txt": "one", "2.gt.txt": "two\n\nthree\n"},
        "2.gt.txt:3: 2 lines of text for one picture of a line; keep the line that the picture shows; "
        "lines of a page stand in PAGE or ALTO, or are cut out first",
    ),
    "label without picture": (
        {"1.gt.txt": "one", "3.gt.txt": "three"},
        "3.gt.txt: the label has no picture; put 3.png beside it or remove the label",
    ),
    "plain label without picture": (
        {"1.txt": "one", "3.txt": "three"},
        "3.txt: the label has no picture; put 3.png beside it or remove the label",
    ),
    "nothing but names of columns": (
        {"1.txt": "one", "labels.tsv": "image\ttext\n"},
        "labels.tsv: the table is empty; write a picture and its text on each line",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_each_spoiled_label_file_is_named_with_line_reason_and_way_out(fault: str, tmp_path: Path) -> None:
    files, expected = SPOILED[fault]
    laid(tmp_path, {"1.png": "", "2.png": "", **files})
    labels = read_labels(tmp_path)
    assert expected in lines(labels, tmp_path)
    # One bad line costs only itself.
    assert texts(labels) == {"1.png": "one"}
    others = [line for line in lines(labels, tmp_path) if line != expected]
    assert set(others) <= {"2.png: the picture has no label; write one or remove the picture"}
    assert "\n" not in "".join(lines(labels, tmp_path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "labels.tsv: the table is empty; write a picture and its text on each line"),
        (b"\n\r\n  \n", "labels.tsv: the table is empty; write a picture and its text on each line"),
        ("1.png\tone\n".encode("utf-16")[:-1], "labels.tsv: the file is damaged UTF-16; save it as UTF-8"),
    ],
)
def test_a_table_spoiled_as_a_whole(content: bytes, expected: str, tmp_path: Path) -> None:
    labels = read_labels(laid(tmp_path, {"1.png": "", "labels.tsv": content}))
    assert labels.samples == ()
    assert lines(labels, tmp_path) == [expected, "1.png: the picture has no label; write one or remove the picture"]


def test_a_picture_whose_label_is_spoiled_is_not_named_twice(tmp_path: Path) -> None:
    laid(tmp_path, {"1.png": "", "2.png": "", "3.png": ""})
    laid(tmp_path, {"labels.tsv": "1.png\t\n2.png\ta\tb\n", "3.gt.txt": b"\xff"})
    assert [line.split(": ")[0] for line in lines(read_labels(tmp_path), tmp_path)] == [
        "labels.tsv:1",
        "labels.tsv:2",
        "3.gt.txt:1",
    ]


def test_a_table_goes_before_texts_beside(tmp_path: Path) -> None:
    laid(tmp_path, {f"in/{n}.png": "" for n in range(3)} | {f"in/{n}.txt": "old" for n in range(3)})
    laid(tmp_path, {"labels.tsv": "in/0.png\tnew\nin/1.png\tnew\n"})
    labels = read_labels(tmp_path)
    assert texts(labels) == {"in/0.png": "new", "in/1.png": "new", "in/2.png": "old"}
    assert lines(labels, tmp_path) == [
        "in: 2 pictures have a label in a table and another in a .txt beside them; the table's is taken; "
        "remove one of the two"
    ]


def test_a_name_longer_than_any_file_is_a_missing_picture(tmp_path: Path) -> None:
    labels = read_labels(laid(tmp_path, {"labels.tsv": f"{'x' * 5000}.png\tone\n\0.png\ttwo\n"}))
    assert ["no picture at" in problem.what for problem in labels.problems] == [True, True]


def test_problems_are_the_same_each_time(tmp_path: Path) -> None:
    table = "".join(f"{n % 7}.png\t{n % 3 or ''}\n" for n in range(60))
    laid(tmp_path, {f"{n}.png": "" for n in range(12)} | {"labels.tsv": table, "8.gt.txt": "\n", "99.gt.txt": "x"})
    first, second = read_labels(tmp_path), read_labels(tmp_path)
    assert first == second
    assert len(first.problems) > 50


def test_a_problem_is_one_line_whatever_the_name(tmp_path: Path) -> None:
    assert str(Problem("a\nb.tsv:1", "café \udcff", "do\r")) == "a\\u000ab.tsv:1: café \\udcff; do\\u000d"


def test_a_folder_without_labels_names_the_forms_looked_for(tmp_path: Path) -> None:
    laid(tmp_path, {"a.png": "", "b.png": "", "readme.txt": "x"})
    with pytest.raises(
        LabelError, match=r"no labels found for 2 pictures; .*line\.gt\.txt.*labels\.tsv, labels\.csv,.* or rec_gt\.txt"
    ):
        read_labels(tmp_path)
    laid(tmp_path, {"train.tsv": "a.png\tx\n"})
    with pytest.raises(LabelError, match=r"if train\.tsv is the table of labels, give its path in place of the folder"):
        read_labels(tmp_path)


def test_lines_that_only_lack_their_picture_are_kept_beside_the_problem(tmp_path: Path) -> None:
    laid(tmp_path, {"labels.tsv": "book/2.png\t two \nbook/3.png\t\n", "4.gt.txt": "four"})
    problems = read_labels(tmp_path).problems
    lost = [(line.name, line.text, line.document) for problem in problems for line in problem.pictureless]
    assert len(problems) == 3 and lost == [("book/2.png", "two", "book"), ("4.png", "four", "")]


def test_a_picture_that_a_label_looks_for_elsewhere_is_no_second_fault(tmp_path: Path) -> None:
    laid(tmp_path, {"1.png": "", "2.png": "", "labels.tsv": "crops/1.jpg\tone\n"})
    assert [problem.where for problem in read_labels(tmp_path).problems] == [
        str(tmp_path / "labels.tsv:1"),
        str(tmp_path / "2.png"),
    ]


def test_an_empty_folder_a_missing_one_and_a_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no labels found for 0 pictures"):
        read_labels(tmp_path)
    with pytest.raises(LabelError, match="nosuch: no such folder; check the path"):
        read_labels(tmp_path / "nosuch")
    laid(tmp_path, {"a.png": ""})
    with pytest.raises(LabelError, match=r"a\.png: neither a folder nor a table of labels; give a folder, a \.tsv"):
        read_labels(tmp_path / "a.png")


def test_any_bytes_make_samples_or_problems(tmp_path: Path) -> None:
    rng = random.Random(3)
    pieces = [
        b"1.png",
        b"\t",
        b",",
        b";",
        b'"',
        b"\n",
        b"\r\n",
        b"text",
        b"image",
        b"\xff",
        b"\0",
        b"\xc3\xa9",
        b"\\",
        b"/",
    ]
    laid(tmp_path, {"1.png": ""})
    for trial in range(300):
        table = tmp_path / f"labels.{'ct'[trial % 2]}sv"
        table.write_bytes(b"".join(rng.choices(pieces, k=rng.randrange(1, 30))))
        labels = read_labels(tmp_path)
        assert labels.samples or labels.problems
        assert all("\n" not in str(problem) and problem.remedy for problem in labels.problems)
        table.unlink()
