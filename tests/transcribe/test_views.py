from __future__ import annotations

import base64
import dataclasses
import math
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.charset import Charset
from ocrnn.decoding.constraints import own_language
from ocrnn.decoding.guide import score
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.language import Language
from ocrnn.decoding.packed import pack
from ocrnn.errors import ModelError
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.explain import explain
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.views import by_network, in_doubt, is_word, kept, views
from tests.transcribe.conftest import spaced

if TYPE_CHECKING:
    from tests.conftest import Bars

Frames = npt.NDArray[np.float32]
SEVEN = 8
"""Class of the character 7: 0 is the blank's."""
PAIRS = ("77", "78", "87", "88")


class Shortsighted:
    """Finds a text spread evenly over any picture; in lines of under `needs` columns it takes 7 for 8, in doubt."""

    def __init__(self, bars: Bars, text: str, needs: int, doubt: float) -> None:
        self.spec = dataclasses.replace(bars.spec, doubt=doubt)
        self.seen: list[int] = []
        self.further: list[Shortsighted] = []
        self._classes = bars.spec.charset.encode(text)
        self._needs = needs

    def infer(self, images: Frames) -> Frames:
        count, columns = len(images), images.shape[3]
        self.seen += [columns] * count
        shares = np.full((columns // 4, self.spec.charset.classes), 1e-4)
        shares[:, 0] = 1
        for place, number in enumerate(self._classes):
            frame = int((place + 0.5) / len(self._classes) * len(shares))
            shares[frame, [0, number]] = 1e-4, 1
            if number == SEVEN and columns < self._needs:
                shares[frame, [number, number + 1]] = 0.4, 0.6
        shares /= shares.sum(1, keepdims=True)
        return np.asarray(np.log(np.repeat(shares[:, None], count, axis=1)), np.float32)


def test_what_is_in_doubt_is_read_wider_and_stands_where_it_stood(bars: Bars) -> None:
    text = "4071234567890"
    picture = bars.draw(text)
    assert Reader(Shortsighted(bars, text, needs=180, doubt=0)).read(picture).text == "4081234568890"
    model = Shortsighted(bars, text, needs=180, doubt=0.85)
    reading = Reader(model).read(picture)
    assert max(model.seen) > 230
    assert reading.text == text
    assert (reading.width_px, reading.height_px, reading.frames) == (picture.shape[1], 40, 1)
    for place, character in enumerate(reading.characters):
        assert character.left_px == pytest.approx(4 + 12 * place, abs=5)
        assert character.right_px == pytest.approx(12 + 12 * place, abs=5)


def test_the_second_look_knows_the_language_that_the_model_brings(bars: Bars) -> None:
    text = "4071234567890"
    picture = bars.draw(text)
    model = Shortsighted(bars, text, needs=10_000, doubt=0.85)
    assert Reader(model).read(picture).text == "4081234568890", "no view shows it"
    language = base64.b64encode(pack(estimate(["4071234567890", "1234567", "40712"] * 9, 4))).decode()
    model.spec = dataclasses.replace(model.spec, language=language, language_weight=0.5)
    told = Reader(model).read(picture)
    assert told.text == text
    # Each 7 is 0.4 by the pictures and each 8 0.6: that neither is wrong is 0.16 by them, and more by both.
    spoken = own_language(model.spec)
    scores = {which: score(spoken, bars.spec.charset.encode(f"40{which[0]}123456{which[1]}890")) for which in PAIRS}
    weighed = {
        which: 0.4 ** which.count("7") * 0.6 ** which.count("8") * math.exp(2 / 3 * scores[which]) for which in PAIRS
    }
    assert told.confidence == pytest.approx(weighed["77"] / sum(weighed.values()), abs=0.02)
    assert told.words[0].confidence == pytest.approx(told.confidence), "a line of one word is as sure as the word"
    model.spec = dataclasses.replace(model.spec, language_weight=0.2)
    assert told.confidence > Reader(model).read(picture).confidence, "a language that counts less says less"
    model.spec = dataclasses.replace(model.spec, language_weight=0.5)
    assert Reader(model, allow="[:digit:]").read(picture).text == "4081234568890", "what a user knows takes its place"
    model.spec = dataclasses.replace(model.spec, doubt=0.0)
    assert Reader(model).read(picture).text == "4081234568890", "at first it is not asked"


def test_further_networks_take_part_in_the_second_look(bars: Bars) -> None:
    text = "40712345678901234"
    picture = bars.draw(text)
    model, keen = Shortsighted(bars, text, needs=10_000, doubt=0.85), Shortsighted(bars, text, needs=0, doubt=0.85)
    model.further = [keen]
    assert Reader(model).read(picture).text == text, "who sees it is surer of it than who does not"
    several = len([*views(picture)]) + 1
    assert len(keen.seen) == (several + 1) // 2
    assert len(model.seen) == (several + 1) // 2
    assert keen.seen[0] == model.seen[0], "the picture as it is, first of all"
    assert Reader(model).at_first_look().read(picture).text == text.replace("7", "8")
    assert len(keen.seen) == (several + 1) // 2

    word = bars.draw("407")
    assert is_word(*word.shape)
    assert not is_word(*picture.shape)
    model, keen = Shortsighted(bars, "407", needs=10_000, doubt=0.85), Shortsighted(bars, "407", needs=0, doubt=0.85)
    model.further = [keen]
    assert Reader(model).read(word).text == "408"
    assert not keen.seen, "it knows lines alone"
    keen.spec = dataclasses.replace(keen.spec, word_doubt=0.85)
    assert Reader(model).read(word).text == "407"
    views_of_it = len([*views(word)]) + 1
    assert len(keen.seen) == views_of_it
    assert sorted(keen.seen) == sorted(model.seen[-views_of_it:]), "all views of a word"


def test_every_view_is_read_and_the_picture_as_it_is_by_every_further_network(bars: Bars) -> None:
    own, all_, lines, words = (
        dataclasses.replace(bars.spec, doubt=doubt, word_doubt=word_doubt)
        for doubt, word_doubt in ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    )
    assert by_network(5, [own], word=False) == [[1, 2, 3, 4]]
    assert by_network(5, [own, lines], word=False) == [[2, 4], [0, 1, 3]]
    assert by_network(5, [own, words, lines], word=False) == [[2, 4], [], [0, 1, 3]]
    assert by_network(5, [own, all_, lines], word=False) == [[3], [0, 1, 4], [0, 2]]
    assert by_network(3, [own, all_, lines], word=True) == [[1, 2], [0, 1, 2], []]
    assert by_network(3, [own, all_, words], word=True) == [[], [0], [0, 1, 2]], "who knows words alone takes over"
    assert by_network(1, [own, lines], word=False) == [[], [0]]


def test_no_further_view_is_taken_where_networks_agree_on_the_picture_as_it_is(bars: Bars) -> None:
    word = bars.draw("4077")
    model, keen = Shortsighted(bars, "4077", needs=10_000, doubt=0.5), Shortsighted(bars, "4077", needs=0, doubt=0.0)
    model.further, keen.spec = [keen], dataclasses.replace(keen.spec, word_doubt=0.5)
    alone = Reader(model).at_first_look().read(word)
    assert (alone.text, alone.confidence < 0.5) == ("4088", True)
    model.seen.clear()
    reading = Reader(model).read(word)
    assert (reading.text, reading.confidence > 0.5) == ("4077", True)
    assert (len(model.seen), len(keen.seen)) == (1, 1), "each sees the picture as it is, and once"
    model.spec = dataclasses.replace(model.spec, doubt=0.999)
    keen.seen.clear()
    assert Reader(model).read(word).text == "4077"
    assert len(keen.seen) == len([*views(word)]) + 1, "one that is asked to be surer goes on"


def test_frames_of_a_clip_are_read_by_further_networks_too(bars: Bars) -> None:
    frames = [bars.draw("4077")] * 3
    model, keen = Shortsighted(bars, "4077", needs=10_000, doubt=0.5), Shortsighted(bars, "4077", needs=0, doubt=0.0)
    model.further, keen.spec = [keen], dataclasses.replace(keen.spec, word_doubt=0.5)
    assert Reader(model).at_first_look().read_clip(frames).text == "4088"
    assert not keen.seen
    reading = Reader(model).read_clip(frames)
    assert (reading.text, reading.frames, len(keen.seen)) == ("4077", 3, 3)
    model.spec = dataclasses.replace(model.spec, doubt=0.0)
    assert Reader(model).read_clip(frames).text == "4088", "a model that never looks again"
    keen.spec = dataclasses.replace(keen.spec, word_doubt=0.0)
    model.spec = dataclasses.replace(model.spec, doubt=0.5)
    assert Reader(model).read_clip(frames).text == "4088", "it knows no words"
    assert len(keen.seen) == 3


def test_how_sure_a_second_look_is_has_a_power_of_its_own(bars: Bars) -> None:
    text = "4071234567890"
    picture = bars.draw(text)
    model = Shortsighted(bars, text, needs=180, doubt=0.85)
    before, plain = Reader(Shortsighted(bars, text, needs=180, doubt=0)).read(picture), Reader(model).read(picture)
    assert is_word(*picture.shape)
    model.spec = dataclasses.replace(model.spec, again_power=2.0, word_power=0.5)
    raised = Reader(model).read(picture)
    assert raised.text == plain.text
    assert raised.confidence == pytest.approx(plain.confidence**0.5)
    assert [word.confidence for word in raised.words] == pytest.approx([w.confidence**0.5 for w in plain.words])
    model.spec = dataclasses.replace(model.spec, doubt=0.0)
    assert Reader(model).read(picture).confidence == before.confidence, "a first look keeps its own"


def test_a_damaged_language_is_named(bars: Bars) -> None:
    model = Shortsighted(bars, "407", needs=10_000, doubt=0.85)
    model.spec = dataclasses.replace(model.spec, language="AAAA", language_weight=0.5)
    with pytest.raises(ModelError, match="the language in the model file is damaged"):
        Reader(model).read(bars.draw("407"))


def test_a_language_is_unpacked_once_for_all_jobs(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[float] = []

    def slowly(spec: ModelSpec) -> Language:
        unpacked.append(time.monotonic())
        time.sleep(0.3)
        return own_language(spec)

    monkeypatch.setattr("ocrnn.transcribe.scribe.own_language", slowly)
    model = Shortsighted(bars, "407", needs=10_000, doubt=0.85)
    language = base64.b64encode(pack(estimate(["4071234567890", "1234567", "40712"] * 9, 4))).decode()
    model.spec = dataclasses.replace(model.spec, language=language, language_weight=0.5)
    assert len(list(Reader(model, jobs=3).read_many([bars.draw("407")] * 40))) == 40
    assert len(unpacked) == 1


def test_what_is_sure_is_read_once(bars: Bars) -> None:
    model = Shortsighted(bars, "407", needs=0, doubt=0.85)
    assert Reader(model).read(bars.draw("407")).text == "407"
    assert len(model.seen) == 1


def test_only_lines_in_doubt_are_looked_at_again(bars: Bars) -> None:
    model = Shortsighted(bars, "407", needs=56, doubt=0.85)
    pictures = [bars.draw("1" * count) for count in (3, 8, 3, 9)]  # two of them under 56 columns
    read = [result.outcome for result in Reader(model).read_many(pictures)]
    assert {getattr(outcome, "text", None) for outcome in read} == {"407"}
    assert len(model.seen) == 4 + sum(len(list(views(pictures[n]))) for n in (0, 2))


def test_further_texts_are_those_of_the_first_look(bars: Bars) -> None:
    model = Shortsighted(bars, "407", needs=200, doubt=0.85)
    reading = Reader(model, alternatives=2).read(bars.draw("407"))
    assert (reading.text, reading.alternatives[0][0]) == ("408", "407")
    assert len(model.seen) == 1


def test_lines_get_other_widths_and_words_other_slopes_and_leans() -> None:
    line = [view.grey.shape for view in views(np.zeros((40, 400), np.uint8))]
    assert line == [(40, 460), (40, 520), (40, 600), (40, 340)]
    word = list(views(np.zeros((40, 76), np.uint8)))
    assert [view.grey.shape[1] for view in word[4:]] == [76] * 6 + [96] * 2
    assert all((view.left, view.width) == (10, 76) for view in word[10:])
    assert all(min(view.grey.shape) >= 1 for view in views(np.zeros((1, 1), np.uint8)))


def test_small_text_in_a_large_box_is_seen_from_closer() -> None:
    picture = np.full((100, 700), 230, np.uint8)
    picture[60:85, 40:660:9] = 40
    shapes = [view.grey.shape for view in views(picture)]
    assert [width for _, width in shapes[4:]] == [700, 910]
    for view in list(views(picture))[4:]:
        inked = np.flatnonzero((view.grey < 100).any(1))
        assert len(inked) == 25, "all rows of it are there"
        assert 0.6 < len(inked) / len(view.grey) < 0.9
    assert len(list(views(picture[55:90]))) == 4, "a box that fits is close enough"


@pytest.mark.parametrize("lean", [0.5, -0.5])
def test_one_view_sets_upright_what_leans(lean: float) -> None:
    picture = np.full((60, 200), 255, np.uint8)
    for row in range(60):
        column = round(100 + lean * (30 - row))
        picture[row, column : column + 4] = 0
    tallest = [(255 - view.grey.astype(float)).sum(0).max() / 255 for view in views(picture)]
    assert max(tallest) > 50, "an upright bar fills a column"
    assert max(tallest[:-2]) < 20, "no other view does so"
    (view,) = (view for view, height in zip(views(picture), tallest, strict=True) if height > 50)
    middle = float(np.average(np.arange(view.grey.shape[1]), weights=255 - view.grey.mean(0)))
    assert (middle - view.left) / view.width == pytest.approx(0.51, abs=0.01), "it stands where it stood"


@pytest.mark.parametrize(
    ("shape", "left"),
    [((40, 100), (40, 100)), ((1600, 3000), (160, 300)), ((40, 400), None), ((3000, 12010), None)],
)
def test_only_what_may_be_looked_at_again_is_kept_and_not_in_full(
    shape: tuple[int, int], left: tuple[int, int] | None
) -> None:
    spec = ModelSpec(Charset("abc"), word_doubt=0.3)
    found = kept(np.zeros(shape, np.uint8), spec)
    assert (None if found is None else found.shape) == left
    assert kept(np.zeros(shape, np.uint8), dataclasses.replace(spec, word_doubt=0.0)) is None


def test_places_in_a_large_picture_are_its_own(bars: Bars) -> None:
    text = "4071234567890"
    picture = bars.draw(text, scale=10)
    reading = Reader(Shortsighted(bars, text, needs=180, doubt=0.85)).read(picture)
    assert (reading.text, reading.width_px) == (text, picture.shape[1])
    for place, character in enumerate(reading.characters):
        assert character.left_px == pytest.approx(40 + 120 * place, abs=50)


@pytest.mark.parametrize("degrees", [8, -8, 16, -16, 24, -24])
def test_one_of_the_slopes_levels_a_word_that_climbs_or_falls(degrees: float) -> None:
    height, width = 100, 160
    x = np.arange(width)
    middle = height / 2 + (x - width / 2) * np.tan(np.radians(degrees))
    picture = np.where(abs(np.arange(height)[:, None] - middle) < 4, 0, 255).astype(np.uint8)
    thickness = [(255 - view.grey.astype(float)).sum(1).max() / 255 for view in views(picture)]
    assert max(thickness) > 0.95 * width, "a level bar fills a row"
    assert max(thickness[:4]) < 0.8 * width * 1.5, "no width does so"


@pytest.mark.parametrize(("width", "slopes"), [(76, 6), (100, 4), (200, 2), (240, 2), (241, 0)])
def test_no_slope_is_tried_that_leads_out_of_the_box(width: int, slopes: int) -> None:
    seen = list(views(np.zeros((40, width), np.uint8)))
    assert sum(view.grey.shape[1] == width for view in seen) == slopes


@pytest.mark.parametrize(
    ("confidence", "width", "again"),
    [(0.2, 100, True), (0.4, 100, False), (0.2, 400, False), (0.05, 400, True)],
)
def test_words_and_lines_have_doubts_of_their_own(confidence: float, width: int, again: bool) -> None:
    spec = ModelSpec(Charset("abc"), doubt=0.1, word_doubt=0.3)
    reading = dataclasses.replace(spaced("abc"), confidence=confidence)
    assert in_doubt(reading, np.zeros((40, width), np.uint8), spec) == again


def test_long_lines_are_not_looked_at_again() -> None:
    spec = ModelSpec(Charset("abc"), doubt=0.9)
    assert kept(np.zeros((40, 1900), np.uint8), spec) is not None
    assert kept(np.zeros((40, 4000), np.uint8), spec) is None


def test_an_explanation_is_of_the_first_look(bars: Bars) -> None:
    text = "4071234567890"
    model = Shortsighted(bars, text, needs=180, doubt=0.85)
    found = explain(Reader(model), bars.draw(text))
    assert found.reading.text == "4081234568890"
    assert Reader(model).read(bars.draw(text)).text == text
