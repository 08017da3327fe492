"""Waiting for jobs: one query for all of them at a time, and their own word before the scheduler's."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

import anyio.to_thread
from dflow.executors.batch.places import claimed_id, read_exit
from dflow.executors.batch.ports import Cause, Unanswered
from dflow.executors.batch.watched import Watched, is_plain, outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dflow.engine.ports import Outcome
    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.ports import Ended, Scheduler, Seen

__all__ = ["Monitor"]

_log = logging.getLogger("dflow.executors")
_LOOK = 1.0


class Monitor:
    """Waits for all jobs of one scheduler, in one task that is there while there are jobs.

    A scheduler that does not answer is waited for: that is never the end of a job.
    """

    def __init__(self, scheduler: Scheduler, options: BatchOptions) -> None:
        self._scheduler = scheduler
        self._options = options
        self._watched: dict[str, Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._pause = options.first
        self._hurried = float("-inf")
        self._turn = 0
        self._silent = False
        self._seen: Mapping[str, Seen] = {}

    async def wait(self, watched: Watched, *, again: bool = False) -> Outcome | None:
        """How a job ended; None when the scheduler has never heard of it, and it is to be submitted.

        Args:
            again: it has just been cancelled; its end is all that is wanted.
        """
        if watched.future is None or watched.future.done():
            watched.future = asyncio.get_running_loop().create_future()
        watched.since = max(watched.since, time.monotonic())
        self._watched[watched.tag] = watched
        self._hurry(at_once=again)
        try:
            return await asyncio.shield(watched.future)
        finally:
            self._watched.pop(watched.tag, None)

    def _hurry(self, *, at_once: bool) -> None:
        """The next queries come soon, but not again and again while jobs are submitted one after the other."""
        now = time.monotonic()
        started = self._task is not None and not self._task.done() and self._wake is not None
        if at_once or now - self._hurried > 2 * self._options.interval or not started:
            self._pause, self._hurried = self._options.first, now
            if started and self._wake is not None:
                self._wake.set()
        if not started:
            self._wake = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._loop())

    async def _loop(self) -> None:
        while True:
            await self._rest()
            if not self._watched:
                return
            try:
                await self._round()
            except Exception:  # noqa: BLE001 - the jobs are still there, and so is who waits for them
                _log.exception("a round of looking at jobs failed; the next one follows")

    async def _rest(self) -> None:
        """Wait for the time of the next query; jobs that the scheduler calls ended are looked at meanwhile."""
        end = time.monotonic() + self._pause * random.uniform(0.9, 1.1)  # noqa: S311 - so that engines take turns
        self._pause = min(self._pause * 2, self._options.interval)
        while self._watched and (left := end - time.monotonic()) > 0:
            gone = [watched for watched in self._watched.values() if watched.gone is not None]
            if gone:
                await self._settle(gone)
            if await self._woken(min(left, _LOOK) if gone else left):
                end = min(end, time.monotonic() + self._pause)

    async def _woken(self, seconds: float) -> bool:
        if self._wake is None:
            return False
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _round(self) -> None:
        """One query, and what it means."""
        asked = time.monotonic()
        waiting = list(self._watched.values())
        turn = self._next_turn(waiting)
        try:
            self._seen = await self._query(waiting)
        except Unanswered as exc:
            if not self._silent:
                _log.warning("%s: %s; its jobs are waited for", self._scheduler.name, exc)
            self._silent = True
            await self._settle(turn)
            return
        if self._silent:
            _log.warning("%s answers again", self._scheduler.name)
        self._silent = False
        tags = {seen.tag: known for known, seen in self._seen.items() if seen.tag}
        ended = [watched for watched in waiting if watched.since < asked and self._is_over(watched, tags, asked)]
        chosen = {watched.tag for watched in ended}
        await self._settle([*ended, *(watched for watched in turn if watched.tag not in chosen)])

    async def _query(self, waiting: Sequence[Watched]) -> Mapping[str, Seen]:
        known = [watched.id for watched in waiting if watched.id is not None]
        return await self._scheduler.query(known, names=len(known) < len(waiting))

    def _is_over(self, watched: Watched, tags: Mapping[str, str], asked: float) -> bool:
        """Take in what the query says of a job; whether it is no longer active."""
        if watched.id is None:
            watched.id = tags.get(watched.tag)
        seen = self._of(watched)
        if seen is not None and seen.state.is_active:
            watched.gone = None
            return False
        if watched.gone is None:
            watched.gone = asked
        return True

    def _of(self, watched: Watched) -> Seen | None:
        """What the last query says of a job; a scheduler that was set up anew gives numbers a second time."""
        seen = self._seen.get(watched.id or "")
        return None if seen is not None and seen.tag not in ("", watched.tag) else seen

    def _next_turn(self, waiting: Sequence[Watched]) -> list[Watched]:
        """A few jobs, others each time."""
        if self._turn >= len(waiting):
            self._turn = 0
        begin, self._turn = self._turn, self._turn + self._options.rotation
        return list(waiting[begin : self._turn])

    async def _settle(self, looked: Sequence[Watched]) -> None:
        """Look at what jobs have left, and end those of which enough is known."""
        left = await anyio.to_thread.run_sync(_read_exits, [watched.step for watched in looked])
        now, open_ends = time.monotonic(), list[tuple[Watched, "Exit | None"]]()
        for watched, found in zip(looked, left, strict=True):
            if watched.cancelling:
                if found is not None or watched.gone is not None:
                    watched.end(outcome_of(found, None))
            elif found is not None and is_plain(found):
                watched.end(outcome_of(found, None))
            elif watched.gone is not None and (found is not None or self._is_given_up(watched, now)):
                open_ends.append((watched, found))
        if open_ends:
            known = await self._explain([watched for watched, _ in open_ends])
            for watched, found in open_ends:
                watched.end(outcome_of(found, known.get(watched.id or "")))

    def _is_given_up(self, watched: Watched, now: float) -> bool:
        """Whether a job that left nothing, and that the scheduler does not run, is to be waited for no longer."""
        claimed = claimed_id(watched.step)
        if watched.id is None and claimed is None:
            watched.end(None)
            return False
        if claimed and claimed != watched.id:  # of two submissions this one runs
            watched.id, watched.gone, watched.since = claimed, None, now
            return False
        return watched.gone is not None and now - watched.gone >= self._options.grace

    async def _explain(self, looked: Sequence[Watched]) -> Mapping[str, Ended]:
        """Why jobs ended: as the last query says, else with one more command for all."""
        known: dict[str, Ended] = {}
        for watched in looked:
            seen = self._of(watched)
            if seen is not None and seen.ended is not None and watched.id:
                known[watched.id] = seen.ended
        unclear = [
            watched.id
            for watched in looked
            if watched.id and (watched.id not in known or known[watched.id].cause is Cause.CANCELLED)
        ]
        if unclear:
            try:
                known.update(await self._scheduler.explain(unclear))
            except Unanswered as exc:
                _log.info("%s does not say why jobs ended: %s", self._scheduler.name, exc)
        return known


def _read_exits(steps: Sequence[Path]) -> list[Exit | None]:
    return [read_exit(step) for step in steps]
