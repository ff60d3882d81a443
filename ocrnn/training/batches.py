"""From labelled pictures to batches, the same for a seed whatever the machine: each line has a generator of its own.

Letters: N lines, H W pixels, T frames, S label length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ocrnn.data.check import MAX_COLUMNS, minimum_frames
from ocrnn.image import Line
from ocrnn.spec import ModelSpec
from ocrnn.training.distributed import ALONE, Team
from ocrnn.training.plans import Plan

CHUNK = 384
"""Lines made at a time and sorted by width: enough to fill batches evenly, little enough for memory."""


@dataclass(frozen=True)
class Batch:
    """Tensors named as `ctc_loss` names them.

    images (N, 1, H, W) float32, padded on the right with ground; input_lengths (N,) frames of each line without the
    padding; targets (sum of S,); target_lengths (N,); weights (N,) float32, what the CTC loss of each line counts for.

    Where several processes learn, this is the share of one of them, as wide as the widest line of all shares, and
    `lines` counts those of all.
    """

    images: Tensor
    input_lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    weights: Tensor
    lines: int

    def to(self, device: torch.device) -> Batch:
        """The same batch with what the network sees on a device, on its way there while the host goes on.

        The lengths stay: torch's CTC loss asks the host for them, and would wait for the device.
        """
        images, targets, weights = self.images, self.targets, self.weights
        if device.type == "cuda" and images.device.type == "cpu":
            images, targets, weights = images.pin_memory(), targets.pin_memory(), weights.pin_memory()
        return dataclasses.replace(
            self,
            images=images.to(device, memory_format=torch.channels_last, non_blocking=True),
            targets=targets.to(device, non_blocking=True),
            weights=weights.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Position:
    """Where in an epoch training stands: batches of chunk `chunk` before `batch` are done."""

    chunk: int = 0
    batch: int = 0


_BEGINNING = Position()


def batches(
    plan: Plan,
    spec: ModelSpec,
    *,
    columns: int,
    seed: int,
    epoch: int,
    start: Position = _BEGINNING,
    threads: int = 1,
    team: Team = ALONE,
    chunk: int | None = None,
) -> Iterator[tuple[Batch, Position]]:
    """Batches of one epoch, each with the position after it; `columns` bounds N times W.

    `chunk` lines are made at a time and sorted by width, `CHUNK` of them where it is None: enough for several batches.

    The same plan, seed and epoch give the same batches, from any `start`, with any number of threads. Lines are made
    ahead of time on `threads` threads. A line whose augmented form is too narrow for its text is drawn again, plain
    lines having been checked before training; one that never fits is left out of this epoch.

    Of a `team` each process makes its part of the lines and gets its share of each batch: together they are the
    batches of a process alone. Raises ProcessLost.
    """
    size = chunk or CHUNK
    chunks = range(start.chunk, -(-len(plan) // size))
    with ThreadPoolExecutor(threads) as makers, ThreadPoolExecutor(1) as dealer:

        def begin(number: int) -> Future[list[_Share]]:
            places = range(number * size, min(len(plan), (number + 1) * size))[team.rank :: team.size]
            made = makers.submit(_made, plan, spec, seed, epoch, places)
            # Dealt in the order of chunks, as all processes do.
            return dealer.submit(_dealt, made, ahead.get(number - 1), spec, columns, (seed, epoch, number, 3), team)

        ahead: dict[int, Future[list[_Share]]] = {}
        for number in chunks[:2]:
            ahead[number] = begin(number)
        for number in chunks:
            shares = ahead.pop(number).result()
            if number + 2 in chunks:
                ahead[number + 2] = begin(number + 2)
            first = start.batch if number == start.chunk else 0
            for at in range(first, len(shares)):
                following = Position(number, at + 1) if at + 1 < len(shares) else Position(number + 1, 0)
                share = shares[at]
                yield collate(share.lines, spec, whole=share.whole, idle=share.idle), following


_Line = tuple[Line, list[int]]
"""A prepared line (1, H, W) and its classes."""
_Size = tuple[int, int]
"""W and S of a line."""


@dataclass(frozen=True)
class _Share:
    """The lines of a batch that this process learns, and the sizes of all of them.

    Where there are fewer lines than processes, an `idle` one gets a line that another learns: it must take part in the
    exchange of gradients, and its norms want something to see.
    """

    lines: list[_Line]
    whole: list[_Size]
    idle: bool = False


def collate(
    lines: Sequence[_Line], spec: ModelSpec, *, whole: Sequence[_Size] | None = None, idle: bool = False
) -> Batch:
    """Prepared lines (1, H, W) and their classes as a batch, or as a share of one with lines of `whole` sizes.

    A line weighs by the root of its length: by length, running text would drown the amounts and single words that
    forms and receipts consist of; by line, one character of a short line would outweigh thirty of a long one. A line
    that says nothing weighs as one character. The weights of the whole batch make a loss per character; those of an
    `idle` share are 0.
    """
    whole = whole or [(line.shape[2], len(classes)) for line, classes in lines]
    images = np.zeros((len(lines), 1, spec.line_format.height, max(width for width, _ in whole)), np.float32)
    for row, (line, _) in zip(images, lines, strict=True):
        row[:, :, : line.shape[2]] = line
    lengths = np.array([len(classes) for _, classes in lines])
    counts = np.sqrt([max(1, length) for _, length in whole]).sum()
    weights = (0 if idle else 1) / np.sqrt(np.maximum(1, lengths)) / counts
    return Batch(
        torch.from_numpy(images),
        torch.tensor([spec.architecture.frames(line.shape[2]) for line, _ in lines]),
        torch.tensor([number for _, classes in lines for number in classes]),
        torch.from_numpy(lengths),
        torch.from_numpy(weights.astype(np.float32)),
        len(whole),
    )


def _made(plan: Plan, spec: ModelSpec, seed: int, epoch: int, places: range) -> dict[int, _Line]:
    """Lines that this process makes of a chunk, by their place; those that do not fit their text are left out."""
    made = ((place, prepared_line(plan, place, spec, seed, epoch)) for place in places)
    return {place: line for place, line in made if line is not None}


def _dealt(
    made: Future[dict[int, _Line]],
    before: Future[list[_Share]] | None,
    spec: ModelSpec,
    columns: int,
    chance: tuple[int, ...],
    team: Team,
) -> list[_Share]:
    """One chunk as batches in random order, and of each this process's share.

    Where the chunk `before` failed, so does this: what processes send one another must belong together.
    """
    if before is not None:
        before.result()
    mine = made.result()
    told = np.array([(place, line.shape[2], len(classes)) for place, (line, classes) in mine.items()], np.int64)
    owners = [np.frombuffer(data, np.int64).reshape(-1, 3) for data in team.exchange([told.tobytes()] * team.size)]
    sizes = {place: (width, length) for place, width, length in sorted(np.concatenate(owners).tolist())}
    packed = _packed(sizes, columns, spec.line_format.width_step, np.random.default_rng(chance))
    # Lines of a batch stand in the order of their widths, more or less: shares cost alike.
    dealt = [[batch[rank :: team.size] or batch[:1] for batch in packed] for rank in range(team.size)]
    parcels = [
        b"".join(_bytes(mine[place]) for share in shares for place in share if place in mine and rank != team.rank)
        for rank, shares in enumerate(dealt)
    ]
    lines = dict(mine)
    for owner, data in zip(owners, team.exchange(parcels), strict=True):
        places = set(owner[:, 0].tolist()) - mine.keys()
        wanted = (place for share in dealt[team.rank] for place in share if place in places)
        lines.update(_unpacked(data, wanted, sizes, spec.line_format.height))
    return [
        _Share([lines[place] for place in share], [sizes[place] for place in batch], idle=len(batch) <= team.rank)
        for share, batch in zip(dealt[team.rank], packed, strict=True)
    ]


def _packed(sizes: Mapping[int, _Size], columns: int, step: int, rng: np.random.Generator) -> list[list[int]]:
    """Places of lines as batches in random order, lines of like width together, none of over `columns` N times W."""
    # The jitter mixes neighbours in width, so that the same lines do not always meet.
    by_width = sorted(sizes, key=lambda place: sizes[place][0] + float(rng.uniform(0, 3 * step)))
    packed: list[list[int]] = []
    widest = 0
    for place in by_width:
        width = sizes[place][0]
        widest = max(widest, width)
        if not packed or widest * (len(packed[-1]) + 1) > columns:
            packed.append([])
            widest = width
        packed[-1].append(place)
    return [packed[at] for at in rng.permutation(len(packed))]


def _bytes(line: _Line) -> bytes:
    pixels, classes = line
    return pixels.tobytes() + np.array(classes, np.int32).tobytes()


def _unpacked(
    data: bytes, places: Iterable[int], sizes: Mapping[int, _Size], height: int
) -> Iterator[tuple[int, _Line]]:
    """Lines that another process made, as their `_bytes` stand behind one another."""
    at = 0
    for place in places:
        width, length = sizes[place]
        pixels = np.frombuffer(data, np.float32, height * width, at).reshape(1, height, width)
        at += pixels.nbytes
        classes = np.frombuffer(data, np.int32, length, at)
        at += classes.nbytes
        yield place, (pixels, classes.tolist())


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
