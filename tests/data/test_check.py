"""What cannot be learned is found before training, by file and line, and nothing else is."""

from __future__ import annotations

import io
import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.check import MAX_COLUMNS, SHOWN, CheckReport, Stranger, by_kind, check_samples, minimum_frames, summary
from ocrnn.data.labels import Sample, read_labels
from ocrnn.data.samples import UNLABELLED, Problem
from ocrnn.image import LineFormat, load_lines
from ocrnn.spec import Architecture

CHARSET = Charset("abcdef ")
FORMAT = LineFormat()
FAST = Architecture()


def drawn(path: Path, width: int = 200, height: int = 40, **options: Any) -> Path:
    """A picture of noise, mostly light: what is cut off from it is missed."""
    pixels = np.uint8(255 * np.random.default_rng(width).random((height, width)) ** 0.3)
    Image.fromarray(pixels).save(path, **options)
    return path


def checked(*samples: Sample) -> CheckReport:
    return check_samples(samples, CHARSET, FAST, FORMAT)


def only(report: CheckReport, folder: Path) -> str:
    """The one problem of a report, which has no sample left."""
    assert not report.samples and not report.widths
    (problem,) = report.problems
    return str(problem).replace(f"{folder}{os.sep}", "")


def test_the_least_frames_by_trying_all_paths() -> None:
    for length in range(5):
        for classes in itertools.product((1, 2), repeat=length):
            paths = (path for frames in range(9) for path in itertools.product((0, 1, 2), repeat=frames))
            least = next(
                len(path) for path in paths if tuple(c for c, _ in itertools.groupby(path) if c != 0) == classes
            )
            assert minimum_frames(classes) == least


