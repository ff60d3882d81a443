"""How well estimates of the calibration error tell the truth on sets as small as those that people label.

    python benchmarks/calibration.py [--draws 100] [--save]

Sets of 90, 200 and 400 lines are drawn from four spreads of confidence (beta distributions, from easy to hard print),
with lines right as often as they say, or 2, 5 or 8 % off in six ways: too sure or too modest (a power), flattened (a
temperature), shifted, too sure and too modest in turn, and too sure at the top alone. Printed is by how much each
estimate is off on average, in points of a per cent, by the true error, then without regard to the sign over all kinds
of set, and the root of the mean square of a single one. Below the table: how often intervals hold the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import record

from ocrnn.evaluation.calibration import BINS, reliability

Numbers = npt.NDArray[np.float64]

SPREADS = {"easy": (3.0, 0.4), "middling": (2.0, 0.7), "mixed": (1.4, 0.5), "hard": (0.5, 0.6)}
SIZES = (90, 200, 400)
TRUTHS = (0.0, 0.02, 0.05, 0.08)
SHOWN, LEFT = "`ocrnn eval`, as it stands", "`ocrnn eval`, without chance"


def main() -> None:
    """Draw sets, estimate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100, help="sets of each kind")
    parser.add_argument("--resamples", type=int, default=200, help="drawings behind each of our intervals; eval: 1000")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table on its page")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    off: dict[str, list[tuple[float, Numbers]]] = {}
    held: list[tuple[float, float]] = []
    for spread, size, truth, bend in kinds():
        population = np.sort(np.clip(rng.beta(*SPREADS[spread], 20_000), 1e-6, 1 - 1e-6))
        right = bent(bend, population, truth)
        true = float(np.abs(right - population).mean())
        if abs(true - truth) > 0.003:
            continue  # so many are not to be had this way
        drawn: dict[str, list[float]] = {}
        inside = 0
        for _ in range(options.draws):
            picked = np.sort(rng.integers(len(population), size=size))
            said, came = population[picked], (rng.random(size) < right[picked]).astype(float)
            ours = reliability(said, came.astype(bool), resamples=options.resamples)
            inside += ours.low <= true <= ours.high
            told = {name: estimate(said, came) for name, estimate in OTHERS.items()}
            for name, value in {**told, SHOWN: ours.error, LEFT: ours.without_chance}.items():
                drawn.setdefault(name, []).append(value - true)
        held.append((truth, inside / options.draws))
        for name, values in drawn.items():
            off.setdefault(name, []).append((truth, np.array(values)))
    figures: dict[str, Any] = {
        "draws": options.draws,
        "estimates": {name: figures_of(kinds_of_set) for name, kinds_of_set in off.items()},
        "held": {str(truth): mean(share for at, share in held if at == truth) for truth in TRUTHS},
    }
    head = ["estimate", *(f"true: {100 * truth:.0f} %" for truth in TRUTHS), "any sign", "of one set"]
    rows = [[name, *entry["shown"]] for name, entry in figures["estimates"].items()]
    shares = ", ".join(f"{100 * share:.0f}" for share in figures["held"].values())
    note = f"\nThe 95 % interval of `ocrnn eval` holds the truth in {shares} % of the sets, by the same true errors."
    record.publish("calibration", figures, record.table(head, rows) + "\n" + note, save=options.save)


def kinds() -> Iterator[tuple[str, int, float, str]]:
    """Spread, size, true error and way to be off of each kind of set."""
    for spread in SPREADS:
        for size in SIZES:
            for truth in TRUTHS:
                for bend in BENDS if truth else list(BENDS)[:1]:
                    yield spread, size, truth, bend


BENDS: dict[str, Callable[[Numbers, float], Numbers]] = {
    "too sure": lambda said, much: said ** (1 + much),
    "too modest": lambda said, much: said ** (1 / (1 + much)),
    "flat": lambda said, much: 1 / (1 + (1 / said - 1) ** (1 / (1 + much))),
    "shifted": lambda said, much: np.clip(said - 0.2 * much, 0, 1),
    "in turn": lambda said, much: np.clip(
        said + 0.2 * much * np.sin(4 * np.pi * (np.arange(len(said)) + 0.5) / len(said)), 0, 1
    ),
    "at the top": lambda said, much: np.where(said > np.quantile(said, 0.8), np.clip(said - 0.4 * much, 0, 1), said),
}
"""How often lines are right, by what is said of them, sorted, and how much that is off."""


def bent(bend: str, said: Numbers, truth: float) -> Numbers:
    """How often lines are right, off by `truth` on average, or as near as this way comes to it."""
    low, high = 0.0, 50.0 if truth else 0.0
    for _ in range(60):
        middle = (low + high) / 2
        if np.abs(BENDS[bend](said, middle) - said).mean() < truth:
            low = middle
        else:
            high = middle
    return BENDS[bend](said, high)


def by_width(said: Numbers, came: Numbers, bins: int = 15) -> float:
    """Bins of equal width, as in Guo et al. 2017."""
    place = np.minimum((said * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, said - came, minlength=bins)).sum() / len(said))


def by_count(said: Numbers, came: Numbers, bins: int) -> tuple[Numbers, Numbers, Numbers]:
    """Mean confidence, share that is right and lines of bins of equal count; confidences come sorted."""
    edges = np.linspace(0, len(said), bins + 1).astype(int)
    lines = np.diff(edges).astype(float)
    return np.add.reduceat(said, edges[:-1]) / lines, np.add.reduceat(came, edges[:-1]) / lines, lines


def sweep(said: Numbers, came: Numbers) -> float:
    """As many bins of equal count as leave the shares that are right rising (Roelofs et al. 2022)."""
    found = 0.0
    for bins in range(1, len(said) + 1):
        confidence, right, lines = by_count(said, came, bins)
        if (np.diff(right) < 0).any():
            break
        found = float((np.abs(confidence - right) * lines).sum() / len(said))
    return found


def debiased(said: Numbers, came: Numbers) -> float:
    """Bins of equal count, less what drawing each share anew from a normal law adds (Kumar et al. 2019)."""
    confidence, right, lines = by_count(said, came, min(BINS, len(said) // 10))
    gap, spread = np.abs(confidence - right), np.sqrt(right * (1 - right) / lines)
    rng = np.random.default_rng(0)
    anew = np.abs(confidence - rng.normal(right, spread, (200, len(lines)))).mean(axis=0)
    return float(max(0.0, ((2 * gap - anew) * lines).sum() / len(said)))


OTHERS: dict[str, Callable[[Numbers, Numbers], float]] = {
    "15 bins of equal width": by_width,
    "ECE-sweep": sweep,
    "debiased (Kumar)": debiased,
}


def figures_of(kinds_of_set: list[tuple[float, Numbers]]) -> dict[str, Any]:
    """Mean off by the true error, mean of what kinds of set are off by without sign, root of the mean square."""
    by_truth = [mean(float(values.mean()) for at, values in kinds_of_set if at == truth) for truth in TRUTHS]
    unsigned = mean(abs(float(values.mean())) for _, values in kinds_of_set)
    single = mean(float(np.sqrt((values**2).mean())) for _, values in kinds_of_set)
    shown = [*(f"{100 * value:+.1f}" for value in by_truth), f"{100 * unsigned:.1f}", f"{100 * single:.1f}"]
    return {"by truth": by_truth, "any sign": unsigned, "of one set": single, "shown": shown}


def mean(values: Iterator[float]) -> float:
    """Mean of some numbers."""
    listed = list(values)
    return sum(listed) / len(listed)


if __name__ == "__main__":
    main()
