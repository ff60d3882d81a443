"""The page of a run, made by runs: what it shows of lines whose labels and readings are known."""

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ocrnn.data.labels import Sample
from ocrnn.metrics import score
from ocrnn.training import run as module
from ocrnn.training.loop import Epoch
from ocrnn.training.options import Options
from ocrnn.training.report import REPORT, Report, worst_lines
from ocrnn.training.run import Run

EVIL = "<script>alert(1)</script>"


class Seen(HTMLParser):
    """Texts and tags of a page, and every address in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.text, self.tags, self.addresses = "", list[str](), list[str]()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.fixture
def ready(digits: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that could start, one of its labels a danger to pages."""
    monkeypatch.setattr(module, "LEAST_LINES", 20)
    digits[0].image.with_suffix(".gt.txt").write_text(EVIL, encoding="utf-8")
    return Run.prepare(Options((digits[0].image.parent,), tmp_path / "run", epochs=1, val_split=0.2, charset="ascii"))


def epoch(run: Run, number: int, readings: dict[int, str], best: int) -> Epoch:
    """An epoch whose model reads all validation lines right but these."""
    pairs = tuple((sample.text, readings.get(place, sample.text)) for place, sample in enumerate(run.validation))
    scored = score([reading for _, reading in pairs], [truth for truth, _ in pairs], resamples=9)
    row = {
        "cer": scored.cer,
        "cer_as_written": scored.cer_raw,
        "wer": scored.wer,
        "loss": 1 / number,
        "learning_rate": 1e-3,
        "lines_per_second": 9.0,
    }
    history = tuple({"epoch": float(n), **row, "seconds": 60.0 * n} for n in range(1, number + 1))
    made = Epoch(number, 1 / number, scored, pairs, 1e-3, 60.0 * number, 9.0, best, history=history, precision="bf16")
    run.epochs.append(made)
    return made


def test_the_worst_lines_are_those_with_most_wrong(ready: Run) -> None:
    readings = {2: "", 4: ready.validation[4].text + "11", 5: ready.validation[5].text + "1"}
    found = worst_lines(epoch(ready, 1, readings, 1), ready.validation)
    lengths = {2: len(ready.validation[2].text), 4: 2, 5: 1}
    expected = sorted(lengths, key=lambda place: -lengths[place])
    assert [one.sample for one in found] == [ready.validation[place] for place in expected]
    assert [one.edits for one in found] == [lengths[place] for place in expected]
    picture = found[0].picture()
    assert picture is not None and np.array_equal(picture, ready.validation[expected[0]].load())
    assert worst_lines(epoch(ready, 2, {}, 1), ready.validation) == []


def test_a_page_from_the_first_minute_that_nothing_in_the_data_can_break(ready: Run) -> None:
    page = ready.options.out / REPORT
    report = Report(ready)
    assert "not yet through its first epoch" in Seen(page).text
    assert "arithmetic auto " in Seen(page).text
    report.add(epoch(ready, 1, {0: EVIL, 1: "\u202e" + EVIL}, 1), f"advice {EVIL}")
    seen = Seen(page)
    assert "script" not in seen.tags and "<script>" in seen.text
    assert f"advice {EVIL}" in seen.text
    assert seen.addresses and all(address.startswith("data:") for address in seen.addresses)
    assert "--charset ascii --val-split 0.2" in seen.text.replace(
        "--val-split 0.2 --charset ascii", "--charset ascii --val-split 0.2"
    )
    assert f"lines to train on {len(ready.training)}" in seen.text
    assert "arithmetic bf16 " in seen.text
    # Twelve lines of the sheet and two lines of the epoch.
    assert len(seen.addresses) == 14
    report.close("over & out", ["forgot <much>"])
    assert all(told in Seen(page).text for told in ("over & out", "forgot <much>", f"advice {EVIL}"))
    assert not [left for left in ready.options.out.iterdir() if left.name.startswith(".ocrnn")]


def test_pictures_stay_of_the_latest_epochs_and_the_best(ready: Run) -> None:
    report = Report(ready)
    sizes = []
    for number in range(1, 13):
        report.add(epoch(ready, number, {0: "", 1: ""}, best=min(number, 2)), None)
        sizes.append((ready.options.out / REPORT).stat().st_size)
    seen = Seen(ready.options.out / REPORT)
    assert [int(n) for n in re.findall(r"Epoch (\d+): CER", seen.text)] == [12, 11, 10, 9, 8, 2]
    assert re.findall(r"(\d+) best", seen.text) == ["2"]
    assert len(seen.addresses) == 12 + 6 * 2
    assert sizes[-1] - sizes[-2] < 2000  # what an epoch adds is its row and its points


def test_a_picture_that_is_gone_stops_nothing(ready: Run) -> None:
    report = Report(ready)
    ready.validation[0].image.unlink()
    report.add(epoch(ready, 1, {0: "7" * 9}, 1), None)
    assert "777777777" in Seen(ready.options.out / REPORT).text


def test_a_resumed_run_keeps_its_page_until_there_is_more(ready: Run) -> None:
    Report(ready).close("how it ended")
    ready.options = dataclasses.replace(ready.options, resume=True)
    Report(ready)
    assert "how it ended" in Seen(ready.options.out / REPORT).text
