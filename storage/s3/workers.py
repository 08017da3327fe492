"""Doing the parts of one transfer at once, with an answer to each in the order of the parts."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["AT_ONCE", "in_order"]

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 4
"""Parts of one file at once: more do not make one file faster."""


def in_order(work: Callable[[T], R], items: Iterable[T], stop: threading.Event, at_once: int = AT_ONCE) -> Iterator[R]:
    """What ``work`` gives for each item; a few of them are worked on at once.

    When one fails, or the loop over this ends early, ``stop`` is set and this waits for what has begun: ``work`` must
    look at it now and then.
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="dflow-s3")
    begun: deque[Future[R]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= 2 * at_once:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
