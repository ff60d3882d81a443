"""TensorBoard's files, read back by TensorBoard itself."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.labels import Sample
from ocrnn.errors import UsageError
from ocrnn.metrics import score
from ocrnn.training.board import Board, check_board
from ocrnn.training.loop import Epoch


def test_figures_and_worst_lines_arrive(digits: list[Sample], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    validation = tuple(digits[:3])
    with Board(tmp_path) as board:
        for number in (0, 1, 2):
            pairs = tuple(
                (sample.text, sample.text if place or number == 2 else "1<b>")
                for place, sample in enumerate(validation)
            )
            scored = score([reading for _, reading in pairs], [truth for truth, _ in pairs], resamples=9)
            loss = float("nan") if number == 0 else 1 / number
            board.add(Epoch(number, loss, scored, pairs, 1e-3, 60.0, 50.0, 1), validation)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {
        "loss/training", "cer/validation", "cer as written/validation", "wer/validation",
        "learning rate", "lines per second",
    }  # fmt: skip
    assert [(event.step, event.value) for event in events.Scalars("loss/training")] == [(1, 1.0), (2, 0.5)]
    cer = [event.value for event in events.Scalars("cer/validation")]
    assert cer[0] == cer[1] > cer[2] == 0
    pictures = events.Images("worst lines/1")
    assert [picture.step for picture in pictures] == [0, 1]
    shown = np.asarray(Image.open(io.BytesIO(pictures[0].encoded_image_string)).convert("L"))
    assert np.array_equal(shown, digits[0].load())
    [told, _] = events.Tensors("worst lines/1/text_summary")
    assert told.tensor_proto.string_val[0].decode() == f"    label  {digits[0].text}\n    read   1<b>"


def test_without_tensorboard_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'ocrnn\[tensorboard\]'"):
        check_board()
