"""Wall time and peak memory of the installed command, cold, and what the installation weighs: the README's table.

    python benchmarks/startup.py [--sample PICTURE] [--rounds 7] [--most-help S] [--most-read S] [--save]

Runs the `ocrnn` that stands beside this Python, each time as a process of its own; needs nothing but ocrnn, and
a POSIX system for the memory. With --most-help and --most-read it exits with status 1 where even the
fastest round takes longer.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

import record

from ocrnn.bench.processes import spend


def main() -> None:
    """Time the command, print the table, hold it to the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, default=record.ROOT / "samples" / "receipt.png")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--most-help", type=float, help="seconds that `ocrnn --help` may take")
    parser.add_argument("--most-read", type=float, help="seconds that reading one picture may take")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into the README")
    options = parser.parse_args()
    program = shutil.which("ocrnn", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        sys.exit("no ocrnn beside this Python; install it first")

    commands = {"ocrnn --help": ["--help"], "ocrnn read, one picture": ["read", str(options.sample)]}
    figures: dict[str, Any] = {}
    rows = []
    for name, arguments in commands.items():
        runs = [spend([[program, *arguments]]) for _ in range(options.rounds)]
        seconds = [each.seconds for each in runs]
        memory = max(each.peak_mb or 0.0 for each in runs)
        figures[name] = {"median_s": statistics.median(seconds), "least_s": min(seconds), "peak_mb": memory}
        rows.append([name, f"{statistics.median(seconds):.2f} s", f"{min(seconds):.2f} s", f"{memory:.0f} MB"])
    own, everything = weight("ocrnn")
    figures["installed"] = {"own_mb": own, "all_mb": everything}
    shown = record.table(["cold start", "median", "fastest", "peak memory"], rows)
    shown += f"\n\nInstalled: {everything:.0f} MB with all it needs, {own:.0f} MB of it ocrnn and its model."
    record.publish("startup", figures, shown, save=options.save)
    for name, most in zip(commands, (options.most_help, options.most_read), strict=True):
        if most is not None and figures[name]["least_s"] > most:
            sys.exit(f"{name}: {figures[name]['least_s']:.2f} s at best, over the limit of {most} s")


def weight(package: str) -> tuple[float, float]:
    """Megabytes of a package's own files, and with those of all that it requires without extras."""
    seen: dict[str, float] = {}
    waiting = [package]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # required on other systems only
        files = (Path(str(file.locate())) for file in found.files or ())
        seen[name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        required = (line for line in found.requires or () if "extra ==" not in line)
        waiting += [match.group() for line in required if (match := re.match(r"[\w.-]+", line))]
    return seen.get(package, 0.0), sum(seen.values())


if __name__ == "__main__":
    main()
