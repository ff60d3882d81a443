from __future__ import annotations

import copy
import dataclasses
import io
import itertools
import math
import pickle
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.samples import Sample
from ocrnn.decoding.ctc import log_probability
from ocrnn.errors import ImageError, UsageError
from ocrnn.reading import Reading
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.lots import BATCH_SIZE, LOT_BATCHES
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.result import Result
from ocrnn.transcribe.source import Source

if TYPE_CHECKING:
    from tests.conftest import Bars

TEXTS = ["407", "1", "99", "31415926", "12", "000", "5", "86420", "777", "2718281828", "1", "24"]


def text(result: Result) -> str:
    assert isinstance(result.outcome, Reading)
    return result.outcome.text


def test_it_reads_every_kind_of_source(bars: Bars, tmp_path: Path) -> None:
    path = Path(bars.save(tmp_path / "line.png", "407"))
    reader = Reader(bars)
    sources: list[Source] = [
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        Image.open(path),
        bars.draw("407"),
    ]
    assert [reader.read(source).text for source in sources] == ["407"] * 6


def test_a_line_reads_the_same_alone_and_in_company(bars: Bars) -> None:
    reader = Reader(bars)
    pictures = [bars.draw(text) for text in TEXTS]
    together = [result.outcome for result in reader.read_many(pictures, batch_size=3)]
    assert together == [reader.read(picture) for picture in pictures]
    assert [reading.text for reading in together if isinstance(reading, Reading)] == TEXTS


def test_batches_hold_lines_of_one_width_and_none_is_padded(bars: Bars) -> None:
    shapes = []

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        shapes.append(images.shape)
        return bars.infer(images)

    pictures = [bars.draw(text) for text in TEXTS * 20]
    results = list(Reader(SimpleNamespace(spec=bars.spec, infer=infer)).read_many(pictures, batch_size=4))
    assert [text(result) for result in results] == TEXTS * 20
    assert max(shape[0] for shape in shapes) == 4
    widths = sorted(bars.spec.line_format.width(*picture.shape) for picture in pictures)
    assert sorted(width for n, _, _, width in shapes for _ in range(n)) == widths
    assert len(shapes) < len(pictures) / 2


def test_a_very_wide_line_goes_alone(bars: Bars) -> None:
    counts = []

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        counts.append(images.shape[0])
        return bars.infer(images)

    wide = np.pad(bars.draw("12345" * 40), ((0, 0), (0, 20_000)), constant_values=255)
    results = list(Reader(SimpleNamespace(spec=bars.spec, infer=infer)).read_many([wide] * 4))
    assert set(counts) == {1} and len(counts) > 4 * 8  # and in pieces
    assert [text(result) for result in results] == ["12345" * 40] * 4


def test_results_come_early_and_the_sources_are_drawn_as_needed(bars: Bars) -> None:
    drawn = 0

    def sources() -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal drawn
        for _ in range(10_000):
            drawn += 1
            yield picture

    picture = bars.draw("1")
    results = Reader(bars).read_many(sources())
    next(results)
    assert drawn == 1
    for given in range(2, 2_000):
        assert next(results).source == given - 1
        assert drawn - given < LOT_BATCHES * BATCH_SIZE  # what waits in memory has a bound, however many there are


def test_jobs_change_neither_readings_nor_their_order(bars: Bars, tmp_path: Path) -> None:
    paths = [bars.save(tmp_path / f"{number}.png", str(number)) for number in range(300)]
    Path(paths[7]).write_text("no picture")
    threads = set()

    def infer(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        threads.add(threading.get_ident())
        return bars.infer(images)

    alone = list(Reader(bars).read_many(paths))
    for sources in (paths, iter(paths)):
        together = list(Reader(SimpleNamespace(spec=bars.spec, infer=infer), jobs=3).read_many(sources, batch_size=4))
        assert [result.source for result in together] == list(range(300))
        assert [str(result.outcome) for result in together] == [str(result.outcome) for result in alone]
    assert len(threads) >= 2


def test_the_shipped_model_reads_a_line_the_same_in_any_company(latin: str, root: Path) -> None:
    """To the last bit of its confidence: its whole numbers are scaled by a line alone."""
    paths = sorted((root / "samples").glob("*.png"))
    reader = Reader.open(latin, jobs=2, threads=1)
    alone = {path: reader.read(path) for path in paths}
    for _ in range(2):
        results = reader.read_many(paths * 2)
        assert [result.outcome for result in results] == [alone[path] for path in paths * 2]
        paths = paths[::-1]


def test_bad_pictures_stop_nothing(bars: Bars, tmp_path: Path) -> None:
    good = bars.save(tmp_path / "good.png", "42")
    empty, foreign, cut, huge = (tmp_path / name for name in ("empty.png", "text.png", "cut.jpg", "huge.png"))
    empty.touch()
    foreign.write_text("this is no picture")
    jpeg = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 300), np.uint8)).save(jpeg, "JPEG")
    cut.write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    Image.new("1", (2000, 1000)).save(huge)
    missing = tmp_path / "missing.png"
    bad = [missing, empty, foreign, cut, huge]
    sources: list[str | Path] = [good]
    for path in bad:
        sources += [path, good]
    results = list(Reader(bars, max_pixels=1_000_000).read_many(sources))
    assert [result.source for result in results] == list(range(11))
    assert [text(result) for result in results[::2]] == ["42"] * 6
    for path, result in zip(bad, results[1::2], strict=True):
        assert isinstance(result.outcome, ImageError)
        assert str(result.outcome).startswith(f"{path}: ")
        assert "\n" not in str(result.outcome)
    assert "--max-pixels" in str(results[9].outcome)


