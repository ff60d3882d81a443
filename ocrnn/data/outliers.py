"""Outliers among pictures: lines that are shaped or lit unlike the rest of their set."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ocrnn.data.remarks import Kind, Remarks
from ocrnn.data.samples import Sample
from ocrnn.image import FAINTEST, Grey, LineFormat

_FEWEST = 20
"""Lines from which on a set has something that is usual in it."""
_LENGTHS = (1, 2, 3, 6, 13)
"""First length in characters of each class in which lines are compared: a short text has more room to differ."""
_SPREADS, _TIMES = 5.0, 2.5
"""A line is odd this many spreads away from the middle of its class and this many times as wide, or as narrow.

Both, as found on 19,800 lines of 20 real sets, of which these name 26: pictures on their side, of another text, mostly
empty, of several lines, letters spaced out. Titles in capitals are twice as wide as text, and right.
"""
_UNSURE = 0.05
"""How near to 0.5 `LineFormat.tone` is unsure: on those sets, of 15 in 400 street words and of 8 lines in the rest."""
_EXCEPTION = 10
"""Of so many lines dark on light, or of more, one that is light on dark is an exception, and the reverse.

Of 18 sets of print, forms and hands 16 have none that is otherwise, the others two in a thousand at most; signs and
screens have four in ten, and eleven of these drawn by chance show one at most in one case of thirty.
"""


class Outliers:
    """Shape, ink and ground of the pictures of a set; keeps three numbers of each."""

    def __init__(self, line_format: LineFormat) -> None:
        """Start with no line."""
        self._format = line_format
        self._numbers = array("i")
        self._lengths = array("i")
        self._columns = array("f")
        self._lightness = array("f")

    def add(self, number: int, grey: Grey, text: str) -> None:
        """Measure the picture (h, w) of the line of this number; numbers grow."""
        height_px, width_px = grey.shape
        light, levels = self._format.tone(grey)
        self._numbers.append(number)
        self._lengths.append(len(text))
        self._columns.append(width_px * self._format.height / height_px / len(text))
        self._lightness.append(light if levels >= FAINTEST else np.nan)

    def remarks(self, samples: Sequence[Sample], kept: Sequence[int], most: int | None) -> Iterator[Remarks]:
        """What is remarked of the samples that are `kept` (1 or 0 for each); `most` of a kind are written out."""
        chosen = np.frombuffer(bytes(kept), bool)[np.array(self._numbers, np.int32)]
        numbers = np.array(self._numbers)[chosen]
        for remarks in (
            *self._shapes(numbers, np.array(self._lengths)[chosen], np.array(self._columns)[chosen], samples, most),
            *self._tones(numbers, np.array(self._lightness)[chosen], samples, most),
        ):
            if remarks is not None:
                yield remarks

    def _shapes(
        self,
        numbers: npt.NDArray[np.int32],
        lengths: npt.NDArray[np.int32],
        columns: npt.NDArray[np.float32],
        samples: Sequence[Sample],
        most: int | None,
    ) -> Iterator[Remarks | None]:
        """Lines with far fewer or far more columns for each character than others of about their length."""
        usual: dict[int, tuple[float, float]] = {}
        narrow: list[int] = []
        wide: list[int] = []
        classes = np.searchsorted(_LENGTHS, lengths, side="right")
        for length in np.unique(classes):
            members = np.flatnonzero(classes == length)
            if len(members) < _FEWEST:
                continue
            logs = np.log(columns[members])
            middle = np.median(logs)
            # 1.4826 makes the median deviation of a normal distribution its standard deviation; fonts of one width
            # have none, and yet a line of one character more is right.
            spread = max(0.1, 1.4826 * float(np.median(np.abs(logs - middle))))
            limit = max(_SPREADS * spread, np.log(_TIMES))
            odd = members[np.abs(logs - middle) > limit]
            usual |= {int(numbers[m]): (float(columns[m]), float(np.exp(middle))) for m in odd}
            narrow += numbers[odd[columns[odd] < np.exp(middle)]].tolist()
            wide += numbers[odd[columns[odd] > np.exp(middle)]].tolist()

        def say(number: int, sample: Sample) -> str:
            here, middle = usual[number]
            return (
                f"{sample.title} has {here:.3g} columns for each of its {len(sample.text)} characters, "
                f"where {middle:.3g} are usual in texts of that length"
            )

        look = "look whether this is its text, all of it"
        yield Kind("narrow for its text", f"{look}, and whether the line stands upright").of(samples, narrow, say, most)
        yield Kind("wide for its text", f"{look}, and whether the picture is cut close").of(samples, wide, say, most)

    def _tones(
        self,
        numbers: npt.NDArray[np.int32],
        lightness: npt.NDArray[np.float32],
        samples: Sequence[Sample],
        most: int | None,
    ) -> Iterator[Remarks | None]:
        """Lines without ink, and those of which it is unsure or strange which of ink and ground is light."""
        empty = np.isnan(lightness)
        unsure = np.abs(lightness - 0.5) < _UNSURE
        sure = ~empty & ~unsure
        dark = sure & (lightness < 0.5)
        light = sure & ~dark
        yield Kind("hardly any ink", "save it with more contrast, or remove the line").of(
            samples, numbers[empty].tolist(), lambda _, sample: f"{sample.title} shows hardly any ink", most
        )
        yield Kind("ink and ground in doubt", "cut it with some ground around, or save it dark on light").of(
            samples,
            numbers[unsure].tolist(),
            lambda _, sample: f"{sample.title} may be light on dark or dark on light: as much of it is dark as light",
            most,
        )
        few, many = (dark, light) if dark.sum() < light.sum() else (light, dark)
        if few.sum() * _EXCEPTION <= many.sum():
            one, other = ("light on dark", "dark on light") if few is dark else ("dark on light", "light on dark")
            yield Kind("ink and ground unlike the set", "look whether it is right; both are learned from").of(
                samples,
                numbers[few].tolist(),
                lambda _, sample: f"{sample.title} is {one}, where {many.sum()} lines are {other}",
                most,
            )
