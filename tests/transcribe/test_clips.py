from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.errors import ImageError, UsageError
from ocrnn.image import MAX_FRAMES, load_frames
from ocrnn.transcribe.clips import Agreement, Text, agreed, certainty, in_language, weighed
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars

Frames = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]


def table(*rows: list[float]) -> Frames:
    return np.log(np.array(rows, np.float32))


def agree(
    lines: Sequence[Frames], texts: Sequence[Text], *, mix: bool = True, rivals: Sequence[Text] = ()
) -> Agreement:
    return agreed(lines, texts, weighed([(lines, (*texts, *rivals))])[0], mix=mix)


def probability(line: Frames, text: tuple[int, ...]) -> float:
    """Of a text, summed over every path written out."""
    frames, classes = line.shape
    return sum(
        math.exp(sum(line[frame, number] for frame, number in enumerate(path)))
        for path in itertools.product(range(classes), repeat=frames)
        if tuple(number for number, _ in itertools.groupby(path) if number) == text
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_text_is_the_one_with_the_best_weighted_mean_over_all_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = [np.log(rng.dirichlet(np.full(3, 0.7), frames)).astype(np.float32) for frames in (3, 4, 5)]
    texts = [(1,), (1, 2), (2,), (2, 1)]
    weights = np.exp([5.0 * certainty(line) for line in lines])
    means = {
        text: sum(w * math.log(probability(line, text)) for w, line in zip(weights, lines, strict=True)) / weights.sum()
        for text in texts
    }
    rivals = [(1, 2, 1), (2, 2)]
    found = agree(lines, texts, mix=False, rivals=rivals)
    assert found.text == max(means, key=lambda text: means[text])
    shares = {
        text: sum(w * probability(line, text) for w, line in zip(weights, lines, strict=True)) / weights.sum()
        for text in (*texts, *rivals)
    }
    assert found.shares == pytest.approx(shares, rel=1e-5)
    shown = [probability(line, found.text) for line in lines]
    mean = (sum(w * p**16 for w, p in zip(weights, shown, strict=True)) / weights.sum()) ** (1 / 16)
    fits = {
        text: math.prod(
            probability(line, text) ** (4 * w / weights.sum()) for w, line in zip(weights, lines, strict=True)
        )
        for text in (*texts, *rivals)
    }
    assert found.logp == pytest.approx(math.log(mean * fits[found.text] / sum(fits.values())), rel=1e-5)
    assert found.shown == shown.index(max(shown))
    assert found.shown_logp == pytest.approx(math.log(max(shown)), rel=1e-5)


def test_lines_are_weighed_together_as_they_are_apart() -> None:
    rng = np.random.default_rng(1)
    looks = [
        ([np.log(rng.dirichlet(np.ones(4), frames)).astype(np.float32) for frames in range(4, 4 + views)], texts)
        for views, texts in ((3, [(1, 2), (1,), (1, 2)]), (1, []), (2, [(3,), (1, 2, 3)]))
    ]
    together = weighed(looks)
    assert [set(table) for table in together] == [{(1, 2), (1,)}, set(), {(3,), (1, 2, 3)}]
    for (lines, texts), table in zip(looks, together, strict=True):
        for text in texts:
            assert table[text].tolist() == weighed([(lines, [text])])[0][text].tolist()
            assert table[text] == pytest.approx([math.log(probability(line, text)) for line in lines], rel=1e-4)


def test_rivals_are_never_taken() -> None:
    assert agree([table([0.1, 0.2, 0.7])], [(1,)], rivals=[(2,)]).text == (1,)


def test_certainty_is_that_of_what_is_read() -> None:
    assert certainty(table([0.9, 0.1], [0.2, 0.8], [0.4, 0.6])) == pytest.approx((math.log(0.8) + math.log(0.6)) / 2)
    assert certainty(table([0.9, 0.05, 0.05])) == pytest.approx(-math.log(3))


def test_parts_of_several_pictures_make_a_text_that_none_of_them_shows() -> None:
    """Each picture of 1 2 3 takes another character for a wrong one, not surely, and stands elsewhere in its frames."""

    def line(text: tuple[int, ...], doubt: int, shift: int) -> Frames:
        rows = [[0.95, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005]] * shift
        for place, number in enumerate(text):
            row = np.full(7, 0.01)
            row[number] = 0.94
            if place == doubt:
                row[[4 + place, number]] = 0.53, 0.42
            rows += [row.tolist(), [0.94, *[0.01] * 6]]
        return table(*rows)

    lines = [line((1, 2, 3), doubt, shift) for doubt, shift in ((0, 1), (1, 3), (2, 0))]
    texts = [(4, 2, 3), (1, 5, 3), (1, 2, 6)]
    assert agree(lines, texts).text == (1, 2, 3)
    assert agree(lines, texts, mix=False).text in texts


def test_no_picture_can_veto_what_the_others_show() -> None:
    sure = table([0.01, 0.98, 0.01], [0.98, 0.01, 0.01])
    other = table([0.001, 0.001, 0.998])
    assert agree([sure, sure, other], [(1,), (1,), (2,)]).text == (1,)


def test_nothing_fits_nothing() -> None:
    assert agree([table([0.5, 0.5])], []) == Agreement()
    assert Agreement().logp == -math.inf, "nobody is sure of nothing"


def test_a_language_has_its_say_by_the_rule_of_bayes() -> None:
    """Where every text there is is weighed, against the sum over all of them."""
    rng = np.random.default_rng(5)
    lines = [np.log(rng.dirichlet(np.ones(3), 3)).astype(np.float32) for _ in range(2)]
    everything = [text for length in range(4) for text in itertools.product((1, 2), repeat=length)]
    found = agree(lines, [(1, 2)], mix=False, rivals=everything)
    assert sum(found.shares.values()) == pytest.approx(1, rel=1e-5)
    scores = {text: float(rng.normal(0, 2)) for text in everything}
    weighed = {text: share * math.exp(scores[text]) for text, share in found.shares.items()}
    assert math.exp(in_language(found, 1.0, scores)) == pytest.approx(weighed[(1, 2)] / sum(weighed.values()), rel=1e-4)
    # Surer pictures leave less to the rivals, who share it as before.
    rivals = (sum(weighed.values()) - weighed[(1, 2)]) / (1 - found.shares[(1, 2)])
    surer = 0.9 * math.exp(scores[(1, 2)])
    assert math.exp(in_language(found, math.log(0.9) / found.mean_logp, scores)) == pytest.approx(
        surer / (surer + 0.1 * rivals), rel=1e-4
    )


@pytest.mark.parametrize(("gain", "others"), [(-2.0, 0.6 * math.exp(-2.0)), (1.0, 0.2 * math.e + 0.4)])
def test_texts_that_nobody_thought_of_are_as_usual_as_the_rivals_but_no_more_than_the_text(
    gain: float, others: float
) -> None:
    found = Agreement((1,), math.log(0.4), 0, math.log(0.5), {(1,): 0.4, (2,): 0.2})
    said = math.exp(in_language(found, 1.0, {(1,): 3.0, (2,): 3.0 + gain}))
    assert said == pytest.approx(0.4 / (0.4 + others))


def test_a_text_without_rivals_is_as_sure_as_the_pictures_are() -> None:
    alone = Agreement((1,), math.log(0.4), 0, math.log(0.5), {(1,): 0.4})
    assert in_language(alone, 1.0, {(1,): 9.0}) == alone.mean_logp == pytest.approx(math.log(0.4))
    assert in_language(alone, 2.0, {(1,): 9.0}) == 2 * alone.mean_logp
    certain = Agreement((1,), 0.0, 0, 0.0, {(1,): 1.0, (2,): 1e-9})
    assert in_language(certain, 1.0, {(1,): -800.0, (2,): 800.0}) == 0.0
    assert in_language(Agreement(), 1.0, {}) == -math.inf
    far = Agreement((1,), -40.0, 0, -39.0, {(1,): math.exp(-40), (2,): 0.9})
    assert math.isfinite(in_language(far, 1.0, {(1,): -800.0, (2,): 800.0}))


def test_a_clip_says_what_each_of_its_frames_says_wrong_at_another_place(bars: Bars) -> None:
    """Frames of several widths, in each one digit taken for the next: none is right by itself, the clip mostly."""
    rng = np.random.default_rng(0)
    reader = Reader(bars)
    right = 0
    for _ in range(25):
        text = f"{rng.integers(10**6):06}"
        frames = []
        for place in range(6):
            digit = abs(int(text[place]) - 1)  # its neighbour: the next bar in the script
            picture = bars.draw(f"{text[:place]}{digit}{text[place + 1 :]}")
            frames.append(
                np.pad(picture, ((0, 0), (4 * int(rng.integers(5)), 4 * int(rng.integers(5)))), constant_values=255)
            )
        assert text not in [reader.read(frame).text for frame in frames]
        right += reader.read_clip(frames).text == text
    assert right >= 23


def test_a_clip_of_one_frame_or_of_equal_ones_is_that_frame(bars: Bars) -> None:
    reader = Reader(bars)
    alone = reader.read(bars.draw("407"))
    assert reader.read_clip([bars.draw("407")]) == alone
    together = reader.read_clip([bars.draw("407")] * 3)
    assert (together.text, together.frames) == ("407", 3)
    assert together.confidence == pytest.approx(alone.confidence)
    assert together.characters == alone.characters
    with pytest.raises(ImageError, match="no frames"):
        reader.read_clip([])


def test_places_are_those_of_the_frame_that_shows_the_text_best(bars: Bars) -> None:
    shifted = np.pad(bars.draw("407"), ((0, 0), (12, 0)), constant_values=255)
    grey = (bars.draw("407") // 2 + 60).astype(np.uint8)
    reading = Reader(bars).read_clip([np.asarray(grey + np.eye(*grey.shape, dtype=np.uint8) * 90), shifted])
    assert reading.width_px == shifted.shape[1]
    assert [round(character.left_px) for character in reading.characters] == [16, 28, 40]


def test_constraints_hold_for_clips(bars: Bars) -> None:
    reader = Reader(bars, regex="4[0-6]7|12")
    assert reader.read_clip([bars.draw("407"), bars.draw("497"), bars.draw("407")]).text == "407"


@pytest.fixture
def film(bars: Bars, tmp_path: Path) -> Callable[..., Path]:
    def make(frames: int, suffix: str = ".avi", code: str = "MJPG") -> Path:
        path = tmp_path / f"film{suffix}"
        picture = bars.draw("40719", scale=2)
        height, width = picture.shape
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25.0, (width, height))
        if not writer.isOpened():
            pytest.skip("this OpenCV writes no such video")
        for number in range(frames):
            frame = picture.copy()
            frame[:10, :10] = 255 - number % 250  # which frame it is
            writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
        writer.release()
        return path

    return make


@pytest.mark.parametrize(("suffix", "code"), [(".avi", "MJPG"), (".mp4", "mp4v")])
def test_a_video_is_one_line(bars: Bars, film: Callable[..., Path], suffix: str, code: str) -> None:
    reading = Reader(bars).read(film(5, suffix, code))
    assert (reading.text, reading.frames) == ("40719", 5)


def test_of_a_long_video_frames_are_kept_evenly(film: Callable[..., Path]) -> None:
    frames = load_frames(film(200))
    assert MAX_FRAMES / 2 <= len(frames) <= MAX_FRAMES
    seen = [255 - float(frame[2:8, 2:8].mean()) for frame in frames]
    assert np.diff(seen) == pytest.approx(200 / len(frames), abs=1.5)
    assert len(load_frames(film(40), max_pixels=10 * frames[0].size)) <= 10


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_pages_are_lines_or_one_line(bars: Bars, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"moving.{form.lower()}"
    first, *rest = (Image.fromarray(bars.draw(text)) for text in ("407", "408", "407", "407"))
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    first.save(path, form, save_all=True, append_images=rest, **options)
    pages = [reading.text for reading in Reader(bars).read_pages(path)]
    assert len(pages) > 1 and set(pages) == {"407", "408"}
    fused = Reader(bars, frames="fuse").read(path)
    assert (fused.text, fused.frames) == ("407", len(pages))
    assert Reader(bars, frames="fuse").read(bars.draw("12")).frames == 1


def test_animations_keep_evenly_spread_frames(bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "long.tif"
    first, *rest = (Image.new("L", (8, 8), number) for number in range(150))
    first.save(path, save_all=True, append_images=rest)
    kept = [int(frame[0, 0]) for frame in load_frames(path)]
    assert len(kept) == MAX_FRAMES and kept[0] == 0 and kept[-1] == 149
    assert max(np.diff(kept)) <= 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list.mp4", b"#EXTM3U\nhttp://example.org/x.ts\n", "not a video"),
        ("cut.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "damaged"),
        ("gone.mp4", None, "no such file"),
    ],
)
def test_what_is_no_video_is_refused_by_name(
    bars: Bars, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=f"{name}: .*{message}"):
        Reader(bars).read(path)


def test_options_that_mean_nothing_are_refused(bars: Bars) -> None:
    with pytest.raises(UsageError, match="'all'.*pages, fuse"):
        Reader(bars, frames="all")  # type: ignore[arg-type]