def test_no_source_of_another_kind_stops_the_rest(bars: Bars, tmp_path: Path) -> None:
    good = bars.save(tmp_path / "good.png", "42")
    (tmp_path / "cut.png").write_bytes(Path(good).read_bytes()[:80])
    odd: list[Any] = [None, 7, "", "a\0b.png", "a\0b.xml", io.StringIO("text")]
    odd += [np.zeros((4, 4), object), np.zeros((4, 4), complex), Image.open(tmp_path / "cut.png")]
    results = list(Reader(bars).read_many([source for each in odd for source in (each, good)]))
    assert [text(result) for result in results[1::2]] == ["42"] * len(odd)
    assert all(isinstance(result.outcome, ImageError) for result in results[::2])
    odd[-1].close()


def test_one_source_is_no_list_of_them(bars: Bars, tmp_path: Path) -> None:
    path = bars.save(tmp_path / "good.png", "42")
    array = bars.draw("42")
    file = io.BytesIO(Path(path).read_bytes())
    others: list[Any] = [
        Path(path),
        array,
        np.dstack([array] * 3),
        Image.fromarray(array),
        file,
        Sample(Path(path), "42"),
    ]
    for one in (path, Path(path).read_bytes(), *others):
        with pytest.raises(UsageError, match=r"is one source and no list of them; give \[source\], or use read_pages"):
            Reader(bars).read_many(one)
        with pytest.raises(UsageError, match="is one source"):
            Reader(bars).read_clip(one)
    assert [text(result) for result in Reader(bars).read_many(np.stack([array, array]))] == ["42", "42"]
    assert [text(result) for result in Reader(bars).read_many(np.array([path]))] == ["42"]


def test_a_reader_is_not_pickled_and_says_what_to_do(bars: Bars) -> None:
    for passed_on in (pickle.dumps, copy.deepcopy):
        with pytest.raises(UsageError, match="a Reader holds an open model .* open one in each"):
            passed_on(Reader(bars))


def test_the_name_of_a_model_is_for_open() -> None:
    for name in ("latin", Path("latin.onnx")):
        with pytest.raises(UsageError, match=f"^{name}: is the name of a model .*Reader.open$"):
            Reader(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(0, 0), (0, 40), (40, 0)])
def test_a_picture_without_pixels_stops_nothing(bars: Bars, size: tuple[int, int]) -> None:
    empty, good = Reader(bars).read_many([Image.new("L", size), bars.draw("42")])
    assert isinstance(empty.outcome, ImageError) and text(good) == "42"
    assert str(empty.outcome) == "picture: the picture has no pixels; save it again"


def test_a_line_of_100_000_pixels_is_read_or_refused_by_the_limit(bars: Bars) -> None:
    wide = np.pad(bars.draw("0123456789" * 50), ((0, 0), (0, 93_996)), constant_values=255)
    assert wide.shape == (40, 100_000)
    assert Reader(bars).read(wide).text == "0123456789" * 50
    flat = np.zeros((2, 100_000), np.uint8)
    with pytest.raises(ImageError, match="array: .*--max-pixels"):
        Reader(bars).read(flat)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (300, 2)])
def test_the_smallest_pictures_are_read(bars: Bars, shape: tuple[int, int]) -> None:
    reading = Reader(bars).read(np.full(shape, 255, np.uint8))
    assert (reading.text, reading.height_px, reading.width_px) == ("", *shape)


