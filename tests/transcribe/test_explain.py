"""An explanation against what the reader, the beam and the network say by themselves."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.ctc import log_probability, tempered
from ocrnn.decoding.search import BEAM_WIDTH
from ocrnn.errors import ImageError
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.explain import MOST_FRAMES, TEXTS, explain
from ocrnn.transcribe.explain_page import to_html
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars


def test_it_is_what_the_reader_reads(bars: Bars) -> None:
    warm = type(bars)(2.5)
    picture = bars.draw("4071", scale=2)
    found = explain(Reader(warm), picture)
    assert found.reading == Reader(warm).read(picture) and found.reading.text == "4071"
    assert np.array_equal(found.grey, picture) and found.spec is warm.spec
    assert np.array_equal(found.line, warm.spec.line_format.prepare(picture))
    assert np.array_equal(found.log_probs, tempered(warm.infer(found.line[None]), 2.5)[:, 0])
    assert found.spans == ((2, 4), (5, 7), (8, 10), (11, 13))
    assert found.saliency.characters.shape[0] == 4


def test_steps_are_the_beam_of_each_beginning(bars: Bars) -> None:
    warm = type(bars)(9.0)
    found = explain(Reader(warm), bars.draw("40"))
    assert [step.frame for step in found.steps] == list(range(len(found.log_probs)))
    for step in found.steps:
        begun = beam_search(found.log_probs[: step.frame + 1], BEAM_WIDTH, best=TEXTS)
        assert [text for text, _ in step.prefixes] == [found.spec.charset.decode(text.classes) for text in begun]
        assert [logp for _, logp in step.prefixes] == pytest.approx([text.logp for text in begun])
    assert [text for text, _ in found.texts] == [text for text, _ in found.steps[-1].prefixes]
    assert [p for _, p in found.texts] == pytest.approx([math.exp(logp) for _, logp in found.steps[-1].prefixes])


def test_choices_are_shares_with_the_character_first(bars: Bars) -> None:
    """Of one character alone, what stands around it is the end of the line: the shares are those of whole texts."""
    warm = type(bars)(20.0)
    found = explain(Reader(warm), bars.draw("5"))
    assert found.reading.text == "5"
    (choices,) = found.choices
    assert choices[0][0] == "5" and {"4", "6"} <= {text for text, _ in choices[1:]} and len(choices) == 5
    weights = [math.exp(log_probability(found.log_probs, found.spec.charset.encode(text))) for text, _ in choices]
    for (_, share), weight in zip(choices[1:], weights[1:], strict=True):
        assert share / choices[1][1] == pytest.approx(weight / weights[1], rel=1e-5)
    assert choices[0][1] == pytest.approx(1 - sum(share for _, share in choices[1:]))
    assert weights[0] / weights[1] <= choices[0][1] / choices[1][1]  # what is too unlikely to be told counts with it


def test_nothing_read_is_explained_too(bars: Bars) -> None:
    found = explain(Reader(bars), np.full((40, 200), 255, np.uint8))
    assert (found.reading.text, found.spans, found.choices) == ("", (), ())
    assert found.texts[0][0] == "" and not found.saliency.reading.any()
    hopeless = SimpleNamespace(
        spec=bars.spec, infer=lambda images: np.full((images.shape[3] // 4, len(images), 11), -np.inf, np.float32)
    )
    found = explain(Reader(hopeless), bars.draw("12"))
    assert (found.reading.text, found.texts) == ("", ()) and np.isfinite(found.saliency.reading).all()


def test_what_a_constraint_overrules_is_told(bars: Bars) -> None:
    reader = Reader(type(bars)(3.0), block="7")
    found = explain(reader, bars.draw("471"))
    assert found.reading.text == reader.read(bars.draw("471")).text != "471"
    assert found.texts[0][0] == "471" and b"reads as <q>471</q>" in to_html([("a", found)], "a", {})
    several = replace(found, reading=replace(found.reading, several_lines=True))
    assert [b"several lines" in to_html([("a", each)], "a", {}) for each in (found, several)] == [False, True]


def test_texts_that_differ_by_spaces_at_their_ends_are_one(bars: Bars) -> None:
    spaced = type(bars)(9.0)
    spaced.spec = ModelSpec(Charset(" 123456789"), temperature=9.0)
    found = explain(Reader(spaced), bars.draw("1001"))
    texts = [text for text, _ in found.texts]
    assert len(set(texts)) == len(texts) < 5 and not any(text != text.strip() for text in texts)


def test_a_mark_behind_its_letter_stays_a_character(bars: Bars) -> None:
    marks = type(bars)()
    marks.spec = ModelSpec(Charset("abcde\u0301éxyz"))
    found = explain(Reader(marks), bars.draw("456"))
    assert found.reading.text == "e\u0301é" and len(found.spans) == len(found.choices) == 3


def test_a_turned_line_is_explained_upright(bars: Bars) -> None:
    upright = bars.draw("31415926")
    found = explain(Reader(bars, turn="auto"), np.ascontiguousarray(np.rot90(upright)))
    assert (found.reading.text, found.reading.turned_deg) == ("31415926", 90)
    assert np.array_equal(found.grey, upright) and len(found.choices) == len(found.spans) == 8


def test_very_long_lines_have_no_steps(bars: Bars) -> None:
    picture = np.pad(bars.draw("123"), ((0, 0), (0, 4 * MOST_FRAMES)), constant_values=255)
    found = explain(Reader(bars), picture)
    assert found.reading.text == "123" and found.steps == () and len(found.log_probs) > MOST_FRAMES


def test_pages_are_refused(bars: Bars) -> None:
    stored = io.BytesIO()
    first, second = (Image.fromarray(bars.draw(text)) for text in ("12", "34"))
    first.save(stored, "TIFF", save_all=True, append_images=[second])
    with pytest.raises(ImageError, match="holds 2 pages"):
        explain(Reader(bars), stored.getvalue())
