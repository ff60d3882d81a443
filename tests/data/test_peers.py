"""Labels as other tools write them, written by those tools: each test runs where its tool is.

A Python library is looked for in this Python and in those that PEERS_PYTHON names, with the system's separator of paths
between them; a single script in the folder that PEERS_SCRIPTS names. CONTRIBUTING.md says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrnn.data.labels import LabelSet, read_labels
from ocrnn.errors import LabelError

TRUTH = {"a": "first line", "b": "by words & é"}
TOPS = {"a": 10, "b": 100}
LEFT, WIDTH, HEIGHT = 10, 100, 40
"""Where the lines of the page are, in pixels."""
PLACED = f"LINES = {[(name, text, TOPS[name]) for name, text in TRUTH.items()]!r}\n"


PYTHONS = [sys.executable, *map(os.path.abspath, filter(None, os.environ.get("PEERS_PYTHON", "").split(os.pathsep)))]
SCRIPTS = Path(os.path.abspath(os.environ["PEERS_SCRIPTS"])) if "PEERS_SCRIPTS" in os.environ else None


def python_with(module: str) -> str:
    """A Python that has a module; skips where there is none."""
    for python in PYTHONS:
        look = [python, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"]
        if subprocess.run(look, capture_output=True).returncode == 0:
            return python
    pytest.skip(f"{module} is not installed; name a Python that has it in PEERS_PYTHON")


def script_of(name: str) -> Path:
    """A peer's script; skips where it is not there."""
    if SCRIPTS is None or not (SCRIPTS / name).is_file():
        pytest.skip(f"{name} is not there; name the folder that has it in PEERS_SCRIPTS")
    return SCRIPTS / name