@pytest.mark.parametrize("suffix", [".tif", ".gif"])
def test_each_page_is_a_line(bars: Bars, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    first, *rest = (Image.fromarray(bars.draw(text)) for text in ("123", "456", "789"))
    first.save(path, save_all=True, append_images=rest)
    reader = Reader(bars)
    assert [reading.text for reading in reader.read_pages(path)] == ["123", "456", "789"]
    with pytest.raises(ImageError, match="holds 3 lines"):
        reader.read(path)
    results = list(reader.read_many([path, bars.draw("1")]))
    assert [(r.source, r.page, r.pages) for r in results] == [(0, 1, 3), (0, 2, 3), (0, 3, 3), (1, 1, 1)]
    assert [r.titled("s") for r in results] == ["s#1", "s#2", "s#3", "s"]


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_characters_stand_where_they_were_drawn(bars: Bars, scale: int) -> None:
    picture = np.pad(bars.draw("4071", scale=scale), ((0, 0), (8 * scale, 30 * scale)), constant_values=255)
    reading = Reader(bars).read(picture)
    assert (reading.height_px, reading.width_px) == picture.shape
    assert [character.text for character in reading.characters] == list("4071")
    for place, character in enumerate(reading.characters):
        assert character.left_px == pytest.approx((12 + 12 * place) * scale, abs=0.01)
        assert character.right_px == pytest.approx((20 + 12 * place) * scale, abs=0.01)
        assert character.confidence > 0.95


def test_words_stand_where_their_characters_do(bars: Bars) -> None:
    spaced = type(bars)()
    spaced.spec = ModelSpec(Charset("01234 6789"))
    picture = bars.draw("5407155901")
    reading = Reader(spaced).read(picture)
    assert reading.text == "4071  901"
    assert [character.text for character in reading.characters] == list(reading.text)
    assert [word.text for word in reading.words] == ["4071", "901"]
    for word, (first, last) in zip(reading.words, ((1, 5), (7, 10)), strict=True):
        assert (word.left_px, word.right_px) == (12 * first + 4, 12 * last)
        assert reading.confidence < word.confidence < 1


def test_spans_stay_inside_of_the_picture(bars: Bars) -> None:
    everywhere = SimpleNamespace(
        spec=bars.spec, infer=lambda images: np.log(constant(images, [0.02] * 9 + [0.8, 0.02]))
    )
    (character,) = Reader(everywhere).read(np.full((40, 40), 255, np.uint8)).characters
    assert (character.left_px, character.right_px) == (0, 40)


def constant(images: npt.NDArray[np.float32], row: list[float]) -> npt.NDArray[np.float64]:
    return np.broadcast_to(np.array(row), (images.shape[3] // 4, images.shape[0], len(row)))


def brute_force(probs: npt.NDArray[Any]) -> dict[tuple[int, ...], float]:
    """Probability of every text over all paths through (T, C)."""
    texts: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(probs.shape[1]), repeat=len(probs)):
        merged = tuple(number for number, _ in itertools.groupby(path) if number)
        texts[merged] += math.prod(row[number] for row, number in zip(probs, path, strict=True))
    return texts


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("decoder", ["greedy", "beam"])
def test_confidence_is_the_probability_of_the_text(bars: Bars, decoder: Any, temperature: float) -> None:
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(4, 11)) * 3
    log_probs = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
    spec = type(bars)(temperature).spec
    model = SimpleNamespace(spec=spec, infer=lambda images: log_probs[:, None])
    options = {"decoder": "beam", "alternatives": 3, "beam_width": 4000} if decoder == "beam" else {"decoder": decoder}
    reading = Reader(model, **options).read(np.full((40, 8), 255, np.uint8))

    heated = np.exp(logits / temperature)
    truth = brute_force(heated / heated.sum(axis=1, keepdims=True))
    assert reading.confidence == pytest.approx(truth[tuple(spec.charset.encode(reading.text))], rel=1e-5)
    if decoder == "beam":
        ranked = sorted(truth.items(), key=lambda item: -item[1])[:4]
        found = [(reading.text, reading.confidence), *reading.alternatives]
        assert [tuple(spec.charset.encode(text)) for text, _ in found] == [classes for classes, _ in ranked]
        assert [p for _, p in found] == pytest.approx([p for _, p in ranked], rel=1e-5)


@pytest.mark.parametrize(("drawn", "text"), [("  a b ", "a b"), ("ab", "ab"), ("   ", "")])
@pytest.mark.parametrize("options", [{"decoder": "greedy"}, {"decoder": "beam", "alternatives": 20}], ids=str)
def test_a_reading_neither_begins_nor_ends_with_a_space(bars: Bars, options: Any, drawn: str, text: str) -> None:
    charset = Charset("ab ")
    path = [number for letter in drawn for number in (0, charset.encode(letter)[0])]
    log_probs = np.log(np.full((len(path), 4), 0.01))
    log_probs[range(len(path)), path] = np.log(0.97)
    spec = dataclasses.replace(bars.spec, charset=charset)
    model = SimpleNamespace(spec=spec, infer=lambda images: log_probs[:, None].astype(np.float32))
    reading = Reader(model, **options).read(np.full((40, 4 * len(path)), 255, np.uint8))
    assert reading.text == text
    assert "".join(character.text for character in reading.characters) == text
    assert reading.confidence > 0.6
    others = [other for other, _ in reading.alternatives]
    assert all(other == other.strip() != text for other in others)
    assert len(set(others)) == len(others)


def test_confidence_falls_with_noise(bars: Bars) -> None:
    rng = np.random.default_rng(3)
    picture = bars.draw("40719").astype(float)
    means = [
        np.mean([Reader(bars).read(noisy(picture, level, rng)).confidence for _ in range(5)]) for level in (0, 40, 120)
    ]
    assert means[0] > means[1] > means[2]


def noisy(picture: npt.NDArray[Any], level: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    return np.clip(picture + rng.normal(scale=level, size=picture.shape), 0, 255).astype(np.uint8)


def logp(bars: Bars, drawn: str, text: str) -> float:
    line = bars.spec.line_format.prepare(bars.draw(drawn))
    return log_probability(bars.infer(line[None])[:, 0], bars.spec.charset.encode(text))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"allow": "[:digit:]"}, "407"),
        ({"allow": "0456"}, "406"),
        ({"block": "07"}, "416"),
        ({"regex": "[0-35-9]0?7"}, "507"),
        ({"regex": "40.", "block": "78"}, "406"),
        ({"lexicon": ["# lines", "408", "12"]}, "408"),
    ],
)
def test_a_constraint_says_what_it_overrules(bars: Bars, options: Any, text: str) -> None:
    reading = Reader(bars, **options).read(bars.draw("407"))
    assert (reading.text, reading.fits) == (text, True)
    assert reading.confidence == pytest.approx(math.exp(logp(bars, "407", text)), rel=1e-4)
    assert [character.text for character in reading.characters] == [*text]
    if text == "407":
        assert reading.overruled is None
    else:
        assert reading.overruled is not None
        assert reading.overruled.text == "407"
        assert reading.overruled.confidence == pytest.approx(math.exp(logp(bars, "407", "407")), rel=1e-4)
        assert reading.overruled.cost == pytest.approx(logp(bars, "407", "407") - logp(bars, "407", text), rel=1e-4)


