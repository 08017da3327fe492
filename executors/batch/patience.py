"""Trying again while a machine does not answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

import anyio
from dflow.engine.errors import LeafError
from dflow.executors.hosts import Unanswered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Patience"]

_log = logging.getLogger("dflow.executors")
_T = TypeVar("_T")
_FIRST, _LONGEST = 1.0, 60.0
_TRIES = 5


class Patience:
    """Tries again after pauses that become longer.

    Args:
        who: the machine, for messages.

    Attributes:
        known: it has answered before, so it will again: there is no end to the tries.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._silent = False
        self.known = False

    async def until_answered(self, do: Callable[[], Awaitable[_T]], *, whatever: bool = False) -> _T:
        """What comes of it in the end.

        Args:
            whatever: it must be done, so a machine that will not have the user is tried again, too.

        Raises:
            LeafError: a machine that has never answered does not after five tries, some 15 seconds.
            Unreachable: to try again is of no use.
        """
        pause, tries = _FIRST, 0
        while True:
            try:
                result = await do()
            except (Unanswered, Unreachable) as exc:  # noqa: PERF203 - seconds apart
                if isinstance(exc, Unreachable) and not whatever:
                    raise
                tries += 1
                if tries >= _TRIES and not self.known:
                    raise LeafError(f"{exc} ({tries} tries)") from exc
                if not self._silent:
                    _log.warning("%s; it is tried again", exc)
                self._silent = True
                await anyio.sleep(pause)
                pause = min(pause * 2, _LONGEST)
            else:
                if self._silent:
                    _log.warning("%s answers again", self._who)
                self.known, self._silent = True, False
                return result
