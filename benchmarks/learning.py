"""What each trainer makes of the same labelled lines in the same time of one core, by its own defaults.

    python benchmarks/learning.py --train DIR --dev DIR ENGINE [ENGINE ...] [--minutes 30] [--core N ...] [--save]
    python benchmarks/learning.py --show [--save]

ENGINE is `ocrnn` (from nothing), `ocrnn-latin` (from the shipped model, with --lines of the lines), `kraken=BIN` or
`calamari=BIN`, where BIN is the folder of its commands, or `ocrnn-no-real=FILE`: from weights that have seen no real
line, such as `training/gpu.py` makes, since `latin` has learned some sets. Engines named together run side by side,
each pinned to one core with one thread. A peer is stopped when it has used the minutes as processor time, should it not
have ended by itself, and its best network so far is taken; ocrnn is given them by the clock with its own `--minutes`,
or --clock where other work shares its core. What each has used is in the table. Each keeps lines of the training set
back by its own rule. All read DEV, which none has seen, and are scored by `ocrnn.metrics`. Linux only.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import record

from ocrnn.data.labels import Sample, read_labels
from ocrnn.metrics import Score, score

_ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
}
_TITLES = {
    "ocrnn": "ocrnn",
    "ocrnn-latin": "ocrnn --from latin",
    "ocrnn-no-real": "ocrnn --from a model of drawn lines",
    "kraken": "kraken",
    "calamari": "Calamari",
}


@dataclass(frozen=True)
class Trained:
    """What came of one engine: minutes of processor and clock, whether it ended by itself, and what it then reads."""

    version: str
    command: str
    lines: int
    cpu_minutes: float
    minutes: float
    ended: bool
    score: Score


@dataclass(frozen=True)
class Task:
    """Lines to learn and to read, as pictures with .gt.txt beside them; a folder for all that comes of it."""

    train: Path
    dev: Path
    lines: int
    samples: tuple[Sample, ...]
    work: Path
    seconds: float
    clock_seconds: float
    core: int


def main() -> None:
    """Train the engines asked for side by side, read with what came of them, keep and show the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", metavar="ENGINE")
    parser.add_argument("--train", type=Path, metavar="DIR", help="labelled lines to learn; its name names the set")
    parser.add_argument("--dev", type=Path, metavar="DIR", help="labelled lines to read afterwards")
    parser.add_argument("--lines", type=int, metavar="N", help="learn only so many of the lines, drawn by --seed")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--clock", type=float, metavar="M", help="ocrnn's minutes by the clock; default: --minutes")
    parser.add_argument("--core", type=int, nargs="+", default=[*range(os.cpu_count() or 1)], help="cores to use")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, metavar="DIR", help="keep logs and networks here")
    parser.add_argument("--show", action="store_true", help="only show what is stored")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures and put the table into benchmarks/README.md"
    )
    options = parser.parse_args()
    figures: dict[str, Any] = record.stored("learning")
    if not options.show:
        if not (options.engines and options.train and options.dev):
            parser.error("give --train, --dev and at least one ENGINE, or --show")
        if len(options.engines) > len(options.core):
            parser.error(f"{len(options.engines)} engines need as many cores; name fewer, or more with --core")
        with tempfile.TemporaryDirectory() as folder:
            results = _side_by_side(options, Path(folder))
        # Read again: another call may have stored its own meanwhile.
        figures = record.stored("learning")
        for engine, trained in results.items():
            figures.setdefault(options.train.name, {})[engine] = {
                **dataclasses.asdict(trained),
                "asked_minutes": options.minutes,
                "beside": sorted(set(results) - {engine}),
                "measured": record.stamp(),  # the file's own stamp is that of the last engine
            }
    record.publish("learning", figures, table(figures), save=options.save)


def table(figures: dict[str, Any]) -> str:
    """One row for each set and engine that was run."""
    rows = []
    for name, engines in sorted(figures.items()):
        for engine in (engine for engine in _TITLES if engine in engines):
            found = engines[engine]
            low, high = (100 * found["score"][end] for end in ("cer_low", "cer_high"))
            rows.append(
                [
                    name,
                    f"{_TITLES[engine]} {found['version']}",
                    str(found["lines"]),
                    f"{found['cpu_minutes']:.0f}",
                    f"{100 * found['score']['cer']:.2f}",
                    f"{low:.2f} to {high:.2f}",
                ]
            )
    head = ["set", "trainer", "lines", "minutes of one core", "characters wrong, %", "95 %"]
    return record.table(head, rows)


def _side_by_side(options: argparse.Namespace, folder: Path) -> dict[str, Trained]:
    """Run every engine on a core of its own."""
    learn = list(read_labels(options.train).samples)
    if options.lines:
        learn = random.Random(options.seed).sample(learn, options.lines)
    dev = read_labels(options.dev).samples
    train_folder, dev_folder = _laid_out(learn, folder / "train"), _laid_out(dev, folder / "dev")
    engines: dict[str, Callable[[Task], Trained]] = {}
    for engine in options.engines:
        name, _, place = engine.partition("=")
        engines[name] = partial(_ENGINES[name], Path(place)) if place else _ENGINES[name]
    with ThreadPoolExecutor(len(engines)) as pool:
        running = {}
        for (name, run), core in zip(engines.items(), options.core, strict=False):
            work = (options.work.resolve() if options.work else folder) / name
            work.mkdir(parents=True)
            seconds, clock = 60 * options.minutes, 60 * (options.clock or options.minutes)
            task = Task(train_folder, dev_folder, len(learn), tuple(dev), work, seconds, clock, core)
            running[name] = pool.submit(run, task)
        return {name: future.result() for name, future in running.items()}


