"""Lines that lie otherwise than they should, on sets of real lines: how often `--turn auto` and the warning are right.

    python benchmarks/kinds.py --sets DIR [--most 120] [-m MODEL] [--save]

DIR/SET holds labelled lines. Each line is read as it is and turned by 90, 180 and 270 degrees; a right choice is the
angle that it was turned by, and as it is, none. Lines about as high as wide are left out where they are turned by a
right angle: nothing tells how they lie. For the warning, each line is looked at alone and with its neighbour in the set
below it, brought to the same height, where both have four characters or more.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import record

from ocrnn.data.labels import read_labels
from ocrnn.data.lines import evenly
from ocrnn.image import Grey
from ocrnn.reading import Reading
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.rows import holds_several
from ocrnn.transcribe.turning import turned

ANGLES = (0, 90, 180, 270)
WIDE = 1.3
"""Width over height from which a line lies when it is turned by a right angle."""


def main() -> None:
    """Turn and stack the lines of every set, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--most", type=int, default=120, help="lines of a set that are turned; all are looked at")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()

    reader = Reader.open(options.model, turn="auto")
    figures: dict[str, Any] = {}
    for folder in sorted(path for path in options.sets.iterdir() if path.is_dir()):
        samples = read_labels(folder).samples
        greys = [sample.load() for sample in samples]
        rights = {angle: chosen(reader, evenly(greys, options.most), angle) for angle in ANGLES}
        pairs = [
            (upper, lower)
            for (upper, one), (lower, other) in zip(
                zip(greys, samples, strict=True), list(zip(greys, samples, strict=True))[1:], strict=False
            )
            if min(len(one.text), len(other.text)) >= 4
        ]
        figures[folder.name] = {
            "turned": {str(angle): right for angle, right in rights.items()},
            "alarms": [sum(several(reader, grey) for grey in greys), len(greys)],
            "found": [sum(several(reader, stacked(*pair)) for pair in pairs), len(pairs)],
        }
        print(folder.name, figures[folder.name], flush=True)
    head = ["set", *(f"right at {angle}°, %" for angle in ANGLES), "false warnings, %", "two lines found, %"]
    rows = [
        [name, *(share(right) for right in told["turned"].values()), share(told["alarms"]), share(told["found"])]
        for name, told in figures.items()
    ]
    record.publish("kinds", figures, record.table(head, rows), save=options.save)


def chosen(reader: Reader, greys: Sequence[Grey], angle: int) -> list[int]:
    """How many lines are read at the right angle, of how many."""
    given = [grey for grey in greys if angle % 180 == 0 or grey.shape[1] > WIDE * grey.shape[0]]
    results = reader.read_many([turned(grey, -angle) for grey in given])
    right = [isinstance(result.outcome, Reading) and result.outcome.turned_deg == angle for result in results]
    return [sum(right), len(right)]


def several(reader: Reader, grey: Grey) -> bool:
    """Whether a picture would be warned of."""
    return holds_several(reader.model.spec.line_format.prepare(grey))


def stacked(upper: Grey, lower: Grey) -> Grey:
    """Two lines above one another, the lower as high as the upper, each on its own ground."""
    height = upper.shape[0]
    size = (max(1, round(lower.shape[1] * height / lower.shape[0])), height)
    lower = np.asarray(cv2.resize(lower, size, interpolation=cv2.INTER_AREA), np.uint8)
    width = max(upper.shape[1], lower.shape[1])
    return np.vstack(
        [
            np.pad(grey, ((0, 0), (0, width - grey.shape[1])), constant_values=int(np.median(grey)))
            for grey in (upper, lower)
        ]
    )


def share(counts: list[int]) -> str:
    """A part of a whole in percent; a dash for none of none."""
    part, whole = counts
    return f"{100 * part / whole:.1f}" if whole else "–"


if __name__ == "__main__":
    main()
