"""Time of decoding one line, on the log-probabilities of real lines and on made ones, on one core.

    python benchmarks/beam.py --lines DIR [--lexicon FILE] [--lm FILE] [--save]

DIR holds labelled lines in any form that `ocrnn train` takes; 200 of them are read by the model once, and what it gives
is decoded over and over: greedily, by beams of width 16, and with guides (characters, a pattern, a lexicon, a model of
a language). Decoders take turns on each line, so that other work on the machine slows all of them alike; of five turns
the fastest counts. The worst case is made: 120 frames in which no class stands out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import record

from ocrnn.charset import Charset
from ocrnn.data.labels import read_labels
from ocrnn.decoding.arpa import read_arpa
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.constraints import constraints
from ocrnn.decoding.ctc import LogProbs, greedy
from ocrnn.decoding.guide import Guide
from ocrnn.transcribe.reader import Reader

WIDTH = 16
LINES, TURNS = 200, 5
FRAMES = 120
AMOUNT = r"(RM )?-?\d{1,3}(,?\d{3})*\.\d{2}"

Decode = Callable[[LogProbs], object]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, required=True, help="folder of labelled lines")
    parser.add_argument("--lexicon", type=Path, help="file of words, one on each line")
    parser.add_argument("--lm", type=Path, help="language model, an ARPA file")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()

    reader = Reader.open(options.model, threads=1)
    charset = reader.model.spec.charset
    samples = read_labels(options.lines).samples
    chosen = samples[:: max(1, len(samples) // LINES)][:LINES]
    lines = {
        options.lines.name: [np.ascontiguousarray(reader.posteriors(sample)) for sample in chosen],
        "made, flat": [flat(np.random.default_rng(seed), charset) for seed in range(5)],
    }
    decoders = all_decoders(charset, options.lexicon, options.lm)
    rows, figures = [], []
    for kind, tables in lines.items():
        frames = int(np.median([len(table) for table in tables]))
        first, again = measured(decoders, tables)
        for name in decoders:
            median, most = np.percentile(again[name], [50, 90])
            cold = float(np.median(first[name]))
            figures.append({"lines": kind, "decoder": name, "ms": median, "ms 90 %": most, "ms, first turn": cold})
            rows.append([name, f"{kind}, {frames} frames", f"{median:.2f}", f"{most:.2f}", f"{cold:.2f}"])
    head = ["decoder", "lines, median length", "ms, median", "90 %", "first turn"]
    record.publish("beam", figures, record.table(head, rows), save=options.save)


def all_decoders(charset: Charset, lexicon: Path | None, lm: Path | None) -> dict[str, Decode]:
    """Ways to decode a table (T, C), by name."""
    guides: dict[str, dict[str, Any]] = {
        "--allow": {"allow": "[:alnum:][:punct:][:space:]"},
        "--regex": {"regex": AMOUNT},
    }
    if lexicon is not None:
        words = len(lexicon.read_text(encoding="utf-8").split())
        guides[f"--lexicon, {words:,} words"] = {"lexicon": lexicon}
    if lm is not None:
        guides[f"--lm, {read_arpa(lm).order}-gram"] = {"lm": lm}
    decoders: dict[str, Decode] = {
        "greedy": greedy,
        f"beam {WIDTH}": searching(None, best=1),
        f"beam {WIDTH}, {WIDTH} texts": searching(None, best=WIDTH),
    }
    for name, known in guides.items():
        (guide,) = constraints(charset, **known)
        decoders[f"beam {WIDTH} {name}"] = searching(guide, best=1)
    return decoders


def searching(guide: Guide | None, *, best: int) -> Decode:
    """A beam search with everything but the line decided."""
    return lambda log_probs: beam_search(log_probs, WIDTH, best=best, guide=guide)


def measured(
    decoders: dict[str, Decode], lines: list[LogProbs]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds of processor time for each line and decoder: of the first turn, and of the fastest."""
    first: dict[str, list[float]] = {name: [] for name in decoders}
    fastest: dict[str, list[float]] = {name: [] for name in decoders}
    for log_probs in lines:
        turns = [{name: milliseconds(decode, log_probs) for name, decode in decoders.items()} for _ in range(TURNS)]
        for name in decoders:
            first[name].append(turns[0][name])
            fastest[name].append(min(turn[name] for turn in turns))
    return first, fastest


def milliseconds(decode: Decode, log_probs: LogProbs) -> float:
    """Processor time of one call; waiting for a busy machine does not count."""
    start = time.process_time()
    decode(log_probs)
    return (time.process_time() - start) * 1000


def flat(rng: np.random.Generator, charset: Charset) -> LogProbs:
    """Frames (T, C) in which every class is about as probable as every other."""
    logits = rng.normal(0.0, 0.01, (FRAMES, charset.classes))
    log_probs: LogProbs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs


if __name__ == "__main__":
    main()
