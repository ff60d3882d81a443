import csv
from pathlib import Path

import numpy as np
from PIL import Image

from ocrnn.training.curves import save_history


def test_history_is_a_table_and_a_picture(tmp_path: Path) -> None:
    rows = [{"epoch": n, "loss": 3.0 / n, "cer": 0.5 / n, "wer": 0.9 / n} for n in (1, 2, 3)]
    save_history(tmp_path, rows)
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as table:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(table)] == rows
    picture = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB"))
    blue = (picture == (31, 119, 180)).all(axis=2)  # matplotlib's tab:blue, the CER
    falling = [int(np.flatnonzero(blue[:, column])[0]) for column in np.flatnonzero(blue.any(axis=0))]
    assert len(falling) > 100
    save_history(tmp_path, rows[:1])  # a single epoch is drawn too
