"""Cancelling jobs: collected for a moment, then many with one command."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from dflow.executors.batch.places import claimed_id, forbid
from dflow.executors.batch.ports import Unanswered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.batch.watched import Watched

__all__ = ["Canceller"]

_log = logging.getLogger("dflow.executors")
_AT_ONCE = 500


class Canceller:
    """Cancels the jobs of one scheduler."""

    def __init__(self, scheduler: Scheduler, options: BatchOptions) -> None:
        self._scheduler = scheduler
        self._options = options
        self._collected: list[Watched] = []
        self._task: asyncio.Task[bool] | None = None

    async def cancel(self, watched: Watched) -> bool:
        """Have a job end, and never begin if it has not; False when the scheduler could not be told."""
        watched.cancelling = True
        forbid(watched.step)
        self._collected.append(watched)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._flush())
        return await asyncio.shield(self._task)

    async def _flush(self) -> bool:
        await asyncio.sleep(self._options.collect)
        collected, self._collected, self._task = self._collected, [], None
        ids: list[str] = []
        end, pause = time.monotonic() + self._options.cancelling, 0.5
        while True:
            try:
                ids = await self._ids(collected)
                for begin in range(0, len(ids), _AT_ONCE):
                    await self._scheduler.cancel(ids[begin : begin + _AT_ONCE])
            except Unanswered as exc:  # noqa: PERF203 - seconds apart
                if time.monotonic() + pause > end:
                    jobs = " ".join(ids) or "perhaps " + " ".join(watched.tag for watched in collected)
                    _log.warning("%s: %s; these jobs are not cancelled: %s", self._scheduler.name, exc, jobs)
                    return False
                await asyncio.sleep(pause)
                pause *= 2
            else:
                return True

    async def _ids(self, collected: Sequence[Watched]) -> list[str]:
        """All jobs that may be behind these, those included that were submitted again."""
        ids = {watched.id for watched in collected if watched.id}
        doubtful = {watched.tag: watched for watched in collected if watched.doubtful or watched.id is None}
        if doubtful:
            ids.update(claimed for watched in doubtful.values() if (claimed := claimed_id(watched.step)))
            for known, seen in (await self._scheduler.query([], names=True)).items():
                if seen.tag in doubtful and seen.state.is_active:
                    ids.add(known)
        for watched in collected:  # of one that was never submitted there is nothing to wait for
            if watched.id is None and not ids:
                watched.gone = time.monotonic()
        return sorted(ids)
