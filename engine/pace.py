"""How many leaf steps begin in a stretch of time, for schedulers and servers that are not to be flooded."""

from __future__ import annotations

import time

__all__ = ["Pace"]


class Pace:
    """At most ``count`` beginnings in every stretch of ``seconds``; a stretch begins with the first of its own.

    Attributes:
        waits: somebody is to look again when the stretch is over, and will.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._begun, self._end = 0, 0.0
        self.waits = False

    def left(self) -> float:
        """The seconds until another may begin; 0 when it may now."""
        if self._begun < self._count:
            return 0.0
        return max(0.0, self._end - time.monotonic())

    def begin(self) -> None:
        """One begins."""
        now = time.monotonic()
        if now >= self._end:
            self._begun, self._end = 0, now + self._seconds
        self._begun += 1
