"""Many machines as one reader: a pipeline of Ray Data with an actor for each core or GPU, on disks that they share.

A block of the pipeline is a lot of pictures, read by one actor in one go. Ray starts an actor that is lost anew, gives
its lots out again and takes each once, in order. Of a lot that costs too many actors the pictures are read one by one.
"""

from __future__ import annotations

import itertools
import logging
import operator
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ocrnn.errors import ImageError, ModelError, OcrnnError, UsageError
from ocrnn.transcribe.lots import BATCH_SIZE, LOT_BATCHES
from ocrnn.transcribe.reader import Reader
from ocrnn.transcribe.result import Result
from ocrnn.transcribe.source import Source, name_of

Pages = list[list[Result]]
"""Results of each source of a lot, counted from the first of these."""

_TRIES = 3
"""Actors that a lot may cost: then its pictures go alone, and one that costs as many again is given up."""
_FAILED_STARTS = 5
"""Actors that may be lost as they start, one behind the other, before the cluster is."""


@dataclass(frozen=True)
class Crew:
    """How many actors there are, and how many cores and GPUs each of them has."""

    actors: int
    cores: int = 1
    gpus: int = 0

    @property
    def jobs(self) -> int:
        """Lines that each reads side by side."""
        return max(1, self.cores)


@dataclass(frozen=True)
class _Lot:
    """Some sources, by their number among all lots."""

    number: int
    sources: Sequence[Source]


@dataclass(frozen=True)
class _Answer:
    """What came out of a lot: its pages, what was raised, or neither, where it cost too many actors."""

    pages: Pages | None = None
    fault: Exception | None = None


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
    There are so many actors, or one for each core of the cluster; with the device "cuda" one for each GPU at most. All
    sources are listed before the first is read. Raises UsageError where Ray is not installed or does not answer, or
    has no GPU and is asked for one, and what `Reader.open` raises on any machine, by the name of that.
    """
    ray = _connected(address)
    try:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        crew = crew_of(machines, actors, on_gpus=options.get("device") == "cuda")
        lots = _lots(sources, crew, batch_size)
        first = 0
        for lot, pages in zip(lots, _read(lots, options, batch_size, crew), strict=True):
            for number, own in enumerate(_one_by_one(lot, options) if pages is None else pages):
                yield [replace(page, source=first + number) for page in own]
            first += len(lot)
    finally:
        ray.shutdown()


def crew_of(machines: Iterable[Mapping[str, float]], actors: int | None = None, *, on_gpus: bool = False) -> Crew:
    """The actors that find room on machines with so much "CPU" and "GPU"; UsageError where it takes GPUs and none is.

    A machine's GPUs share its cores, and all actors are alike: each has as many cores as there are where they are
    scarcest.
    """
    if not on_gpus:
        return Crew(actors or max(1, sum(int(machine.get("CPU", 0)) for machine in machines)))
    gpus = [(int(machine["GPU"]), int(machine.get("CPU", 0))) for machine in machines if machine.get("GPU", 0) >= 1]
    if not gpus:
        raise UsageError(
            "--device cuda: no machine of the cluster has a GPU; start them with `ray start --num-gpus N`, or leave "
            "out --device"
        )
    most = sum(count for count, _ in gpus)
    return Crew(min(actors or most, most), cores=min(cores // count for count, cores in gpus), gpus=1)


def _connected(address: str | None) -> Any:
    # What Ray says of actors that it starts anew would stand among the names of pictures that cannot be read.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray.data
    except ImportError:
        raise UsageError("--ray: needs ray; pip install 'ocrnn[ray]'") from None
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    if not ray.is_initialized():
        try:
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level="ERROR",
                include_dashboard=False if address is None else None,
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as fault:
            raise UsageError(
                f"--ray-address {address}: {_last_line(fault)}; start a cluster with `ray start`"
            ) from None
    return ray


def _lots(sources: Iterable[Source], crew: Crew, batch_size: int) -> list[list[Source]]:
    """Sources in lots that keep an actor's jobs busy, and some lots for each actor."""
    following = iter(sources)
    most = LOT_BATCHES * batch_size * crew.jobs
    size = max(1, min(most, operator.length_hint(sources, sys.maxsize) // (4 * crew.actors)))
    return list(iter(lambda: list(itertools.islice(following, size)), []))


def _read(
    lots: Sequence[Sequence[Source]], options: Mapping[str, Any], batch_size: int, crew: Crew
) -> Iterator[Pages | None]:
    """What comes out of each lot, in order; None for one that cost too many actors."""
    import ray.data

    rows = [{"lot": _Lot(number, lot)} for number, lot in enumerate(lots)]
    tally = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Tally).remote()
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.max_consecutive_actor_init_deaths = _FAILED_STARTS - 1
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    with ray.data.DataContext.current(context):
        pipeline = ray.data.from_items(rows, override_num_blocks=max(1, len(rows))).map_batches(
            _Actor,
            fn_constructor_args=(tally, {**options, "jobs": crew.jobs, "threads": 1}, batch_size),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=crew.actors),
            num_cpus=crew.cores,
            num_gpus=crew.gpus,
        )
    started = False
    try:
        for row in pipeline.iter_rows():
            started = True
            if row["answer"].fault is not None:
                raise row["answer"].fault
            yield row["answer"].pages
    except ray.exceptions.RayError as fault:
        if started:
            raise
        raise ModelError(
            f"no reader starts on the cluster ({_last_line(fault)}); look how much memory its machines have"
        ) from None


