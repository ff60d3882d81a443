"""Work side by side, results in turn: what keeps every core busy while order and memory stay as with one.

Threads and not processes: what takes the time, opening pictures, resizing them and the network itself, leaves Python's
lock alone, and one process has the model once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Items for each worker that may be begun while the oldest is waited for."""
_PATIENCE = 1.0
"""Seconds that whoever stops early waits for what is being worked on."""
_NAME = "ocrnn-job"


def in_turn(work: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R, None, None]:
    """Results of `work` on each item, in the order of the items, from so many threads side by side.

    Items are drawn in the caller's thread, and no more than twice as many as there are workers before the oldest of
    them is given out. What `work` raises is raised in its turn, and ends it all; so does what drawing raises, behind
    the results of all that was drawn before. One worker is the caller itself.
    """
    if workers == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[R]] = deque()
    tasks: queue.SimpleQueue[tuple[Future[R], T] | None] = queue.SimpleQueue()
    threads: list[threading.Thread] = []
    drawn = iter(items)
    broken: Exception | None = None
    try:
        while True:
            try:
                item = next(drawn)
            except StopIteration:
                break
            except Exception as fault:
                broken = fault
                break
            waiting.append(Future())
            tasks.put((waiting[-1], item))
            if len(threads) < workers:
                # Daemons: a disk that never answers must not keep the program from ending.
                threads.append(threading.Thread(target=_labour, args=(work, tasks), name=_NAME, daemon=True))
                threads[-1].start()
            while waiting and (waiting[0].done() or len(waiting) >= _AHEAD * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if broken is not None:
            raise broken
    finally:
        for future in waiting:
            future.cancel()
        for _ in threads:
            tasks.put(None)
        end = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def is_anyone_left() -> bool:
    """Tell whether a worker is still at work that nobody waits for any more."""
    return any(thread.name == _NAME for thread in threading.enumerate())


def _labour(work: Callable[[T], R], tasks: queue.SimpleQueue[tuple[Future[R], T] | None]) -> None:
    """One worker: takes what comes, until there is nothing more to take."""
    while (task := tasks.get()) is not None:
        future, item = task
        if not future.set_running_or_notify_cancel():
            continue
        try:
            result = work(item)
        except BaseException as fault:
            future.set_exception(fault)
        else:
            future.set_result(result)
        # Neither may live on in this frame while the next item is waited for.
        del task, future, item
