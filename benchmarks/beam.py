"""Time of decoding one line: greedy, and beams of width 16, over 120 frames x 230 classes on one core.

    python benchmarks/beam.py

Prints the median and the 90th percentile of repeated runs, in milliseconds of one core, for frames as a trained network
gives them (peaked: a sure blank or character in most, two candidates in some) and for the worst case (flat: no class
stands out).
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.ctc import greedy

FRAMES, CLASSES, WIDTH = 120, 230, 16
LINES, REPEATS = 10, 10

LogProbs = npt.NDArray[np.float32]


def peaked(rng: np.random.Generator) -> LogProbs:
    """Frames (T, C) of a line of 40 characters, one frame each, a fifth of them torn between two classes."""
    logits = rng.normal(0.0, 1.5, (FRAMES, CLASSES))
    logits[:, 0] += 12
    for frame in range(1, FRAMES, 3):
        first, second = rng.choice(np.arange(1, CLASSES), 2, replace=False)
        logits[frame, first] += 16
        logits[frame, second] += 15 if rng.random() < 0.2 else 8
        logits[frame + 1, first] += rng.choice([4, 11])
    return log_softmax(logits)


def flat(rng: np.random.Generator) -> LogProbs:
    """Frames (T, C) in which every class is about as probable as every other."""
    return log_softmax(rng.normal(0.0, 0.01, (FRAMES, CLASSES)))


def log_softmax(logits: npt.NDArray[np.float64]) -> LogProbs:
    """Logarithms (T, C) of the softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs: LogProbs = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(np.float32)
    return log_probs


def milliseconds(decode: Callable[[LogProbs], object], lines: list[LogProbs]) -> list[float]:
    """Processor time of each run, every line REPEATS times; waiting for a busy machine does not count."""
    times = []
    for log_probs in lines * REPEATS:
        start = time.process_time()
        decode(log_probs)
        times.append((time.process_time() - start) * 1000)
    return sorted(times)


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(7)
    decoders: dict[str, Callable[[LogProbs], object]] = {
        "greedy": greedy,
        f"beam {WIDTH}, best text": lambda log_probs: beam_search(log_probs, WIDTH, best=1),
        f"beam {WIDTH}, {WIDTH} texts": lambda log_probs: beam_search(log_probs, WIDTH),
    }
    print(
        f"{FRAMES} frames x {CLASSES} classes, {LINES} lines x {REPEATS} runs, numpy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}; milliseconds of one core per line"
    )
    print(f"{'decoder':20} {'frames':8} {'median':>7} {'90 %':>7}")
    for name, decode in decoders.items():
        for make in (peaked, flat):
            times = milliseconds(decode, [make(rng) for _ in range(LINES)])
            print(f"{name:20} {make.__name__:8} {times[len(times) // 2]:7.2f} {times[len(times) * 9 // 10]:7.2f}")


if __name__ == "__main__":
    main()
