from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import ImageFont


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the one face that Pillow carries: printable ASCII and some typographic marks, no accents."""
    folder = tmp_path_factory.mktemp("fonts")
    carried = ImageFont.load_default(28)
    assert isinstance(carried, ImageFont.FreeTypeFont)
    assert isinstance(carried.path, io.BytesIO)
    (folder / "Aileron-Regular.otf").write_bytes(carried.path.getvalue())
    return folder


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with sentences in two languages, a few of them with characters that the face lacks."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "en.txt").write_text(
        "The quick brown fox jumps over the lazy dog.\n"
        'It cost 12.40 in May; "nothing" more was said - and nobody\'s fault it was!\n'
        "Where does the café begin?\n",
        encoding="utf-8",
    )
    (folder / "fr.txt").write_text("Les sanglots longs des violons ;\nvoilà où l'été finit.\n", encoding="utf-8")
    (folder / "mul.txt").write_text("TOTAL 7.50\nInvoice No. 4711\n", encoding="utf-8")
    return folder