def command(name: str) -> str:
    """Path of a command, one that came with a Python or any other; skips where it is not installed."""
    beside = os.pathsep.join(os.path.dirname(python) for python in PYTHONS)
    return shutil.which(name, path=beside) or shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*words: object, cwd: Path) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def page() -> npt.NDArray[np.uint8]:
    """A grey page of 300x200 whose pixels tell where they are."""
    return np.add.outer(np.arange(200), np.arange(300) // 3).astype(np.uint8) % np.uint8(200) + np.uint8(55)


def labels_of(folder: Path, xml: str) -> LabelSet:
    Image.fromarray(page()).save(folder / "1.png")
    (folder / "1.xml").write_text(xml, encoding="utf-8")
    return read_labels(folder)


def assert_lines(labels: LabelSet, off: int = 0) -> None:
    """The lines of the page are there, cut out where they are, give or take `off` pixels at their far ends."""
    assert labels.problems == ()
    assert {sample.name.split("/")[-1]: sample.text for sample in labels.samples} == {
        f"{name}.png": text for name, text in TRUTH.items()
    }
    for sample, top in zip(labels.samples, TOPS.values(), strict=True):
        rows, columns = sample.load().shape
        assert HEIGHT - off <= rows <= HEIGHT + off and WIDTH - off <= columns <= WIDTH + off
        cut = (slice(HEIGHT - off), slice(WIDTH - off))
        assert np.array_equal(sample.load()[cut], page()[top:, LEFT:][cut])


# --- pages ---


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("form", ["alto", "pagexml"])
def test_krakens_serializer(form: str, words: bool, tmp_path: Path) -> None:
    script = f"""
        from kraken.containers import BaselineLine, BaselineOCRRecord, Segmentation
        from kraken.serialization import serialize
        def line(id, text, top):
            base = [(10, top + 30), (110, top + 30)]
            own = BaselineLine(id=id, baseline=base, boundary=[(10, top), (110, top), (110, top + 40), (10, top + 40)])
            step = 100 // len(text)
            cuts = [(max(1, n * step), (n + 1) * step - 1) for n in range(len(text))]
            return BaselineOCRRecord(text, cuts, [0.9] * len(text), own)
        page = Segmentation(type="baselines", imagename="1.png", text_direction="horizontal-lr", script_detection=False,
                            lines=[line(*each) for each in LINES], regions={{}}, line_orders=[])
        xml = serialize(page, image_size=(300, 200), template={form!r}, sub_line_segmentation={words})
        open("kraken.out", "w", encoding="utf-8").write(xml)
    """
    run(python_with("kraken"), "-c", PLACED + dedent(script), cwd=tmp_path)
    assert_lines(labels_of(tmp_path, (tmp_path / "kraken.out").read_text(encoding="utf-8")), off=1)


OCRD = """
from datetime import datetime
from ocrd_models import ocrd_page as own
def text(written):
    return [own.TextEquivType(Unicode=written, conf=0.9)]
def line(id, written, top):
    box = own.CoordsType(points=f"10,{top} 110,{top} 110,{top + 40} 10,{top + 40}")
    words = [own.WordType(id=f"{id}{n}", Coords=box, TextEquiv=text(word)) for n, word in enumerate(written.split())]
    base = own.BaselineType(points=f"10,{top + 30} 110,{top + 30}")
    return own.TextLineType(id=id, Coords=box, Baseline=base, Word=words, TextEquiv=text(written))
whole = own.CoordsType(points="0,0 300,0 300,200 0,200")
region = own.TextRegionType(id="r", Coords=whole, TextLine=[line(*each) for each in LINES])
page = own.PageType(imageFilename="1.png", imageWidth=300, imageHeight=200, TextRegion=[region])
day = datetime(2026, 1, 1)
about = own.MetadataType(Creator="a test", Created=day, LastChange=day)
open("page.out", "w", encoding="utf-8").write(own.to_xml(own.PcGtsType(Metadata=about, Page=page)))
"""


def test_ocr_ds_page(tmp_path: Path) -> None:
    run(python_with("ocrd_models"), "-c", PLACED + OCRD, cwd=tmp_path)
    assert_lines(labels_of(tmp_path, (tmp_path / "page.out").read_text(encoding="utf-8")))


@pytest.mark.parametrize("version", ["2.0", "2.1", "3.0", "3.1", "4.0", "4.2"])
def test_ocr_ds_page_to_alto(version: str, tmp_path: Path) -> None:
    python = python_with("ocrd_models")
    convert = command("page-to-alto")
    run(python, "-c", PLACED + OCRD, cwd=tmp_path)
    alto = run(convert, "--alto-version", version, "--no-check-border", "page.out", cwd=tmp_path)
    assert_lines(labels_of(tmp_path, alto))


def test_tesseracts_alto(tmp_path: Path) -> None:
    """Its lines say what its plain text says, and lie where they were drawn."""
    picture = Image.new("L", (700, 300), 255)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(36)
    truth = {40: "The first line 12.40", 140: "and the second one"}
    for top, text in truth.items():
        pen.text((40, top), text, fill=0, font=font)
    picture.save(tmp_path / "page.png")
    run(command("tesseract"), "page.png", "page", "alto", "txt", cwd=tmp_path)
    written = (tmp_path / "page.txt").read_text(encoding="utf-8")
    (tmp_path / "page.txt").unlink()  # beside page.png, a text would count as its label
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert [sample.text for sample in labels.samples] == [line for line in written.splitlines() if line.strip()]
    assert [sample.text for sample in labels.samples] == list(truth.values())
    for sample, (top, text) in zip(labels.samples, truth.items(), strict=True):
        left, upper, right, lower = (round(end) for end in pen.textbbox((40, top), text, font=font))
        inked = np.asarray(picture)[upper:lower, left:right]
        assert (sample.load() < 128).sum() == (inked < 128).sum()


# --- texts beside pictures ---


def test_hocr_tools_extract_images(tmp_path: Path) -> None:
    extract = command("hocr-extract-images")
    Image.fromarray(page()).save(tmp_path / "1.png")
    spans = "".join(
        f"<span class='ocr_line' title='bbox {LEFT} {top} {LEFT + WIDTH} {top + HEIGHT}'>"
        f"{TRUTH[name].replace('&', '&amp;')}\n</span>"
        for name, top in TOPS.items()
    )
    hocr = f"<html><body><div class='ocr_page' title='image \"1.png\"; bbox 0 0 300 200'>{spans}</div></body></html>"
    (tmp_path / "page.hocr").write_text(f'<?xml version="1.0" encoding="UTF-8"?>{hocr}', encoding="utf-8")
    (tmp_path / "lines").mkdir()
    run(extract, "-p", "lines/%03d.png", "page.hocr", cwd=tmp_path)
    labels = read_labels(tmp_path / "lines")
    assert labels.problems == ()
    assert [(sample.name, sample.text) for sample in labels.samples] == [
        (f"{n:03}.png", text) for n, text in enumerate(TRUTH.values(), 1)
    ]
    assert np.array_equal(labels.samples[1].load(), page()[100:140, 10:110])


def test_text2image_and_tesstrains_boxes(tmp_path: Path) -> None:
    script, draw = script_of("generate_gt_from_box.py"), command("text2image")
    (tmp_path / "fonts").mkdir()
    fonts = Path("/usr/share/fonts/truetype/dejavu")
    if not (fonts / "DejaVuSans.ttf").is_file():
        pytest.skip("no DejaVu Sans to draw with")
    truth = "Straße 7, 12.40 €"
    (tmp_path / "text").write_text(truth + "\n", encoding="utf-8")
    run(
        draw, "--font", "DejaVu Sans", "--fonts_dir", fonts, "--fontconfig_tmpdir", "fonts", "--text", "text",
        "--outputbase", "line", "--xsize", "900", "--ysize", "120", "--margin", "20", cwd=tmp_path,
    )  # fmt: skip
    run(sys.executable, script, "-t", "line.gt.txt", "-b", "line.box", cwd=tmp_path)
    (tmp_path / "text").unlink()
    labels = read_labels(tmp_path)
    assert labels.problems == ()
    assert [(sample.name, sample.text) for sample in labels.samples] == [("line.tif", truth)]
    assert labels.samples[0].load().shape == (120, 900)


# --- tables ---


def listed(folder: Path) -> dict[str, str]:
    """Pictures with a list of them as deep-text-recognition-benchmark takes it."""
    truth = {f"lines/{name}.png": text for name, text in TRUTH.items()}
    for number, name in enumerate(truth):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (60, 20), 10 * number).save(folder / name)
    (folder / "gt.txt").write_text("".join(f"{name}\t{text}\n" for name, text in truth.items()), encoding="utf-8")
    return truth


