"""The processes that teach one network together: which of them this is, how they meet, what they tell one another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor, distributed, nn
from torch.distributed import TCPStore, rendezvous  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from ocrnn.errors import OcrnnError, TrainingError, UsageError

_JOINING = timedelta(minutes=5)
"""How long a process waits for the others at the start: a cluster may start them minutes apart."""
_SILENCE = timedelta(minutes=15)
"""How long a process waits for an answer. One that was killed is known at once, by its closed connection."""
_LOST = re.compile(r"gloo|nccl|time.?out|timed out|connection|socket|broken pipe", re.IGNORECASE)
"""What torch says, in plain RuntimeErrors among others, when a process does not answer any more."""


class ProcessLost(TrainingError):
    """Another process of the run ended, or cannot be reached any more."""


class SaidElsewhere(OcrnnError):
    """Another process of the run found a fault and says so: this one only ends."""


@dataclass(frozen=True)
class Place:
    """Which process of how many this is, `rank` of `size` from 0, and where rank 0 waits for the others.

    `local` counts the processes of one machine: it picks the GPU.
    """

    rank: int
    size: int
    local: int
    address: str
    port: int

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Place | None:
        """Place that torchrun, Kubernetes or Slurm's srun tells its processes; None for a process alone.

        Raises UsageError for variables that make no place.
        """
        if "RANK" in environment and "WORLD_SIZE" in environment:
            # Kubernetes starts one process in each pod, and counts none inside of it.
            return cls._of({"LOCAL_RANK": "0", **environment}, "RANK", "WORLD_SIZE", "LOCAL_RANK")
        if "SLURM_PROCID" in environment and "SLURM_NTASKS" in environment:
            # A shell that srun opened inside of a larger job is a step of one task.
            size = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environment else "SLURM_NTASKS"
            lists = ("SLURM_STEP_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NODELIST")
            nodes = next((environment[name] for name in lists if environment.get(name)), "localhost")
            job = int(re.sub(r"\D", "", environment.get("SLURM_JOB_ID", "")) or 0)
            defaults = {
                "SLURM_LOCALID": "0",
                "MASTER_ADDR": first_node(nodes),
                # Jobs that share a machine differ, and systems give out higher ports.
                "MASTER_PORT": str(12000 + job % 20000),
            }
            return cls._of({**defaults, **environment}, "SLURM_PROCID", size, "SLURM_LOCALID")
        return None

    @classmethod
    def _of(cls, told: Mapping[str, str], rank: str, size: str, local: str) -> Place | None:
        def number(name: str) -> int:
            if not told.get(name, "").isdecimal():
                what = f"{told[name]!r} is no number" if name in told else "is not set"
                raise UsageError(f"{size} is {told[size]}, but {name} {what}; use torchrun or srun, or unset {size}")
            return int(told[name])

        if number(size) <= 1:
            return None
        if not told.get("MASTER_ADDR"):
            raise UsageError(f"{size} is {told[size]}, but MASTER_ADDR is not set; use torchrun, or unset {size}")
        if number(rank) >= number(size):
            raise UsageError(f"{rank} is {told[rank]}, but {size} is {told[size]}; ranks count from 0")
        return cls(number(rank), number(size), number(local), told["MASTER_ADDR"], number("MASTER_PORT"))


def first_node(nodes: str) -> str:
    """First machine of a list as Slurm writes it: `node[003-005,9],big` begins with `node003`."""
    first = re.split(r",(?![^\[]*\])", nodes)[0]
    return re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", first)


class Team:
    """All processes of a run, seen from one of them. A team of one does everything by itself and without a network.

    What every process must do at the same point of the run is said at each method. All raise ProcessLost.
    """

    def __init__(self, place: Place | None = None) -> None:
        self.rank = place.rank if place else 0
        self.size = place.size if place else 1
        self._place = place
        # Lines change hands on a thread of their own, beside the gradients: these need a connection of their own too.
        self._lines = distributed.new_group(backend="gloo", timeout=_SILENCE) if self.size > 1 else None

    @property
    def leads(self) -> bool:
        """Tell whether this is the one process that writes files and speaks."""
        return self.rank == 0

    @cached_property
    def device(self) -> torch.device:
        """What this process computes on: its GPU, Apple's for a process alone, or the CPU."""
        return _device(self._place)

    def agree(self, *values: float) -> tuple[float, ...]:
        """Largest of each value over all processes."""
        if self.size == 1:
            return values
        told = torch.tensor(values, dtype=torch.float64)
        with self.watching():
            distributed.all_reduce(told, distributed.ReduceOp.MAX)
        return tuple(told.tolist())

    def gather(self, told: Any) -> list[Any]:
        """What each process tells, by rank: anything that JSON holds."""
        data = json.dumps(told).encode()
        return [json.loads(each) for each in self._swap([data] * self.size, None)]

    def share(self, data: bytes) -> bytes:
        """What rank 0 has, for everyone."""
        if self.size == 1:
            return data
        length = torch.tensor([len(data)])
        with self.watching():
            distributed.broadcast(length, 0)
            shared = _bytes_tensor([data]) if self.leads else torch.empty(int(length), dtype=torch.uint8)
            distributed.broadcast(shared, 0)
        return shared.numpy().tobytes()

    def exchange(self, parcels: Sequence[bytes]) -> list[bytes]:
        """Send parcel n to rank n; gives what each process sent here. For one thread beside the main one."""
        return self._swap(parcels, self._lines)

    def add(self, value: Tensor) -> Tensor:
        """Sum of a tensor on the device over all processes; the host does not wait for it."""
        if self.size > 1:
            value = value.clone()
            with self.watching():
                distributed.all_reduce(value)
        return value

    def joined(self, learner: nn.Module) -> nn.Module:
        """A module whose gradients are the mean over all processes, its weights those of rank 0.

        On GPUs its batch norm counts the lines of all processes. On CPUs, where torch has no such norm, each process
        norms by its own lines, and the running means are those of rank 0: lines are dealt out by chance, so that they
        say the same, with more noise.
        """
        if self.size == 1:
            return learner
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            learner = nn.SyncBatchNorm.convert_sync_batchnorm(learner)  # type: ignore[no-untyped-call]
        device = [self.device.index] if on_gpu else None
        with self.watching():
            return DistributedDataParallel(learner, device_ids=device, gradient_as_bucket_view=True)

    def follow_buffers(self, network: nn.Module) -> None:
        """Give every process the buffers of rank 0, which are saved: running means of batch norm."""
        if self.size > 1:
            with self.watching():
                for buffer in network.buffers():
                    distributed.broadcast(buffer, 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Go on after the block only if no process has failed in it: its error is then raised by the first that has.

        The others raise SaidElsewhere.
        """
        error: OcrnnError | None = None
        try:
            yield
        except (ProcessLost, SaidElsewhere):
            raise
        except OcrnnError as fault:
            error = fault
        failed = [rank for rank, fails in enumerate(self.gather(error is not None)) if fails]
        if error is not None and failed[0] == self.rank:
            raise error
        if failed:
            raise SaidElsewhere(f"rank {failed[0]} of {self.size} says what is wrong") from error

    def said_once(self, error: OcrnnError) -> OcrnnError:
        """The error to raise for a fault that every process finds: the others leave it to rank 0 to say so."""
        return error if self.leads else SaidElsewhere(f"rank 0 of {self.size} says what is wrong")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Turn what torch raises when a process does not answer any more into ProcessLost."""
        try:
            yield
        except RuntimeError as fault:
            if self.size == 1 or not (isinstance(fault, distributed.DistError) or _LOST.search(str(fault))):
                raise
            _lost(self.rank, self.size, fault)

    def _swap(self, parcels: Sequence[bytes], group: distributed.ProcessGroup | None) -> list[bytes]:
        if self.size == 1:
            return list(parcels)
        sent = [len(parcel) for parcel in parcels]
        sizes = torch.empty(self.size, dtype=torch.int64)
        with self.watching():
            distributed.all_to_all_single(sizes, torch.tensor(sent), group=group)
            came: list[int] = sizes.tolist()
            data = torch.empty(sum(came), dtype=torch.uint8)
            distributed.all_to_all_single(data, _bytes_tensor(parcels), came, sent, group=group)
        return [part.numpy().tobytes() for part in torch.split(data, came)]


ALONE = Team()
"""One process, as most runs are."""


@contextmanager
def join(devices: int | None = None) -> Iterator[Team]:
    """The team this process belongs to: the one that its environment names, or `devices` processes of this machine.

    The latter are started here and run the same command line. Raises UsageError for a place that cannot be, and
    ProcessLost where the others do not come.
    """
    place = Place.told(os.environ)
    children: list[subprocess.Popen[bytes]] = []
    store = None
    if place is None and devices is not None and devices > 1:
        if torch.cuda.is_available() and devices > torch.cuda.device_count():
            raise UsageError(f"--devices {devices}: this machine has {torch.cuda.device_count()} GPUs; ask for fewer")
        # Port 0 is one that is free, and stays ours.
        store = TCPStore("127.0.0.1", 0, devices, is_master=True, wait_for_workers=False, timeout=_JOINING)
        place = Place(0, devices, 0, "127.0.0.1", store.port)
        children = [_started(rank, place) for rank in range(1, devices)]
    if place is None:
        yield ALONE
        return
    try:
        with _meeting(place, store) as team:
            yield team
    finally:
        for child in children:  # they end with the run; one that does not is in nobody's way but ours
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def _meeting(place: Place, store: TCPStore | None) -> Iterator[Team]:
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(_device(place))
    try:
        if store is None:
            address = f"tcp://{place.address}:{place.port}"
            store = next(rendezvous(address, place.rank, place.size, timeout=_JOINING))[0]
        # What the host decides goes by gloo, so that it never waits for a GPU.
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        distributed.init_process_group(backend, store=store, rank=place.rank, world_size=place.size, timeout=_SILENCE)
        team = Team(place)
    except (RuntimeError, OSError) as fault:
        raise ProcessLost(
            f"rank {place.rank} of {place.size}: the others did not come to {place.address}:{place.port} "
            f"({_first_line(fault)}); start all of them, with torchrun, srun or --devices"
        ) from fault
    try:
        yield team
    finally:
        distributed.destroy_process_group()


def _started(rank: int, place: Place) -> subprocess.Popen[bytes]:
    """Another process of this machine with the command line of this one."""
    told = {
        "RANK": str(rank),
        "WORLD_SIZE": str(place.size),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": place.address,
        "MASTER_PORT": str(place.port),
    }
    return subprocess.Popen([sys.executable, "-m", "ocrnn", *sys.argv[1:]], env={**os.environ, **told})


def _device(place: Place | None) -> torch.device:
    if torch.cuda.is_available():
        # Slurm may show each task its own GPU alone, as number 0.
        return torch.device("cuda", place.local % torch.cuda.device_count() if place else 0)
    if place is None and torch.backends.mps.is_available():  # MPS knows no processes that work together
        return torch.device("mps")
    return torch.device("cpu")


def _lost(rank: int, size: int, fault: Exception) -> NoReturn:
    raise ProcessLost(f"rank {rank} of {size}: another process of the run ended, or cannot be reached") from fault


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0][:160]


def _bytes_tensor(parcels: Sequence[bytes]) -> Tensor:
    """Parcels behind one another, as a tensor (bytes,) uint8."""
    data = bytearray(b"".join(parcels))  # torch wants memory it may write to
    return torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
