"""Waiting for jobs: one query for all of them at a time, and their own word before the scheduler's."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from dflow.executors.batch.ports import Cause
from dflow.executors.batch.watched import Watched, is_plain, outcome_of
from dflow.executors.hosts import Unanswered, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dflow.engine.ports import Outcome
    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.ports import Ended, Scheduler, Seen
    from dflow.executors.batch.sites import Left, Site

__all__ = ["Monitor"]

_log = logging.getLogger("dflow.executors")
_MANY = 1000
_NEARLY = 0.9


class Monitor:
    """Waits for all jobs of one scheduler, in one task that is there while there are jobs.

    A scheduler that does not answer is waited for: that is never the end of a job.
    """

    def __init__(self, scheduler: Scheduler, options: BatchOptions) -> None:
        self._scheduler = scheduler
        self._options = options
        self._watched: dict[Path, Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Event | None = None
        self._first = min(options.first, options.interval)
        self._pause = self._first
        self._hurried = self._asked = float("-inf")
        self._at_once = False
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
        self._watched[watched.step] = watched
        self._hurry(at_once=again)
        try:
            return await asyncio.shield(watched.future)
        finally:
            self._watched.pop(watched.step, None)

    def _hurry(self, *, at_once: bool) -> None:
        """Look soon, but not again and again while jobs are submitted one after the other.

        The scheduler itself is asked once in an interval, unless somebody waits for the end of what was cancelled.
        """
        now = time.monotonic()
        self._at_once = self._at_once or at_once
        started = self._task is not None and not self._task.done() and self._wake is not None
        if at_once or now - self._hurried > 2 * self._options.interval or not started:
            self._pause, self._hurried = self._first, now
            if started and self._wake is not None:
                self._wake.set()
        if not started:
            self._wake = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._loop())

    async def _loop(self) -> None:
        while True:
            try:
                await self._rest()
                if not self._watched:
                    return
                if self._at_once or time.monotonic() - self._asked >= _NEARLY * self._options.interval:
                    await self._round()
                else:  # a job that was short has left something by now; the scheduler need not be asked for that
                    await self._settle(self._next_turn(list(self._watched.values()), _MANY))
            except Exception:  # noqa: BLE001, PERF203 - the jobs are still there, and so is who waits for them
                _log.exception("a round of looking at jobs failed; the next one follows")
                await asyncio.sleep(self._first)

    async def _rest(self) -> None:
        """Wait for the time of the next look; jobs that the scheduler calls ended are looked at meanwhile."""
        now, jitter = time.monotonic(), random.uniform(_NEARLY, 1.1)  # noqa: S311 - so that engines take turns
        end, due = now + self._pause * jitter, self._asked + self._options.interval * jitter
        if due > now:
            end = min(end, due)
        self._pause = min(self._pause * 2, self._options.interval)
        while self._watched and (left := end - time.monotonic()) > 0:
            gone = [watched for watched in self._watched.values() if watched.gone is not None]
            if gone and await self._woken(min(left, max(one.site.pause for one in gone))):
                end = min(end, time.monotonic() + self._pause)
            elif gone:
                await self._settle(gone)
            elif await self._woken(left):
                end = min(end, time.monotonic() + self._pause)

    def wanted(self) -> set[str]:
        """The ids and tags of jobs that are not being cancelled: one that runs several steps may be wanted by one."""
        return {name for one in self._watched.values() if not one.cancelling for name in (one.id, one.tag) if name}

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
        asked = self._asked = time.monotonic()
        self._at_once = False
        waiting = list(self._watched.values())
        turn = self._next_turn(waiting, self._options.rotation)
        try:
            self._seen = await self._query(waiting)
        except (Unanswered, Unreachable) as exc:
            if not self._silent:
                _log.warning("%s: %s; its jobs are waited for", self._scheduler.name, exc)
            self._silent = True
            await self._settle(turn)
            return
        if self._silent:
            _log.warning("%s answers again", self._scheduler.name)
        self._silent = False
        self._report(waiting)
        tags = {seen.tag: known for known, seen in self._seen.items() if seen.tag}
        ended = [watched for watched in waiting if watched.since < asked and self._is_over(watched, tags, asked)]
        chosen = {watched.step for watched in ended}
        await self._settle([*ended, *(watched for watched in turn if watched.step not in chosen)])

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

    def _report(self, waiting: Sequence[Watched]) -> None:
        """Tell what jobs wait for, as the last query says."""
        for watched in waiting:
            seen = None if watched.cancelling else self._of(watched)
            if seen is not None and watched.step in self._watched:
                watched.tell(seen.waits_for)

    def _of(self, watched: Watched) -> Seen | None:
        """What the last query says of a job; a scheduler that was set up anew gives numbers a second time."""
        seen = self._seen.get(watched.id or "")
        return None if seen is not None and seen.tag not in ("", watched.tag) else seen

    def _next_turn(self, waiting: Sequence[Watched], many: int) -> list[Watched]:
        """A few jobs, others each time."""
        if self._turn >= len(waiting):
            self._turn = 0
        begin, self._turn = self._turn, self._turn + many
        return list(waiting[begin : self._turn])

    async def _settle(self, looked: Sequence[Watched]) -> None:
        """Look at what jobs have left, and end those of which enough is known."""
        if not looked:
            return
        try:
            left = await _look(looked)
        except (Unanswered, Unreachable) as exc:
            _log.info("%s; its jobs are waited for", exc)
            return
        now, open_ends = time.monotonic(), list[tuple[Watched, "Exit | None"]]()
        for watched, one in zip(looked, left, strict=True):
            found = one.exit
            if watched.cancelling:
                if found is not None or watched.gone is not None:
                    self._end(watched, outcome_of(found, None))
            elif found is not None and is_plain(found):
                self._end(watched, outcome_of(found, None))
            elif watched.gone is not None and (found is not None or self._is_given_up(watched, one, now)):
                open_ends.append((watched, found))
        if open_ends:
            known = await self._explain([watched for watched, _ in open_ends])
            for watched, found in open_ends:
                self._end(watched, outcome_of(found, known.get(watched.id or "")))

    def _end(self, watched: Watched, outcome: Outcome | None) -> None:
        """Tell who waits; nobody does from now on."""
        self._watched.pop(watched.step, None)
        watched.end(outcome)

    def _is_given_up(self, watched: Watched, left: Left, now: float) -> bool:
        """Whether a job that left nothing, and that the scheduler does not run, is to be waited for no longer."""
        claimed = left.claim
        if watched.id is None and claimed is None:
            self._end(watched, None)
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
            except (Unanswered, Unreachable) as exc:
                _log.info("%s does not say why jobs ended: %s", self._scheduler.name, exc)
        return known


async def _look(looked: Sequence[Watched]) -> list[Left]:
    """What jobs have left, with one look at each site."""
    by_site: dict[int, list[Watched]] = {}
    for watched in looked:
        by_site.setdefault(id(watched.site), []).append(watched)
    found: dict[Path, Left] = {}
    for some in by_site.values():
        site: Site = some[0].site
        found.update(zip((one.step for one in some), await site.look(some), strict=True))
    return [found[watched.step] for watched in looked]
