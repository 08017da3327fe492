"""Submitting jobs gently: many with one command, so many commands in a second, each told of on the disk before."""

from __future__ import annotations

import asyncio
import logging
import posixpath
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.records import record
from dflow.executors.batch.groups import script_of
from dflow.executors.batch.places import SCRIPT
from dflow.executors.batch.ports import Full, Refused, Submission
from dflow.executors.batch.together import Together
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.executors.batch.options import BatchOptions
    from dflow.executors.batch.places import Intent
    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.batch.watched import Watched

__all__ = ["Request", "Submitter"]

_log = logging.getLogger("dflow.executors")
_NOWHERE = "/dev/null"


@record(frozen=True, slots=True)
class Request:
    """A job that is to be submitted, whose script is there.

    Attributes:
        head: the first lines of what is submitted: what it asks for.
        cwd, log: as of :class:`~dflow.executors.batch.ports.Submission`.
    """

    watched: Watched
    intent: Intent
    head: str
    cwd: str
    log: str

    @property
    def script(self) -> str:
        """Its script, there."""
        return f"{self.watched.there}/{SCRIPT}"


class Submitter:
    """Submits the jobs of one scheduler.

    Jobs that ask for the same are submitted together: ``BatchOptions.group`` of them as one job that runs one after
    the other, and these as an array where the scheduler has arrays.
    """

    def __init__(self, scheduler: Scheduler, options: BatchOptions) -> None:
        self._scheduler = scheduler
        self._options = options
        self._places = anyio.Semaphore(options.parallel)
        self._next = 0.0
        self._full = False
        self._dropped = asyncio.Event()
        self._array = options.array if scheduler.index else 1
        self._tasks: set[asyncio.Task[None]] = set()
        self._together: Together[Request, asyncio.Future[Exception | None]] = Together(
            self._begin, options.collect, 1_000_000
        )

    async def submit(self, request: Request) -> None:
        """Submit a job. It may be doubtful after this whether it was.

        Raises:
            Refused: the scheduler will not have it.
        """
        task = asyncio.ensure_future(self._settled(request))
        try:
            refused = await asyncio.shield(task)
        except asyncio.CancelledError:  # one that is being submitted is to be known, so that it can be cancelled
            request.watched.cancelling = True
            self._dropped.set()
            self._dropped = asyncio.Event()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
            raise
        if refused is not None:
            raise refused

    async def _settled(self, request: Request) -> Exception | None:
        return await (await self._together(request))

    async def _begin(self, requests: Sequence[Request]) -> list[asyncio.Future[Exception | None]]:
        """Begin to submit jobs; what was refused of them comes for each when it is known."""
        loop = asyncio.get_running_loop()
        ends = {id(request): loop.create_future() for request in requests}
        by_head: dict[str, list[Request]] = {}
        for request in requests:
            by_head.setdefault(request.head, []).append(request)
        for alike in by_head.values():
            for part in _parts(alike, self._options.group * self._array):
                task = loop.create_task(self._submit_some(part, ends))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return [ends[id(request)] for request in requests]

    async def _submit_some(
        self, requests: Sequence[Request], ends: dict[int, asyncio.Future[Exception | None]]
    ) -> None:
        groups = _parts(requests, self._options.group)
        refused: Exception | None = None
        try:
            await self._submit_again(groups)
        except (Refused, Full) as exc:
            if len(groups) > 1 and (isinstance(exc, Full) or "array" in str(exc).lower()):  # none, or not so long ones
                self._array = max(len(groups) // 2, 1)
                for part in _parts(requests, self._options.group * self._array):
                    await self._submit_some(part, ends)
                return
            refused = exc
        except Exception as exc:  # noqa: BLE001 - told to each
            refused = exc
        for request in requests:
            ends[id(request)].set_result(refused)

    async def _submit_again(self, groups: Sequence[Sequence[Request]]) -> None:
        """Submit, as often as the options say."""
        for left in range(self._options.tries, -1, -1):
            try:
                await self._submit_one(groups)
            except Refused:  # noqa: PERF203 - seconds apart
                if left == 0:
                    raise
                await anyio.sleep(self._options.first)
            else:
                return

    async def _submit_one(self, groups: Sequence[Sequence[Request]]) -> None:
        first = groups[0][0]
        alone = len(groups) == 1
        tag = first.intent.tag if alone and len(groups[0]) == 1 else f"dflow-{len(groups)}-{uuid.uuid4().hex[:16]}"
        scripts = [[request.script for request in group] for group in groups]
        submission = Submission(
            text=script_of(first.head, scripts, self._scheduler.index, self._options.together),
            tag=tag,
            cwd=first.cwd if alone and len(groups[0]) == 1 else posixpath.dirname(first.watched.there),
            log=first.log if alone and len(groups[0]) == 1 else _NOWHERE,
            count=None if alone else len(groups),
        )
        tags = [tag if alone else f"{tag}_{number}" for number in range(len(groups))]
        asked = [replace(r.intent, tag=own) for group, own in zip(groups, tags, strict=True) for r in group]
        requests = [request for group in groups for request in group]
        for request, intent in zip(requests, asked, strict=True):
            request.watched.tag = intent.tag
        async with self._places:
            await self._until_taken(submission, requests, asked, [len(group) for group in groups])

    async def _until_taken(
        self, submission: Submission, requests: Sequence[Request], intents: Sequence[Intent], sizes: Sequence[int]
    ) -> None:
        while True:
            await self._take_turn()
            if all(request.watched.cancelling for request in requests):
                return
            try:
                with anyio.CancelScope(shield=True):
                    await _write(requests, intents)
                    known = await self._scheduler.submit(submission)
                    ids = [known] if submission.count is None else [f"{known}_{n}" for n in range(len(sizes))]
                    each = [one for one, size in zip(ids, sizes, strict=True) for _ in range(size)]
                    for request, own in zip(requests, each, strict=True):
                        request.watched.id = own
                    done = [replace(i, state="submitted", id=own) for i, own in zip(intents, each, strict=True)]
                    await _write(requests, done)
            except Full as exc:
                if submission.count is not None:
                    raise  # perhaps there is room for fewer
                await self._wait_for_room(exc, requests)
                continue
            except Unanswered as exc:
                what = f"{len(requests)} jobs" if len(requests) > 1 else submission.tag
                _log.info("%s: %s; whether %s was submitted is asked later", self._scheduler.name, exc, what)
                for request in requests:
                    request.watched.doubtful, request.watched.id = True, None
                await self._rest(self._options.first)
            self._full = False
            for request in requests:
                request.watched.tell("")
                request.watched.since, request.watched.gone = time.monotonic(), None
            return

    async def _take_turn(self) -> None:
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + 1 / self._options.rate
        await self._rest(mine - now)

    async def _wait_for_room(self, exc: Full, requests: Sequence[Request]) -> None:
        for request in requests if exc.args else ():
            request.watched.tell(f"not submitted yet: {self._scheduler.name} takes no more jobs for now")
        if exc.args and not self._full:
            _log.warning("%s takes no more jobs for now: %s; they are submitted later", self._scheduler.name, exc)
        self._full = self._full or bool(exc.args)
        await self._rest(self._options.interval if exc.args else 0.05)

    async def _rest(self, seconds: float) -> None:
        """Wait, unless somebody does not want to any more."""
        with anyio.move_on_after(seconds):
            await self._dropped.wait()


def _parts(items: Sequence[Request], size: int) -> list[Sequence[Request]]:
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


async def _write(requests: Sequence[Request], intents: Sequence[Intent]) -> None:
    pairs = list(zip(requests, intents, strict=True))
    if len(pairs) == 1:
        pairs[0][1].write(pairs[0][0].watched.step)
    else:
        await anyio.to_thread.run_sync(_write_all, pairs)


def _write_all(pairs: Sequence[tuple[Request, Intent]]) -> None:
    for request, intent in pairs:
        intent.write(request.watched.step)