def _one_by_one(sources: Sequence[Source], options: Mapping[str, Any]) -> Pages:
    """What comes out of each source of a lot that was given up; one more reader, beside the others, takes them.

    Those have the GPUs, so it reads on a processor.
    """
    if options.get("device") == "cuda":
        options = {**options, "device": "cpu"}
    found = _read([[source] for source in sources], options, 1, Crew(1, cores=0))
    return [[_given_up(source)] if pages is None else pages[0] for source, pages in zip(sources, found, strict=True)]


def _given_up(source: Source) -> Result:
    name = name_of(source)
    return Result(0, name, 1, 1, ImageError(f"{name}: {_TRIES} readers were lost with it; read it by itself"))


class _Tally:
    """How many actors have begun each lot. Ray gives a lot that ends its actors to others for ever."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Count one more, and say how many that makes."""
        self._begun[number] += 1
        return self._begun[number]


class _Actor:
    """A reader on some machine of the cluster."""

    def __init__(self, tally: Any, options: Mapping[str, Any], batch_size: int) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._tally = tally
        self._batch_size = batch_size
        self._reader: Reader | Exception
        # Raised here it would be Ray's, which begins the actor anew and, where none starts on any machine, waits.
        try:
            self._reader = Reader.open(**options)
        except OcrnnError as fault:
            self._reader = type(fault)(f"{socket.gethostname()}: {fault}")
        except Exception as fault:
            self._reader = fault

    def __call__(self, lots: Mapping[str, Sequence[_Lot]]) -> dict[str, list[_Answer]]:
        """The column `answer` to the column `lot`."""
        return {"answer": [self._answer(lot) for lot in lots["lot"]]}

    def _answer(self, lot: _Lot) -> _Answer:
        import ray

        if ray.get(self._tally.begin.remote(lot.number)) > _TRIES:
            return _Answer()
        if isinstance(self._reader, Exception):
            return _Answer(fault=self._reader)
        try:
            return _Answer(list(self._reader.read_sources(lot.sources, batch_size=self._batch_size)))
        except Exception as fault:  # raised again where the text goes, as what it is and not as Ray's
            return _Answer(fault=fault)


def _last_line(fault: Exception) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return lines[-1] if lines else type(fault).__name__
