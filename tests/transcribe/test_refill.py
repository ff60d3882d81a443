"""Pages that come with their lines are filled with what is read, where it stands, and nothing else in them changes."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from ocrnn.errors import ImageError, OutputError
from ocrnn.reading import Reading
from ocrnn.transcribe.output import Form, open_sheet
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars
    from tests.transcribe.conftest import Validate

etree = pytest.importorskip("lxml.etree")

PAGE = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<pc:PcGts xmlns:pc="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15" pcGtsId="g1">
\t<pc:Metadata externalRef="x &amp; y">
\t\t<pc:Creator>me &amp; you</pc:Creator><pc:Created>2020-01-01T00:00:00</pc:Created>
\t\t<pc:LastChange>2020-01-01T00:00:00</pc:LastChange>
\t</pc:Metadata>
\t<pc:Page imageFilename="1.png" imageWidth="200" imageHeight="140">
\t\t<pc:TextRegion id="r1" custom="a   b">
\t\t\t<pc:Coords points="0,0 200,0 200,140 0,140"/>
\t\t\t<pc:TextLine id="a" custom="structure {type:heading;}">
\t\t\t\t<pc:Coords points="20,10 84,10 84,50 20,50"/><!-- drawn -->
\t\t\t\t<pc:Baseline points="20,48 84,48"/>
\t\t\t\t<pc:Word id="a_w1">
\t\t\t\t\t<pc:Coords points="20,10 50,10 50,50 20,50"/>
\t\t\t\t\t<pc:TextEquiv><pc:Unicode>old</pc:Unicode></pc:TextEquiv>
\t\t\t\t</pc:Word>
\t\t\t\t<pc:TextEquiv index="0"><pc:Unicode>old text</pc:Unicode></pc:TextEquiv>
\t\t\t\t<pc:TextEquiv index="1"><pc:Unicode>older</pc:Unicode></pc:TextEquiv>
\t\t\t\t<pc:TextStyle bold="true"/>
\t\t\t</pc:TextLine>
\t\t\t<pc:TextLine id="b">
\t\t\t\t<pc:Coords points="40,80 92,80 92,120 40,120"/>
\t\t\t</pc:TextLine>
\t\t\t<pc:TextEquiv conf="0.5"><pc:Unicode>region text</pc:Unicode></pc:TextEquiv>
\t\t</pc:TextRegion>
\t</pc:Page>
</pc:PcGts>
"""
ALTO = """\
<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>1.png</fileName></sourceImageInformation></Description>
<Layout><Page ID="p" WIDTH="200" HEIGHT="140" PHYSICAL_IMG_NR="7"><PrintSpace>
<TextBlock ID="t"><TextLine ID="a" HPOS="20" VPOS="10" WIDTH="64" HEIGHT="40" BASELINE="48"><Shape>\
<Polygon POINTS="20,10 84,10 84,50 20,50"/></Shape><String CONTENT="old" WC="0.1"/><SP/><String CONTENT="te"/>\
<HYP CONTENT="-"/></TextLine><TextLine ID="b" HPOS="40" VPOS="80" WIDTH="52" HEIGHT="40"><String CONTENT=""/>\
</TextLine></TextBlock></PrintSpace></Page></Layout></alto>
"""
TEXTS = ("31415", "9265")


@pytest.fixture
def folder(bars: Bars, tmp_path: Path) -> Path:
    """A page of 200x140 with the two texts at (20, 10) and (40, 80)."""
    page = np.full((140, 200), 255, np.uint8)
    for text, left, top in zip(TEXTS, (20, 40), (10, 80), strict=True):
        line = bars.draw(text)
        page[top : top + 40, left : left + line.shape[1]] = line
    Image.fromarray(page).save(tmp_path / "1.png")
    return tmp_path


def filled(bars: Bars, path: Path, form: Form) -> bytes:
    stream = io.BytesIO()
    sheet = open_sheet(stream.write, form)
    (results,) = Reader(bars).read_sources([str(path)])
    sheet.add(str(path), results)
    sheet.close()
    return stream.getvalue()


def fill(bars: Bars, folder: Path, xml: str | bytes, form: Form) -> Any:
    (folder / "1.xml").write_bytes(xml.encode() if isinstance(xml, str) else xml)
    return etree.fromstring(filled(bars, folder / "1.xml", form))


def said(line: Any) -> str:
    """Text of a TextLine in either form."""
    if line.find("{*}TextEquiv") is not None:
        return str(line.findtext("{*}TextEquiv/{*}Unicode"))
    return "".join(part.get("CONTENT", " ") for part in line if part.tag.rpartition("}")[2] in ("String", "SP", "HYP"))


