"""Lines of PAGE and ALTO files are cut where they were drawn and say what was written, whoever wrote the file."""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrnn.data.labels import LabelSet, read_labels
from ocrnn.data.layout import named_picture, read_layout
from ocrnn.data.pages import Cut, PageFile, _decoded
from ocrnn.errors import ImageError, LabelError

PAGE_2019 = """\
<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<!-- a comment --><Metadata><Creator>me</Creator></Metadata>
<Page imageFilename="1.png" imageWidth="300" imageHeight="200">
<TextRegion id="r1"><Coords points="0,0 300,0 300,200 0,200"/>
<TextLine id="a"><Coords points="10,10 110,10 110,50 10,50"/><Baseline points="10,40 110,40"/>
<TextEquiv index="1"><Unicode>worse</Unicode></TextEquiv>
<TextEquiv index="0"><Unicode>first line</Unicode></TextEquiv></TextLine>
<TextLine id="b"><Coords points="10,100 110,100 110,140 10,140"/>
<Word><TextEquiv><Unicode>by</Unicode></TextEquiv></Word><Word><TextEquiv><Unicode> </Unicode></TextEquiv></Word>
<Word id="w3"><TextEquiv><Unicode>words &amp; é</Unicode></TextEquiv></Word></TextLine>
</TextRegion></Page></PcGts>
"""

PAGE_2010 = """\
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2010-03-19"><Page imageFilename="1.png"
imageWidth="300" imageHeight="200"><TextRegion id="r1"><TextLine id="a"><Coords><Point x="10" y="10"/>
<Point x="110" y="10"/><Point x="110" y="50"/><Point x="10" y="50"/></Coords>
<TextEquiv><Unicode>first line</Unicode></TextEquiv></TextLine>
<TextLine id="b"><Coords><Point x="10" y="100"/><Point x="110" y="100"/><Point x="110" y="140"/>
<Point x="10" y="140"/></Coords><TextEquiv><PlainText>by words &amp; é</PlainText></TextEquiv></TextLine>
</TextRegion></Page></PcGts>
"""

ALTO_4 = """\
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>1.png</fileName></sourceImageInformation></Description>
<Layout><Page WIDTH="300" HEIGHT="200" ID="p"><PrintSpace><TextBlock ID="t">
<TextLine ID="a" HPOS="0" VPOS="0" WIDTH="5" HEIGHT="5" BASELINE="10 40 110 40"><Shape>
<Polygon POINTS="10 10 110 10 110 50 10 50"/></Shape><String CONTENT="first"/><SP/><String CONTENT="li"/>
<String CONTENT="ne"/></TextLine>
<TextLine ID="b" HPOS="10" VPOS="100" WIDTH="100" HEIGHT="40"><String CONTENT="by"/><String CONTENT="words"/>
<String CONTENT="&amp;"/><String CONTENT="é"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>
"""

# In tenths of a millimetre at 254 dpi every pixel is one; here the page has half as many.
ALTO_2_MM10 = """\
<alto xmlns="http://www.loc.gov/standards/alto/ns-v2#"><Description><MeasurementUnit>mm10</MeasurementUnit>
<sourceImageInformation><fileName>C:\\\\scans\\\\1.png</fileName></sourceImageInformation></Description>
<Layout><Page WIDTH="150" HEIGHT="100" ID="p"><PrintSpace><TextBlock ID="t">
<TextLine ID="a" HPOS="5" VPOS="5" WIDTH="50" HEIGHT="20" BASELINE="20"><String CONTENT="first"/><SP/>
<String CONTENT="line"/></TextLine>
<TextLine ID="b" HPOS="5" VPOS="50" WIDTH="50" HEIGHT="20"><String CONTENT="by"/><SP/><String CONTENT="words"/><SP/>
<String CONTENT="&amp;"/><SP/><String CONTENT="é"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>
"""

ALTO_3 = (
    ALTO_4.replace("ns-v4", "ns-v3")
    .replace(' BASELINE="10 40 110 40"', ' BASELINE="40"')
    .replace("10 10 110", "10,10 110")
)
FORMS = {"PAGE 2019": PAGE_2019, "PAGE 2010": PAGE_2010, "ALTO 4": ALTO_4, "ALTO 3": ALTO_3, "ALTO 2": ALTO_2_MM10}


