import csv
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ocrnn.training.curves import draw_curves, save_history


def test_history_is_a_table_and_a_picture(tmp_path: Path) -> None:
    rows = [{"epoch": n, "loss": 3.0 / n, "cer": 0.5 / n, "cer_as_written": 0.5 / n, "wer": 0.9 / n} for n in (1, 2, 3)]
    save_history(tmp_path, rows)
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as table:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(table)] == rows
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB"))
    blue = (picture == (31, 119, 180)).all(axis=2)  # matplotlib's tab:blue, the CER
    falling = [int(np.flatnonzero(blue[:, column])[0]) for column in np.flatnonzero(blue.any(axis=0))]
    assert len(falling) > 100
    save_history(tmp_path, rows[:1])  # a single epoch is drawn too


def drawn(rows: list[dict[str, float]]) -> dict[str, list[tuple[float, float]]]:
    """Points of each curve of a page, by the colour it has, taken from the SVG as XML."""
    figure = ElementTree.fromstring(f"<figure>{draw_curves(rows)}</figure>")
    return {
        line.get("stroke", ""): [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]  # type: ignore[misc]
        for line in figure.iter("polyline")
    }


def test_the_curves_of_a_page_go_where_the_figures_go() -> None:
    rows = [
        {"epoch": n, "loss": 8.0 / n, "cer": 0.4 / n, "cer_as_written": 0.4 / n, "wer": 0.8 / n} for n in (1, 2, 4, 5)
    ]
    curves = drawn(rows)
    assert set(curves) == {"var(--blue)", "var(--orange)", "var(--grey)"}
    for colour, name in (("var(--blue)", "cer"), ("var(--orange)", "wer"), ("var(--grey)", "loss")):
        (x1, y1), (x2, y2), (x4, y4), (x5, _) = curves[colour]
        assert x2 - x1 == pytest.approx(x5 - x4, abs=0.11) == pytest.approx((x4 - x2) / 2, abs=0.11)
        ground = y1 + (y2 - y1) * 2  # where a value twice as near to 0 again as the second would be: 0 itself
        assert (ground - y4) / (ground - y1) == pytest.approx(rows[2][name] / rows[0][name], abs=0.01)
    # Both errors stand on one scale.
    assert curves["var(--orange)"][1] == curves["var(--blue)"][0] or curves["var(--orange)"][1][1] == pytest.approx(
        curves["var(--blue)"][0][1], abs=0.11
    )
    assert "epoch 4: CER 10" in draw_curves(rows)


def test_the_error_as_written_has_a_curve_where_folding_hides_some(tmp_path: Path) -> None:
    rows = [{"epoch": n, "loss": 1.0, "cer": 0.1, "cer_as_written": 0.4 / n, "wer": 0.2} for n in (1, 2)]
    (_, at_40), (_, at_20) = drawn(rows)["var(--faint)"]
    (_, at_10), _ = drawn(rows)["var(--blue)"]
    assert at_10 - at_20 == pytest.approx((at_20 - at_40) / 2, abs=0.11)
    save_history(tmp_path, rows)


def test_curves_of_one_epoch_of_none_right_and_of_no_number() -> None:
    assert (
        len(drawn([{"epoch": 7, "loss": math.nan, "cer": 0.0, "cer_as_written": 0.0, "wer": 0.0}])["var(--blue)"]) == 1
    )
    assert drawn([{"epoch": 7, "loss": math.nan, "cer": 1.5, "cer_as_written": 1.5, "wer": 1.0}])["var(--grey)"] == []
    many = [{"epoch": n, "loss": 1e-7 * n, "cer": 1.0, "cer_as_written": 1.0, "wer": 1.0} for n in range(1, 301)]
    assert draw_curves(many).count("<text") < 40
