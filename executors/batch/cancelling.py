"""Cancelling jobs: collected for a moment, then many with one command."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from dflow.executors.batch.together import Together
from dflow.executors.hosts import Unanswered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.batch.sites import Site
    from dflow.executors.batch.watched import Watched

__all__ = ["Canceller"]

_log = logging.getLogger("dflow.executors")
_AT_ONCE = 500


class Canceller:
    """Cancels the jobs of one scheduler.

    Args:
        wanted: gives the ids and tags of jobs that are to go on; one may run several steps.
    """

    def __init__(self, scheduler: Scheduler, site: Site, options: BatchOptions, wanted: Callable[[], set[str]]) -> None:
        self._scheduler = scheduler
        self._site = site
        self._options = options
        self._wanted = wanted
        self._together: Together[Watched, bool] = Together(self._cancel, options.collect, 1_000_000)

    async def cancel(self, watched: Watched) -> bool:
        """Have a job end, and never begin if it has not; False when the scheduler could not be told."""
        watched.cancelling = True
        return await asyncio.shield(self._together(watched))

    async def _cancel(self, collected: Sequence[Watched]) -> list[bool]:
        ids: list[str] = []
        end, pause = time.monotonic() + self._options.cancelling, 0.5
        while True:
            try:
                await self._site.forbid(collected)
                ids = await self._ids(collected)
                for begin in range(0, len(ids), _AT_ONCE):
                    await self._scheduler.cancel(ids[begin : begin + _AT_ONCE])
            except (Unanswered, Unreachable) as exc:  # noqa: PERF203 - seconds apart
                if isinstance(exc, Unreachable) or time.monotonic() + pause > end:
                    jobs = " ".join(ids) or "perhaps " + " ".join({watched.tag for watched in collected})
                    _log.warning("%s: %s; these jobs are not cancelled: %s", self._scheduler.name, exc, jobs)
                    return [False] * len(collected)
                await asyncio.sleep(pause)
                pause *= 2
            else:
                return [True] * len(collected)

    async def _ids(self, collected: Sequence[Watched]) -> list[str]:
        """All jobs that may be behind these, those included that were submitted again."""
        wanted = self._wanted()
        ids = {watched.id for watched in collected if watched.id}
        doubtful = [watched for watched in collected if watched.doubtful or watched.id is None]
        if doubtful:
            ids.update(left.claim for left in await self._site.look(doubtful) if left.claim)
            tags = {watched.tag for watched in doubtful}
            for known, seen in (await self._scheduler.query([], names=True)).items():
                if seen.tag in tags and seen.tag not in wanted and seen.state.is_active:
                    ids.add(known)
        ids -= wanted
        for watched in collected:  # of one that was never submitted there is nothing to wait for
            if watched.id is None and not ids:
                watched.gone = time.monotonic()
        return sorted(ids)