def page() -> npt.NDArray[np.uint8]:
    """A grey page of 300x200 with each pixel its own shade, as far as that goes."""
    return np.add.outer(np.arange(200), np.arange(300) // 3).astype(np.uint8) % np.uint8(200) + np.uint8(55)


def laid(folder: Path, xml: str, name: str = "1.xml") -> LabelSet:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page()).save(folder / "1.png")
    (folder / name).write_text(xml, encoding="utf-8")
    return read_labels(folder)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_lines(form: str, tmp_path: Path) -> None:
    labels = laid(tmp_path, FORMS[form])
    assert labels.problems == ()
    assert {sample.name: sample.text for sample in labels.samples} == {
        "1/a.png": "first line",
        "1/b.png": "by words & é",
    }
    for sample, top in zip(labels.samples, (10, 100), strict=True):
        assert np.array_equal(sample.load(), page()[top : top + 40, 10:110])
    first = labels.samples[0]
    number = next(n for n, row in enumerate(FORMS[form].splitlines(), 1) if "TextLine" in row)
    assert first.where == f"{tmp_path / '1.xml'}:{number}"
    assert (first.title, first.document) == ("line a of 1.png", "1")
    assert len({sample.key for sample in labels.samples}) == 2
    assert read_labels(tmp_path / "1.xml").samples == labels.samples


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_beginning_of_a_file_tells_its_picture(form: str, encoding: str, tmp_path: Path) -> None:
    declared = FORMS[form].partition("?>")[2] if FORMS[form].startswith("<?xml") else FORMS[form]
    (tmp_path / "1.xml").write_bytes((declared + " " * 100_000 + "<unread").encode(encoding))
    assert named_picture(tmp_path / "1.xml") in ("1.png", "C:\\\\scans\\\\1.png")
    (tmp_path / "1.xml").write_bytes((ENTITY + declared).encode(encoding))
    assert named_picture(tmp_path / "1.xml") == "", "which page it is of is not asked where it may say anything"
    (tmp_path / "1.xml").write_bytes(b"<mets/>")
    assert named_picture(tmp_path / "1.xml") is named_picture(tmp_path / "gone.xml") is None


@pytest.mark.parametrize("aside", ["<!-- checked -->", "<?editor checked?>"])
def test_what_is_said_aside_in_the_midst_of_a_line_takes_no_text_away(aside: str, tmp_path: Path) -> None:
    xml = PAGE_2019.replace("first line", f"first{aside} line")
    assert [sample.text for sample in laid(tmp_path, xml).samples] == ["first line", "by words & é"]
    xml = ALTO_4.replace("<SP/>", f"{aside}<SP/>")
    assert [sample.text for sample in laid(tmp_path, xml).samples] == ["first line", "by words & é"]


def test_hyphens_at_the_end_of_a_line(tmp_path: Path) -> None:
    for hyphen, shown in (("", "-"), (' CONTENT="-"', "-"), (' CONTENT="\u00ad"', "-"), (' CONTENT="⸗"', "⸗")):
        text = f'<String CONTENT="ein"/><SP/><String CONTENT="Wort" SUBS_CONTENT="Wortteil"/><HYP{hyphen}/></TextLine>'
        xml = ALTO_4.replace(
            '<String CONTENT="first"/><SP/><String CONTENT="li"/>\n<String CONTENT="ne"/></TextLine>', text
        )
        assert laid(tmp_path, xml).samples[0].text == f"ein Wort{shown}"


