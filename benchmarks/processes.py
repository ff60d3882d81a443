"""Lines per second that training goes through: two processes of one thread each beside one process of one and of two.

    python benchmarks/processes.py [--data DIR] [--seconds 30] [--rounds 3] [--save]

The lines are by default those of `samples/digits/make.py`; threads spin for a moment and then sleep, as `ocrnn train`
has it, sleep at once, or spin, as torch's OpenMP has it where nobody says otherwise. The settings take turns within
each round, so that a machine that slows down slows all of them. Only time between two steps of one epoch counts: no
start, no validation. A figure is the median of the rounds. Beside the clock stand lines per second of processor time,
of all threads and processes together: what a core brings, whoever else is at work. Threads are those of the network;
each process prepares lines on one more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import record

from ocrnn.data.labels import read_labels

_SOON = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}  # as `ocrnn train` has it
SETTINGS: dict[str, tuple[int, int, dict[str, str]]] = {
    "1 process, 1 thread": (1, 1, _SOON),
    "1 process, 2 threads": (1, 2, _SOON),
    "1 process, 2 threads that sleep at once": (1, 2, {"OMP_WAIT_POLICY": "passive"}),
    "1 process, 2 threads that spin": (1, 2, {}),
    "2 processes, 1 thread each": (2, 1, _SOON),
}
"""Processes, threads of each, and how these are told to wait for one another."""
_WARM = 5
"""Steps of each round that do not count, unless they alone take as long as all should."""


def main() -> None:
    """Time every setting, print the table; with --threads be one of the processes that are timed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=record.ROOT / "samples" / "digits", help="labelled lines")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each setting in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--save", action="store_true", help="keep the figures and put the table into benchmarks/README.md"
    )
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads is not None:
        learn(options.data, options.threads, options.seconds)
        return
    read_labels(options.data)  # what is not there is told at once
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    load = []
    for number in range(options.rounds):
        load.append(round(os.getloadavg()[0], 1))
        for name in SETTINGS if number % 2 == 0 else reversed(SETTINGS):
            found[name].append(timed(*SETTINGS[name], options.data, options.seconds))
            print(f"{name}: {found[name][-1]}", file=sys.stderr, flush=True)
    figures: dict[str, Any] = {"data": options.data.name, "seconds": options.seconds, "load before each round": load}
    figures["rounds"] = found
    names = ("lines per second", "lines per processor second")
    rows = [
        [name, *(f"{statistics.median(each[figure] for each in rounds):.0f}" for figure in names)]
        for name, rounds in found.items()
    ]
    record.publish("processes", figures, record.table(["training", *names], rows), save=options.save)


def timed(processes: int, threads: int, waiting: dict[str, str], data: Path, seconds: float) -> dict[str, float]:
    """Start the processes as torchrun does, and add up what each tells."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += [__file__, "--data", str(data), "--seconds", str(seconds), "--threads", str(threads)]
    inherited = {name: value for name, value in os.environ.items() if name not in _SOON}
    done = subprocess.run(
        command,
        env={**inherited, **waiting, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(record.ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    lines, clock = told[0]["lines"], told[0]["seconds"]  # every process counts the lines of all
    spent = sum(each["processor seconds"] for each in told)
    return {"lines per second": round(lines / clock, 1), "lines per processor second": round(lines / spent, 1)}


def learn(data: Path, threads: int, seconds: float) -> None:
    """Train for some seconds as one process of a team, and tell what it did in them."""
    import torch

    from ocrnn.training.distributed import join
    from ocrnn.training.loop import Step
    from ocrnn.training.options import Options
    from ocrnn.training.run import Run

    torch.set_num_threads(threads)
    lines, clock, spent = 0, 0.0, 0.0
    stop, start = threading.Event(), time.perf_counter()
    with join() as team, tempfile.TemporaryDirectory() as folder:
        run = Run.prepare(Options((data,), Path(folder, "run"), epochs=1000, precision="fp32"), team)
        steps, seen = 0, 0
        before: tuple[float, float] | None = None
        for event in run.events(stop):
            now = time.perf_counter(), time.process_time()
            if not isinstance(event, Step):
                before = None
                continue
            if before is not None and (steps > _WARM or now[0] - start > 2 * seconds):
                lines += event.lines - seen
                clock += now[0] - before[0]
                spent += now[1] - before[1]
            steps, seen, before = steps + 1, event.lines, now
            if clock > seconds:
                stop.set()
    print(json.dumps({"lines": lines, "seconds": clock, "processor seconds": spent}), flush=True)


if __name__ == "__main__":
    main()
