"""A run as TensorBoard shows it: figures as curves, the lines read worst as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ocrnn.data.labels import Sample
from ocrnn.errors import UsageError
from ocrnn.storage import refusals
from ocrnn.training.loop import Epoch
from ocrnn.training.report import worst_lines


class Board:
    """Event files in the folder of a run, to be closed at its end."""

    def __init__(self, folder: Path) -> None:
        """Open them; UsageError where TensorBoard is not installed, OutputError where they cannot be written."""
        check_board()
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        with refusals(folder):
            self._writer: Any = SummaryWriter(folder)

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with refusals(self._folder):
            self._writer.close()

    def add(self, epoch: Epoch, validation: Sequence[Sample]) -> None:
        """Write what came of an epoch; raises OutputError."""
        figures = {
            "loss/training": epoch.loss,
            "cer/validation": epoch.score.cer,
            "cer as written/validation": epoch.score.cer_raw,
            "wer/validation": epoch.score.wer,
            "learning rate": epoch.learning_rate,
            "lines per second": epoch.lines_per_second,
        }
        with refusals(self._folder):
            for name, value in figures.items():
                if math.isfinite(value):
                    self._writer.add_scalar(name, value, epoch.number)
            for rank, found in enumerate(worst_lines(epoch, validation), 1):
                grey = found.picture()
                if grey is not None:
                    self._writer.add_image(f"worst lines/{rank}", grey[None], epoch.number)
                # Indented, Markdown takes nothing in it for its own.
                told = f"    label  {found.sample.text}\n    read   {found.reading}"
                self._writer.add_text(f"worst lines/{rank}", told, epoch.number)
            self._writer.flush()


def check_board() -> None:
    """See that a board could be opened, before any work is done for it; UsageError if not."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise UsageError(
            "--log-to tensorboard: TensorBoard is not installed; pip install 'ocrnn[tensorboard]'"
        ) from None
