"""Numbers with what they count, in words."""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """A number and its noun; `things` is the plural where an s at the end does not make it.

    >>> counted(1, "line"), counted(0, "line"), counted(2, "stretch", "stretches")
    ('1 line', '0 lines', '2 stretches')
    """
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
