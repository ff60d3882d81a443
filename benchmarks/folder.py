"""A folder of lines from files to text by whole processes, and a cold start: ocrnn beside Tesseract and RapidOCR.

    python benchmarks/folder.py --sets DIR [--set NAME]... [--cores N] [--rounds 5] [--rapidocr PYTHON] [--save]

Each picture lies in one folder twice, under two names. Every engine starts on its own, reads all of it and ends; they
take turns within each round. Of one process with a thread for each core and a process for each core the faster counts.
RapidOCR may live in an environment of its own, whose Python is given.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from pathlib import Path

import record

from ocrnn.bench.engines import RapidOcr, installed
from ocrnn.bench.folder import compare
from ocrnn.bench.pictures import gathered
from ocrnn.data.labels import read_labels
from ocrnn.model.cores import free_cores

DEFAULT_SETS = ("receipts", "forms")


def main() -> None:
    """Time every engine, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help=f"default: {', '.join(DEFAULT_SETS)}")
    parser.add_argument("--lines", type=int, help="first lines of each set that are read; default: all")
    parser.add_argument("--cores", type=int, default=free_cores(), help="default: the free ones")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rapidocr", metavar="PYTHON", help="Python that has RapidOCR")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into the README")
    options = parser.parse_args()
    names = options.names or DEFAULT_SETS
    samples = [sample for name in names for sample in list(read_labels(options.sets / name).samples)[: options.lines]]
    engines = installed()
    if options.rapidocr:
        engines = [*(engine for engine in engines if not isinstance(engine, RapidOcr)), RapidOcr(options.rapidocr)]
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    with tempfile.TemporaryDirectory() as folder:
        pictures = gathered([sample.image for sample in samples], Path(folder), times=2)
        found = compare(engines, pictures, cores=options.cores, rounds=options.rounds)
    rows = [
        [
            each.name,
            f"{each.lines_per_s:.0f}",
            "" if each.lines_per_processor_s is None else f"{each.lines_per_processor_s:.0f}",
            "" if each is found[0] else f"{each.ratio:.1f}",
            "" if each.folder_mb is None else f"{each.folder_mb:.0f} MB",
            f"{each.start_s:.2f} s",
            "" if each.start_mb is None else f"{each.start_mb:.0f} MB",
        ]
        for each in found
    ]
    head = [
        f"{len(pictures)} lines on {options.cores} cores",
        "lines/s",
        "of a core",
        "ocrnn is faster, times",
        "memory",
    ]
    shown = record.table([*head, "cold start of one line", "its memory"], rows)
    figures = {
        "sets": list(names),
        "lines": len(pictures),
        "cores": options.cores,
        "rounds": options.rounds,
        "load before": load,
        "engines": [dataclasses.asdict(each) for each in found],
    }
    record.publish("folder", figures, shown, save=options.save)


if __name__ == "__main__":
    main()
