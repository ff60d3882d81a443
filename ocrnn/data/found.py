"""What lies below a data folder, by what may be done with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

DATABASE = "data.mdb"
"""What the file of an LMDB is called in its folder."""


@dataclass(frozen=True)
class Found:
    """What lies below a data folder, and what was made of it so far.

    `named` holds the keys of pictures that some label, good or bad, speaks of.
    """

    root: Path
    tables: tuple[Path, ...]
    texts: tuple[Path, ...] = ()
    pictures: tuple[Path, ...] = ()
    layouts: tuple[Path, ...] = ()
    shards: tuple[Path, ...] = ()
    databases: tuple[Path, ...] = ()
    other_tables: tuple[Path, ...] = ()
    named: set[str] = field(default_factory=set)
    tolerated: Counter[str] = field(default_factory=Counter)
