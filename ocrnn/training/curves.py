"""A run's history as files: a table for programs, curves for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from ocrnn.storage import write_whole

matplotlib.use("Agg")  # no screen, no server


def save_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write `history.csv` and `curves.png`, one row and one point for each epoch; raises OutputError."""
    from matplotlib.figure import Figure

    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_whole(folder / "history.csv", table.getvalue().encode())

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    left = figure.add_subplot()
    right = left.twinx()
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["loss"] for row in history], color="tab:gray", label="training loss")
    right.plot(epochs, [100 * row["cer"] for row in history], color="tab:blue", marker=".", label="validation CER")
    right.plot(epochs, [100 * row["wer"] for row in history], color="tab:orange", marker=".", label="validation WER")
    left.set(xlabel="epoch", ylabel="training loss, nats per character")
    right.set(ylabel="%", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_whole(folder / "curves.png", picture.getvalue())
