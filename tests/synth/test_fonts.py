from __future__ import annotations

import json
import string
import sys
from pathlib import Path

import pytest
from PIL import ImageFont

from ocrnn.errors import UsageError
from ocrnn.synth import fonts as module
from ocrnn.synth.fonts import Face, inspect, open_faces, system_faces, system_folders

CHARACTERS = " " + string.ascii_letters + string.digits + "äß€"


def build(path: Path, name: str = "Boxes", *, small_capitals: bool = False, advance: int = 600) -> None:
    """A face of boxes that maps A-Z, a-e, x, y and z: x to no ink, y to another glyph that looks like .notdef.

    z is not mapped at all. Capitals are wide, small letters high: with `small_capitals` they are smaller capitals.
    """
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000, isTTF=True)
    pen_of = pytest.importorskip("fontTools.pens.ttGlyphPen").TTGlyphPen

    def glyph(*boxes: tuple[int, int, int, int]) -> object:
        pen = pen_of(None)
        for left, bottom, right, top in boxes:
            pen.moveTo((left, bottom))
            for corner in ((left, top), (right, top), (right, bottom)):
                pen.lineTo(corner)
            pen.closePath()
        return pen.glyph()

    hollow = ((50, 0, 100, 700), (450, 0, 500, 700), (100, 0, 450, 50), (100, 650, 450, 700))
    glyphs = {".notdef": glyph(*hollow), "blank": glyph(), "lookalike": glyph(*hollow)}
    mapped = {ord("x"): "blank", ord("y"): "lookalike", ord(" "): "blank"}
    for place, letter in enumerate(string.ascii_uppercase):
        bar = 20 * place
        glyphs[letter] = glyph((50, 0, 150, 700), (150, bar, 550, bar + 90))
        mapped[ord(letter)] = letter
    for place, letter in enumerate("abcdegnrt"):
        bar = 20 * string.ascii_lowercase.index(letter)
        shape = ((35, 0, 105, 490), (105, 7 * bar // 10, 385, 7 * (bar + 90) // 10))
        glyphs[letter] = glyph(*shape) if small_capitals else glyph((300, 0, 350, 500), (50, 40 * place, 300, 500))
        mapped[ord(letter)] = letter
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(mapped)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({glyph: (advance, 0) for glyph in glyphs} | {"M": (900, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_what_a_face_does_not_map_is_not_drawn_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system has hundreds of fonts of other scripts: so they cost a sixth."""
    build(tmp_path / "Boxes.ttf")
    compared: list[str] = []
    likeness = module._likeness

    def noted(font: ImageFont.FreeTypeFont, one: str, other: str) -> float:
        compared.append(one)
        return likeness(font, one, other)

    monkeypatch.setattr(module, "_likeness", noted)
    (face,) = inspect(tmp_path / "Boxes.ttf", "ABC" + string.digits)
    assert face.characters == set("ABC")
    assert not set(string.digits) & set(compared)


def test_only_what_draws_ink_of_its_own_is_kept(tmp_path: Path) -> None:
    build(tmp_path / "Boxes.ttf")
    (face,) = open_faces(tmp_path, CHARACTERS)
    assert face.characters == set(string.ascii_uppercase + "abcdegnrt")
    assert face.draws("A BAD bead")
    assert not any(face.draws(text) for text in ("x", "y", "z", "A7", "Aä"))
    assert not face.capitals


def test_it_agrees_with_the_cmap_of_a_real_face(fonts: Path) -> None:
    ttlib = pytest.importorskip("fontTools.ttLib")
    (face,) = open_faces(fonts, "".join(map(chr, range(32, 0x250))))
    with ttlib.TTFont(face.path) as font:
        mapped = {chr(code) for code in font.getBestCmap() if code < 0x250}
    assert face.characters == mapped - {" ", "\xa0"}
    assert face.category == "sans"
    assert not face.capitals


def test_small_capitals_are_noticed(tmp_path: Path) -> None:
    build(tmp_path / "Small.ttf", small_capitals=True)
    (face,) = open_faces(tmp_path, CHARACTERS)
    assert face.capitals


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Boxes Mono Stencil", "stencil"),
        ("Old Typewriter", "typewriter"),
        ("OCR-B", "ocr-mrz"),
        ("Boxes SemiCondensed", "condensed"),
        ("Boxes", "sans"),
    ],
)
def test_category_by_name(tmp_path: Path, name: str, category: str) -> None:
    build(tmp_path / "x.ttf", name)
    assert [face.category for face in inspect(tmp_path / "x.ttf", "A")] == [category]


@pytest.mark.parametrize("name", ["Wingdings", "Standard Symbols", "Noto Color Emoji", "Font Awesome"])
def test_symbols_are_no_letters(tmp_path: Path, name: str) -> None:
    build(tmp_path / "x.ttf", name)
    assert list(inspect(tmp_path / "x.ttf", "A")) == []


def test_a_list_says_more_than_the_files(fonts: Path, tmp_path: Path) -> None:
    (tmp_path / "F.otf").write_bytes((fonts / "Aileron-Regular.otf").read_bytes())
    entries = [
        {"file": "F.otf", "idx": 0, "cat": "serif", "case": "smallcaps", "chars": "ABC"},
        {"file": "gone.otf", "idx": 0, "cat": "serif", "case": "both", "chars": "ABC"},
        {"file": "F.otf", "idx": 0, "cat": "serif", "case": "both", "chars": ""},
    ]
    (tmp_path / "fonts.jsonl").write_text("".join(json.dumps(entry) + "\n\n" for entry in entries), encoding="utf-8")
    assert open_faces(tmp_path, "xyz") == (Face(tmp_path / "F.otf", 0, "serif", frozenset("ABC"), capitals=True),)


@pytest.mark.parametrize("line", ["{", "[]", '{"file": "F.otf"}', "7"])
def test_a_damaged_list_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "fonts.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=r"fonts\.jsonl: not a list of faces .*; remove it"):
        open_faces(tmp_path, "A")


def test_files_that_are_no_fonts_are_left_out(fonts: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "GOOD.OTF").write_bytes((fonts / "Aileron-Regular.otf").read_bytes())
    (tmp_path / "text.ttf").write_text("no font")
    (tmp_path / "empty.otf").touch()
    (tmp_path / "cut.ttf").write_bytes((fonts / "Aileron-Regular.otf").read_bytes()[:300])
    assert [face.path.name for face in open_faces(tmp_path, "A")] == ["GOOD.OTF"]


def test_folders_without_a_face_are_refused(fonts: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no usable font file"):
        open_faces(tmp_path, "A")
    with pytest.raises(UsageError, match="no usable font file"):
        open_faces(fonts, "ж")
    with pytest.raises(UsageError, match=r"nowhere: no such folder; give --fonts"):
        open_faces(tmp_path / "nowhere", "A")


def test_the_fonts_of_the_system(fonts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "system_folders", lambda: (tmp_path / "absent", fonts))
    assert [face.path.parent for face in system_faces("A")] == [fonts]
    monkeypatch.setattr(module, "system_folders", lambda: (tmp_path / "absent",))
    with pytest.raises(UsageError, match="this system has no fonts .*--fonts"):
        system_faces("A")


@pytest.mark.parametrize(
    ("platform", "expected"), [("linux", "/usr/share/fonts"), ("darwin", "/Library/Fonts"), ("win32", "Fonts")]
)
def test_where_systems_keep_fonts(monkeypatch: pytest.MonkeyPatch, platform: str, expected: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert any(folder.as_posix().endswith(expected) for folder in system_folders())
