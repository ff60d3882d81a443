"""The lines of handwritten digits: their labels are those of the set, and no picture is on two sides."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.data.check import check_samples
from ocrnn.data.labels import read_labels
from ocrnn.data.splits import split_by_hash
from ocrnn.image import LineFormat
from ocrnn.spec import Architecture

pytest.importorskip("sklearn", reason="the digits are scikit-learn's; pip install scikit-learn")

SCRIPT = Path(__file__).parent.parent / "samples" / "digits" / "make.py"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_digits", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of 500 lines to learn from and 90 for the test, made as the script makes more."""
    top = tmp_path_factory.mktemp("digits")
    run(make, top / "digits", top / "digits-test")
    return top / "digits", top / "digits-test"


def run(make: ModuleType, out: Path, test: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "LINES", 500)
        patch.setattr(make, "TEST_LINES", 90)
        patch.setattr(sys, "argv", ["make.py", "--out", str(out), "--test", str(test)])
        make.main()


def rows(folder: Path) -> list[tuple[str, str, list[int]]]:
    table = (folder / "labels.tsv").read_text(encoding="utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in table]
    return [(name, text, [int(number) for number in pictures.split()]) for name, text, pictures in cells]


def test_labels_are_what_the_set_says_of_the_pictures(made: tuple[Path, Path]) -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    lines = [line for folder in made for line in rows(folder)]
    assert len(lines) == 590
    for _, text, pictures in lines:
        assert text == "".join(str(target[number]) for number in pictures)
    assert {len(text) for _, text, _ in lines} == set(range(1, 9))


def test_no_picture_is_learned_from_and_judged_by(made: tuple[Path, Path]) -> None:
    folder, test = made
    split = split_by_hash(read_labels(folder).samples)  # as `ocrnn train --data` has it
    pictures = {name: set(numbers) for name, _, numbers in rows(folder)}
    learned = set().union(*(pictures[sample.name] for sample in split.train))
    validated = set().union(*(pictures[sample.name] for sample in split.validation))
    tested = {number for _, _, numbers in rows(test) for number in numbers}
    assert len(split.validation) >= 20
    assert not learned & validated and not learned & tested and not validated & tested
    assert len(tested) > 300  # 90 lines of 4.5 digits see all of the test's 354 pictures: they come in turn


def test_every_line_can_be_learned_at_every_stride(made: tuple[Path, Path]) -> None:
    for folder, preset in itertools.product(made, ("fast", "accurate", "paper")):
        labels = read_labels(folder)
        assert not labels.problems
        architecture = Architecture.named(preset)
        line_format = LineFormat(height=architecture.height)
        report = check_samples(labels.samples, Charset("0123456789"), architecture, line_format)
        assert not report.problems


def test_lines_are_the_same_each_time(make: ModuleType, made: tuple[Path, Path], tmp_path: Path) -> None:
    run(make, tmp_path / "digits", tmp_path / "digits-test")
    for folder in made:
        for file in (folder / "labels.tsv", folder / "lines" / "0007.png"):
            assert (tmp_path / file.relative_to(folder.parent)).read_bytes() == file.read_bytes()


def test_digits_stand_in_order_and_apart(make: ModuleType) -> None:
    inks = np.zeros((3, 8, 8), np.float32)
    for ink, width in zip(inks, (2, 6, 4), strict=True):
        ink[:, :width] = 1
    for seed in range(20):
        grey = make.compose(inks, np.random.default_rng(seed)).astype(float)
        dark = (grey < (grey.min() + grey.max()) / 2).mean(0) > 0.25  # columns that a bar fills
        edges = np.flatnonzero(np.diff(np.concatenate(([0], dark.astype(int), [0]))))
        widths = edges[1::2] - edges[::2]
        assert len(widths) == 3, seed
        assert widths[0] < widths[2] < widths[1], seed


def test_an_enlarged_digit_is_the_digit(make: ModuleType) -> None:
    import cv2

    digits = make.load()
    for ink in digits.inks[::40]:
        large = make.enlarge(ink, 64, 0.45, 0.0)
        rows, columns = np.flatnonzero(ink.max(1) > 0.4), np.flatnonzero(ink.max(0) > 0.4)
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        small = cv2.resize(large, cut.shape[::-1], interpolation=cv2.INTER_AREA)
        assert np.corrcoef(small.ravel(), cut.ravel())[0, 1] > 0.6


def test_the_test_may_not_lie_below_what_is_learned(tmp_path: Path) -> None:
    done = call("--out", str(tmp_path), "--test", str(tmp_path / "more"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "would be trained on" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_scikit_learn_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("raise ImportError\n")
    done = call("--out", str(tmp_path / "a"), "--test", str(tmp_path / "b"), before=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "samples/digits/make.py takes its digits from scikit-learn; pip install scikit-learn\n"
    assert not (tmp_path / "a").exists()


def call(*arguments: str, before: Path | None = None) -> subprocess.CompletedProcess[str]:
    places = [str(SCRIPT.parents[2]), *([str(before)] if before else [])]
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(places)}, check=False,
    )  # fmt: skip
