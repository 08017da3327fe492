"""Submitting jobs gently: a few at a time, so many in a second, and each told of on the disk before."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from dflow.executors.batch.places import SCRIPT
from dflow.executors.batch.ports import Full, Submission, Unanswered

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.places import Intent
    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.batch.watched import Watched

__all__ = ["Submitter"]

_log = logging.getLogger("dflow.executors")


class Submitter:
    """Submits the jobs of one scheduler."""

    def __init__(self, scheduler: Scheduler, options: BatchOptions) -> None:
        self._scheduler = scheduler
        self._options = options
        self._places = anyio.Semaphore(options.parallel)
        self._next = 0.0
        self._full = False

    async def submit(self, watched: Watched, intent: Intent, *, cwd: Path, log: Path) -> None:
        """Submit a job whose script is there. It may be doubtful after this whether it was.

        Raises:
            Refused: the scheduler will not have it.
        """
        submission = Submission(script=watched.step / SCRIPT, tag=watched.tag, cwd=cwd, log=log)
        async with self._places:
            while True:
                await self._take_turn()
                try:
                    with anyio.CancelScope(shield=True):
                        intent.write(watched.step)
                        watched.id = await self._scheduler.submit(submission)
                        replace(intent, state="submitted", id=watched.id).write(watched.step)
                except Full as exc:
                    await self._wait_for_room(exc)
                    continue
                except Unanswered as exc:
                    _log.info("%s: %s; whether %s was submitted is asked later", self._scheduler.name, exc, watched.tag)
                    watched.doubtful, watched.id = True, None
                    await anyio.sleep(self._options.first)
                self._full = False
                watched.since, watched.gone = time.monotonic(), None
                return

    async def _take_turn(self) -> None:
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + 1 / self._options.rate
        await anyio.sleep(mine - now)

    async def _wait_for_room(self, exc: Full) -> None:
        if exc.args and not self._full:
            _log.warning("%s takes no more jobs for now: %s; they are submitted later", self._scheduler.name, exc)
        self._full = self._full or bool(exc.args)
        await anyio.sleep(self._options.interval if exc.args else 0.05)
