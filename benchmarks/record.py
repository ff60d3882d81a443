"""What every benchmark does with its figures: print a table, and with --save keep them and put it into its page."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGES = ("README.md", "benchmarks/README.md")
"""Pages with tables: what decides for or against ocrnn is on the first, the rest on the second."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of text cells as a Markdown table; columns after the first are set to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def publish(name: str, figures: Any, shown: str, *, save: bool) -> None:
    """Print a table; with `save` also write results/NAME.json and replace the part of that name in its page.

    The part stands between the comments `<!-- NAME -->` and `<!-- /NAME -->`; ValueError where no page has it. What is
    a part of the figures that are stored (fewer sets, engines, rounds) replaces nothing: SystemExit says what is gone.
    """
    print(shown)
    if not save:
        return
    _refuse(name, lost(stored(name), json.loads(json.dumps(figures))))
    RESULTS.mkdir(exist_ok=True)
    kept = json.dumps({**stamp(), "figures": figures}, indent=1, ensure_ascii=False)
    _file(name).write_text(kept + "\n", encoding="utf-8")
    pages = [ROOT / page for page in PAGES if (ROOT / page).exists()]
    page = next((page for page in pages if f"<!-- {name} -->" in page.read_text(encoding="utf-8")), pages[0])
    page.write_text(replaced(page.read_text(encoding="utf-8"), name, shown), encoding="utf-8")


def refuse_part(name: str, sets: Iterable[str]) -> None:
    """End, before anything is measured, where the stored figures are of sets that are not among these."""
    _refuse(name, lost(stored(name).get("sets", {}), dict.fromkeys(sets)))


def stored(name: str) -> Any:
    """Figures of results/NAME.json; an empty dictionary where it is not there."""
    return json.loads(_file(name).read_text(encoding="utf-8"))["figures"] if _file(name).exists() else {}


def stamp() -> dict[str, str]:
    """When, on what and with which code something is measured."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "commit": commit(),
        "python": platform.python_version(),
    }


def lost(before: Any, now: Any) -> list[str]:
    """Names that figures have and later ones lack, each once; of lists that got shorter, by how much."""
    names: list[str] = []
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            names += lost(value, now[key]) if key in now else [key]
    elif isinstance(before, list) and isinstance(now, list) and len(now) < len(before):
        names.append(f"{len(before) - len(now)} of {len(before)} in a row")
    return list(dict.fromkeys(names))


def _refuse(name: str, gone: Sequence[str]) -> None:
    if gone:
        raise SystemExit(
            f"not saved: {_file(name).name} also has {', '.join(gone)}, and a part does not replace a whole; "
            "measure all of it, or remove that file first"
        )


def _file(name: str) -> Path:
    return RESULTS / f"{name}.json"


def replaced(page: str, name: str, shown: str) -> str:
    """Page with the part of that name replaced; ValueError where it has none."""
    opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found_opening, rest = page.partition(opening)
    _, found_closing, after = rest.partition(closing)
    if not (found_opening and found_closing):
        raise ValueError(f"the page has no part {opening.strip()} ... {closing}; put both comments where it belongs")
    return f"{before}{opening}{shown}\n{closing}{after}"


def machine() -> str:
    """Processor, cores and system, in words."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def commit() -> str:
    """Short hash of the checkout, with + behind it where files differ; "" outside of one."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
