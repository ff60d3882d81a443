"""One folder read by many: which share of the pictures is whose, and what the share's file is called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ocrnn.errors import UsageError

T = TypeVar("T")

_GIVEN = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_NAMED = re.compile(r"(.+)-([0-9]{1,9})-of-([0-9]{1,9})")


@dataclass(frozen=True, order=True)
class Shard:
    """The `number`-th of `count` shares, from 1.

    Shares are stretches of neighbours and not every n-th, so that their outputs one behind the other are in order.
    """

    count: int
    number: int

    def __post_init__(self) -> None:
        """Raise UsageError for a share that is none."""
        if not 1 <= self.number <= self.count:
            raise UsageError(
                f"--shard {self}: there is no such share; give 1/{self.count} to {self.count}/{self.count}"
            )

    def __str__(self) -> str:
        """As `--shard` takes it: `2/8`."""
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str]) -> Shard:
        """Read `2/8`, or `auto` for what the environment of a job says; UsageError for anything else."""
        if text == "auto":
            return cls.of_job(environment)
        given = _GIVEN.fullmatch(text)
        if given is None:
            raise UsageError(f"--shard {text}: is no share; give its number and their count, as 2/8, or auto")
        return cls(int(given[2]), int(given[1]))

    @classmethod
    def of_job(cls, environment: Mapping[str, str]) -> Shard:
        """The share of one process of a job, as Slurm and Kubernetes say which it is; UsageError where neither does.

        A task of a Slurm array (`sbatch --array`), a task that `srun` started, or one of the other: both count.
        An Indexed Job of Kubernetes knows its own number only; its manifest puts their count into JOB_COMPLETIONS.
        """
        known = {name: int(value) for name, value in environment.items() if value.isascii() and value.isdigit()}
        number, count, told = 0, 1, False
        if "SLURM_ARRAY_TASK_ID" in known and "SLURM_ARRAY_TASK_COUNT" in known:
            step = max(1, known.get("SLURM_ARRAY_TASK_STEP", 1))
            number = (known["SLURM_ARRAY_TASK_ID"] - known.get("SLURM_ARRAY_TASK_MIN", 0)) // step
            count, told = known["SLURM_ARRAY_TASK_COUNT"], True
        # A batch script that starts no step runs once, however many tasks were asked for.
        tasks = known.get("SLURM_STEP_NUM_TASKS", 1 if told else known.get("SLURM_NTASKS"))
        if "SLURM_PROCID" in known and tasks is not None:
            number, count, told = number * tasks + known["SLURM_PROCID"], count * tasks, True
        if not told and "JOB_COMPLETION_INDEX" in known:
            if "JOB_COMPLETIONS" not in known:
                raise UsageError(
                    "--shard auto: the job says which task this is but not how many there are; "
                    "set JOB_COMPLETIONS to the completions of its manifest"
                )
            number, count, told = known["JOB_COMPLETION_INDEX"], known["JOB_COMPLETIONS"], True
        if not told:
            raise UsageError("--shard auto: neither Slurm nor Kubernetes says which share this is; give it, as 2/8")
        return cls(count, number + 1)

    def part(self, things: Sequence[T]) -> Sequence[T]:
        """Its things of all things: each is in one share, and no share has two more than another.

        >>> [list(Shard(3, number).part("abcdefg")) for number in (1, 2, 3)]
        [['a', 'b'], ['c', 'd'], ['e', 'f', 'g']]
        """
        first, last = ((self.number - back) * len(things) // self.count for back in (1, 0))
        return things[first:last]

    def name(self, path: str) -> str:
        """What this share of a file is called.

        >>> Shard(8, 2).name("out/all.jsonl")
        'out/all-2-of-8.jsonl'
        """
        place = Path(path)
        return str(place.with_name(f"{place.stem}-{self.number}-of-{self.count}{place.suffix}"))

    @classmethod
    def named(cls, path: str | Path) -> Shard | None:
        """The share that a file's name says it is; None where it says nothing."""
        told = _NAMED.fullmatch(Path(path).stem)
        return cls(int(told[3]), int(told[2])) if told and 1 <= int(told[2]) <= int(told[3]) else None
