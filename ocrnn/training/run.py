"""One run of training, from folders and options to a model: all that `ocrnn train` does but draw."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from ocrnn import __version__
from ocrnn.charset import Charset
from ocrnn.data.check import CheckReport, check_samples, untranscribed
from ocrnn.data.labels import Problem, Sample, read_labels
from ocrnn.data.lines import joined
from ocrnn.data.remarks import Remarks
from ocrnn.data.samples import UNLABELLED
from ocrnn.data.splits import split_by_hash
from ocrnn.errors import LabelError, ModelError, OutputError
from ocrnn.evaluation.calibration import calibrate
from ocrnn.evaluation.score import evaluate, read_samples
from ocrnn.image import Grey
from ocrnn.metrics import Score
from ocrnn.model import file
from ocrnn.model.executors import TorchModel
from ocrnn.model.export import export_onnx
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import Architecture, ModelSpec
from ocrnn.storage import make_folder
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.confidence import second_look
from ocrnn.training.distributed import ALONE, Team
from ocrnn.training.loop import BEST, CHECKPOINT, Epoch, Settings, Step, digest, figures, train, validate
from ocrnn.training.options import Options, check, words
from ocrnn.training.plans import Plan, mixed, permuted
from ocrnn.training.sources import RealLines, SynthLines
from ocrnn.training.start import label_writer, network_for, own_writer, usual_rate
from ocrnn.training.tuning import Change, Outcome, Pairs, old_kind, read_drawn
from ocrnn.transcribe.reader import Reader

LEAST_LINES = 1000
"""Lines of an epoch: a smaller set is gone through several times, each time augmented anew."""


@dataclass
class Run:
    """A run that is ready to start: data read and checked, network built, folder there.

    `problems` are the lines left out and why, pictures without a label last, `remarks` what else the check of `data`
    has seen; `known` is the charset of the model it starts from, `own_kind` draws that model's own lines, None where no
    fonts can, and then `no_own_kind` says why. `epochs` collects what came of each round, `written` what the file to
    read with gets on the validation lines, `outcome` what a run that started from a model came to. Of a `team` rank 0
    alone leaves files.
    """

    options: Options
    settings: Settings
    network: Network
    spec: ModelSpec
    training: Sequence[Sample]
    validation: Sequence[Sample]
    problems: tuple[Problem, ...]
    sources: tuple[RealLines | SynthLines, ...]
    known: Charset | None = None
    own_kind: Synthesizer | None = None
    no_own_kind: str = ""
    team: Team = ALONE
    remarks: tuple[Remarks, ...] = ()
    epochs: list[Epoch] = field(default_factory=list)
    written: Score | None = None
    outcome: Outcome | None = None

    @classmethod
    def prepare(cls, options: Options, team: Team = ALONE) -> Run:
        """Read, check and split the data, build or open the network, and make sure of the folder, before any training.

        Raises UsageError for options that contradict, LabelError when no line is left to train on or to validate with,
        CharsetError for strangers under `new_chars="fail"`, ModelError for the model to start from, OutputError for
        the folder.
        """
        check(options)
        with _claimed(options.out, options.resume) if team.leads else nullcontext():
            return cls._prepared(options, team)

    @classmethod
    def _prepared(cls, options: Options, team: Team) -> Run:
        samples, problems = _read(options.data)
        held_out, of_held_out = _read((options.val,)) if options.val else ((), ())
        _demand(samples, "to train on", options.data, problems)
        network, spec, known = network_for(options, samples, held_out)
        of_val = _checked(held_out, spec) if options.val else None
        report = _checked(samples, spec, of_val)
        problems = _lines_first(problems, report.problems)
        if options.val and of_val:
            of_held_out = _lines_first(of_held_out, of_val.problems)
            train_lines, validation = report.samples, of_val.samples
            _demand(validation, "to validate with", (options.val,), of_held_out)
        else:
            split = split_by_hash(report.samples, options.val_split, options.seed, options.split_by, twins=report.twins)
            train_lines, validation = split.train, split.validation
            _demand_both(train_lines, validation, options)
        _demand(train_lines, "to train on", options.data, problems)
        problems = _lines_first(problems, of_held_out)
        draws, no_own_kind = own_writer(options, spec.charset, known) if known else (None, "")
        sources: tuple[RealLines | SynthLines, ...] = (RealLines(train_lines, options.augment),)
        if options.synth:
            sources += (SynthLines(label_writer(options, spec.charset, train_lines)),)
        if options.rehearse and draws:
            sources += (SynthLines(draws, len(sources) * options.rehearse / (1 - options.rehearse)),)
        return cls(
            options,
            _settings(options, spec.architecture, report.widths),
            network,
            spec,
            train_lines,
            validation,
            problems,
            sources,
            known,
            draws,
            no_own_kind,
            team,
            report.remarks,
        )

    @property
    def left_out(self) -> int:
        """How many lines are not learned from; pictures without a label are none."""
        return len(self.problems) - untranscribed(self.problems)[0]

    @property
    def goes_on(self) -> bool:
        """Tell whether it is to be resumed, and something is saved to go on from."""
        return self.options.resume and (self.options.out / CHECKPOINT).is_file()

    @property
    def usual_rate(self) -> float:
        """Highest learning rate of such a run unless another is asked for."""
        return usual_rate(self.spec.architecture, from_model=self.options.from_model is not None)

    @property
    def added(self) -> str:
        """Characters beyond those of the model it starts from, or else of the charset asked for; "" without either."""
        asked = Charset.open(self.options.charset) if self.options.charset else None
        known = self.known or asked
        return known.strangers(self.spec.charset.characters) if known else ""

    @property
    def dropped(self) -> str:
        """Characters of the model it starts from that the new one will not write."""
        return self.spec.charset.strangers(self.known.characters) if self.known else ""

    def plan(self, epoch: int) -> Plan:
        """Lines of one epoch: the real ones in random order, and evenly between them the synthetic ones asked for."""
        real, *drawn = self.sources
        assert isinstance(real, RealLines)
        lines = permuted(real, self.settings.seed, epoch, least=LEAST_LINES)
        return mixed(lines, [(source, source.per_line) for source in drawn if isinstance(source, SynthLines)])

    def events(self, stop: threading.Event | None = None) -> Iterator[Step | Epoch]:
        """Train; yields what happens, and leaves the best model in the folder, to go on from and to read with.

        A run that was finished before yields nothing, and its files stay as they are.
        """
        finished, idle = self._is_finished(), True
        start = self._read_start() if self.known and self.team.leads and not finished else None
        events = train(
            self.network,
            self.spec,
            self.plan,
            self.validation,
            self.settings,
            self.options.out,
            from_model=self.options.from_model is not None,
            resume=self.options.resume,
            options=self._told(),
            asked=words(self.options),
            stop=stop,
            team=self.team,
        )
        for event in events:
            idle = False
            if isinstance(event, Epoch):
                self.epochs.append(event)
            yield event
        if self.team.leads and not (finished and idle):
            self._finish(None if stop and stop.is_set() else start)

    def _told(self) -> dict[str, object]:
        """What a run must not change when it is resumed, beside its settings, validation lines and network."""
        options = self.options
        return {
            "--from": options.from_model,
            "--freeze": options.freeze,
            "--rehearse": options.rehearse or None,
            "--augment": options.augment,
            "--synth": options.synth,
            "--fonts": options.fonts and str(options.fonts),
            "--texts": options.texts and str(options.texts),
            "training lines": digest(self.training),
        }

    def _read_start(self) -> _Readings:
        """How the start model reads its own kind, and where the loop will not ask it again, the validation lines."""
        drawn = old_kind(self.own_kind) if self.own_kind else ()
        old = read_drawn(Reader(TorchModel(self.network, self.spec)), drawn)
        self.network.train()
        new = validate(self.network, self.spec, self.validation)[1] if self.goes_on else None
        return _Readings(drawn, old, new)

    def _is_finished(self) -> bool:
        """Tell whether the files of the best model are what `_finish` leaves of a run that came to its end."""
        best = self.options.out / BEST
        if not self.goes_on:
            return False
        try:
            spec = file.header(best)
            return spec == file.header(best.with_suffix(".onnx")) and (self.known is None or "new lines" in spec.about)
        except ModelError:
            return False

    def _finish(self, start: _Readings | None) -> None:
        """Fit the best model's confidence, export it, and tell it where it comes from and how well it then reads.

        With the readings of the model it started from, it tells what became of them, too. What is looked at again
        depends on the fit, so that the figures are those of the file to read with, read as its users will.
        """
        best = self.options.out / BEST
        if not best.is_file():
            return
        network, spec = load_weights(best)
        epoch = spec.about["validation"]["epoch"]
        fitted = calibrate(TorchModel(network, spec), self.validation)
        # Fitted from the powers of the start, not from those of the sitting before: else each sitting would move them.
        again, word = self.spec.again_power, self.spec.word_power
        spec = dataclasses.replace(spec, temperature=fitted.temperature, again_power=again, word_power=word)
        spec, _ = second_look(TorchModel(network, spec), self.validation)
        to_read = best.with_suffix(".onnx")
        export_onnx(network.eval(), spec, to_read)
        reader = Reader.open(to_read, jobs=torch.get_num_threads(), threads=1)
        read = evaluate(read_samples(self.validation, reader))
        self.written = read.score
        if start:
            after = tuple((line.truth, line.reading) for line in read.lines)
            old = Change.of(start.old, read_drawn(reader, start.drawn)) if start.drawn else None
            before = start.new or self.epochs[0].pairs
            new, written = Change.of(before, after), Change.of(before, after, folded=False)
            self.outcome = Outcome(new, written, old, epoch == 0, self.options.rehearse, self.no_own_kind)
        about = {
            **(
                {"started from": self.spec.about.get("name", self.options.from_model)}
                if self.options.from_model
                else {}
            ),
            "name": _name(self.options.out),
            "date": date.today().isoformat(),
            "program": f"ocrnn {__version__}, torch {torch.__version__.split('+')[0]}",
            "data": f"{len(self.training)} lines of {', '.join(map(_name, self.options.data))}",
            "validation": figures(read.score, epoch),
            "calibration": fitted.told(),  # of lines that it was not fitted on, as eval on the same lines cannot know
            **(self.outcome.stored() if self.outcome else {}),
        }
        spec = dataclasses.replace(spec, about=about)
        save_weights(best, network, spec)
        export_onnx(network, spec, to_read)


@dataclass(frozen=True)
class _Readings:
    """Drawn lines of a start model's own kind, and its (label, reading) of them and of the validation lines."""

    drawn: Sequence[tuple[Grey, str]]
    old: Pairs
    new: Pairs | None


