"""How true the confidence is on each set of a folder of sets: of what is read with 0.9, nine in ten are to be right.

    python benchmarks/confidence.py --sets DIR [--set NAME]... [-m MODEL]... [--limit 5] [--save]

Without --set, the sets whose labels keep case and spaces: a line is right or not by its label as it stands, folded.
Beside the error as `ocrnn eval` shows it stands what chance alone makes of a reader whose confidence is the truth, on
so many lines read with these confidences, and how often such a reader would be over --limit. The last rows are all sets
together. What is left of an error without chance is `Reliability.without_chance`.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import record
from accuracy import METRICS

from ocrnn.data.labels import read_labels
from ocrnn.evaluation.calibration import reliability
from ocrnn.evaluation.score import read_samples
from ocrnn.model.runtime import shipped
from ocrnn.transcribe.reader import Reader

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DRAWINGS = 400


def main() -> None:
    """Read every set with every model, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help="this set; may be given again")
    parser.add_argument("-m", "--model", action="append", dest="models", help="default: each shipped model")
    parser.add_argument("--limit", type=float, default=5.0, help="error, in %%, that a true reader is held against")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table on its page")
    options = parser.parse_args()
    names = options.names or sorted(p.name for p in options.sets.iterdir() if p.is_dir() and p.name not in METRICS)
    figures: dict[str, Any] = {"limit": options.limit, "models": {}}
    rows = []
    for model in options.models or shipped():
        reader = Reader.open(model, parts=False)
        found = {name: lines(reader, options.sets / name) for name in names}
        if len(found) > 1:
            said, right = zip(*found.values(), strict=True)
            found["together"] = np.concatenate(said), np.concatenate(right)
        figures["models"][Path(model).stem] = {name: judged(*its, options.limit / 100) for name, its in found.items()}
        for name, its in figures["models"][Path(model).stem].items():
            shown = (its["said"], its["right"], its["error"], its["by_chance"], its["over"], its["without_chance"])
            left = f"{100 * its['low']:.1f} to {100 * its['high']:.1f}"
            rows.append([name, Path(model).stem, str(its["lines"]), *(f"{100 * share:.1f}" for share in shown), left])
    head = ["set", "model", "lines", "said, %", "right, %", "off, %", "by chance"]
    head += [f"over {options.limit:g}, by chance, % of such sets", "left without chance", "95 %"]
    record.publish("confidence", figures, record.table(head, rows), save=options.save)


def lines(reader: Reader, folder: Path) -> tuple[Numbers, Flags]:
    """Confidence of each line of a set that could be read, and whether it is right."""
    read = [line for line in read_samples(read_labels(folder).samples, reader) if not line.problem]
    return np.array([line.confidence for line in read]), np.array([not line.edits for line in read])


def judged(said: Numbers, right: Flags, limit: float) -> dict[str, float]:
    """The figures of a row, shares 0..1: `over` is how often a reader whose confidence is the truth exceeds a limit."""
    found = reliability(said, right)
    rng = np.random.default_rng(0)
    over = [reliability(said, rng.random(len(said)) < said, resamples=1).error > limit for _ in range(DRAWINGS)]
    kept = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    del kept["bins"], kept["whole"]
    return {**kept, "said": found.whole.confidence, "right": found.whole.right, "over": float(np.mean(over))}


if __name__ == "__main__":
    main()
