"""The page of a run, `report.html`: what is learned from what, how it goes, and the lines that are read worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrnn import __version__
from ocrnn.data.labels import Sample
from ocrnn.errors import ImageError
from ocrnn.evaluation.pair import pair
from ocrnn.image import Grey
from ocrnn.metrics import distance, fold
from ocrnn.page import escaped, facts, line, page, picture, table
from ocrnn.storage import write_whole
from ocrnn.training.curves import draw_curves
from ocrnn.training.loop import Epoch
from ocrnn.training.options import command_line
from ocrnn.training.run import Run
from ocrnn.training.sheet import augmented_lines

REPORT = "report.html"

_WORST = 5
_LATEST = 5
"""Epochs whose pictures stay beside those of the best: with 4 KB a line, the page of any run stays under a megabyte."""
_SHEET = 12
_PROBLEMS = 10


@dataclass(frozen=True)
class WorstLine:
    """A validation line among those with the most wrong characters, counted after folding."""

    sample: Sample
    reading: str
    edits: int

    def picture(self) -> Grey | None:
        """Its picture, None where that is no longer to be had."""
        try:
            return self.sample.load()
        except ImageError:
            return None


def worst_lines(epoch: Epoch, validation: Sequence[Sample]) -> list[WorstLine]:
    """The lines that an epoch's model reads worst, worst first, none that are right."""
    lines = [
        WorstLine(sample, reading, distance(fold(reading), fold(truth)))
        for sample, (truth, reading) in zip(validation, epoch.pairs, strict=True)
    ]
    return sorted((found for found in lines if found.edits), key=lambda found: -found.edits)[:_WORST]


class Report:
    """The page of one run, written whole when the run begins, after each epoch, and at the end."""

    def __init__(self, run: Run) -> None:
        """Begin the page of a run that is ready to start; raises OutputError, ImageError for a line of the sheet."""
        self._run = run
        self._sheet = "".join(
            line(f"{number}", text, picture(grey, f"line {number} as the network gets it"))
            for number, (grey, text) in enumerate(
                augmented_lines(run.plan(1), run.spec, run.settings.seed, lines=_SHEET), 1
            )
        )
        self._worst: dict[int, str] = {}
        self._advice: tuple[str, ...] = ()
        if not run.options.resume:  # then the page of the sitting before stands until there is something new
            self._write("not yet through its first epoch")

    def add(self, epoch: Epoch, advice: str | None) -> None:
        """Take an epoch in with what `diagnosis.explain` says, and write the page; raises OutputError."""
        self._advice = (advice,) if advice else ()
        self._worst[epoch.number] = self._lines(epoch)
        kept = {epoch.best_epoch, *sorted(self._worst)[-_LATEST:]}
        self._worst = {number: lines for number, lines in self._worst.items() if number in kept}
        self._write(f"after epoch {epoch.number}")

    def close(self, verdict: str, remarks: Sequence[str] = ()) -> None:
        """Write the page for the last time, with a sentence on how the run ended and others; raises OutputError."""
        self._advice += tuple(remarks)
        self._write(verdict)

    def _write(self, state: str) -> None:
        options = self._run.options
        write_whole(options.out / REPORT, page(f"ocrnn train: {options.out.name}", self._parts(state)))

    def _parts(self, state: str) -> Iterator[str]:
        epochs = self._run.epochs
        yield f"<p><strong>{escaped(state)}</strong></p>"
        yield from (f'<p class="advice">{escaped(advice)}</p>' for advice in self._advice)
        yield "<h2>What is learned</h2>"
        yield from self._about()
        history = epochs[-1].history if epochs else ()
        if history:
            yield "<h2>Curves</h2><figure>" + draw_curves(history) + "</figure>"
        if epochs:
            yield "<h2>Epochs</h2>" + self._table(epochs)
            yield "<h2>The lines read worst</h2>"
            yield (
                f'<p class="note">Up to {_WORST} validation lines of an epoch, the newest epoch first; of this sitting '
                f"those of the latest {_LATEST} epochs and of the best are kept.</p>"
            )
            yield from (self._worst[number] for number in sorted(self._worst, reverse=True))
        yield "<h2>Lines as the network gets them</h2>"
        yield f'<p class="note">The first {_SHEET} of the first epoch, augmented, above them their labels.</p>'
        yield self._sheet

    def _about(self) -> Iterator[str]:
        run = self._run
        weights = sum(weight.numel() for weight in run.network.parameters())
        architecture = run.spec.architecture
        yield facts(
            (
                ("command", command_line(run.options)),
                ("lines to train on", len(run.training)),
                ("lines to validate with", len(run.validation)),
                ("lines left out", run.left_out),
                (
                    "network",
                    f"{architecture.preset}: {architecture.backbone}, {architecture.layers} x {architecture.hidden} "
                    f"{architecture.cell} units, {weights / 1e6:.1f} M weights, "
                    + (f"from {run.options.from_model}" if run.options.from_model else "from nothing"),
                ),
                ("characters", f"{len(run.spec.charset)}: {run.spec.charset.characters}"),
                ("highest learning rate", f"{run.settings.learning_rate:g}"),
                ("arithmetic", (run.epochs[-1].precision if run.epochs else None) or run.settings.precision),
                ("program", f"ocrnn {__version__}"),
            )
        )
        if run.problems:
            more = len(run.problems) - _PROBLEMS
            yield "<h3>Left out</h3><ul>"
            yield from (f"<li>{escaped(problem)}</li>" for problem in run.problems[:_PROBLEMS])
            yield "</ul>" + (f'<p class="note">and {more} more; ocrnn check names them all</p>' if more > 0 else "")

    def _table(self, epochs: Sequence[Epoch]) -> str:
        best = epochs[-1].best_epoch
        start = [epoch for epoch in epochs if epoch.number == 0]
        header = ("epoch", "CER %", "as written", "WER %", "loss", "learning rate", "lines/s", "minutes")
        rows: list[tuple[object, ...]] = [
            (
                _marked("start", not best),
                *(f"{100 * rate:.2f}" for rate in (epoch.score.cer, epoch.score.cer_raw, epoch.score.wer)),
                *[""] * 4,
            )
            for epoch in start
        ]
        rows += [
            (
                _marked(f"{row['epoch']:g}", row["epoch"] == best),
                f"{100 * row['cer']:.2f}",
                f"{100 * row['cer_as_written']:.2f}",
                f"{100 * row['wer']:.2f}",
                f"{row['loss']:.4f}",
                f"{row['learning_rate']:.2g}",
                f"{row['lines_per_second']:.0f}",
                f"{row['seconds'] / 60:.1f}",
            )
            for row in epochs[-1].history
        ]
        return table(header, rows)

    def _lines(self, epoch: Epoch) -> str:
        """The worst lines of an epoch, ready for the page."""
        heading = f"Epoch {epoch.number}" if epoch.number else "Start"
        parts = [f"<h3>{heading}: CER {epoch.score.cer:.2%}</h3>"]
        found = worst_lines(epoch, self._run.validation)
        for one in found:
            grey = one.picture()
            name = one.sample.name or Path(one.sample.image).name
            shown = "" if grey is None else picture(grey, name)
            parts.append(line(name, f"{one.edits} wrong", shown, pair(one.sample.text, one.reading)))
        return "".join(parts) + ("" if found else "<p>All are right.</p>")


def _marked(epoch: str, best: bool) -> str:
    """An epoch's name, the best one told in its first column: a telephone does not show the last."""
    return f"{epoch} best" if best else epoch
