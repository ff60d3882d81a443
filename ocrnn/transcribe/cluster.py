"""Many machines as one reader: Ray actors, one for each core, that read lots of pictures from disks they share.

Who asks keeps the order and counts: a lot is given out again when its actor is lost, and taken once, so that nothing is
lost and nothing comes twice.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ocrnn.errors import ImageError, ModelError, OcrnnError, UsageError
from ocrnn.transcribe.reader import BATCH_SIZE, LOT_BATCHES, Reader, Result, Source, name_of

_AHEAD = 4
"""Lots for each actor that may be begun while the oldest is waited for."""
_IN_HAND = 2
"""Lots an actor has at a time: the next is there when it is done with one."""
_TRIES = 3
"""Actors that a lot may cost: then its pictures go alone, and one that costs as many again is given up."""
_FAILED_STARTS = 5
"""Actors that may fail to start, one behind the other, before the cluster is."""


@dataclass
class _Lot:
    """Some sources on their way: the number of the first, how many actors were lost with them, and what came out."""

    first: int
    sources: list[Source]
    lost: int = 0
    results: list[list[Result]] | None = None


def read_sources(
    sources: Iterable[Source],
    *,
    options: Mapping[str, Any],
    address: str | None = None,
    actors: int | None = None,
    batch_size: int = BATCH_SIZE,
) -> Iterator[list[Result]]:
    """Read as `Reader.read_sources` does, on the cluster at a Ray address, or on one begun on this machine.

    `options` go to `Reader.open` on each machine, where the model and the pictures have to be under the same paths.
    There are so many actors, or one for each core of the cluster. Raises UsageError where Ray is not installed or does
    not answer, and what `Reader.open` raises.
    """
    ray = _connected(address)
    try:
        yield from _Crew(ray, options, batch_size, actors or int(ray.cluster_resources().get("CPU", 1))).read(sources)
    finally:
        ray.shutdown()


def _connected(address: str | None) -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError("--ray: needs ray; pip install 'ocrnn[ray]'") from None
    if not ray.is_initialized():
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                include_dashboard=False if address is None else None,
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as fault:
            raise UsageError(
                f"--ray-address {address}: {_first_line(fault)}; start a cluster with `ray start`"
            ) from None
    return ray


class _Crew:
    """The actors and what each is at."""

    def __init__(self, ray: Any, options: Mapping[str, Any], batch_size: int, size: int) -> None:
        self._ray = ray
        self._batch_size = batch_size
        self._most = LOT_BATCHES * batch_size
        self._size = size
        # What is lost is started anew here, not by Ray: it would keep lots waiting for a machine that is gone.
        self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Actor)
        self._options = dict(options)
        self._starting: dict[Any, Any] = {}
        self._free: deque[Any] = deque()
        self._busy: dict[Any, tuple[Any, _Lot]] = {}
        self._failed_starts = 0

    def read(self, sources: Iterable[Source]) -> Iterator[list[Result]]:
        """Results of all sources, in their order."""
        for _ in range(self._size):
            self._start()
        fresh = self._lots(sources)
        more = next(fresh, None)
        again: deque[_Lot] = deque()
        order: deque[_Lot] = deque()  # what is begun and not yet given out
        while more or order:
            while self._free and (again or (more and len(order) < _AHEAD * self._size)):
                if again:
                    lot = again.popleft()
                else:
                    assert more is not None
                    lot, more = more, next(fresh, None)
                    order.append(lot)
                actor = self._free.popleft()
                self._busy[actor.read.remote(lot.sources, self._batch_size)] = (actor, lot)
            while order and order[0].results is not None:
                yield from _numbered(order.popleft())
            if more or order:
                for lot in self._wait():
                    again.extend(self._given_back(lot, order))

    def _lots(self, sources: Iterable[Source]) -> Iterator[_Lot]:
        following = iter(sources)
        size = max(1, min(self._most, operator.length_hint(sources, sys.maxsize) // (4 * self._size)))
        first = 0
        while own := list(itertools.islice(following, size)):
            yield _Lot(first, own)
            first += len(own)

    def _start(self) -> None:
        actor = self._kind.remote(self._options)
        self._starting[actor.ready.remote()] = actor

    def _wait(self) -> list[_Lot]:
        """Wait for the next thing that ends; gives lots whose actor was lost."""
        ended, _ = self._ray.wait([*self._busy, *self._starting], num_returns=1)
        back = []
        for ref in ended:
            try:
                value = self._ray.get(ref)
            except self._ray.exceptions.RayTaskError as fault:
                raise fault.cause if isinstance(fault.cause, OcrnnError) else fault from None
            except self._ray.exceptions.RayError as fault:
                back += self._lost(ref, fault)
                continue
            if ref in self._starting:
                self._free.extend([self._starting.pop(ref)] * _IN_HAND)
                self._failed_starts = 0
            else:
                actor, lot = self._busy.pop(ref)
                lot.results = value
                self._free.append(actor)
        return back

    def _lost(self, ref: Any, fault: Exception) -> list[_Lot]:
        """Let an actor go and start another; gives all lots it had."""
        if ref in self._starting:
            actor, lots = self._starting.pop(ref), []
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise ModelError(
                    f"no reader starts on the cluster ({_first_line(fault)}); is the model on each machine?"
                )
        else:
            actor, _ = self._busy[ref]
            mine = [each for each, (holder, _) in self._busy.items() if holder is actor]
            lots = [self._busy.pop(each)[1] for each in mine]
        self._free = deque(other for other in self._free if other is not actor)
        self._start()
        return lots

    def _given_back(self, lot: _Lot, order: deque[_Lot]) -> list[_Lot]:
        """What to read again of a lot whose actor was lost: all of it, or each picture alone to find the culprit."""
        lot.lost += 1
        if lot.lost < _TRIES:
            return [lot]
        place = next(place for place, known in enumerate(order) if known is lot)
        if len(lot.sources) == 1:
            name = name_of(lot.sources[0])
            error = ImageError(f"{name}: {lot.lost} readers were lost with it; read it by itself")
            lot.results = [[Result(0, name, 1, 1, error)]]
            return []
        singles = [_Lot(lot.first + number, [source]) for number, source in enumerate(lot.sources)]
        del order[place]
        for number, single in enumerate(singles):
            order.insert(place + number, single)
        return singles


class _Actor:
    """A reader on some machine of the cluster."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._reader = Reader.open(**{**options, "jobs": 1, "threads": 1})

    def ready(self) -> None:
        """Answer once the model is open."""

    def read(self, sources: Sequence[Source], batch_size: int) -> list[list[Result]]:
        """Pages of each source, counted from the first of these."""
        return list(self._reader.read_sources(sources, batch_size=batch_size))


def _numbered(lot: _Lot) -> Iterator[list[Result]]:
    assert lot.results is not None
    for pages in lot.results:
        yield [replace(page, source=lot.first + page.source) for page in pages]


def _first_line(fault: Exception) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return lines[-1] if lines else type(fault).__name__
