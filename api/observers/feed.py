"""Telling observers: the journal of a run is followed in a thread, and each observer is told in one of its own."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from dflow.live.follower import Follower
from dflow.observers.journal import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.engine.layout import RunLayout
    from dflow.observers.events import Event

__all__ = ["Feed"]

_log = logging.getLogger("dflow.observers")
_PAUSE = 0.2
PATIENCE = 10.0
"""Seconds that the end of a run waits for its observers."""


class Feed:
    """Tells observers of one run, from its next attempt on.

    Args:
        observers: what is called with each event, with the name that the log gives it.
    """

    def __init__(self, layout: RunLayout, observers: Sequence[tuple[str, Callable[[Event], Any]]]) -> None:
        self._run = layout.id
        self._reader = Reader(layout)
        self._follower = Follower(layout.journal)
        while self._follower.read():  # of earlier attempts
            pass
        self._over = threading.Event()
        self._queues: list[queue.SimpleQueue[Event | None]] = [queue.SimpleQueue() for _ in observers]
        self._threads = [
            threading.Thread(target=self._tell, args=(name, notify, events), name="dflow-observer", daemon=True)
            for (name, notify), events in zip(observers, self._queues, strict=True)
        ]
        self._threads.append(threading.Thread(target=self._follow, name="dflow-observers", daemon=True))
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """The run has ended: wait until all is told, but not longer than observers may take."""
        self._over.set()
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = sum(thread.is_alive() for thread in self._threads)
        if late:
            _log.warning(
                "run %s: %d of its observers still work after %g s; they are not waited for", self._run, late, PATIENCE
            )

    def _follow(self) -> None:
        try:
            while True:
                is_over = self._over.is_set()  # asked before the last look, which then misses nothing
                while events := self._follower.read():
                    for event in events:
                        for told in self._reader.read(event):
                            for one in self._queues:
                                one.put(told)
                if is_over:
                    return
                self._over.wait(_PAUSE)
        except Exception:  # noqa: BLE001 - observers are no part of the run
            _log.warning("run %s: its observers are told nothing more", self._run, exc_info=True)
        finally:
            for one in self._queues:
                one.put(None)

    def _tell(self, name: str, notify: Callable[[Event], Any], events: queue.SimpleQueue[Event | None]) -> None:
        failed = 0
        while (event := events.get()) is not None:
            try:
                notify(event)
            except BaseException as exc:  # noqa: BLE001 - whatever an observer raises, SystemExit too, others follow
                failed += 1
                if failed == 1:
                    _log.warning("observer %s failed at %r: %s: %s", name, event.text, type(exc).__name__, exc)
        if failed > 1:
            _log.warning("observer %s failed %d times in run %s", name, failed, self._run)