def test_without_parts_readings_have_none_and_are_the_same_else(bars: Bars) -> None:
    pictures = [bars.draw("4071"), np.ascontiguousarray(np.rot90(bars.draw("4071901234")))]
    with_parts, without = ([reader.read(picture) for picture in pictures] for reader in with_and_without(bars))
    assert [reading.turned_deg for reading in with_parts] == [0, 90], "what is turned is told by its characters"
    assert all(reading.characters and reading.words for reading in with_parts)
    assert without == [dataclasses.replace(reading, characters=(), words=()) for reading in with_parts]
    clip = [bars.draw("407")] * 2
    wanted, found = (reader.read_clip(clip) for reader in with_and_without(bars))
    assert found == dataclasses.replace(wanted, characters=(), words=())


def with_and_without(bars: Bars) -> list[Reader]:
    """Readers with and without parts."""
    return [Reader(bars, parts=parts) for parts in (True, False)]


@pytest.mark.parametrize("options", [{"allow": "0"}, {"regex": r"\d{7}"}, {"regex": "[01]{3}", "block": "01"}])
def test_where_nothing_fits_nothing_is_read(bars: Bars, options: Any) -> None:
    reading = Reader(bars, **options, alternatives=2).read(bars.draw("407"))
    assert (reading.text, reading.confidence, reading.fits) == ("", 0.0, False)
    assert not reading.characters and not reading.words and not reading.alternatives
    assert reading.overruled is not None
    assert (reading.overruled.text, reading.overruled.cost) == ("407", math.inf)