def rest(data: bytes) -> bytes:
    """What a document says beside the text of its lines and regions."""
    root = etree.fromstring(data)
    for name in ("Word", "TextEquiv", "String", "SP", "HYP"):
        for element in root.findall(f".//{{*}}{name}"):
            element.getparent().remove(element)
    for line in root.iter("{*}TextLine"):
        for part in (line, *line):
            part.text, part.tail = None, None
    return bytes(etree.tostring(root, method="c14n", with_comments=True))


def test_page_2019(bars: Bars, folder: Path, validated: Callable[[str], Validate]) -> None:
    root = fill(bars, folder, PAGE, "page")
    validated("page-2019-07-15.xsd")(etree.tostring(root))
    lines = list(root.iter("{*}TextLine"))
    assert [said(line) for line in lines] == list(TEXTS)
    for line, left, top in zip(lines, (20, 40), (10, 80), strict=True):
        places = [coords.get("points") for coords in line.findall("{*}Word/{*}Glyph/{*}Coords")]
        for number, place in enumerate(places):
            corners = np.array([list(map(int, point.split(","))) for point in place.split()])
            expected = left + 4 + 12 * number
            assert np.abs(corners[:, 0] - [expected, expected + 8, expected + 8, expected]).max() <= 1
            assert corners[:, 1].tolist() == [top, top, top + 40, top + 40]
        assert 0 < float(line.find("{*}TextEquiv").get("conf")) <= 1
    assert [child.tag.rpartition("}")[2] for child in lines[0] if isinstance(child.tag, str)] == [
        "Coords", "Baseline", "Word", "TextEquiv", "TextStyle",
    ]  # fmt: skip
    assert root.findtext(".//{*}TextRegion/{*}TextEquiv/{*}Unicode") == "\n".join(TEXTS)
    assert root.find(".//{*}TextRegion/{*}TextEquiv").get("conf") is None


def test_no_other_text_of_a_region_is_left(bars: Bars, folder: Path) -> None:
    plain = "<pc:PlainText>region text</pc:PlainText>"
    other = '<pc:TextEquiv index="1"><pc:Unicode>region text of old</pc:Unicode></pc:TextEquiv>'
    xml = PAGE.replace("<pc:Unicode>region", f"{plain}<pc:Unicode>region").replace(
        "</pc:TextEquiv>\n\t\t</pc:TextRegion>", f"</pc:TextEquiv>{other}</pc:TextRegion>"
    )
    assert xml.count("region text") == 3
    (region,) = fill(bars, folder, xml, "page").findall(".//{*}TextRegion")
    assert ["".join(told.itertext()) for told in region.findall("{*}TextEquiv")] == ["\n".join(TEXTS)]


def test_page_without_a_namespace_gets_elements_without_one(bars: Bars, folder: Path) -> None:
    bare = re.sub(r' xmlns:pc="[^"]*"', "", PAGE).replace("pc:", "")
    root = fill(bars, folder, bare, "page")
    assert [said(line) for line in root.iter("TextLine")] == list(TEXTS)
    assert len(root.findall(".//TextLine/Word/Glyph")) == sum(len(text.replace(" ", "")) for text in TEXTS)


def test_points_of_a_page_of_another_size_than_its_picture_stay_in_its_own(bars: Bars, folder: Path) -> None:
    def doubled(match: re.Match[str]) -> str:
        return match[1] + re.sub(r"\d+", lambda number: str(2 * int(number[0])), match[2])

    large = re.sub(r'((?:imageWidth|imageHeight|points)=)("[^"]*")', doubled, PAGE)
    places = [
        np.array([list(map(int, point.split(","))) for coords in found for point in coords.get("points").split()])
        for found in (fill(bars, folder, xml, "page").findall(".//{*}Glyph/{*}Coords") for xml in (PAGE, large))
    ]
    assert len(places[0]) > 4 and np.abs(places[1] - 2 * places[0]).max() <= 2


@pytest.mark.parametrize(("form", "xml"), [("page", PAGE), ("alto", ALTO)])
def test_nothing_else_changes(bars: Bars, folder: Path, form: Form, xml: str) -> None:
    fill(bars, folder, xml, form)
    data = filled(bars, folder / "1.xml", form)
    assert rest(data) == rest(xml.encode())
    # To the byte, before the first line and behind the last one's region.
    start = xml.index("<pc:TextLine" if form == "page" else "<TextLine")
    assert data.startswith(xml[:start].encode())
    assert data.endswith(xml[xml.rindex("</pc:TextRegion>" if form == "page" else "</TextBlock>") :].encode())
    # What was filled is filled again to the same.
    (folder / "1.xml").write_bytes(data)
    assert filled(bars, folder / "1.xml", form) == data


