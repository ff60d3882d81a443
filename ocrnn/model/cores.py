"""How many processor cores there are for us: of a large machine this process may have been given few."""

from __future__ import annotations

import math
import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def free_cores() -> int:
    """Count the cores this process may keep busy, at least 1.

    `taskset`, Slurm and cpusets name the cores it may run on; a container's limit (docker run --cpus, limits.cpu in
    Kubernetes) lets it run on all of them, but only for a share of the time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota())))


def _quota() -> float:
    """Processor seconds that this control group, version 2 or 1, may use in a second; infinite where nothing says."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            told = " ".join((_GROUPS / file).read_text() for file in files).split()
            share, period = int(told[0]), int(told[1])
        except (OSError, ValueError, IndexError):  # not there, or "max": no limit
            continue
        if share > 0 and period > 0:
            return share / period
    return math.inf
