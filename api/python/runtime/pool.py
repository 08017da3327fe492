"""Work on the slices of a group side by side, each in a process of its own.

``concurrent.futures`` would lose all that is under way when one process is killed, and cannot end one that takes too
long; so each slice is a fork, which needs no pickle of the OP either.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections import deque
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Callable, Dict, List

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["run_all"]

_GRACE = 2.0


class _Running:
    """A slice under way."""

    def __init__(self, position: int, process: Any, limit: float | None) -> None:
        self.position = position
        self.process = process
        self.deadline = None if limit is None else time.monotonic() + limit


def run_all(
    work: Callable[[int], Dict[str, Any]],
    orders: List[int],
    size: int | None,
    limit: float | None,
    look: Callable[[Dict[str, Any]], None],
) -> List[Dict[str, Any]]:
    """The results of ``work(position)`` for each slice, in order; at most ``size`` at once, each within ``limit`` s.

    One after another in this process where that is all that is asked for, or where a fork is not safe. ``look`` sees
    each result as it comes; what it raises ends the whole.
    """
    alone = (size is None or size == 1) and limit is None
    if alone or not hasattr(os, "fork") or threading.current_thread() is not threading.main_thread():
        return [_seen(work(position), look) for position in range(len(orders))]
    results: Dict[int, Dict[str, Any]] = {}
    waiting = deque(range(len(orders)))
    running: Dict[Any, _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (size or 1):
                _start(work, waiting.popleft(), running, limit)
            for reader in wait(list(running), _time_left(running)):
                slice_ = running.pop(reader)
                results[slice_.position] = _seen(_result(reader, slice_, orders), look)
            for reader in [r for r, s in running.items() if s.deadline is not None and s.deadline <= time.monotonic()]:
                slice_ = running.pop(reader)
                _end(slice_.process)
                results[slice_.position] = _failure(orders[slice_.position], f"it was ended after {limit:g} s")
    finally:
        for slice_ in running.values():
            _end(slice_.process)
    return [results[position] for position in range(len(orders))]


def _seen(result: Dict[str, Any], look: Callable[[Dict[str, Any]], None]) -> Dict[str, Any]:
    look(result)
    return result


def _start(
    work: Callable[[int], Dict[str, Any]], position: int, running: Dict[Any, _Running], limit: float | None
) -> None:
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, position, writer))
    process.start()
    writer.close()
    running[reader] = _Running(position, process, limit)


def _child(work: Callable[[int], Dict[str, Any]], position: int, writer: Connection) -> None:
    writer.send(work(position))
    writer.close()


def _time_left(running: Dict[Any, _Running]) -> float | None:
    deadlines = [slice_.deadline for slice_ in running.values() if slice_.deadline is not None]
    return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None


def _result(reader: Any, slice_: _Running, orders: List[int]) -> Dict[str, Any]:
    """What a process sent; one that ended without a word failed."""
    try:
        result: Dict[str, Any] = reader.recv()
    except EOFError:
        slice_.process.join()
        code = slice_.process.exitcode
        why = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        result = _failure(orders[slice_.position], f"its process ended with {why} before it returned its outputs")
    else:
        slice_.process.join()
    finally:
        reader.close()
    return result


def _failure(order: int, message: str) -> Dict[str, Any]:
    return {"order": order, "message": message, "kind": "exception", "trace": message + "\n"}


def _end(process: Any) -> None:
    process.terminate()
    process.join(_GRACE)
    if process.is_alive():
        process.kill()
        process.join()
