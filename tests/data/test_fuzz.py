"""Whatever bytes stand where labels are expected, reading them ends in samples, problems or a LabelError."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.check import check_samples
from ocrnn.data.labels import read_labels
from ocrnn.errors import ImageError, LabelError
from ocrnn.image import LineFormat
from ocrnn.spec import Architecture

ROUNDS = 25
NAMES = ("a.png", "b.png", "images/c.png")
TEXTS = ("one two", 'a "quoted" one', "Straße; 12,50 €")


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(150, 255, (30, 90), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


PICTURE = picture()


def rows(separator: str, head: str = "") -> bytes:
    return (head + "".join(f"{n}{separator}{t}\n" for n, t in zip(NAMES, TEXTS, strict=True))).encode()


def objects(key: str) -> bytes:
    pairs = zip(NAMES, TEXTS, strict=True)
    return "".join(json.dumps({key: n, "text": t, "document": "book"}) + "\n" for n, t in pairs).encode()


def shard() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for number, text in enumerate(TEXTS):
            told = json.dumps({"text": text, "name": f"{number}.png"}).encode()
            for ending, data in (("png", PICTURE), ("txt", text.encode()), ("json", told)):
                member = tarfile.TarInfo(f"book/{number}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


PAGE = b"""<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="a.png" imageWidth="90" imageHeight="30"><TextRegion id="r"><Coords points="0,0 90,0 90,30 0,30"/>
<TextLine id="l"><Coords points="0,0 80,0 80,20 0,20"/><Baseline points="0,18 80,18"/>
<TextEquiv><Unicode>one two</Unicode></TextEquiv></TextLine></TextRegion></Page></PcGts>
"""
ALTO = b"""<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>a.png</fileName></sourceImageInformation></Description>
<Layout><Page ID="p" WIDTH="90" HEIGHT="30"><PrintSpace><TextBlock ID="b"><TextLine ID="l" HPOS="0" VPOS="0"
WIDTH="80" HEIGHT="20"><String CONTENT="one" HPOS="0" VPOS="0" WIDTH="40" HEIGHT="20"/><SP/>
<String CONTENT="two"/></TextLine></TextBlock></PrintSpace></Page></Layout></alto>
"""
FORMS = {
    "labels.tsv": rows("\t", "image\ttext\n"),
    "labels.csv": b'image,text\na.png,"one, two"\nb.png,"a ""quoted"" one"\n',
    "metadata.csv": b"file_name;text;document\na.png;one;book\nb.png;two;book\n",
    "labels.jsonl": objects("image"),
    "metadata.jsonl": objects("file_name"),
    "labels.json": json.dumps(dict(zip(NAMES, TEXTS, strict=True)), indent=1).encode(),
    "gt.txt": rows("\t"),
    "rec_gt_train.txt": b'["a.png", "b.png"]\tone\n' + rows("\t"),
    "a.gt.txt": TEXTS[0].encode(),
    "b.txt": TEXTS[2].encode(),
    "lines.tar": shard(),
    "a.xml": PAGE,
    "page.xml": PAGE,
    "alto.xml": ALTO,
}
"""A whole file of each form of labels, which is read as such before it is spoiled."""

PIECES = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n\n", b"\t\t", b'"', b"'", b",;", b"\\ud800"),
    *(b"[" * 3000, b"{" * 3000, b"9" * 6000, b"1e999", b"NaN", b"null", b"-1", b"../" * 40, b"a" * 5000, b"\x1b[31m"),
    *(b"<!DOCTYPE x [<!ENTITY y 'z'>]>", b"&y;", b"&#0;", b"<a>", b"]]>", b"0,0", b"99999999999", b"\xe2\x80\xa8"),
)
"""What breaks readers: odd characters, depth, length, numbers beyond all bounds, entities."""


def flipped(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] = rng.randrange(256)


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def dropped(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.randint(1, 40)]


def filled(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    data[place:place] = rng.choice(PIECES)


def doubled(data: bytearray, rng: random.Random) -> None:
    start, place = rng.randrange(len(data)), rng.randrange(len(data))
    data[place:place] = data[start : start + rng.randint(1, 200)]


def noise(data: bytearray, rng: random.Random) -> None:
    data[:] = rng.randbytes(rng.randint(0, 300))


SPOILT: tuple[Callable[[bytearray, random.Random], None], ...] = (flipped, cut, dropped, filled, doubled, noise)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in NAMES:
        (tmp_path / name).write_bytes(PICTURE)
        (tmp_path / "images" / Path(name).name).write_bytes(PICTURE)
    return tmp_path


def looked_through(path: Path) -> int:
    """Read labels as training does, and hold what comes to what it must be; the number of samples."""
    try:
        labels = read_labels(path)
    except LabelError as error:
        assert str(error).isprintable() and "; " in str(error)
        return 0
    report = check_samples(labels.samples, Charset.open("ascii"), Architecture(), LineFormat())
    for problem in (*labels.problems, *report.problems):
        assert str(problem).isprintable()
        assert problem.where and problem.what and problem.remedy and problem.kind
    for sample in labels.samples:
        assert sample.text == sample.text.strip() != ""
        sample.text.encode()
        try:
            assert sample.load().ndim == 2
        except ImageError as error:
            assert str(error)
    return len(labels.samples)


@pytest.mark.parametrize("name", [name for name in FORMS if not name.endswith(".xml")])
def test_the_files_that_are_spoilt_are_whole_before(name: str, folder: Path) -> None:
    (folder / name).write_bytes(FORMS[name])
    assert looked_through(folder) > 0
    assert read_labels(folder).samples[0].load().shape == (30, 90)


@pytest.mark.parametrize("name", FORMS)
def test_no_bytes_end_in_a_traceback(name: str, folder: Path) -> None:
    rng = random.Random(name)
    path = folder / name
    for round_number in range(ROUNDS):
        data = bytearray(FORMS[name])
        for spoil in rng.sample(SPOILT, rng.randint(1, 3)):
            if data:
                spoil(data, rng)
        path.write_bytes(data)
        for where in (folder, path):
            try:
                looked_through(where)
            except Exception as fault:
                pytest.fail(f"{name}, round {round_number}, {bytes(data[:300])!r}: {fault!r}")
