"""Pictures unlike the rest of their set are remarked, and those that only differ as lines do are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ocrnn.data.outliers import Outliers
from ocrnn.data.samples import Sample
from ocrnn.image import Grey, LineFormat

Drawn = tuple[Grey, str]


def line(length: int, rng: np.random.Generator, *, per_character: float = 10) -> Drawn:
    """Dark strokes on a light ground, 20 pixels high, one for each character."""
    width = round(length * per_character * rng.uniform(0.85, 1.15))
    grey = np.full((20, width), 230, np.uint8)
    for centre in np.linspace(4, width - 4, length):
        grey[4:16, int(centre) - 1 : int(centre) + 2] = 20
    return grey, "x" * length


def usual(seed: int = 0, count: int = 40) -> list[Drawn]:
    """A set with short texts and long ones."""
    rng = np.random.default_rng(seed)
    return [line(int(length), rng) for length in np.repeat([1, 4, 10, 40], count)]


def remarks(lines: list[Drawn], kept: list[int] | None = None) -> dict[str, list[str]]:
    samples = [Sample(Path(f"{number}.png"), text) for number, (_, text) in enumerate(lines)]
    outliers = Outliers(LineFormat())
    for number, (grey, text) in enumerate(lines):
        outliers.add(number, grey, text)
    return {
        found.kind: [remark.where for remark in found.first]
        for found in outliers.remarks(samples, kept or [1] * len(samples), None)
    }


@pytest.mark.parametrize("seed", range(3))
def test_usual_lines_are_not_remarked(seed: int) -> None:
    assert remarks(usual(seed)) == {}
    assert remarks([(255 - grey, text) for grey, text in usual(seed)]) == {}


def test_lines_of_one_width_are_not_remarked() -> None:
    """Captchas: every picture as wide as the others, with a character more or less."""
    rng = np.random.default_rng(0)
    assert remarks([(line(5, rng)[0][:, :40], "x" * length) for length in [5] * 30 + [4, 6]]) == {}


def test_a_line_on_its_side_is_narrow_for_its_text() -> None:
    lines = usual()
    grey, text = lines[90]
    lines[90] = np.ascontiguousarray(np.rot90(grey)), text
    assert remarks(lines) == {"narrow for its text": ["90.png"]}


def test_a_text_of_another_picture_is_found_where_it_is_far_shorter_or_longer() -> None:
    lines = usual()
    lines[85], lines[125] = (lines[85][0], lines[125][1]), (lines[125][0], lines[85][1])
    assert remarks(lines) == {"narrow for its text": ["85.png"], "wide for its text": ["125.png"]}


def test_what_is_said_of_a_shape_can_be_reckoned_again() -> None:
    lines = [line(10, np.random.default_rng(0), per_character=10 / 0.97)] * 30
    grey = np.full((20, 500), 230, np.uint8)
    grey[5:15, 5:495:10] = 20
    samples = [Sample(Path(f"{number}.png"), text) for number, (_, text) in enumerate([*lines, (grey, "x" * 10)])]
    outliers = Outliers(LineFormat())
    for number, (picture, text) in enumerate([*lines, (grey, "x" * 10)]):
        outliers.add(number, picture, text)
    (found,) = outliers.remarks(samples, [1] * 31, None)
    usual_columns = lines[0][0].shape[1] * 40 / 20 / 10
    assert found.first[0].what == (
        f"30.png has 100 columns for each of its 10 characters, "
        f"where {usual_columns:.3g} are usual in texts of that length"
    )


def test_a_negative_among_positives_is_remarked_and_so_is_the_reverse() -> None:
    lines = usual()
    lines[50] = 255 - lines[50][0], lines[50][1]
    assert remarks(lines) == {"ink and ground unlike the set": ["50.png"]}
    assert remarks([(255 - grey, text) for grey, text in lines]) == {"ink and ground unlike the set": ["50.png"]}


@pytest.mark.parametrize(
    ("lines", "turned", "remarked"), [(11, 1, True), (10, 1, False), (30, 2, True), (30, 3, False)]
)
def test_a_few_dozen_lines_show_a_negative_too(lines: int, turned: int, remarked: bool) -> None:
    rng = np.random.default_rng(4)
    drawn = [line(10, rng) for _ in range(lines)]
    mixed = [(255 - grey, text) if number < turned else (grey, text) for number, (grey, text) in enumerate(drawn)]
    kind, places = "ink and ground unlike the set", [f"{number}.png" for number in range(turned)]
    assert remarks(mixed) == ({kind: places} if remarked else {})
    assert remarks([(255 - grey, text) for grey, text in mixed]) == ({kind: places} if remarked else {})


def test_a_set_of_both_kinds_is_not_remarked() -> None:
    lines = [(255 - grey, text) if number % 5 == 0 else (grey, text) for number, (grey, text) in enumerate(usual())]
    assert remarks(lines) == {}


def test_as_much_dark_as_light_is_in_doubt() -> None:
    lines = usual()
    half = np.full((20, 400), 230, np.uint8)
    half[:, ::2] = 20
    half = np.repeat(half[:, :50], 8, axis=1)
    lines[130] = half, lines[130][1]
    assert remarks(lines) == {"ink and ground in doubt": ["130.png"]}


def test_a_picture_without_ink_is_remarked_for_that_alone() -> None:
    lines = usual()
    lines[3] = np.full((20, 10), 255, np.uint8), "x"
    rng = np.random.default_rng(0)
    lines[130] = rng.integers(200, 215, (20, 400), np.uint8), lines[130][1]
    assert remarks(lines) == {"hardly any ink": ["3.png", "130.png"]}


def test_a_few_lines_have_nothing_usual() -> None:
    rng = np.random.default_rng(0)
    grey, text = line(10, rng)
    assert remarks([(grey, text), (np.ascontiguousarray(np.rot90(grey)), text), (255 - grey, text)]) == {}


def test_lines_that_are_left_out_count_for_nothing() -> None:
    lines = usual()
    lines[50] = 255 - lines[50][0], lines[50][1]
    assert remarks(lines, [number != 50 for number in range(len(lines))]) == {}
    assert remarks(lines, [0] * len(lines)) == {}
