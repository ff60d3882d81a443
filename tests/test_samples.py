"""The sample lines: what is on file is consistent, and the shipped model reads each of them."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from ocrnn.charset import Charset
from ocrnn.image import load_lines

ROOT = Path(__file__).parent.parent
SAMPLES = sorted((ROOT / "samples").glob("*.png"))


def truth(picture: Path) -> str:
    return picture.with_name(f"{picture.stem}.gt.txt").read_text(encoding="utf-8").rstrip("\n")


def test_every_picture_has_a_text_and_every_text_a_picture(root: Path) -> None:
    texts = {path.name.removesuffix(".gt.txt") for path in (root / "samples").glob("*.gt.txt")}
    assert {path.stem for path in SAMPLES} == texts
    assert len(texts) >= 8


@pytest.mark.parametrize("picture", SAMPLES, ids=lambda path: path.stem)
def test_texts_are_composed_single_spaced_and_in_the_charset(picture: Path) -> None:
    text = truth(picture)
    assert unicodedata.is_normalized("NFC", text)
    assert text == " ".join(text.split()) and text
    assert not Charset.open("latin").strangers(text)


def test_pictures_are_what_the_readme_of_the_samples_says(root: Path) -> None:
    page = (root / "samples" / "README.md").read_text(encoding="utf-8")
    for picture in SAMPLES:
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{picture.name}` |")]
        [grey] = load_lines(picture)
        assert f"{grey.shape[0]} px" in row


def test_one_sample_is_light_on_dark_and_one_is_small(root: Path) -> None:
    [sign] = load_lines(root / "samples" / "sign.png")
    assert sign[:4].mean() < 100 < sign.max()
    [form] = load_lines(root / "samples" / "form.png")
    assert form.shape[0] == 17


@pytest.mark.parametrize("picture", SAMPLES, ids=lambda path: path.stem)
def test_the_shipped_model_reads_it(picture: Path, latin: str) -> None:
    from ocrnn import Reader

    assert Reader.open(latin, threads=1).read(picture).text == truth(picture)


PAGES = sorted((ROOT / "samples" / "pages").glob("*.xml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_shipped_model_reads_the_pages(page: Path, latin: str) -> None:
    pytest.importorskip("lxml")
    from ocrnn import Reader
    from ocrnn.data.labels import read_labels

    labels = read_labels(page)
    assert labels.problems == () and len(labels.samples) > 5
    read = [reading.text for reading in Reader.open(latin, threads=1).read_pages(page)]
    assert read == [sample.text for sample in labels.samples]


def test_pages_are_valid_and_of_either_kind() -> None:
    etree = pytest.importorskip("lxml.etree")
    schemas = ROOT / "tests" / "transcribe" / "schemas"
    names = {"PcGts": "page-2019-07-15.xsd", "alto": "alto-4-3.xsd"}
    roots = [etree.parse(str(page)).getroot() for page in PAGES]
    kinds = [etree.QName(root).localname for root in roots]
    assert sorted(kinds) == sorted(names)
    for root, kind in zip(roots, kinds, strict=True):
        etree.XMLSchema(etree.parse(str(schemas / names[kind]))).assertValid(root)


def test_reading_brings_in_no_torch(latin: str, root: Path) -> None:
    """In a process of its own, with the real entry point: torch and what trains must not come in by any door."""
    script = (
        "import sys\n"
        "from ocrnn.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    status = end.code\n"
        "heavy = {'torch', 'safetensors', 'onnx', 'matplotlib'} & sys.modules.keys()\n"
        "print(status, sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "read", str(root / "samples" / "receipt.png"), "-q"],
        capture_output=True, text=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=True,
    )  # fmt: skip
    assert done.stdout == truth(root / "samples" / "receipt.png") + "\n"
    assert done.stderr.splitlines()[-1] == "0 []"


def test_help_brings_in_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from ocrnn.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'cv2', 'PIL', 'onnxruntime', 'torch'} & sys.modules.keys()), file=sys.stderr)\n"
    )
    for arguments in (["--help"], ["--version"], ["read", "--help"], ["train", "--help"], ["eval", "--help"]):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert "ocrnn" in done.stdout
        assert done.stderr.splitlines()[-1] == "[]", arguments
