"""A bar that says how far a run is; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tqdm import tqdm


class Bar(Protocol):
    """How far a run is, for who watches it."""

    def update(self, n: int = 1) -> object:
        """Count what is done."""

    def clear(self) -> object:
        """Make room: something else is written to the terminal."""

    def close(self) -> object:
        """Wipe it."""


def bar(total: int, unit: str, *, shown: bool) -> Bar:
    """A bar that is drawn where it is wanted and stderr is a terminal, and wiped when it is closed."""
    # tqdm takes a tenth of the time that reading one picture takes: it is imported for who sees it.
    return drawn(total, unit, shown=True) if shown and sys.stderr.isatty() else _Hidden()


def drawn(total: int | None, unit: str, *, shown: bool) -> tqdm[Any]:
    """The same with all that tqdm can do, lines above it and a total that is known later."""
    from tqdm import tqdm

    disabled = not (shown and sys.stderr.isatty())
    return tqdm(total=total, unit=f" {unit}", file=sys.stderr, leave=False, dynamic_ncols=True, disable=disabled)


class _Hidden:
    """A bar that nobody watches."""

    def update(self, n: int = 1) -> None:
        pass

    def clear(self) -> None:
        pass

    def close(self) -> None:
        pass