@pytest.mark.parametrize("dark", [False, True])
def test_what_lies_outside_of_an_outline_is_ground(dark: bool, tmp_path: Path) -> None:
    """Another line's strokes reach into the box; the ground there is the page's, not black and not white."""
    grey = np.full((100, 200), 200, np.uint8)
    grey[30:36, 20:180:7] = 40  # this line's strokes
    grey[22:28, 100:200] = 10  # another's
    grey = 255 - grey if dark else grey
    Image.fromarray(grey).save(tmp_path / "p.png")
    outline = ((10.0, 20.0), (95.0, 20.0), (100.0, 29.0), (190.0, 29.0), (190.0, 40.0), (10.0, 40.0))
    cut = Cut("l", outline).load(tmp_path / "p.png")
    assert cut.shape == (20, 180)
    ink = {215, 55} & set(np.unique(cut).tolist()) if dark else {40, 200} & set(np.unique(cut).tolist())
    assert set(np.unique(cut).tolist()) == ink and len(ink) == 2
    assert (cut[:8, 95:] == (55 if dark else 200)).all()


def test_a_line_that_leans_is_turned_level(tmp_path: Path) -> None:
    font = ImageFont.load_default(28)
    level = Image.new("L", (400, 300), 220)
    ImageDraw.Draw(level).text((60, 150), "Total 12.40 EUR", fill=10, font=font, anchor="ls")
    angle = 8.0
    level.rotate(-angle, resample=Image.Resampling.BICUBIC, fillcolor=220, center=(60, 150)).save(tmp_path / "p.png")
    slope = np.tan(np.radians(angle))
    width = 230
    baseline = ((60.0, 150.0), (60.0 + width, 150.0 + width * slope))
    outline = tuple((x, y + d) for d, points in ((-32, baseline), (12, baseline[::-1])) for x, y in points)
    turned = Cut("l", outline, baseline).load(tmp_path / "p.png")
    left = Cut("l", outline).load(tmp_path / "p.png")
    assert turned.shape[0] < 1.2 * 44 < left.shape[0]
    rows = np.flatnonzero((turned < 100).any(axis=1))
    truth = np.flatnonzero((np.asarray(level) < 100).any(axis=1))
    assert abs((rows[-1] - rows[0]) - (truth[-1] - truth[0])) <= 3


@pytest.mark.parametrize("lean", [0, 3, -12])
@pytest.mark.parametrize("size", [(0, 0), (150, 100)])
def test_each_pixel_of_a_line_knows_its_place_on_the_page(lean: int, size: tuple[int, int], tmp_path: Path) -> None:
    """On a page whose grey tells x and y, the grey of the cut is that of the page at the place said."""
    shades = np.add.outer(np.arange(200) * 0.2, np.arange(300) * 0.5).astype(np.uint8)
    Image.fromarray(shades).save(tmp_path / "p.png")
    drop = 200 * np.tan(np.radians(lean))
    corners = ((60.0, 80.0), (260.0, 80.0 + drop), (260.0, 120.0 + drop), (60.0, 120.0))
    baseline = ((60.0, 110.0), (260.0, 110.0 + drop))
    unit = 300 / size[0] if size[0] else 1
    outline, base = (tuple((x / unit, y / unit) for x, y in points) for points in (corners, baseline))
    grey, placement = Cut("l", outline, base, size).out_of(shades, tmp_path / "p.png")
    assert (placement.size, placement.scale) == ((300, 200), (unit, unit))
    assert np.allclose(placement.outline, corners) and np.allclose(placement.in_units(placement.outline), outline)
    middle = grey.shape[0] / 2
    for x in range(20, 190, 10):
        ((across, down),) = placement.on_picture(((x + 0.0, middle),))
        assert abs(float(grey[int(middle), x]) - (across * 0.5 + down * 0.2)) < 2
    left, right = placement.on_picture(((0.0, 10.0), (100.0, 10.0)))
    assert np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])) == pytest.approx(lean, abs=0.1)
    assert placement.on_picture(((-900.0, -900.0), (900.0, 900.0))) == ((0, 0), (300, 200))


def test_points_of_another_resolution(tmp_path: Path) -> None:
    Image.fromarray(page().repeat(2, 0).repeat(2, 1)).save(tmp_path / "p.png")
    outline = ((10.0, 10.0), (110.0, 10.0), (110.0, 50.0), (10.0, 50.0))
    cut = Cut("l", outline, size=(300, 200)).load(tmp_path / "p.png")
    assert np.array_equal(cut[::2, ::2], page()[10:50, 10:110])
    with pytest.raises(ImageError, match=r"p\.png: is 600x400 pixels, but its lines are on a page of 200x300"):
        Cut("l", outline, size=(200, 300)).load(tmp_path / "p.png")


