"""From labelled pictures to batches, the same for a seed whatever the machine: each line has a generator of its own.

Letters: N lines, H W pixels, T frames, S label length.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ocrnn.data.check import MAX_COLUMNS, minimum_frames
from ocrnn.data.labels import Sample
from ocrnn.image import Grey, Line
from ocrnn.spec import ModelSpec
from ocrnn.synth.degrade import Strength, augment

CHUNK = 384
"""Lines made at a time and sorted by width: enough to fill batches evenly, little enough for memory."""


class Source(Protocol):
    """Somewhere lines come from."""

    def draw(self, index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        """Picture (h, w) and text of the line with this number; all chance comes from `rng`."""


Plan = Sequence[tuple[Source, int]]
"""The lines of one epoch, in order: where each comes from, and its number there."""


@dataclass(frozen=True)
class Batch:
    """Tensors named as `ctc_loss` names them.

    images (N, 1, H, W) float32, padded on the right with ground; input_lengths (N,) frames of each line without the
    padding; targets (sum of S,); target_lengths (N,).
    """

    images: Tensor
    input_lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


@dataclass(frozen=True)
class Position:
    """Where in an epoch training stands: batches of chunk `chunk` before `batch` are done."""

    chunk: int = 0
    batch: int = 0


_BEGINNING = Position()


class RealLines:
    """Labelled pictures, augmented anew each time they are drawn; kept in memory as PNG up to `cache_bytes`."""

    def __init__(self, samples: Sequence[Sample], strength: Strength | None, *, cache_bytes: int = 1 << 30) -> None:
        self.samples = samples
        self._strength = strength
        self._cache: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._room = cache_bytes

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
        if self._room > 0:
            packed = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
            self._cache[index] = packed.astype(np.uint8, copy=False)
            self._room -= packed.nbytes
        return grey


def permuted(source: RealLines, seed: int, epoch: int, *, least: int) -> Plan:
    """Every line of a source in random order, over again until there are `least`: small sets make whole epochs too."""
    rng = np.random.default_rng((seed, epoch, 1))
    rounds = max(1, -(-least // len(source.samples)))
    order = np.concatenate([rng.permutation(len(source.samples)) for _ in range(rounds)])
    return [(source, int(index)) for index in order]


def batches(
    plan: Plan, spec: ModelSpec, *, columns: int, seed: int, epoch: int, start: Position = _BEGINNING, threads: int = 1
) -> Iterator[tuple[Batch, Position]]:
    """Batches of one epoch, each with the position after it; `columns` bounds N times W.

    The same plan, seed and epoch give the same batches, from any `start`, with any number of threads. Lines are made
    ahead of time on `threads` threads. A line whose augmented form is too narrow for its text is drawn again, plain
    lines having been checked before training; one that never fits is left out of this epoch.
    """
    chunks = range(start.chunk, -(-len(plan) // CHUNK))
    with ThreadPoolExecutor(threads) as pool:
        make = partial(_chunk, plan, spec, columns, seed, epoch)
        ahead = {number: pool.submit(make, number) for number in chunks[:2]}
        for number in chunks:
            packed = ahead.pop(number).result()
            if number + 2 in chunks:
                ahead[number + 2] = pool.submit(make, number + 2)
            first = start.batch if number == start.chunk else 0
            for at in range(first, len(packed)):
                following = Position(number, at + 1) if at + 1 < len(packed) else Position(number + 1, 0)
                yield collate(packed[at], spec), following


def collate(lines: Sequence[tuple[Line, Sequence[int]]], spec: ModelSpec) -> Batch:
    """One batch of prepared lines (1, H, W) and their classes."""
    widest = max(line.shape[2] for line, _ in lines)
    images = np.zeros((len(lines), 1, spec.line_format.height, widest), np.float32)
    for row, (line, _) in zip(images, lines, strict=True):
        row[:, :, : line.shape[2]] = line
    return Batch(
        torch.from_numpy(images),
        torch.tensor([spec.architecture.frames(line.shape[2]) for line, _ in lines]),
        torch.tensor([number for _, classes in lines for number in classes]),
        torch.tensor([len(classes) for _, classes in lines]),
    )


_Line = tuple[Line, list[int]]


def _chunk(plan: Plan, spec: ModelSpec, columns: int, seed: int, epoch: int, number: int) -> list[list[_Line]]:
    """One chunk of the plan as batches in random order, lines of like width together."""
    made = []
    for place in range(number * CHUNK, min(len(plan), (number + 1) * CHUNK)):
        line = prepared_line(plan, place, spec, seed, epoch)
        if line is not None:
            made.append(line)
    rng = np.random.default_rng((seed, epoch, number, 3))
    # The jitter mixes neighbours in width, so that the same lines do not always meet.
    made.sort(key=lambda line: line[0].shape[2] + float(rng.uniform(0, 3 * spec.line_format.width_step)))
    packed: list[list[_Line]] = []
    widest = 0
    for line in made:
        widest = max(widest, line[0].shape[2])
        if not packed or widest * (len(packed[-1]) + 1) > columns:
            packed.append([])
            widest = line[0].shape[2]
        packed[-1].append(line)
    return [packed[at] for at in rng.permutation(len(packed))]


def prepared_line(plan: Plan, place: int, spec: ModelSpec, seed: int, epoch: int) -> tuple[Line, list[int]] | None:
    """Line (1, H, W) and classes at one place of an epoch's plan; None where no form of it fits its text."""
    source, index = plan[place]
    rng = np.random.default_rng((seed, epoch, place, 2))
    for _ in range(4):
        grey, text = source.draw(index, rng)
        classes = spec.charset.encode(text)
        width = spec.line_format.width(*grey.shape)
        if width <= MAX_COLUMNS and minimum_frames(classes) <= spec.architecture.frames(width):
            return spec.line_format.prepare(grey), classes
    return None
