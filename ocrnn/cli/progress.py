"""A bar that says how far a run is; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def bar(total: int | None, unit: str, *, shown: bool) -> tqdm[Any]:
    """A bar that is drawn where it is wanted and stderr is a terminal, and wiped when it is closed.

    Call `update` for what is done, and `clear` before something else is written to the terminal.
    """
    from tqdm import tqdm

    disabled = not (shown and sys.stderr.isatty())
    return tqdm(total=total, unit=f" {unit}", file=sys.stderr, leave=False, dynamic_ncols=True, disable=disabled)
