"""A small process that starts others and waits for them; run by its path, it takes the commands as JSON from its input.

Small, because the peak memory of a process is never less than what its parent had when it was started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Run commands side by side; tell what they took, or which one failed, how and why.

    That is the seconds of all, and of each its peak memory in megabytes and its processor seconds.
    """
    commands = json.load(sys.stdin)
    running: list[subprocess.Popen[bytes]] = []
    start = time.perf_counter()
    try:
        for command in commands:
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        ends = [_end(process) for process in running]
        told: dict[str, object] = {"seconds": time.perf_counter() - start, "ends": ends}
    except OSError as fault:
        told = {"command": commands[len(running)], "fault": f"cannot be started ({fault.strerror}); check the path"}
    except _FailedError as failed:
        told = failed.args[0]
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
                process.wait()
    json.dump(told, sys.stdout)


class _FailedError(Exception):
    """A command that ended badly, as `main` tells it."""


def _end(process: subprocess.Popen[bytes]) -> tuple[float, float] | None:
    """Wait for a process; gives its peak memory in megabytes and processor seconds, None where no system tells."""
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip().splitlines()
    end = None
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak_mb = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        end = peak_mb, usage.ru_utime + usage.ru_stime
    if process.wait():
        reason = said[-1] if said else "nothing said"
        fault = f"ended with status {process.returncode} ({reason}); run it by itself"
        raise _FailedError({"command": process.args, "fault": fault})
    return end


if __name__ == "__main__":
    main()
