"""A run's history: a table for programs, curves for people, as a picture and for a page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure  # without pyplot, which would look for a screen

from ocrnn.storage import write_whole


def save_history(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write `history.csv` and `curves.png`, one row and one point for each epoch; raises OutputError."""
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
    if _differ(history):
        written = [100 * row["cer_as_written"] for row in history]
        right.plot(epochs, written, color="tab:cyan", marker=".", label="validation CER as written")
    right.plot(epochs, [100 * row["wer"] for row in history], color="tab:orange", marker=".", label="validation WER")
    left.set(xlabel="epoch", ylabel="training loss, nats per character")
    right.set(ylabel="%", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_whole(folder / "curves.png", picture.getvalue())


def draw_curves(history: Sequence[Mapping[str, float]]) -> str:
    """The curves as SVG for a page, errors above the loss; each point tells its figures when pointed at."""
    shown: dict[str, tuple[str, Callable[[Mapping[str, float]], float]]] = {
        "CER": ("--blue", lambda row: 100 * row["cer"])
    }
    if _differ(history):
        shown["as written"] = ("--faint", lambda row: 100 * row["cer_as_written"])
    shown["WER"] = ("--orange", lambda row: 100 * row["wer"])
    errors = _chart("errors on the validation lines, %", history, shown)
    loss = _chart("training loss, nats per character", history, {"loss": ("--grey", lambda row: row["loss"])})
    return errors + loss


def _differ(history: Sequence[Mapping[str, float]]) -> bool:
    """Tell whether folding changes any CER: else one curve would lie upon the other."""
    return any(row["cer_as_written"] != row["cer"] for row in history)


_WIDTH, _HEIGHT = 420, 206
_LEFT, _RIGHT, _TOP, _BOTTOM = 36, 410, 26, 176
"""Where the axes stand; small, so that their writing can be read on a telephone."""


def _chart(
    title: str,
    history: Sequence[Mapping[str, float]],
    curves: Mapping[str, tuple[str, Callable[[Mapping[str, float]], float]]],
) -> str:
    """One diagram; `curves` gives each its colour, by the name a page has for it, and its value in a row."""
    points = {
        name: [(row["epoch"], value(row)) for row in history if math.isfinite(value(row))]
        for name, (_, value) in curves.items()
    }
    highest = max((value for curve in points.values() for _, value in curve), default=0.0) or 1.0
    step = _step(highest / 4)
    top = step * math.ceil(highest / step)
    first, last = history[0]["epoch"], max(history[-1]["epoch"], history[0]["epoch"] + 1)

    def place(epoch: float, value: float) -> tuple[float, float]:
        across, up = (epoch - first) / (last - first), value / top
        return round(_LEFT + across * (_RIGHT - _LEFT), 1), round(_BOTTOM - up * (_BOTTOM - _TOP), 1)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}"><text x="0" y="12">{title}</text>']
    for number in range(round(top / step) + 1):
        _, y = place(first, number * step)
        parts.append(f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}" stroke="var(--rule)"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4}" text-anchor="end">{number * step:g}</text>')
    apart = max(1, round(_step((last - first) / 6)))
    for epoch in range(-int(-first // apart) * apart, int(last) + 1, apart):
        x, y = place(epoch, 0)
        parts.append(f'<text x="{x}" y="{y + 14}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{_RIGHT}" y="{_HEIGHT - 4}" text-anchor="end" fill="var(--faint)">epoch</text>')
    legend = _RIGHT + 12 - sum(map(_legend_width, points))
    for name, curve in points.items():
        colour = f"var({curves[name][0]})"
        drawn = [place(*point) for point in curve]
        line = " ".join(f"{x},{y}" for x, y in drawn)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [
            f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}">'
            f"<title>epoch {epoch:g}: {name} {value:.4g}</title></circle>"
            for (x, y), (epoch, value) in zip(drawn, curve, strict=True)
        ]
        if len(points) > 1:
            parts.append(f'<text x="{legend}" y="12" fill="{colour}" font-weight="600">{name}</text>')
            legend += _legend_width(name)
    return "".join(parts) + "</svg>"


def _legend_width(name: str) -> int:
    """Pixels for a curve's name and the gap behind it."""
    return 22 + 6 * len(name)


def _step(least: float) -> float:
    """The next of 1, 2, 5, 10 and so on."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))
