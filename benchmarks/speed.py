"""Lines per second on one thread, ours and the peers' on the same lines in one run: the README's table.

    python benchmarks/speed.py --sets DIR [--set NAME]... [-m MODEL] [--lines 200] [--rounds 5] [--save]

Tesseract (tesserocr) and RapidOCR take part where this Python can import them; RapidOCR reads a picture a call, as it
is used. Pictures are decoded to RGB beforehand and all engines are warm. The engines take turns within each round, so
that a machine that slows down slows all of them; a figure is the median of the rounds, a ratio that of their ratios.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

import cv2
import numpy as np
import record
import tesseract
from PIL import Image

from ocrnn.bench.rounds import in_rounds
from ocrnn.data.labels import read_labels
from ocrnn.transcribe.reader import Reader

DEFAULT_SETS = ("receipts", "forms", "books-en")
Engine = Callable[[Sequence[Image.Image]], object]


def main() -> None:
    """Time every set, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help=f"default: {', '.join(DEFAULT_SETS)}")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--lines", type=int, default=200, help="first lines of each set that are read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into the README")
    options = parser.parse_args()
    if options.save:
        record.refuse_part("speed", options.names or DEFAULT_SETS)
    cv2.setNumThreads(1)
    reader = Reader.open(options.model, threads=1)

    engines: dict[str, Engine] = {
        "ocrnn": lambda pictures: list(reader.read_many(np.asarray(picture) for picture in pictures)),
        "ocrnn, one at a time": lambda pictures: [reader.read(np.asarray(picture)) for picture in pictures],
    }
    if tesseract.installed():
        other = tesseract.Tesseract()
        engines["Tesseract"] = lambda pictures: [other.read(picture) for picture in pictures]
    if find_spec("rapidocr") is not None:
        engines["RapidOCR"] = rapidocr()
    peers = [engine for engine in engines if not engine.startswith("ocrnn")]

    figures: dict[str, Any] = {"threads": 1, "rounds": options.rounds, "sets": {}}
    rows = []
    for name in options.names or DEFAULT_SETS:
        samples = itertools.islice(read_labels(options.sets / name).samples, options.lines)
        pictures = [tesseract.opened(sample.image) for sample in samples]
        rates = timed(engines, pictures, options.rounds)
        found: dict[str, Any] = {engine: statistics.median(values) for engine, values in rates.items()}
        cells = [f"{value:.0f}" for value in found.values()]
        for peer in peers:
            pairs = zip(rates["ocrnn"], rates[peer], strict=True)
            found[f"times {peer}"] = statistics.median(ours / theirs for ours, theirs in pairs)
            cells.append(f"{found[f'times {peer}']:.2f}")
        figures["sets"][name] = {"lines": len(pictures), **found}
        rows.append([name, *cells])
        print(f"{name}: {', '.join(cells)}", flush=True)
    head = ["lines/s on one thread", *engines, *(f"times {peer}" for peer in peers)]
    record.publish("speed", figures, record.table(head, rows), save=options.save)


def rapidocr() -> Engine:
    """RapidOCR's recognition alone, on one thread."""
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "critical",
            "Global.text_score": 0.0,
        }
    )
    return lambda pictures: [
        engine(np.asarray(picture)[:, :, ::-1].copy(), use_det=False, use_cls=False, use_rec=True)
        for picture in pictures
    ]


def timed(engines: dict[str, Engine], pictures: Sequence[Image.Image], rounds: int) -> dict[str, list[float]]:
    """Lines per second of each engine in each round; the first passes, which warm them, do not count."""

    def rate(engine: Engine) -> float:
        start = time.perf_counter()
        engine(pictures)
        return len(pictures) / (time.perf_counter() - start)

    for engine in engines.values():
        engine(pictures[:20])
    return in_rounds({name: partial(rate, engine) for name, engine in engines.items()}, rounds)


if __name__ == "__main__":
    main()
