"""Measuring in turns: a machine that slows down slows all that is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def in_rounds(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each measure gives in each round; every other round goes through them backwards.

    >>> order = []
    >>> _ = in_rounds({name: lambda name=name: order.append(name) for name in "abc"}, 2)
    >>> "".join(order)
    'abccba'
    """
    found: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(rounds):
        names = list(measures)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(measures[name]())
    return found
