from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ocrnn.errors import ImageError
from ocrnn.transcribe.prepared import Opener
from ocrnn.transcribe.source import Source

if TYPE_CHECKING:
    from tests.conftest import Bars


def animation(bars: Bars, *texts: str) -> bytes:
    first, *others = (Image.fromarray(bars.draw(text)) for text in texts)
    data = io.BytesIO()
    first.save(data, "GIF", save_all=True, append_images=others)
    return data.getvalue()


def test_pages_come_with_their_source_and_place(bars: Bars, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    sources: list[Source] = [bars.draw("12"), str(tmp_path / "bad.png"), animation(bars, "345", "678")]
    first, bad, *pages = Opener(bars.spec).pages(enumerate(sources, 7))
    assert (first.source, first.name, first.page, first.pages) == (7, "array", 1, 1)
    assert first.columns == bars.spec.line_format.prepare(bars.draw("12")).shape[2] == first.all_columns
    assert isinstance(bad.line, ImageError) and (bad.source, bad.columns) == (8, 0)
    assert (bad.page, bad.pages) == (1, 1)
    assert [(page.source, page.page, page.pages) for page in pages] == [(9, 1, 2), (9, 2, 2)]


def test_a_clip_is_one_page_of_frames(bars: Bars) -> None:
    (page,) = Opener(bars.spec, frames="fuse").pages([(3, animation(bars, "345", "678"))])
    assert (page.source, page.page, page.pages, page.line, page.columns) == (3, 1, 1, None, 0)
    assert page.all_columns == sum(frame.columns for frame in page.frames) > 0
    wanted = [bars.spec.line_format.prepare(bars.draw(text)) for text in ("345", "678")]
    for frame, line in zip(page.frames, wanted, strict=True):
        assert isinstance(frame.line, np.ndarray) and np.array_equal(frame.line, line)


def test_a_tall_picture_comes_turned_either_way(bars: Bars) -> None:
    upright = bars.draw("4071901234")
    (page,) = Opener(bars.spec, turn="auto").pages([(0, np.ascontiguousarray(np.rot90(upright)))])
    (other,) = page.others
    assert (page.turned_deg, other.turned_deg) == (90, 270)
    assert page.all_columns == page.columns + other.columns
    assert isinstance(page.line, np.ndarray)
    assert np.array_equal(page.line, bars.spec.line_format.prepare(upright))
    (alone,) = Opener(bars.spec, turn="none").pages([(0, np.ascontiguousarray(np.rot90(upright)))])
    assert (alone.turned_deg, alone.others) == (0, ())


def test_what_is_too_wide_is_told_by_its_name(bars: Bars) -> None:
    wide = np.full((2, 4000), 255, np.uint8)
    (page,) = Opener(bars.spec, max_pixels=10_000).pages([(0, wide)])
    assert str(page.line).startswith("array: ")
    with pytest.raises(ImageError, match="^array: "):
        list(Opener(bars.spec, max_pixels=10_000).shots(0, wide))
