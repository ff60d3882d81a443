from __future__ import annotations

import contextlib
import io
import operator
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.samples import Sample
from ocrnn.errors import ImageError
from ocrnn.image import MAX_PIXELS
from ocrnn.transcribe.source import Counted, Source, bounded, is_page, name_of


def test_each_source_has_a_name(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as file:
        assert name_of(file) == str(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert name_of(picture) == str(tmp_path / "a.png")
    names: list[tuple[Source, str]] = [
        ("a.png", "a.png"),
        (Path("a.png"), "a.png"),
        (b"\x89PNG", "picture"),
        (io.BytesIO(), "stdin"),
        (np.zeros((9, 9), np.uint8), "array"),
        (Image.new("L", (9, 9)), "picture"),
        (Sample(Path("a.png"), "text"), "a.png"),
    ]
    for source, name in names:
        assert name_of(source) == name


@pytest.mark.parametrize(
    ("source", "page"), [("a.xml", True), (Path("a.xml"), True), ("a.png", False), (b".xml", False)]
)
def test_a_page_is_a_path_that_ends_in_xml(source: Source, page: bool) -> None:
    assert is_page(source) is page


def test_what_is_drawn_is_counted_and_its_number_known() -> None:
    counted = Counted(["a.png", "b.png", "c.png"])
    assert operator.length_hint(counted) == 3
    drawn = iter(counted)
    assert (next(drawn), next(drawn), counted.drawn) == ("a.png", "b.png", 2)
    assert operator.length_hint(Counted(name for name in "abc")) > 10**9, "unknown is many"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_and_a_device_take_no_more_memory_than_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.transcribe.source.MAX_PIXELS", 1000)
    monkeypatch.setattr("ocrnn.transcribe.source._PART", 100)
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)

    def sent(count: int) -> threading.Thread:
        def send() -> None:
            with contextlib.suppress(BrokenPipeError):
                pipe.write_bytes(bytes(count))

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    thread = sent(16_000)
    source = bounded(pipe, 1000)
    assert isinstance(source, io.BytesIO) and source.read() == bytes(16_000) and name_of(source) == str(pipe)
    thread.join()
    thread = sent(1_000_000)
    with pytest.raises(
        ImageError, match=r"pipe\.png: holds over 0\.0 GB, more than a picture takes; raise --max-pixels"
    ):
        bounded(str(pipe), 1000)
    thread.join()
    with pytest.raises(ImageError, match=f"^{os.devnull}: is a device and no picture; give a file$"):
        bounded(os.devnull)


def test_a_file_larger_than_any_picture_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(16 * MAX_PIXELS + 1)
    with pytest.raises(
        ImageError, match=r"large\.png: holds over 1\.0 GB, more than a picture takes; raise --max-pixels"
    ):
        bounded(large)
    assert bounded(large, MAX_PIXELS + 1) == large
    assert bounded(large.rename(tmp_path / "large.mp4")) == tmp_path / "large.mp4"
    for other in ("nosuch.png", "a\0b", b"\x89PNG"):
        assert bounded(other) == other
