"""A line on the terminal that says how far a run is; nothing where stderr is no terminal."""

from __future__ import annotations

import shutil
import sys
import time


class Progress:
    """Count, share, rate and time left of a run of known length, redrawn in place at most ten times a second."""

    def __init__(self, total: int, unit: str, *, shown: bool) -> None:
        """Begin to count; `shown` says whether it is wanted at all."""
        self._total = total
        self._unit = unit
        self._shown = shown and sys.stderr.isatty()
        self._start = time.perf_counter()
        self._drawn = self._start
        self._width = 0
        self._done = 0

    def step(self) -> None:
        """Count one more as done."""
        self._done += 1
        now = time.perf_counter()
        if self._shown and now - self._drawn >= 0.1:
            self._drawn = now
            self._draw(status(self._done, self._total, self._unit, now - self._start))

    def clear(self) -> None:
        """Take the line away, so that another can be written; the next step draws it again."""
        if self._width:
            self._draw("")

    def _draw(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        # Blanks wipe the old text: not every terminal knows the escape sequence for that.
        sys.stderr.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
        sys.stderr.flush()
        self._width = len(text)


def status(done: int, total: int, unit: str, seconds: float) -> str:
    """`120 of 1000 pictures, 12 %, 41.0/s, 0:21 left`."""
    rate = done / seconds if seconds > 0 else 0.0
    left = round((total - done) / rate) if rate else 0
    hours, minutes = divmod(left // 60, 60)
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    return f"{done} of {total} {unit}, {100 * done // max(1, total)} %, {rate:.1f}/s, {clock} left"