@contextmanager
def _claimed(folder: Path, resume: bool) -> Iterator[None]:
    """Make the run's folder and prove that it can be written to: hours later would be too late.

    What was made goes again where the run cannot be prepared.
    """
    if not resume and any((folder / name).exists() for name in (CHECKPOINT, BEST)):
        raise OutputError(f"{folder}: already holds a run; go on with --resume, or give another --out")
    missing = [place for place in (folder, *folder.parents) if not os.path.exists(place)]
    try:
        make_folder(folder)
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):  # another run may stand beside it
                place.rmdir()
        raise


def _name(path: Path) -> str:
    """What a folder is called, in Unicode that can be stored, whatever its bytes are."""
    return path.resolve().name.encode(errors="replace").decode()


def _read(folders: Sequence[Path | None]) -> tuple[Sequence[Sample], tuple[Problem, ...]]:
    labels = [read_labels(folder) for folder in folders if folder is not None]
    return (
        joined(found.samples for found in labels),
        tuple(problem for found in labels for problem in found.problems),
    )


def _lines_first(*problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems of several checks, those of pictures without a label last."""
    return tuple(sorted(chain(*problems), key=lambda problem: problem.kind == UNLABELLED))


def _demand(lines: Sequence[Sample], purpose: str, folders: Sequence[Path], problems: Sequence[Problem]) -> None:
    """Raise LabelError where no line of these folders is left."""
    if not lines:
        first = f"first: {problems[0]}" if problems else "give more lines"
        raise LabelError(f"{', '.join(map(str, folders))}: no usable line {purpose}; {first}")


def _demand_both(training: Sequence[Sample], validation: Sequence[Sample], options: Options) -> None:
    """Raise LabelError where all lines there are stand on one side."""
    count = len(training) + len(validation)
    if count and not (training and validation):
        what = "the only usable line" if count == 1 else f"{count} lines of one picture"
        data = ", ".join(map(str, options.data))
        raise LabelError(f"{data}: {what} cannot be both learned and validated; give more lines, or --val DIR")


def _settings(options: Options, architecture: Architecture, widths: Sequence[int]) -> Settings:
    """How the loop is to teach such a network lines of these widths W in pixels."""
    return Settings(
        epochs=options.epochs if options.epochs or options.minutes else 60,
        minutes=options.minutes,
        patience=options.patience,
        learning_rate=options.lr or usual_rate(architecture, from_model=options.from_model is not None),
        columns=max(int(np.max(widths)), round(options.batch * float(np.mean(widths)))),
        precision=options.precision,
        seed=options.seed,
        deterministic=options.deterministic,
        threads=2 if (os.cpu_count() or 1) > 2 else 1,
    )


def _checked(samples: Sequence[Sample], spec: ModelSpec, of_val: CheckReport | None = None) -> CheckReport:
    return check_samples(samples, spec.charset, spec.architecture, spec.line_format, apart_from=of_val)