def test_a_line_beyond_the_page_is_cut_at_its_edge_or_refused(tmp_path: Path) -> None:
    Image.fromarray(page()).save(tmp_path / "p.png")
    over = Cut("l", ((250.0, -9.0), (400.0, -9.0), (400.0, 20.0), (250.0, 20.0))).load(tmp_path / "p.png")
    assert np.array_equal(over, page()[:20, 250:])
    with pytest.raises(ImageError, match=r"p\.png: line l is not on the page of 300x200 pixels; mend its outline"):
        Cut("l", ((400.0, 0.0), (500.0, 0.0), (500.0, 20.0))).load(tmp_path / "p.png")


def test_lines_with_a_baseline_alone_are_as_high_as_they_stand_apart(tmp_path: Path) -> None:
    lines = "".join(
        f'<TextLine id="l{y}"><Baseline points="10,{y} 150,{y}"/><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>'
        for y in (40, 80, 120)
    )
    labels = laid(tmp_path, PAGE_2019[: PAGE_2019.index("<TextRegion")] + lines + "</Page></PcGts>")
    assert labels.problems == ()
    assert [sample.load().shape for sample in labels.samples] == [(42, 140)] * 3
    assert np.array_equal(labels.samples[1].load(), page()[50:92, 10:150])


@pytest.mark.parametrize(
    ("named", "xml", "picture"),
    [
        ("1.png", "page/1.xml", "1.png"),  # as Transkribus exports
        ("/home/other/scans/1.png", "1.xml", "1.png"),
        ("file:///data/1.png", "1.xml", "1.png"),
        ("", "7.xml", "7.jpg"),
        ("lost.tif", "sub/page/7.chocomufin.xml", "sub/7.jpg"),
        ("../images/1.png", "xml/7.xml", "images/1.png"),
    ],
)
def test_where_a_pages_picture_is_looked_for(named: str, xml: str, picture: str, tmp_path: Path) -> None:
    for path in (tmp_path / xml, tmp_path / picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(page()).save(tmp_path / picture)
    (tmp_path / xml).write_text(PAGE_2019.replace('"1.png"', f'"{named}"'), encoding="utf-8")
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert all(sample.image.samefile(tmp_path / picture) for sample in labels.samples)


def test_a_page_is_decoded_once_for_its_lines_and_few_are_kept(tmp_path: Path) -> None:
    _decoded.cache_clear()
    for name in "abc":
        laid(tmp_path / name, PAGE_2019)
    for sample in read_labels(tmp_path).samples:
        sample.load()
    assert _decoded.cache_info()[:2] == (3, 3)
    assert _decoded.cache_info().currsize <= 2
    # A picture that was changed is opened anew.
    sample = read_labels(tmp_path / "c").samples[0]
    Image.new("L", (300, 200), 7).save(tmp_path / "c" / "1.png")
    assert sample.load().max() == 7


def test_lines_without_names_and_with_one_name(tmp_path: Path) -> None:
    xml = PAGE_2019.replace('id="b"', 'id="a"')
    assert [sample.name for sample in laid(tmp_path, xml).samples] == ["1/line_1.png", "1/line_2.png"]
    xml = PAGE_2019.replace(' id="b"', "").replace('id="a"', 'id="x/../y"')
    assert [sample.name for sample in laid(tmp_path, xml).samples] == ["1/x_.._y.png", "1/line_2.png"]


ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'

SPOILED: dict[str, tuple[str, str]] = {
    "not XML": (PAGE_2019.replace("</TextLine>", "</Line>", 1), "1.xml:8: not XML (Opening and ending tag mismatch"),
    "cut off": (PAGE_2019[: PAGE_2019.index("</TextRegion>")], "1.xml:12: not XML (Premature end of data"),
    "an entity of a file": (
        PAGE_2019.replace("<PcGts", ENTITY + "<PcGts", 1).replace("first line", "&e;"),
        "1.xml: the XML has a DOCTYPE, which may do anything; remove it: PAGE and ALTO have none",
    ),
    "entities of entities": (
        ALTO_4.replace("<alto", LAUGHS + "<alto", 1).replace('"first"', '"&b;"'),
        "1.xml: the XML has a DOCTYPE, which may do anything; remove it: PAGE and ALTO have none",
    ),
    "letters for points": (
        PAGE_2019.replace("10,10 110,10", "10,10 here"),
        "1.xml:6: points are no points: '10,10 here 110,50 10,50'; write them as x,y x,y ...",
    ),
    "an odd number of numbers": (
        ALTO_4.replace("110 50 10 50", "110 50 10"),
        "1.xml:5: POINTS are no points: '10 10 110 10 110 50 10'; write them as x,y x,y ...",
    ),
    "a letter for a number": (
        ALTO_4.replace('VPOS="100"', 'VPOS="O"'),
        "1.xml:7: VPOS is no number: 'O'; write one",
    ),
    "beyond all pages": (
        PAGE_2019.replace("10,10 110,10", f"10,10 {'9' * 400},10"),
        "1.xml:6: points are no points: '10,10 999",
    ),
    "no picture": (
        PAGE_2019.replace('"1.png"', '"2.png"'),
        "page.xml: no picture at 2.png; put it beside the file, or mend imageFilename (PAGE), fileName (ALTO)",
    ),
    "no Page": ("<PcGts/>", "1.xml:1: a PAGE file without a Page; write the page again"),
    "millimetres of no page": (
        ALTO_2_MM10.replace('WIDTH="150" HEIGHT="100"', ""),
        "1.xml:3: places in mm10 on a page without WIDTH and HEIGHT; write them, or places in pixels",
    ),
    "millimetres of a page of no height": (
        ALTO_2_MM10.replace('WIDTH="150" HEIGHT="100"', 'WIDTH="150"'),
        "1.xml:3: places in mm10 on a page without WIDTH and HEIGHT; write them, or places in pixels",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_each_spoiled_page_is_named_with_line_reason_and_way_out(fault: str, tmp_path: Path) -> None:
    xml, expected = SPOILED[fault]
    labels = laid(tmp_path, xml, "page.xml" if "page.xml" in expected else "1.xml")
    assert labels.samples == ()
    told = [str(problem).replace(f"{tmp_path}{os.sep}", "") for problem in labels.problems]
    assert told[0].startswith(expected) and "; " in told[0]
    assert all(line.startswith("1.png: the picture has no label") for line in told[1:])


def test_lines_without_text_or_outline_cost_only_themselves(tmp_path: Path) -> None:
    xml = PAGE_2019.replace("first line", " ").replace("worse", "")
    labels = laid(tmp_path, xml)
    assert [str(problem).replace(f"{tmp_path}{os.sep}", "") for problem in labels.problems] == [
        "1.xml:6: line 'a' has no text; write it, or remove the line"
    ]
    assert [sample.name for sample in labels.samples] == ["1/b.png"]
    labels = laid(tmp_path, PAGE_2019.replace("10,10 110,10 110,50 10,50", "10,10"))
    assert "line 'a' has no outline; draw one" in str(labels.problems[0])


def test_a_page_described_twice_gives_its_lines_once(tmp_path: Path) -> None:
    """As Transkribus exports it; the texts of the one file say which it is."""
    for folder, xml in (("alto", ALTO_4), ("page", PAGE_2019.replace("first", "1st"))):
        (tmp_path / folder).mkdir()
        labels = laid(tmp_path / folder, xml)
        assert len(labels.samples) == 2
        (tmp_path / folder / "1.png").replace(tmp_path / "1.png")
    labels = read_labels(tmp_path)
    assert [sample.text for sample in labels.samples] == ["1st line", "by words & é"]
    assert [str(problem).replace(f"{tmp_path}{os.sep}", "") for problem in labels.problems] == [
        f"{Path('alto', '1.xml')}: the lines of 1.png are taken from {Path('page', '1.xml')}; "
        "remove the file that is not meant"
    ]
    (tmp_path / "page" / "1.xml").write_text(re.sub("<Unicode>.*?</Unicode>", "", PAGE_2019), encoding="utf-8")
    assert [sample.text for sample in read_labels(tmp_path).samples] == ["first line", "by words & é"]


def test_a_page_without_lines_is_one_problem(tmp_path: Path) -> None:
    xml = PAGE_2019[: PAGE_2019.index("<TextLine")] + "</TextRegion></Page></PcGts>"
    labels = laid(tmp_path, xml)
    assert labels.samples == ()
    assert [str(problem).replace(f"{tmp_path}{os.sep}", "") for problem in labels.problems] == [
        "1.xml: the page has no lines; find its lines first, or remove the file"
    ]


def test_a_layout_of_a_scan_of_several_pages_is_refused(tmp_path: Path) -> None:
    first, second = Image.fromarray(page()), Image.fromarray(page()[::-1].copy())
    first.save(tmp_path / "p.tif", save_all=True, append_images=[second])
    with pytest.raises(ImageError, match=r"p\.tif: 2 pages with one layout; save each page as a picture of its own"):
        Cut("l", ((10.0, 10.0), (110.0, 10.0), (110.0, 50.0))).load(tmp_path / "p.tif")


def test_a_page_file_gives_each_of_its_lines_or_what_is_wrong_with_it(tmp_path: Path) -> None:
    laid(tmp_path, PAGE_2019.replace("10,100 110,100 110,140 10,140", "10,100"))
    found = PageFile.open(tmp_path / "1.xml")
    (first, cut), (second, fault) = found.cut()
    assert (found.picture, first, second) == (tmp_path / "1.png", "a", "b")
    assert isinstance(cut, tuple) and np.array_equal(cut[0], page()[10:50, 10:110])
    assert isinstance(fault, ImageError) and "line 'b' has no outline; draw one" in str(fault)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("<mets/>", r"1\.xml: neither PAGE nor ALTO; give one of them, or a picture"),
        ("<PcGts/>", r"1\.xml:1: a PAGE file without a Page; write the page again"),
        (PAGE_2019.replace('"1.png"', '"2.png"'), r"page\.xml: no picture at 2\.png; put it beside the file, or"),
    ],
)
def test_what_is_no_page_file_is_refused_as_a_picture_is(xml: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / ("page.xml" if "2.png" in xml else "1.xml")
    file.write_text(xml, encoding="utf-8")
    with pytest.raises(ImageError, match=said):
        PageFile.open(file)


def test_other_xml_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mets.xml").write_text("<mets>about alto</mets>")
    (tmp_path / "broken.xml").write_text("<html>")
    labels = laid(tmp_path, PAGE_2019)
    assert labels.problems == () and len(labels.samples) == 2


def test_any_bytes_make_a_page_or_a_problem(tmp_path: Path) -> None:
    rng = random.Random(11)
    path = tmp_path / "x.xml"
    for form in FORMS.values():
        data = form.encode()
        for _ in range(30):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 2, 9])):
                at = rng.randrange(len(damaged))
                damaged[at : at + rng.choice([0, 1, 5])] = rng.choice(
                    [b"", b"<", b'"', b"&", b"\0", b"9" * 400, b"nan"]
                )
            path.write_bytes(damaged)
            read_layout(path)


def test_without_lxml_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lxml", None)
    with pytest.raises(LabelError, match=r"1\.xml: PAGE and ALTO are read with lxml; pip install 'ocrnn\[pages\]'"):
        laid(tmp_path, PAGE_2019)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    (tmp_path / "other.xml").write_text("<html/>")
    with pytest.raises(LabelError, match="no labels found"):
        read_labels(tmp_path)


def test_lines_of_a_page_without_its_picture_are_kept_beside_the_problem(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text(PAGE_2019, encoding="utf-8")
    [problem] = read_labels(tmp_path).problems
    assert [line.text for line in problem.pictureless] == ["first line", "by words & é"]
    with pytest.raises(ImageError, match=r"1\.png: no such file"):
        problem.pictureless[0].load()