def test_create_lmdb_dataset(tmp_path: Path) -> None:
    python, script = python_with("fire"), script_of("create_lmdb_dataset.py")
    (tmp_path / "in").mkdir()
    truth = listed(tmp_path / "in")
    assert {sample.name: sample.text for sample in read_labels(tmp_path / "in").samples} == truth
    # Its own check of the pictures fails with the numpy of today.
    run(python, script, "--inputPath", "in", "--gtFile", "in/gt.txt", "--outputPath", "db", "--checkValid", "False",
        cwd=tmp_path)  # fmt: skip
    labels = read_labels(tmp_path / "db")
    assert labels.problems == ()
    assert [sample.text for sample in labels.samples] == list(truth.values())
    assert [int(sample.load()[3, 3]) for sample in labels.samples] == [0, 10]


PPOCRLABEL = """
import ast, importlib.util, json, logging, os, platform, types
from pathlib import Path
import cv2, numpy as np
home = Path(importlib.util.find_spec("PPOCRLabel").origin).parent
names = {"cv2": cv2, "np": np, "os": os, "platform": platform, "logger": logging.getLogger(),
         "QMessageBox": types.SimpleNamespace(information=lambda *said: None)}
def own(file, name):  # its functions without its window, which would want a screen and PaddlePaddle
    tree = ast.parse((home / file).read_text(encoding="utf-8"))
    found = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)
    exec(compile(ast.Module([found], []), file, "exec"), names)
    return names[name]
own("libs/utils.py", "get_rotate_crop_image")
points = {name: [[10, top], [110, top], [110, top + 40], [10, top + 40]] for name, _, top in LINES}
labels = [{"transcription": text, "points": points[name], "difficult": False} for name, text, _ in LINES]
window = types.SimpleNamespace(PPlabelpath=os.path.abspath("set/Label.txt"), PPlabel={"set/1.png": labels},
                               fileStatedict={"set/1.png": 1})
window.getImglabelidx = types.MethodType(own("PPOCRLabel.py", "getImglabelidx"), window)
own("PPOCRLabel.py", "saveRecResult")(window)
Path("set/Label.txt").write_text("set/1.png\\t" + json.dumps(labels, ensure_ascii=False) + "\\n", encoding="utf-8")
Path("set/fileState.txt").write_text("set/1.png\\t1\\n", encoding="utf-8")
print(home / "gen_ocr_train_val_test.py")
"""


def test_ppocrlabel_and_its_splitter(tmp_path: Path) -> None:
    python = python_with("PPOCRLabel")
    (tmp_path / "set").mkdir()
    Image.fromarray(page()).save(tmp_path / "set" / "1.png")
    splitter = run(python, "-c", PLACED + PPOCRLABEL, cwd=tmp_path).strip()
    truth = {f"1_crop_{number}.jpg": text for number, text in enumerate(TRUTH.values())}
    labels = read_labels(tmp_path / "set")
    assert {sample.name: sample.text for sample in labels.samples} == {f"crop_img/{n}": t for n, t in truth.items()}
    assert [problem.where for problem in labels.problems] == [str(tmp_path / "set" / "1.png")]  # it is a page
    for sample, top in zip(labels.samples, TOPS.values(), strict=True):
        far = sample.load().astype(int) - page()[top : top + HEIGHT, LEFT : LEFT + WIDTH]
        assert np.abs(far).max() < 12  # of JPEG
    run(python, splitter, "--datasetRootPath", "set", "--detRootPath", "det", "--recRootPath", "rec",
        "--trainValTestRatio", "5:5:0", cwd=tmp_path)  # fmt: skip
    labels = read_labels(tmp_path / "rec")
    assert labels.problems == ()
    assert {Path(sample.name).name: sample.text for sample in labels.samples} == truth
    assert {sample.where.rsplit(os.sep)[-1] for sample in labels.samples} == {"train.txt:1", "val.txt:1"}
    # Its lists of pages are called so too, and are none of lines.
    with pytest.raises(LabelError, match=f"{tmp_path.name}.det: no labels found for 1 pictures; put "):
        read_labels(tmp_path / "det")