def test_new_elements_stand_in_lines_as_the_old_ones_did(bars: Bars, folder: Path) -> None:
    text = etree.tostring(fill(bars, folder, PAGE, "page")).decode()
    assert '\n\t\t\t\t<pc:Word id="a_w1">\n\t\t\t\t\t<pc:Coords ' in text
    assert '\n\t\t\t\t<pc:TextStyle bold="true"/>\n\t\t\t</pc:TextLine>' in text
    compact = re.sub(r">\s+<", "><", PAGE)
    assert ">\n<" not in etree.tostring(fill(bars, folder, compact, "page")).decode()


@pytest.mark.parametrize("year", ["2013-07-15", "2016-07-15", "2017-07-15", "2018-07-15"])
def test_older_page(bars: Bars, folder: Path, year: str, validated: Callable[[str], Validate]) -> None:
    """What a line may hold has only grown since, but for the order of texts, which came in 2016."""
    plain = re.sub(r"\t*<pc:TextEquiv index=\"1\".*\n", "", PAGE).replace(' index="0"', "")
    (folder / "1.xml").write_text(plain.replace("2019-07-15", year))
    stream = io.BytesIO()
    (results,) = Reader(bars, decoder="beam", alternatives=2).read_sources([str(folder / "1.xml")])
    open_sheet(stream.write, "page").add(str(folder / "1.xml"), results)
    root = validated("page-2019-07-15.xsd")(stream.getvalue().replace(year.encode(), b"2019-07-15"))
    texts = root.findall(".//{*}TextLine[1]/{*}TextEquiv")
    if year.startswith("2013"):
        assert [(text.get("index"), said(text.getparent())) for text in texts] == [(None, TEXTS[0])]
    else:
        assert [text.get("index") for text in texts] == ["0", "1", "2"]


def test_page_before_points_is_refused(bars: Bars, folder: Path) -> None:
    xml = PAGE.replace("2019-07-15", "2010-03-19")
    with pytest.raises(OutputError, match=r"1\.xml: PAGE of 2010 has no place for confidences; bring it to 2013"):
        fill(bars, folder, xml, "page")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_alto(bars: Bars, folder: Path, version: int, validated: Callable[[str], Validate]) -> None:
    root = fill(bars, folder, ALTO.replace("ns-v4", f"ns-v{version}"), "alto")
    data = etree.tostring(root)
    if version == 4:
        validated("alto-4-3.xsd")(data)
    else:  # 3.1 is 2 with more beside it
        validated("alto-3-1.xsd")(data.replace(b"ns-v2", b"ns-v3"))
    assert [said(line) for line in root.iter("{*}TextLine")] == list(TEXTS)
    string = root.find(".//{*}String")
    assert float(string.get("HPOS")) == pytest.approx(24, abs=1) and string.get("VPOS") == "10"
    assert len(string) == (5 if version == 4 else 0)
    assert (string.get("CC") is None) == (version == 4)


def test_units_of_a_file_are_kept(bars: Bars, folder: Path) -> None:
    """A page whose places are in tenths of a millimetre, two for each pixel."""
    halves = re.sub(r'(HPOS|VPOS|WIDTH|HEIGHT|BASELINE)="(\d+)"', lambda m: f'{m[1]}="{2 * int(m[2])}"', ALTO).replace(
        "20,10 84,10 84,50 20,50", "40,20 168,20 168,100 40,100"
    )
    root = fill(bars, folder, halves.replace(">pixel<", ">mm10<"), "alto")
    string = root.find(".//{*}String")
    assert float(string.get("HPOS")) == pytest.approx(48, abs=2) and string.get("HEIGHT") == "80"
    assert [said(line) for line in root.iter("{*}TextLine")] == list(TEXTS)
    # As a page of its own it is in pixels.
    other = etree.fromstring(filled(bars, folder / "1.xml", "page"))
    assert other.find(".//{*}Page").get("imageWidth") == "200"
    assert other.findall(".//{*}TextLine/{*}Coords")[0].get("points") == "20,10 84,10 84,50 20,50"