@pytest.mark.parametrize("preset", ["fast", "accurate", "paper"])
def test_a_label_fits_up_to_the_last_frame_and_no_further(tmp_path: Path, preset: str) -> None:
    architecture = Architecture.named(preset)
    line_format = LineFormat(height=architecture.height)
    picture = drawn(tmp_path / "a.png", width=150, height=50)
    (grey,) = load_lines(picture)
    frames = architecture.frames(line_format.prepare(grey).shape[2])
    for text, fits in (
        (("ab" * frames)[:frames], True),
        (("ab" * frames)[: frames + 1], False),
        ("a" * ((frames + 1) // 2), True),
        ("a" * ((frames + 1) // 2 + 1), False),
    ):
        sample = Sample(picture, text)
        report = check_samples([sample], CHARSET, architecture, line_format)
        assert (report.samples == (sample,)) is fits
        assert len(report.problems) == (not fits)


def test_a_label_too_long_is_named_with_its_numbers(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png", width=40, height=40)
    sample = Sample(picture, "aabbccddeeff", label_file=tmp_path / "labels.tsv", line_number=17)
    assert only(checked(sample), tmp_path) == (
        "labels.tsv:17: 12 characters need 18 frames, but a.png of 40x40 px gives 12; "
        "check that the text is this picture's; if it is, stretch the picture sideways or train without it"
    )


def test_a_picture_on_its_side_is_told_to_be_turned(tmp_path: Path) -> None:
    sample = Sample(drawn(tmp_path / "a.png", width=40, height=300), "abcdef")
    assert "of 40x300 px gives 4; check that the text is this picture's; if it is, turn the picture" in only(
        checked(sample), tmp_path
    )


def test_a_page_is_told_to_be_cut_into_lines(tmp_path: Path) -> None:
    """Turned, it would be a page still."""
    sample = Sample(drawn(tmp_path / "a.png", width=200, height=300), "abcdef" * 60)
    assert only(checked(sample), tmp_path).endswith(
        "gives 12; check that the text is this picture's; if it is, cut the page into lines, or say in PAGE or ALTO "
        "where they are, or train without it"
    )


def test_the_exif_turn_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sample = Sample(drawn(tmp_path / "a.jpg", width=40, height=300, exif=exif), "abcdef")
    report = checked(sample)
    assert report.samples == (sample,)
    assert list(report.widths) == [FORMAT.width(40, 300)]


def test_widths_are_those_of_prepared_lines(tmp_path: Path) -> None:
    samples = [Sample(drawn(tmp_path / f"{w}.png", width=w, height=30), "ab") for w in (30, 77, 410)]
    report = checked(*samples)
    assert list(report.widths) == [FORMAT.prepare(load_lines(s.image)[0]).shape[2] for s in samples]


def test_strangers_are_named_and_counted(tmp_path: Path) -> None:
    a, b, c = (drawn(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    report = checked(Sample(a, "abßß"), Sample(b, "ab"), Sample(c, "xßy"))
    assert [s.image.name for s in report.samples] == ["b.png"]
    assert [str(p).replace(f"{tmp_path}{os.sep}", "") for p in report.problems] == [
        "a.png: 'ß' (U+00DF) is not in the charset; use a larger --charset or --new-chars add",
        "c.png: 'x' (U+0078), 'ß' (U+00DF), 'y' (U+0079) are not in the charset; "
        "use a larger --charset or --new-chars add",
    ]
    assert list(report.strangers.items()) == [
        ("ß", Stranger(3, (str(a), str(c)))),
        ("x", Stranger(1, (str(c),))),
        ("y", Stranger(1, (str(c),))),
    ]


def test_of_a_stranger_everywhere_the_first_places_are_kept(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "x.png")
    report = checked(*(Sample(picture, "aß", label_file=Path("t.tsv"), line_number=n) for n in range(1, 9)))
    assert report.strangers == {"ß": Stranger(8, tuple(f"t.tsv:{n}" for n in range(1, SHOWN + 1)))}


def test_kinds_of_problems_stand_by_how_often_they_are_and_pictures_without_labels_last() -> None:
    kinds = ["rare", "often", UNLABELLED, "often", UNLABELLED, UNLABELLED]
    found = by_kind(Problem(str(number), "is odd", "mend it", kind) for number, kind in enumerate(kinds))
    assert [(kind, [problem.where for problem in its]) for kind, its in found] == [
        ("often", ["1", "3"]),
        ("rare", ["0"]),
        (UNLABELLED, ["2", "4", "5"]),
    ]


def test_a_line_of_strangers_stays_one_short_line(tmp_path: Path) -> None:
    report = checked(Sample(drawn(tmp_path / "a.png"), "ghijklmnop"))
    assert "'l' (U+006C) and 4 more are not in the charset" in only(report, tmp_path)
    assert len(report.strangers) == 10


def damaged(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    whole = drawn(tmp_path / "whole.jpg").read_bytes()
    cut, empty, text = tmp_path / "cut.jpg", tmp_path / "empty.png", tmp_path / "text.png"
    cut.write_bytes(whole[: len(whole) // 2])
    empty.touch()
    text.write_text("no picture")
    pages = io.BytesIO()
    page = Image.new("L", (90, 30))
    page.save(pages, "TIFF", save_all=True, append_images=[page, page])
    (tmp_path / "pages.tif").write_bytes(pages.getvalue())
    return {
        "missing": (tmp_path / "nosuch.png", "nosuch.png: no such file; check the path"),
        "empty": (empty, "empty.png: the file is empty; save the picture again"),
        "text": (text, "text.png: not a picture; give PNG, JPEG"),
        "cut": (cut, "cut.jpg: the picture is damaged ("),
        "pages": (tmp_path / "pages.tif", "pages.tif: 3 pages with one label; save each page as a picture of its own"),
    }


@pytest.mark.parametrize("fault", ["missing", "empty", "text", "cut", "pages"])
def test_pictures_that_cannot_be_learned_from(fault: str, tmp_path: Path) -> None:
    path, expected = damaged(tmp_path)[fault]
    report = checked(Sample(path, "ab", label_file=tmp_path / "labels.tsv", line_number=3))
    assert only(report, tmp_path).startswith(f"labels.tsv:3: {expected}")
    assert report.problems[0].what and report.problems[0].remedy


def test_a_line_that_is_too_wide_to_train_on(tmp_path: Path) -> None:
    widest, wider = drawn(tmp_path / "widest.png", 2392), drawn(tmp_path / "wider.png", 2393)
    assert list(checked(Sample(widest, "ab")).widths) == [MAX_COLUMNS]
    assert only(checked(Sample(wider, "ab")), tmp_path) == (
        "wider.png: wider.png makes a line of 2416x40 pixels, over the 2400 columns of training; "
        "cut the picture into shorter lines"
    )


def test_a_picture_over_the_limit_of_pixels_names_no_option_that_training_lacks(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (8001, 8000)).save(bomb)
    assert "bomb.png: 8001x8000 pixels, over the limit of 64000000; cut it into lines" in only(
        checked(Sample(bomb, "ab")), tmp_path
    )


def test_an_empty_label(tmp_path: Path) -> None:
    sample = Sample(drawn(tmp_path / "a.png"), " ", label_file=tmp_path / "labels.tsv", line_number=2)
    assert only(checked(sample), tmp_path) == (
        "labels.tsv:2: the label of a.png is empty; write its text or remove the line"
    )


def test_a_picture_named_twice_over_two_folders(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    first = Sample(picture, "ab", label_file=Path("one.tsv"), line_number=1)
    again = Sample(tmp_path / "sub" / ".." / "a.png", "ab", label_file=Path("two.tsv"), line_number=9)
    report = checked(first, again, replace(again, text="ba"))
    assert report.samples == (first,)
    assert [str(problem) for problem in report.problems] == [
        "two.tsv:9: a.png already has this label at one.tsv:1; remove one of the two",
        "two.tsv:9: a.png already has another label at one.tsv:1, which is taken: 'ab'; keep the right one of the two",
    ]


def test_the_same_pixels_under_two_names_are_learned_from_and_remarked(tmp_path: Path) -> None:
    samples = [Sample(drawn(tmp_path / name, 200), "ab") for name in ("a.png", "b.bmp", "c.tif")]
    other = Sample(drawn(tmp_path / "d.png", 201), "ab")
    report = checked(other, *samples)
    assert report.samples == (other, *samples) and not report.problems
    assert report.twins == ((1, 2, 3),)
    (remarks,) = report.remarks
    assert (remarks.kind, remarks.lines) == ("same picture and text twice", 2)
    assert [str(remark).replace(f"{tmp_path}{os.sep}", "") for remark in remarks.first] == [
        "b.bmp: b.bmp is to the pixel a.png at a.png; remove one of the two",
        "c.tif: c.tif is to the pixel a.png at a.png; remove one of the two",
    ]


def test_the_same_pixels_with_another_text_are_a_problem_that_names_both(tmp_path: Path) -> None:
    a = Sample(drawn(tmp_path / "a.png"), "ab", label_file=Path("t.tsv"), line_number=1)
    b = Sample(drawn(tmp_path / "b.bmp"), "ba", label_file=Path("t.tsv"), line_number=2)
    c = Sample(drawn(tmp_path / "c.bmp"), "ab", label_file=Path("t.tsv"), line_number=3)
    report = checked(a, b, c)
    assert report.samples == (a, c)
    assert list(map(str, report.problems)) == [
        "t.tsv:2: b.bmp is to the pixel a.png at t.tsv:1, whose text is another and is taken: 'ab'; "
        "keep the right one of the two"
    ]
    assert report.twins == ((0, 1),)


def test_pictures_of_the_same_bytes_but_another_shape_are_no_twins(tmp_path: Path) -> None:
    for name, shape in (("a.png", (40, 80)), ("b.png", (80, 40))):
        Image.fromarray(np.arange(3200, dtype=np.uint32).astype(np.uint8).reshape(shape)).save(tmp_path / name)
    report = checked(Sample(tmp_path / "a.png", "ab"), Sample(tmp_path / "b.png", "ba"))
    assert len(report.samples) == 2 and not report.twins and not report.remarks


def test_what_is_validated_with_is_not_learned_from_whatever_its_file_is_called(tmp_path: Path) -> None:
    held_out = checked(Sample(drawn(tmp_path / "v1.png", 300), "ab"), Sample(drawn(tmp_path / "v2.png", 310), "cd"))
    leak = Sample(drawn(tmp_path / "a.bmp", 310), "cd", label_file=Path("t.tsv"), line_number=1)
    other = Sample(drawn(tmp_path / "b.bmp", 300), "ba", label_file=Path("t.tsv"), line_number=2)
    good = Sample(drawn(tmp_path / "c.bmp", 320), "ab", label_file=Path("t.tsv"), line_number=3)
    report = check_samples([leak, other, good], CHARSET, FAST, FORMAT, apart_from=held_out)
    assert report.samples == (good,)
    assert [str(problem).replace(f"{tmp_path}{os.sep}", "") for problem in report.problems] == [
        "t.tsv:1: a.bmp is in --val too, and only validated with: it is to the pixel v2.png at v2.png; "
        "keep the two sets apart",
        "t.tsv:2: b.bmp is in --val too, and only validated with: it is to the pixel v1.png at v1.png, "
        "whose text is another, 'ab'; keep the two sets apart",
    ]


def test_remarks_are_on_lines_that_are_fit_and_the_most_frequent_kind_is_first(tmp_path: Path) -> None:
    texts = ["a  b", "ab", "ab\u200b", "a  b", "a  ß", "ab"]
    samples = [Sample(drawn(tmp_path / f"{n}.png", 200 + n), text) for n, text in enumerate(texts)]
    report = check_samples(samples, Charset("ab \u200b"), FAST, FORMAT, most=1)
    assert [(remarks.kind, remarks.lines, len(remarks.first)) for remarks in report.remarks] == [
        ("spaces in a row", 2, 1),
        ("invisible character", 1, 1),
    ]
    assert len(report.problems) == 1


def test_two_lines_say_what_a_check_came_to(tmp_path: Path) -> None:
    texts = ["a  b", "ab", "ab\u200b", "a  b", "a  ß", ""]
    samples = [Sample(drawn(tmp_path / f"{n}.png", 200 + n), text) for n, text in enumerate(texts)]
    report = check_samples(samples, Charset("ab \u200b"), FAST, FORMAT)
    assert summary(4, report.problems, report.remarks, [Path("my lines")]) == (
        "check: 4 lines can be learned, 2 cannot: character outside the charset 1, empty label 1\n"
        "remarks: spaces in a row 2, invisible character 1; `ocrnn check 'my lines'` names them"
    )
    bare = summary(4, report.problems, (), [Path("a"), Path("b")], Path("c"))
    assert bare.endswith("\nremarks: none; `ocrnn check a b --val c` names what cannot")
    unlabelled = Problem("7.png", "the picture has no label", "write one", UNLABELLED)
    assert summary(1, [*report.problems, unlabelled], (), [Path("a")]).splitlines()[0] == (
        "check: 1 line can be learned, 2 cannot: character outside the charset 1, empty label 1; 1 picture has no label"
    )
    assert summary(7, (), (), [Path("lines")]) == "check: 7 lines can be learned, 0 cannot\nremarks: none"


def test_every_sample_is_either_fit_or_a_problem_each_time_alike(tmp_path: Path) -> None:
    faults = [path for path, _ in damaged(tmp_path).values()]
    good = [drawn(tmp_path / f"{n}.png") for n in range(5)]
    samples = [Sample(path, text) for path in (*faults, *good) for text in ("ab", "", "ß")]
    first, second = checked(*samples), checked(*samples)
    assert first == second
    assert len(first.samples) + len(first.problems) == len(samples)
    assert len(first.samples) == len(first.widths) == 5


def test_a_spoiled_label_does_not_bar_a_good_one(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png")
    assert [sample.text for sample in checked(Sample(picture, "ß"), Sample(picture, "ab")).samples] == ["ab"]


def test_labels_read_from_a_folder_are_fit(tmp_path: Path) -> None:
    drawn(tmp_path / "a.png")
    (tmp_path / "a.gt.txt").write_text("fade\n", encoding="utf-8")
    labels = read_labels(tmp_path)
    assert checked(*labels.samples).samples == labels.samples


def test_samples_may_come_one_by_one(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "a.png")
    report = check_samples((Sample(picture, "ab") for _ in range(2)), CHARSET, FAST, FORMAT)
    assert len(report.samples) == len(report.problems) == 1