def test_characters_have_alternatives_that_the_constraint_knows(bars: Bars) -> None:
    torn = bars.draw("5")
    torn[26:28, 4:12] = 128  # the bar ends between 5 and 6
    plain, *more = Reader(bars, alternatives=3).read(torn).characters
    told, *_ = Reader(bars, alternatives=3, block="6").read(torn).characters
    assert not more
    line = bars.spec.line_format.prepare(torn)
    log_probs = bars.infer(line[None])[:, 0]
    own = 1 - sum(share for _, share in plain.alternatives)
    assert plain.alternatives
    for other, share in plain.alternatives:
        ratio = log_probability(log_probs, bars.spec.charset.encode(other))
        ratio -= log_probability(log_probs, bars.spec.charset.encode(plain.text))
        assert share / own == pytest.approx(math.exp(ratio), rel=0.01)
    assert "6" in {plain.text, *(other for other, _ in plain.alternatives)}
    assert "6" not in {told.text, *(other for other, _ in told.alternatives)}
    assert Reader(bars, decoder="beam").read(torn).characters[0].alternatives == ()


def test_a_table_without_any_path_is_an_empty_reading(bars: Bars) -> None:
    hopeless = SimpleNamespace(spec=bars.spec, infer=lambda images: np.full((4, len(images), 11), -np.inf, np.float32))
    reading = Reader(hopeless, decoder="beam").read(np.zeros((40, 8), np.uint8))
    assert (reading.text, reading.confidence, reading.characters) == ("", 0.0, ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decoder": "best"}, "'best'.*greedy, beam"),
        ({"alternatives": 2, "decoder": "greedy"}, "belong to the beam; leave out the decoder 'greedy'"),
        ({"allow": "1", "decoder": "greedy"}, "belong to the beam; leave out the decoder 'greedy'"),
        ({"allow": "a"}, "--allow: 'a' is nothing that the model can write"),
        ({"regex": "(1"}, "--regex '.1': character 1"),
        ({"lexicon": "nosuch.txt"}, "nosuch.txt: cannot be read"),
        ({"lm": "nosuch.arpa"}, "nosuch.arpa: cannot be read"),
        ({"beam_width": 0}, "beam width 0"),
        ({"alternatives": -1, "decoder": "beam"}, "alternatives -1"),
        ({"jobs": 0}, "jobs 0"),
        ({"max_pixels": 0}, "max pixels 0"),
        ({"lm_weight": 0.5}, "lm_weight: says how much a language counts; give an lm"),
        ({"lexicon_cost": 2.0}, "lexicon_cost: says what words outside of a lexicon cost; give a lexicon"),
    ],
)
def test_options_that_mean_nothing_are_refused(bars: Bars, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Reader(bars, **options)


@pytest.mark.parametrize("source", [5, None, ["a.png"]])
def test_what_is_no_source_is_named(bars: Bars, source: Any) -> None:
    with pytest.raises(ImageError, match=f"{type(source).__name__}: not a picture; give a path, bytes"):
        Reader(bars).read(source)
    first, second = Reader(bars).read_many([source, bars.draw("1")])
    assert isinstance(first.outcome, ImageError)
    assert isinstance(second.outcome, Reading) and second.outcome.text == "1"


def test_a_batch_of_none_is_refused_at_once(bars: Bars) -> None:
    with pytest.raises(UsageError, match="batch size 0"):
        Reader(bars).read_many([], batch_size=0)
    for odd in (1.5, "8", None):
        with pytest.raises(UsageError, match=f"batch size {odd!r}: no whole number; give 1 or more"):
            Reader(bars).read_many([], batch_size=odd)  # type: ignore[arg-type]


def test_nothing_in_nothing_out(bars: Bars) -> None:
    assert list(Reader(bars).read_many([])) == []


def test_open_takes_a_model_file(bars: Bars, bars_file: str) -> None:
    with pytest.raises(UsageError, match="threads 0: too small"):
        Reader.open(bars_file, threads=0)
    reader = Reader.open(bars_file, threads=1)
    pictures = [bars.draw(text) for text in TEXTS]
    assert [text(result) for result in reader.read_many(pictures)] == TEXTS
    fake = Reader(bars).read(pictures[0])
    assert reader.read(pictures[0]).confidence == pytest.approx(fake.confidence, rel=1e-4)


def test_posteriors_are_of_one_line_that_can_be_opened(bars: Bars, tmp_path: Path) -> None:
    first, second = (Image.fromarray(bars.draw(text)) for text in ("12", "34"))
    first.save(tmp_path / "two.tif", save_all=True, append_images=[second])
    with pytest.raises(ImageError, match=r"two\.tif: holds 2 lines; give one of them"):
        Reader(bars).posteriors(tmp_path / "two.tif")
    with pytest.raises(ImageError, match=r"two\.tif: is a clip; give one of its frames"):
        Reader(bars, frames="fuse").posteriors(tmp_path / "two.tif")
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        Reader(bars).posteriors(tmp_path / "gone.png")
