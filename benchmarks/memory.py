"""Peak memory of everything between tar shards and the network, by how many lines the shards hold.

    python benchmarks/memory.py [--lines 10000 1000000] [--drawn 4000] [--folder DIR] [--save]

For each number of lines it makes shards of small pictures, all different, and in a process of its own does what
`ocrnn train` does with them before and while it learns: look through the labels, check every line, split, plan an
epoch, and make batches, as many as hold `--drawn` lines, from its beginning and from its middle. There is no
network: its memory does not know how many lines there are. Peak memory is that of the process, less what it has once
everything is imported; seconds are those of the processor, whatever else is at work. A million lines take 2 GB of disk;
--folder says where.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import record

SHARD = 10_000
PARTS = ("look through", "check", "split", "plan and batches")


def main() -> None:
    """Make shards of each number of lines, measure each, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--drawn", type=int, default=4000, help="lines of which batches are made, twice")
    parser.add_argument("--folder", type=Path, help="where the shards are made, and removed again")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures and put the table into benchmarks/README.md"
    )
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        json.dump(measured(options.measure, options.drawn), sys.stdout)
        return
    figures = {}
    for lines in options.lines:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            make_shards(Path(folder), lines)
            command = [sys.executable, __file__, "--measure", folder, "--drawn", str(options.drawn)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures[f"{lines}"] = json.loads(told)
    head = ["lines in tar shards", "peak memory", "above the start", *(f"{part}, s" for part in PARTS)]
    rows = [
        [
            f"{int(lines):,}",
            f"{told['peak_mb']:.0f} MB",
            f"{told['peak_mb'] - told['start_mb']:.0f} MB",
            *(f"{told['seconds'][part]:.0f}" for part in PARTS),
        ]
        for lines, told in figures.items()
    ]
    record.publish("memory", figures, record.table(head, rows), save=options.save)


def make_shards(folder: Path, lines: int) -> None:
    """Shards of small PNG files, each with other pixels, and texts of 4 to 12 digits."""
    from ocrnn.data.tar import new_tar

    rng = np.random.default_rng(0)
    for start in range(0, lines, SHARD):
        with new_tar(folder / f"{start // SHARD:05}.tar") as add:
            for number in range(start, min(lines, start + SHARD)):
                grey = np.full((16, 64 + number % 32), 255, np.uint8)
                grey[4:12, 4:60:5] = 0
                grey[2, 4:12] = np.frombuffer(number.to_bytes(8, "big"), np.uint8)  # so that no two are the same
                add(f"{number:09}.png", cv2.imencode(".png", grey)[1].tobytes())
                add(f"{number:09}.txt", "".join(map(str, rng.integers(10, size=4 + number % 9))).encode())


def measured(folder: Path, drawn: int) -> dict[str, object]:
    """Megabytes and seconds of what training does with the lines of a folder."""
    from ocrnn.charset import Charset
    from ocrnn.data.check import check_samples
    from ocrnn.data.labels import read_labels
    from ocrnn.data.splits import split_by_hash
    from ocrnn.image import LineFormat
    from ocrnn.spec import Architecture, ModelSpec
    from ocrnn.training.batches import CHUNK, Position, batches
    from ocrnn.training.plans import permuted
    from ocrnn.training.sources import RealLines

    spec = ModelSpec(Charset("0123456789"), LineFormat(), Architecture.named("fast"))
    start_mb, clock, seconds = peak_mb(), time.process_time(), {}

    def done(part: str) -> None:
        nonlocal clock
        seconds[part], clock = round(time.process_time() - clock, 1), time.process_time()

    samples = read_labels(folder).samples
    done("look through")
    report = check_samples(samples, spec.charset, spec.architecture, spec.line_format)
    done("check")
    split = split_by_hash(report.samples, twins=report.twins)
    done("split")
    plan = permuted(RealLines(split.train, "light"), seed=0, epoch=1, least=1)
    for chunk in (0, len(plan) // CHUNK // 2):
        made = 0
        for batch, _ in batches(plan, spec, columns=8000, seed=0, epoch=1, start=Position(chunk)):
            made += batch.lines
            if made >= min(drawn, len(plan) // 2):
                break
    done("plan and batches")
    assert len(report.samples) == len(samples) and not report.problems
    return {"start_mb": start_mb, "peak_mb": peak_mb(), "seconds": seconds}


def peak_mb() -> float:
    """Peak memory of this process so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
