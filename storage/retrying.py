"""Trying again what failed for a moment: a server that restarts, a connection that breaks, too many requests.

Nothing here knows which server that is. Patience is short until the server has answered for the first time, since
then an address or a name is more likely wrong, and long afterwards, so that a restart in the middle of a transfer is
survived.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patience", "Retrier", "Series", "Stopped"]

T = TypeVar("T")
_log = logging.getLogger("dflow.storage")

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
WORTH_SAYING = 3.0
"""A wait of so many seconds in all is logged."""


@record(frozen=True, slots=True)
class Patience:
    """How many seconds after the first failure a call is given up.

    Attributes:
        before: while the server has never answered.
        after: once it has.
    """

    before: float = 10.0
    after: float = 120.0


class Stopped(Exception):
    """The transfer that this call is part of has been given up."""


class Retrier:
    """Tries calls to one server again; several threads may use it.

    Args:
        name: the server, for the log.
        is_transient: whether an error may go away by itself; the second argument is whether the server ever answered.
        patience: when to give up.
        clock: seconds of a clock that never goes back.
        wait: wait so many seconds, or until the event is set.
    """

    def __init__(
        self,
        name: str,
        is_transient: Callable[[BaseException, bool], bool],
        patience: Patience,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self.name, self.patience, self.clock, self.wait = name, patience, clock, wait
        self.is_transient = is_transient
        self.has_answered = False
        self._down_since: float | None = None
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Note that the server has answered, whatever it said."""
        self.has_answered = True

    def series(self, stop: threading.Event | None = None) -> Series:
        """The attempts at one call."""
        return Series(self, stop or threading.Event())

    def call(self, attempt: Callable[[], T], stop: threading.Event | None = None) -> T:
        """What ``attempt`` returns, tried again while its error is transient and patience lasts.

        Raises:
            Stopped: the event is set.
            Exception: the last error.
        """
        series = self.series(stop)
        while True:
            try:
                result = attempt()
            except Exception as error:  # noqa: BLE001, PERF203 - raised again unless it is transient
                series.failed(error)
            else:
                series.went_well()
                return result

    def say_down(self, since: float, error: BaseException) -> None:
        """Log, once for all threads, that the server is being waited for."""
        with self._lock:
            if self._down_since is not None:
                return
            self._down_since = since
        _log.warning("%s: %s; trying again for up to %.0f s", self.name, in_a_line(error), self.limit())

    def say_up(self) -> None:
        """Log that what was waited for has come."""
        with self._lock:
            since, self._down_since = self._down_since, None
        if since is not None:
            _log.warning("%s: works again after %.0f s", self.name, self.clock() - since)

    def limit(self) -> float:
        """Seconds after which a call is given up now."""
        return self.patience.after if self.has_answered else self.patience.before


class Series:
    """The attempts at one call, from its first failure on."""

    def __init__(self, retrier: Retrier, stop: threading.Event) -> None:
        self._retrier, self._stop = retrier, stop
        self._first_failure: float | None = None
        self._wait = FIRST_WAIT

    def failed(self, error: Exception) -> None:
        """Wait before the next attempt.

        Raises:
            Stopped: meanwhile all of the transfer was given up.
            Exception: the error itself: it is not transient, or patience is over.
        """
        retrier = self._retrier
        if not retrier.is_transient(error, retrier.has_answered):
            raise error
        now = retrier.clock()
        if self._first_failure is None:
            self._first_failure = now
        left = self._first_failure + retrier.limit() - now
        if left <= 0:
            raise error
        if now - self._first_failure >= WORTH_SAYING:
            retrier.say_down(self._first_failure, error)
        retrier.wait(self._stop, min(left, self._wait * random.uniform(0.5, 1)))  # noqa: S311 - spreads load
        self._wait = min(LONGEST_WAIT, self._wait * 2)
        if self._stop.is_set():
            raise Stopped from error

    def went_well(self) -> None:
        """Some of the work is done: patience begins anew."""
        if self._first_failure is not None:
            self._first_failure, self._wait = None, FIRST_WAIT
            self._retrier.say_up()


def in_a_line(error: BaseException) -> str:
    """An error as part of a sentence."""
    return " ".join(str(error).split()) or type(error).__name__