def _laid_out(samples: Sequence[Sample], folder: Path) -> Path:
    """Lines as every trainer takes them: 00017.png and 00017.gt.txt."""
    folder.mkdir()
    for number, sample in enumerate(samples):
        shutil.copy(sample.image, folder / f"{number:05}{sample.image.suffix}")
        (folder / f"{number:05}.gt.txt").write_text(sample.text, encoding="utf-8")
    return folder


def _ocrnn(task: Task, *, start: str | None = None) -> Trained:
    from ocrnn import Reader, __version__

    run = task.work / "run"
    command = [sys.executable, "-m", "ocrnn", "train", "--data", str(task.train), "--out", str(run)]
    command += ["--minutes", f"{task.clock_seconds / 60:g}", "--threads", "1", "-q"]
    command += ["--from", start] if start else []
    # Calibration and export come after the minutes: they are counted, but not cut off.
    spent = _bounded(command, task, most=2 * task.seconds)
    reader = Reader.open(run / "best.onnx", threads=1)
    readings = [reader.read(sample.image).text for sample in task.samples]
    return _trained(__version__, command, task, spent, readings)


def _ocrnn_no_real(place: Path, task: Task) -> Trained:
    return _ocrnn(task, start=str(place.resolve()))


def _kraken(place: Path, task: Task) -> Trained:
    models = task.work / "models"
    pictures = sorted(str(path) for path in task.train.iterdir() if path.suffix != ".txt")
    command = [str(place / "ketos"), "train", "-f", "path", "-o", str(models), *pictures]
    spent = _bounded(command, task)
    # checkpoint_07-0.9512.ckpt: epoch and accuracy on the lines it kept back.
    best = max(models.glob("checkpoint_*.ckpt"), key=lambda path: float(path.stem.rpartition("-")[2]))
    weights = task.work / "best.safetensors"
    _run([str(place / "ketos"), "convert", "-o", str(weights), str(best)], task)
    pairs = [(path, task.work / f"{path.stem}.txt") for path in _pictures(task.dev)]
    inputs = [part for path, out in pairs for part in ("-i", str(path), str(out))]
    _run([str(place / "kraken"), *inputs, "ocr", "-s", "-m", str(weights)], task)
    readings = [" ".join(out.read_text(encoding="utf-8").split()) if out.exists() else "" for _, out in pairs]
    version = _version([str(place / "ketos"), "--version"])
    return _trained(version, [*command[: -len(pictures)], "PICTURES"], task, spent, readings)


def _calamari(place: Path, task: Task) -> Trained:
    pictures = [str(path) for path in _pictures(task.train)]
    model = task.work / "model"
    command = [str(place / "calamari-train"), "--trainer.gen", "SplitTrain", "--trainer.output_dir", str(model)]
    command += ["--train.images", *pictures]
    spent = _bounded(command, task)
    read = task.work / "read"
    read.mkdir()
    dev = _pictures(task.dev)
    predict = [str(place / "calamari-predict"), "--checkpoint", str(model / "best.ckpt"), "--output_dir", str(read)]
    _run([*predict, "--data.images", *map(str, dev)], task)
    files = [read / f"{path.stem}.pred.txt" for path in dev]
    readings = [file.read_text(encoding="utf-8").strip() if file.exists() else "" for file in files]
    version = _version([str(place / "calamari-train"), "--version"])
    return _trained(version, [*command[: -len(pictures)], "PICTURES"], task, spent, readings)


_ENGINES: dict[str, Callable[..., Trained]] = {
    "ocrnn": _ocrnn,
    "ocrnn-latin": partial(_ocrnn, start="latin"),
    "ocrnn-no-real": _ocrnn_no_real,
    "kraken": _kraken,
    "calamari": _calamari,
}


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".txt")


def _trained(
    version: str, command: Sequence[str], task: Task, spent: tuple[float, float, bool], readings: Sequence[str]
) -> Trained:
    shown = " ".join(Path(part).name if os.sep in part else part for part in command)
    found = score(readings, [sample.text for sample in task.samples])
    cpu, clock, ended = spent
    return Trained(version, shown, task.lines, round(cpu / 60, 2), round(clock / 60, 2), ended, found)


def _pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


def _bounded(command: Sequence[str], task: Task, *, most: float | None = None) -> tuple[float, float, bool]:
    """Run a command until it ends or has used the seconds; seconds of processor and clock, and whether it ended."""
    limit = most or task.seconds
    start = time.monotonic()
    with (task.work / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*_pinned(task.core), *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD},
            cwd=task.work,
            start_new_session=True,
        )
        used = 0.0
        while process.poll() is None:
            time.sleep(0.5)
            used = max(used, _processor_seconds(process.pid))
            if used > limit:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return used, time.monotonic() - start, False
    if process.returncode:
        raise SystemExit((task.work / "log.txt").read_text(errors="replace")[-3000:])
    return used, time.monotonic() - start, True


def _processor_seconds(session: int) -> float:
    """Seconds that the processes of a session have used, ended children included (proc(5))."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _run(command: Sequence[str], task: Task) -> None:
    finished = subprocess.run(
        [*_pinned(task.core), *command],
        capture_output=True,
        text=True,
        env={**os.environ, **_ONE_THREAD},
        cwd=task.work,
        check=False,
    )
    if finished.returncode:
        raise SystemExit(f"{command[0]}: {(finished.stdout + finished.stderr)[-3000:]}")


def _version(command: Sequence[str]) -> str:
    """The last word of what a command says of its version; Calamari ends with status 1 after it."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()[-1].lstrip("v")


if __name__ == "__main__":
    main()