@pytest.mark.parametrize(
    ("encoding", "head"),
    [("UTF-8", b""), ("UTF-8", b"\xef\xbb\xbf"), ("ISO-8859-1", b""), ("UTF-16", b"")],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_encoding_declaration_and_line_ends_stay(
    bars: Bars, folder: Path, encoding: str, head: bytes, ends: str
) -> None:
    xml = PAGE.replace("UTF-8", encoding).replace("by hand", "é").replace("\n", ends)
    fill(bars, folder, head + xml.encode(encoding), "page")
    data = filled(bars, folder / "1.xml", "page")
    text = data.removeprefix(head).decode(encoding)
    assert text.startswith(xml[: xml.index("<pc:TextLine")])
    assert text.endswith(f"</pc:PcGts>{ends}")
    assert text.count("\n") == text.count(ends) > 10


def test_a_line_that_cannot_be_read_keeps_what_it_had(bars: Bars, folder: Path) -> None:
    root = fill(bars, folder, PAGE.replace("20,10 84,10 84,50 20,50", "20,10 20,10", 1), "page")
    assert [said(line) for line in root.iter("{*}TextLine")] == ["old text", TEXTS[1]]
    assert root.findtext(".//{*}TextRegion/{*}TextEquiv/{*}Unicode") == f"old text\n{TEXTS[1]}"


def test_no_name_is_given_twice(bars: Bars, folder: Path, validated: Callable[[str], Validate]) -> None:
    root = fill(bars, folder, PAGE.replace('id="r1"', 'id="a_w1_g1"').replace('id="b"', 'id="a_w"'), "page")
    validated("page-2019-07-15.xsd")(etree.tostring(root))


def test_a_blank_page_stays_as_it_is(bars: Bars, folder: Path) -> None:
    xml = re.sub(r"\t*<pc:TextLine.*</pc:TextLine>\n", "", PAGE, flags=re.DOTALL)
    fill(bars, folder, xml, "page")
    assert filled(bars, folder / "1.xml", "page").decode() == xml
    assert etree.fromstring(filled(bars, folder / "1.xml", "alto")).find(".//{*}TextBlock") is None
    assert filled(bars, folder / "1.xml", "text") == b""


@pytest.mark.parametrize(("xml", "form"), [(PAGE, "alto"), (ALTO, "page"), (PAGE, "hocr")])
def test_a_page_in_another_form(
    bars: Bars, folder: Path, xml: str, form: Form, validated: Callable[[str], Validate]
) -> None:
    root = fill(bars, folder, xml, form)
    if form != "hocr":
        validated("alto-4-3.xsd" if form == "alto" else "page-2019-07-15.xsd")(etree.tostring(root))
        assert [said(line) for line in root.iter("{*}TextLine")] == list(TEXTS)
    else:
        lines = [element for element in root.iter() if element.get("class") == "ocr_line"]
        assert ["".join(line.itertext()).strip() for line in lines] == list(TEXTS)
        assert [re.findall(r"bbox [\d ]+", line.get("title"))[0] for line in lines] == [
            "bbox 20 10 84 50", "bbox 40 80 92 120",
        ]  # fmt: skip


def test_a_file_that_was_changed_meanwhile_is_not_filled(bars: Bars, folder: Path) -> None:
    path = folder / "1.xml"
    path.write_text(PAGE)
    (results,) = Reader(bars).read_sources([str(path)])
    fewer = re.sub(r'\t*<pc:TextLine id="b">.*?</pc:TextLine>\n', "", PAGE, flags=re.DOTALL)
    for other in (fewer, "<x/>", PAGE[:-9]):
        path.write_text(other)
        with pytest.raises(OutputError, match=r"1\.xml: was changed while it was read"):
            open_sheet(io.BytesIO().write, "page").add(str(path), results)
    path.unlink()
    with pytest.raises(OutputError, match="cannot be read again"):
        open_sheet(io.BytesIO().write, "page").add(str(path), results)


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE, '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">'])
@pytest.mark.parametrize("xml", [PAGE, ALTO])
def test_no_entity_is_ever_taken(bars: Bars, folder: Path, declared: str, xml: str) -> None:
    root = "<pc:PcGts" if xml is PAGE else "<alto"
    (folder / "1.xml").write_text(xml.replace(root, declared + root, 1).replace("old", "&a;", 1))
    (result,) = Reader(bars).read_many([str(folder / "1.xml")])
    assert isinstance(result.outcome, ImageError) and "DOCTYPE" in str(result.outcome)


def test_any_bytes_end_in_a_reading_or_one_line(bars: Bars, folder: Path) -> None:
    rng = random.Random(23)
    path = folder / "1.xml"
    read = 0
    for round_number in range(200):
        data = bytearray((PAGE, ALTO)[round_number % 2].encode())
        for _ in range(rng.choice([1, 1, 2, 6])):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([0, 1, 5, 40])] = rng.choice(
                [b"", b"<", b'"', b"&", b"\0", b"nan", b"<a/>", b"-1", b"\xff\xfe", b"&#0;", b"9" * 400, b"x"]
            )
        path.write_bytes(data)
        (results,) = Reader(bars).read_sources([str(path)])
        for result in results:
            assert isinstance(result.outcome, Reading) or str(result.outcome).isprintable()
        read += sum(isinstance(result.outcome, Reading) for result in results)
        for form in ("page", "alto", "hocr", "jsonl"):
            stream = io.BytesIO()
            try:
                open_sheet(stream.write, form).add(str(path), results)
            except OutputError as error:
                assert str(error).isprintable()
            if form in ("page", "alto") and stream.getvalue():
                etree.fromstring(stream.getvalue())
    assert read > 20, "many are spoilt where it does not matter"
