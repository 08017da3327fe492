"""Work that is done for many at once: it is collected for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from dflow.engine.errors import LeafError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

__all__ = ["Together", "all_or_each"]

_T = TypeVar("_T")
_R = TypeVar("_R")
_LONGEST = 20
_COLLECT, _AT_ONCE = 0.2, 200


class Together(Generic[_T, _R]):
    """Does something for each of many, with one call for those that come within a moment.

    Args:
        do: does it for all, and gives what came of it for each.
        pause: the moment, in seconds: so long that nobody else comes, but not longer than twenty times that.
        at_most: how many at once.
    """

    def __init__(
        self,
        do: Callable[[Sequence[_T]], Awaitable[Sequence[_R]]],
        pause: float = _COLLECT,
        at_most: int = _AT_ONCE,
    ) -> None:
        self._do = do
        self._pause = pause
        self._at_most = at_most
        self._waiting: list[tuple[_T, asyncio.Future[_R]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._collecting = False

    async def __call__(self, item: _T) -> _R:
        """Do it for one; what it raises is raised for each that it was done with."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_R] = loop.create_future()
        self._waiting.append((item, future))
        if not self._collecting:
            self._collecting = True
            task = loop.create_task(self._flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _flush(self) -> None:
        for _ in range(_LONGEST):
            before = len(self._waiting)
            await asyncio.sleep(self._pause)
            if len(self._waiting) == before:
                break
        self._collecting = False
        collected, self._waiting = self._waiting, []
        wanted = [(item, future) for item, future in collected if not future.cancelled()]
        for begin in range(0, len(wanted), self._at_most):
            await self._do_some(wanted[begin : begin + self._at_most])

    async def _do_some(self, some: Sequence[tuple[_T, asyncio.Future[_R]]]) -> None:
        try:
            results = await self._do([item for item, _ in some])
        except BaseException as exc:
            for _, future in some:
                if not future.done():
                    future.set_exception(exc if isinstance(exc, Exception) else asyncio.CancelledError())
            if not isinstance(exc, Exception):
                raise
            return
        for (_, future), result in zip(some, results, strict=True):
            if not future.done():
                future.set_result(result)


async def all_or_each(
    some: Sequence[_T], do: Callable[[Sequence[_T]], Awaitable[dict[Path, LeafError]]], step_of: Callable[[_T], Path]
) -> dict[Path, LeafError]:
    """Do something for all; where that fails one of them may be the reason, so then for one after the other.

    Returns:
        What went wrong, by the directory of the step.
    """
    try:
        return await do(some)
    except LeafError as exc:
        if len(some) == 1:
            return {step_of(some[0]): exc}
    failed: dict[Path, LeafError] = {}
    for one in some:
        failed.update(await all_or_each([one], do, step_of))
    return failed
