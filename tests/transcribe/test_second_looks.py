from __future__ import annotations

import base64
import dataclasses
import math
import threading
import time
import weakref
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ocrnn.decoding.constraints import own_language
from ocrnn.decoding.guide import score
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.language import Language
from ocrnn.decoding.packed import pack
from ocrnn.decoding.search import Search
from ocrnn.errors import ModelError
from ocrnn.spec import ModelSpec
from ocrnn.transcribe import second_looks
from ocrnn.transcribe.explain import explain
from ocrnn.transcribe.prepared import Opener
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.result import Result
from ocrnn.transcribe.scribe import Scribe
from ocrnn.transcribe.turning import turned
from ocrnn.transcribe.views import is_word, views

if TYPE_CHECKING:
    from tests.conftest import Bars

Frames = npt.NDArray[np.float32]
SEVEN = 8
"""Class of the character 7: 0 is the blank's."""
PAIRS = ("77", "78", "87", "88")


class Shortsighted:
    """Finds a text spread over the ink of any picture; in lines of under `needs` columns it takes 7 for 8, in doubt."""

    def __init__(self, bars: Bars, text: str, needs: int, doubt: float = 0.0, word_doubt: float = 0.0) -> None:
        self.spec = dataclasses.replace(bars.spec, doubt=doubt, word_doubt=word_doubt)
        self.seen: list[int] = []
        self.further: list[Shortsighted] = []
        self._classes = bars.spec.charset.encode(text)
        self._needs = needs

    def infer(self, images: Frames) -> Frames:
        self.seen += [images.shape[3]] * len(images)
        return np.stack([self._line(image[0]) for image in images], axis=1)

    def _line(self, image: Frames) -> Frames:
        columns = image.shape[1]
        inked = np.flatnonzero(image.max(axis=0) > 0.5)
        shares = np.full((columns // 4, self.spec.charset.classes), 1e-4)
        shares[:, 0] = 1
        for place, number in enumerate(self._classes):
            column = inked[0] + (place + 0.5) / len(self._classes) * (inked[-1] - inked[0])
            shares[int(column / 4), [0, number]] = 1e-4, 1
            if number == SEVEN and columns < self._needs:
                shares[int(column / 4), [number, number + 1]] = 0.4, 0.6
        line: Frames = np.log(shares / shares.sum(1, keepdims=True)).astype(np.float32)
        return line


class Levelheaded(Shortsighted):
    """The same, where the bars stand; where they hang it sees no text."""

    def infer(self, images: Frames) -> Frames:
        said = super().infer(images)
        above, below = np.split(images.sum(axis=(1, 3)), 2, axis=1)  # ink of each row (N, H / 2)
        said[:, above.sum(1) > below.sum(1)] = -math.log(self.spec.charset.classes)
        return said


class Companionable(Shortsighted):
    """The same, but each of two threads waits until the other is there before it sees anything."""

    def __init__(self, bars: Bars, text: str, needs: int, doubt: float = 0.0, word_doubt: float = 0.0) -> None:
        super().__init__(bars, text, needs, doubt, word_doubt)
        self._there: set[int] = set()
        self._meeting = threading.Barrier(2, timeout=20)

    def infer(self, images: Frames) -> Frames:
        if threading.get_ident() not in self._there:
            self._there.add(threading.get_ident())
            self._meeting.wait()
        return super().infer(images)


def test_what_is_in_doubt_is_read_wider_and_stands_where_it_stood(bars: Bars) -> None:
    text = "40712345678901"
    picture = bars.draw(text)
    assert Reader(Shortsighted(bars, text, needs=200, doubt=0)).read(picture).text == "40812345688901"
    model = Shortsighted(bars, text, needs=200, doubt=0.85)
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
    assert len(keen.seen) == 1, "and that settles it"
    model.spec = dataclasses.replace(model.spec, again_power=100.0, word_power=100.0)  # which nothing settles
    model.seen.clear()
    keen.seen.clear()
    assert Reader(model).read(picture).text == text
    several = len([*views(picture)]) + 1
    assert len(keen.seen) == (several + 1) // 2
    assert len(model.seen) == (several + 1) // 2
    assert keen.seen[0] == model.seen[0], "the picture as it is, first of all"
    assert Reader(model).at_first_look().read(picture).text == text.replace("7", "8")
    assert len(keen.seen) == (several + 1) // 2

    word = bars.draw("407")
    assert is_word(*word.shape)
    assert not is_word(*picture.shape)
    unsettled = model.spec
    model, keen = Shortsighted(bars, "407", needs=10_000, doubt=0.85), Shortsighted(bars, "407", needs=0, doubt=0.85)
    model.spec, model.further = unsettled, [keen]
    assert Reader(model).read(word).text == "408"
    assert not keen.seen, "it knows lines alone"
    keen.spec = dataclasses.replace(keen.spec, word_doubt=0.85)
    assert Reader(model).read(word).text == "407"
    views_of_it = len([*views(word)]) + 1
    assert len(keen.seen) == views_of_it
    assert sorted(keen.seen) == sorted(model.seen[-views_of_it:]), "all views of a word"


def test_who_knows_words_alone_is_asked_for_words_and_reads_all_further_views_of_them(bars: Bars) -> None:
    text = "407"
    model = Shortsighted(bars, text, needs=10_000, doubt=0.85)
    model.further = [other := Shortsighted(bars, text, needs=10_000, word_doubt=0.85)]
    word, line = bars.draw(text), bars.draw("40712345678901234")
    assert Reader(model).read(line).text == "408"
    assert (len(model.seen), len(other.seen)) == (1 + len([*views(line)]), 0), "it knows no lines"
    model.seen.clear()
    assert Reader(model).read(word).text == "408"
    assert len(model.seen) == 1, "the model's own network reads no further view of a word"
    assert len(other.seen) == 1 + len([*views(word)])


def test_further_networks_read_with_several_jobs_as_with_one(bars: Bars) -> None:
    """Readings differ with the width of a line, so that those of another line would be found out."""
    text = "4077"
    pictures = [bars.draw("1" * count) for count in (24, 3, 30, 4, 9, 14, 12, 20)]

    def read(keen: Shortsighted, jobs: int) -> list[Result]:
        model = Shortsighted(bars, text, needs=130, doubt=1.0)
        model.further = [keen]
        return list(Reader(model, jobs=jobs).read_many(pictures))

    alone = read(Shortsighted(bars, text, needs=250, doubt=1.0, word_doubt=1.0), 1)
    assert {getattr(result.outcome, "text", None) for result in alone} == {"4077", "4088"}
    assert len({getattr(result.outcome, "confidence", None) for result in alone}) > 2
    assert read(Companionable(bars, text, needs=250, doubt=1.0, word_doubt=1.0), 2) == alone


def test_no_further_view_is_taken_where_networks_agree_on_the_picture_as_it_is(bars: Bars) -> None:
    word = bars.draw("4077")
    model = Shortsighted(bars, "4077", needs=10_000, doubt=0.5)
    model.further = [keen := Shortsighted(bars, "4077", needs=0, word_doubt=0.5)]
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


def test_further_views_are_taken_where_networks_are_unsure_of_the_picture_as_it_is_or_at_odds(bars: Bars) -> None:
    text = "4077"
    word = bars.draw(text)
    several = len([*views(word)])
    model = Shortsighted(bars, text, needs=10_000, doubt=0.5)

    def looks(*further: Shortsighted) -> list[int]:
        model.further = [*further]
        Reader(model).read(word)
        return [len(each.seen) for each in further]

    def keen(text: str) -> Shortsighted:
        return Shortsighted(bars, text, needs=0, word_doubt=0.5)

    assert looks(keen(text)) == [1]
    assert looks(Shortsighted(bars, text, needs=10_000, word_doubt=0.5)) == [1 + several], "both are unsure"
    assert looks(keen("34"), keen("12")) == [1 + several] * 2, "each is sure of a text of its own"
    model.spec = dataclasses.replace(model.spec, word_power=100.0)
    assert looks(keen(text)) == [1 + several], "the power tells how sure they are"


def test_frames_of_a_clip_are_read_by_further_networks_too(bars: Bars) -> None:
    frames = [bars.draw("4077")] * 3
    model = Shortsighted(bars, "4077", needs=10_000, doubt=0.5)
    model.further = [keen := Shortsighted(bars, "4077", needs=0, word_doubt=0.5)]
    assert Reader(model).at_first_look().read_clip(frames).text == "4088"
    assert not keen.seen
    reading = Reader(model).read_clip(frames)
    assert (reading.text, reading.frames, len(keen.seen)) == ("4077", 3, 5), "the frames, and two stacks of them"
    model.spec = dataclasses.replace(model.spec, doubt=0.0)
    assert Reader(model).read_clip(frames).text == "4088", "a model that never looks again"
    keen.spec = dataclasses.replace(keen.spec, word_doubt=0.0)
    model.spec = dataclasses.replace(model.spec, doubt=0.5)
    assert Reader(model).read_clip(frames).text == "4088", "it knows no words"
    assert len(keen.seen) == 5


def test_stacks_of_a_clip_are_seen_as_its_surest_frame(bars: Bars) -> None:
    clean = bars.draw("4077")
    reader = Reader(model := Shortsighted(bars, "4077", needs=0, doubt=0.5))
    assert reader.read_clip([clean] * 4).frames == 4
    assert len(model.seen) == 6, "the frames, and two stacks of them"
    wide = cv2.resize(clean, (clean.shape[1] + 8, clean.shape[0])).astype(np.uint8)
    opener = Opener(model.spec)
    shots = [shot for number, grey in enumerate((clean, wide, clean)) for shot in opener.shots(number, grey)]
    for surest, width in ((0, clean.shape[1]), (1, wide.shape[1])):
        lines = [np.log(np.array([[0.1, p, 0.9 - p]], np.float32)) for p in np.eye(3)[surest] * 0.3 + 0.55]
        looks = second_looks.SecondLooks((model,), Scribe(model.spec, Search()))
        pages, found = looks.of_frames(shots, lines, 16)
        assert [page.width_px for page in pages] == [width] * 2
        assert len(found) == 2


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


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_what_was_turned_is_looked_at_again_as_it_was_turned(bars: Bars, angle: int) -> None:
    text = "40712345678907123456"
    picture = bars.draw(text)
    model = Levelheaded(bars, text, needs=280, doubt=0.85)
    as_it_should = Reader(model, turn="auto").read(picture)
    assert as_it_should.text == text
    model.seen.clear()
    found = Reader(model, turn="auto").read(turned(picture, -angle))
    assert (found.text, found.turned_deg) == (text, angle)
    assert dataclasses.replace(found, turned_deg=0, width_px=picture.shape[1], height_px=40) == as_it_should
    assert len(model.seen) == 2 + len([*views(picture)]), "the other way it is looked at once"


def test_further_texts_are_those_of_the_first_look(bars: Bars) -> None:
    model = Shortsighted(bars, "407", needs=200, doubt=0.85)
    reading = Reader(model, alternatives=2).read(bars.draw("407"))
    assert (reading.text, reading.alternatives[0][0]) == ("408", "407")
    assert len(model.seen) == 1


def test_places_in_a_large_picture_are_its_own(bars: Bars) -> None:
    text = "40712345678901"
    picture = bars.draw(text, scale=10)
    reading = Reader(Shortsighted(bars, text, needs=200, doubt=0.85)).read(picture)
    assert (reading.text, reading.width_px) == (text, picture.shape[1])
    for place, character in enumerate(reading.characters):
        assert character.left_px == pytest.approx(40 + 120 * place, abs=50)


def test_an_explanation_is_of_the_first_look(bars: Bars) -> None:
    text = "4071234567890"
    model = Shortsighted(bars, text, needs=180, doubt=0.85)
    found = explain(Reader(model), bars.draw(text))
    assert found.reading.text == "4081234568890"
    assert Reader(model).read(bars.draw(text)).text == text


def test_views_are_let_go_of_once_their_page_is_agreed_on(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    class Remembered(Shortsighted):
        """Counts how many of the answers that it gave anyone still holds."""

        def __init__(self, bars: Bars) -> None:
            super().__init__(bars, "407", needs=10_000, word_doubt=0.85)
            self.given: list[weakref.ref[Frames]] = []
            self.held = 0

        def infer(self, images: Frames) -> Frames:
            self.held = max(self.held, sum(answer() is not None for answer in self.given))
            answer = super().infer(images)
            self.given.append(weakref.ref(answer))
            return answer

    monkeypatch.setattr(second_looks, "WINDOW_COLUMNS", 1)
    model = Remembered(bars)
    assert len(list(Reader(model).read_many([bars.draw("407")] * 30))) == 30
    assert len(model.given) > 80
    assert model.held < 20, "those of a page or two"
