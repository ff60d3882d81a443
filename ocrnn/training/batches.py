"""From labelled pictures to batches, the same for a seed whatever the machine: each line has a generator of its own.

Letters: N lines, H W pixels, T frames, S label length.
"""

from __future__ import annotations

import contextlib
import dataclasses
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Protocol, overload

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ocrnn.data.check import MAX_COLUMNS, minimum_frames
from ocrnn.data.labels import Sample
from ocrnn.data.lines import Store, blocks
from ocrnn.errors import ImageError
from ocrnn.image import Grey, Line
from ocrnn.spec import ModelSpec
from ocrnn.synth.degrade import Strength, augment
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.distributed import ALONE, Team

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


def permuted(source: RealLines, seed: int, epoch: int, *, least: int) -> Plan:
    """Every line of a source in random order, over again until there are `least`: small sets make whole epochs too.

    Lines in memory are shuffled as one; those of shards shard by shard, and within a window of several shards. The
    order is worked out window by window as it is asked for: it follows from the seed and the epoch alone.
    """
    return _Permuted(source, seed, epoch, max(1, -(-least // len(source.samples))))


_WINDOW_LINES, _WINDOW_SHARDS = 1 << 14, 4
"""What a window has at the least: so much is opened all over the disk, in 64 kB of memory for its order."""


class _LazyPlan(Sequence[tuple[Source, int]]):
    """A plan that works out each entry when it is asked for."""

    def entry(self, place: int) -> tuple[Source, int]:
        """The line at a place from 0 to below the length."""
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> tuple[Source, int]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[Source, int]]: ...
    def __getitem__(self, place: int | slice) -> tuple[Source, int] | Sequence[tuple[Source, int]]:
        if isinstance(place, slice):
            return [self.entry(each) for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"a plan of {len(self)} lines has no place {place}")
        return self.entry(place % len(self))


class _Permuted(_LazyPlan):
    """The numbers of a source, `rounds` times, each time in another order."""

    def __init__(self, source: RealLines, seed: int, epoch: int, rounds: int) -> None:
        self._source = source
        self._seeds = (seed, epoch, 1)
        self._rounds = rounds
        self._blocks = list(pairwise((0, *blocks(source.samples))))
        self._windows = lru_cache(maxsize=2)(self._dealt)
        self._orders = lru_cache(maxsize=3)(self._shuffled)

    def __len__(self) -> int:
        return self._rounds * len(self._source.samples)

    def entry(self, place: int) -> tuple[Source, int]:
        number, at = divmod(place, len(self._source.samples))
        windows, ends = self._windows(number)
        window = bisect_right(ends, at)
        return self._source, int(self._orders(number, window)[at - ends[window] + windows[window].lines])

    def _dealt(self, number: int) -> tuple[list[_Window], list[int]]:
        """Windows of one round and where each ends: the shards in random order, several together."""
        windows = [_Window()]
        for block in np.random.default_rng((*self._seeds, number)).permutation(len(self._blocks)):
            if windows[-1].lines >= _WINDOW_LINES and len(windows[-1].blocks) >= _WINDOW_SHARDS:
                windows.append(_Window())
            first, end = self._blocks[block]
            windows[-1].blocks.append((first, end))
            windows[-1].lines += end - first
        return windows, list(accumulate(window.lines for window in windows))

    def _shuffled(self, number: int, window: int) -> npt.NDArray[np.int64]:
        """Numbers of the lines of one window, in random order."""
        numbers = np.concatenate([np.arange(*block) for block in self._windows(number)[0][window].blocks])
        return np.random.default_rng((*self._seeds, number, window)).permutation(numbers)


@dataclass
class _Window:
    """Shards whose lines are shuffled among one another: first and last number of each, and how many they are."""

    blocks: list[tuple[int, int]] = field(default_factory=list)
    lines: int = 0


def mixed(lines: Plan, drawn: Sequence[tuple[Source, float]]) -> Plan:
    """A plan with lines of other sources evenly between its own: so many of each source to one line.

    Behind line n stand, of a source of rate r, the numbers from floor(n r) to below floor((n + 1) r).
    """
    return _Mixed(lines, drawn) if drawn else lines


class _Mixed(_LazyPlan):
    """A plan and the lines of other sources between its own."""

    def __init__(self, lines: Plan, drawn: Sequence[tuple[Source, float]]) -> None:
        self._lines = lines
        self._drawn = drawn

    def __len__(self) -> int:
        return self._before(len(self._lines))

    def entry(self, place: int) -> tuple[Source, int]:
        line = bisect_right(range(len(self._lines)), place, key=self._before) - 1
        behind = place - self._before(line) - 1
        if behind < 0:
            return self._lines[line]
        for source, rate in self._drawn:
            first, end = int(line * rate), int((line + 1) * rate)
            if behind < end - first:
                return source, first + behind
            behind -= end - first
        raise AssertionError("a place behind a line is that of some source")

    def _before(self, line: int) -> int:
        """How many entries stand before a line of the plan."""
        return line + sum(int(line * rate) for _, rate in self._drawn)


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
