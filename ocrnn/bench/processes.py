"""Whole processes on the clock: what a user waits for, start included, and the memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocrnn.errors import BenchError


@dataclass(frozen=True)
class Spent:
    """What some processes took together: seconds of the clock, peak memory in megabytes, and processor seconds.

    Processor seconds hardly change with what else the machine does. None where no system tells, as on Windows.
    """

    seconds: float
    peak_mb: float | None
    processor_s: float | None


def spend(commands: Sequence[Sequence[str]], environment: Mapping[str, str] | None = None) -> Spent:
    """Run some commands side by side to the end of the last; their output goes nowhere.

    Programs in Python may keep what they compile, as installed ones have it, even where this one may not: ocrnn from
    its source tree would otherwise compile itself anew in a fifth of its start.
    Raises BenchError, with the last line that it said, for one that cannot be started or fails.
    """
    clock = [sys.executable, "-I", "-S", str(Path(__file__).with_name("clock.py"))]
    surroundings = {**os.environ, **(environment or {})}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    run = subprocess.run(
        clock, input=json.dumps(list(commands)), stdout=subprocess.PIPE, text=True, env=surroundings, check=True
    )
    told = json.loads(run.stdout)
    if "fault" in told:
        raise BenchError(f"{told['command'][0]}: {told['fault']}")
    if None in told["ends"]:
        return Spent(told["seconds"], None, None)
    return Spent(told["seconds"], *(sum(each) for each in zip(*told["ends"], strict=True)))
