"""Where lines to learn from come from: labelled pictures, augmented, or a synthesizer."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ocrnn.data.labels import Sample
from ocrnn.data.lines import Store
from ocrnn.errors import ImageError
from ocrnn.image import Grey
from ocrnn.synth.degrade import Strength, augment
from ocrnn.synth.lines import Synthesizer


class Source(Protocol):
    """Somewhere lines come from."""

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture (h, w) and text of the line with this number; all chance comes from `rng`."""


class RealLines:
    """Labelled pictures, augmented anew each time they are drawn; kept in memory as PNG up to `cache_bytes`.

    Those of a store, such as tar shards, are not kept: it may hold any number, and the system keeps what is read often.
    """

    def __init__(self, samples: Sequence[Sample], strength: Strength | None, *, cache_bytes: int = 1 << 30) -> None:
        self.samples = samples
        self._strength = strength
        self._cache: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._room = 0 if isinstance(samples, Store) else cache_bytes

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture and text of a sample; its text is unchanged by augmentation. Raises ImageError."""
        sample = self.samples[index]
        grey = self._load(index, sample)
        # One line in seven stays as it is: what validation and users bring is not augmented either.
        if self._strength is not None and rng.random() < 0.85:
            grey = augment(grey, rng, self._strength)
        return grey, sample.text

    def _load(self, index: int, sample: Sample) -> Grey:
        kept = self._cache.get(index)
        if kept is not None:
            return np.asarray(cv2.imdecode(kept, cv2.IMREAD_GRAYSCALE), np.uint8)
        grey = sample.load()
        self._keep(index, grey)
        if sample.part is not None and self._room > 0:
            # Cut from a page, which has just been decoded: the others of that page now, or it would be again for each.
            for near in self._of_the_page(index, sample):
                with contextlib.suppress(ImageError):  # told when its turn comes
                    self._keep(near, self.samples[near].load())
        return grey

    def _keep(self, index: int, grey: Grey) -> None:
        if self._room > 0:
            packed = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
            self._cache[index] = packed.astype(np.uint8, copy=False)
            self._room -= packed.nbytes

    def _of_the_page(self, index: int, sample: Sample) -> Iterator[int]:
        """Numbers of the other samples of this one's page, which stand beside it."""
        for way in (range(index - 1, -1, -1), range(index + 1, len(self.samples))):
            for near in way:
                if self.samples[near].image != sample.image:
                    break
                if near not in self._cache:
                    yield near


@dataclass(frozen=True)
class SynthLines:
    """Synthetic lines as a source: the number of a line says nothing, its generator all.

    With each real line of an epoch come `per_line` of them.
    """

    synthesizer: Synthesizer
    per_line: float = 1.0
    longest: int = 95

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture and text of a new line."""
        return self.synthesizer.line(rng, longest=self.longest)
