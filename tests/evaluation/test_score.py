"""Evaluation with a model whose readings are known beforehand: the width of a line says what it reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.evaluation.score import Evaluation, ReadSample, evaluate, read_samples
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.reader import Reader


class WidthReader:
    """A model that reads as many letters `a` as a line has steps of 16 columns."""

    spec = ModelSpec(Charset("ab"))

    def infer(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        lines, width = images.shape[0], images.shape[3]
        probs = np.full((width // 4, lines, 3), 0.005, np.float32)
        probs[:, :, 0] = 0.99
        probs[1::4, :, 0], probs[1::4, :, 1] = 0.005, 0.99
        return np.log(probs)


def drawn_line(path: Path, steps: int, pages: int = 1) -> Path:
    """A picture whose prepared line is `steps` steps wide; page n is n steps wider."""
    sheets = [Image.new("L", (16 * (steps + page) - 8, 40), 255) for page in range(pages)]
    if pages > 1:
        sheets[0].save(path, save_all=True, append_images=sheets[1:])
    else:
        sheets[0].save(path)
    return path


def test_lines_are_read_in_order_and_counted(tmp_path: Path) -> None:
    samples = [
        Sample(drawn_line(tmp_path / "2.png", 3), "aaa", name="2.png"),
        Sample(drawn_line(tmp_path / "1.png", 2), "ab", name="1.png"),
        Sample(tmp_path / "gone.png", "aab", name="gone.png"),
        Sample(drawn_line(tmp_path / "3.png", 5), "aa", name="3.png"),
    ]
    lines = list(read_samples(samples, Reader(WidthReader())))
    assert [(line.name, line.reading, line.edits) for line in lines] == [
        ("2.png", "aaa", 0),
        ("1.png", "aa", 1),
        ("gone.png", "", 3),
        ("3.png", "aaaaa", 3),
    ]
    assert "gone.png: no such file" in lines[2].problem and not lines[0].problem
    assert 0 < lines[0].confidence <= 1 and lines[2].confidence == 0

    evaluation = evaluate(lines)
    # One word in each line that was read, the last of three letters too many; characters are those that were read.
    assert [[right for _, right in line.words] for line in lines] == [[True], [False], [], [False]]
    words, characters = evaluation.word_reliability(), evaluation.character_reliability()
    assert words and characters and (words.lines, characters.lines) == (3, 3 + 2 + 5)
    assert sum(each.right * each.lines for each in characters.bins) == pytest.approx(3 + 1 + 2)
    # Of the picture that could not be read nothing is said but that its line is wrong.
    assert evaluation.failed == 1
    reliability = evaluation.reliability()
    assert reliability and reliability.lines == 3 and reliability.whole.right == pytest.approx(1 / 3)
    assert sorted(each.truth for each in evaluation.confusions().found) == ["", "b"]
    assert evaluation.caught(0.25) == pytest.approx((1, 1 / 3, 3 / 7))
    assert evaluation.score.lines == 4
    assert evaluation.score.cer == pytest.approx(7 / 10)
    assert evaluation.score.exact == 1 / 4
    assert [line.name for line in evaluation.worst(9)] == ["gone.png", "3.png", "1.png"]
    assert [line.name for line in evaluation.worst(1)] == ["gone.png"]


def test_a_sample_may_be_a_page(tmp_path: Path) -> None:
    scan = drawn_line(tmp_path / "scan.tif", 2, pages=3)
    samples = [Sample(scan, "aaa", page=1), Sample(scan, "aaaa", page=2), Sample(scan, "a", page=7)]
    lines = list(read_samples(samples, Reader(WidthReader())))
    assert [line.reading for line in lines] == ["aaa", "aaaa", ""]
    assert "has no page 8" in lines[2].problem


def test_no_lines_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no lines"):
        evaluate([])


def test_where_nothing_was_read_no_confidence_is_judged() -> None:
    found = evaluate([ReadSample("gone.png", "a", "", 0.0, 1, "gone.png: no such file")])
    assert found.reliability() is found.word_reliability() is found.character_reliability() is None


def test_edits_are_counted_after_folding(tmp_path: Path) -> None:
    class Quoting(WidthReader):
        spec = ModelSpec(Charset("”b"))

    [line] = read_samples([Sample(drawn_line(tmp_path / "q.png", 2), '""')], Reader(Quoting()))
    assert line.reading == "””" and line.edits == 0


def test_ties_among_the_worst_stand_as_they_came() -> None:
    lines = tuple(ReadSample(name, "a", "b", 0.5, 1) for name in "dcab")
    assert [line.name for line in Evaluation(evaluate(lines).score, lines).worst(3)] == ["d", "c", "a"]
