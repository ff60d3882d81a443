"""Peak memory of `ocrnn read` on folders of few and of many lines, and the processor time it takes.

    python benchmarks/flat.py --sets DIR [--set NAME]... [--lines 2000 50000] [--folder DIR] [--most MB] [--save]

The pictures of the sets lie in each folder under as many names as it has lines, hard links where the disk has them, and
each folder is read by a process of its own, as `ocrnn read DIR -o FILE`. With --most it exits with status 1 where one
needs more megabytes. --folder says on which disk the folders are made, and removed again.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import record

from ocrnn.bench.engines import Ocrnn
from ocrnn.bench.processes import spend
from ocrnn.data.labels import read_labels
from ocrnn.model.cores import free_cores

DEFAULT_SETS = ("receipts", "forms")


def main() -> None:
    """Read each folder once, print the table, hold it to the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help=f"default: {', '.join(DEFAULT_SETS)}")
    parser.add_argument("--lines", type=int, nargs="+", default=[2000, 50_000])
    parser.add_argument("--cores", type=int, default=free_cores(), help="default: the free ones")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--most", type=float, metavar="MB", help="megabytes that reading may take")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()
    names = options.names or DEFAULT_SETS
    pictures = [sample.image for name in names for sample in read_labels(options.sets / name).samples]
    figures: dict[str, Any] = {"sets": list(names), "cores": options.cores, "folders": {}}
    rows = []
    for lines in options.lines:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, tempfile.TemporaryDirectory() as place:
            paths = linked(pictures, Path(folder), lines)
            ((commands, environment),) = Ocrnn().folder(paths, options.cores, Path(place))
            spent = spend(commands, environment)
        figures["folders"][f"{lines}"] = {"peak_mb": spent.peak_mb, "processor_s": spent.processor_s}
        milliseconds = "" if spent.processor_s is None else f"{1e3 * spent.processor_s / lines:.2f}"
        rows.append([f"{lines:,}", "" if spent.peak_mb is None else f"{spent.peak_mb:.0f} MB", milliseconds])
        print(f"{lines} lines: {rows[-1][1]}", file=sys.stderr, flush=True)
        if options.most is not None and (spent.peak_mb or 0) > options.most:
            sys.exit(f"{lines} lines took {spent.peak_mb:.0f} MB, over the limit of {options.most:.0f}")
    head = [f"lines in the folder, {options.cores} cores", "peak memory", "ms of one core for a line"]
    record.publish("flat", figures, record.table(head, rows), save=options.save)


def linked(pictures: list[Path], folder: Path, lines: int) -> list[Path]:
    """Put so many lines into a folder, each picture under several names where they are fewer."""
    paths = []
    for number, picture in enumerate(itertools.islice(itertools.cycle(pictures), lines)):
        paths.append(folder / f"{number:06}{picture.suffix.lower()}")
        try:
            os.link(picture, paths[-1])
        except OSError:  # another disk, or one without links
            shutil.copyfile(picture, paths[-1])
    return paths


if __name__ == "__main__":
    main()
