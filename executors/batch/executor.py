"""Leaf steps as jobs of a scheduler, on file systems that are shared with this machine and on others."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError, StateError
from dflow.engine.layout import StepLayout
from dflow.engine.ports import Capabilities, Outcome
from dflow.engine.state import read_phase
from dflow.executors.batch.asking import completed
from dflow.executors.batch.cancelling import Canceller
from dflow.executors.batch.monitor import Monitor
from dflow.executors.batch.options import BatchOptions
from dflow.executors.batch.patience import Patience
from dflow.executors.batch.places import CLAIM, EXIT, SCRIPT, Intent, write_script
from dflow.executors.batch.ports import Refused
from dflow.executors.batch.script import environment_text, script_text
from dflow.executors.batch.sites import Shared
from dflow.executors.batch.submitting import Request, Submitter
from dflow.executors.batch.watched import Watched
from dflow.executors.hosts import Unreachable
from dflow.executors.usage import USAGE, with_usage

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.ports import Job
    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.batch.sites import Site

__all__ = ["BatchExecutor"]

_log = logging.getLogger("dflow.executors")
_CANNOT_START = 126
_ODD = re.compile(r"[^A-Za-z0-9]+")


class BatchExecutor:
    """Runs each job as a job of a scheduler.

    A job of an engine that was killed goes on, and is found again: :meth:`run` in its directory waits for it. It is
    run once, however often it was submitted. The time limit of a job counts from when it begins, not while it waits.

    Args:
        site: where jobs run; on this machine's file system unless given.
        common: what the executors of a run have in common: for each scheduler and machine there is one who asks.
    """

    capabilities = Capabilities(elsewhere=True)

    def __init__(
        self,
        scheduler: Scheduler,
        options: BatchOptions | None = None,
        site: Site | None = None,
        common: dict[str, Any] | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._options = options or BatchOptions()
        self._site: Site = site or Shared()
        machine = f"monitor {scheduler.name} {self._site.name}"
        mine = Monitor(scheduler, self._options)
        self._monitor: Monitor = mine if common is None else common.setdefault(machine, mine)
        self._canceller = Canceller(scheduler, self._site, self._options, self._monitor.wanted)
        self._patience = Patience(self._site.name)
        self._submitter: Submitter | None = None
        self._told: set[Path] = set()
        self._strange: set[Path] = set()

    def close(self) -> None:
        """Nothing is kept for further jobs. Jobs that nobody waits for any more go on."""
        self._submitter = None

    async def finish(self) -> None:
        """No more jobs will come: leave nothing on the machine that nobody needs."""
        await self._site.finish()

    def adopt(self, step: Path) -> bool:
        """Whether a directory has a job of an earlier engine, to which :meth:`run` is to go back.

        It may wait, run, have ended, or be about to be submitted or cancelled; it may also be lost, as :meth:`run`
        will then say. Nothing in the directory may be changed before. A step that is committed, or whose end this
        executor has told already, has none: to run it again is to begin anew.
        """
        phase = read_phase(StepLayout(step))
        if step in self._told or (phase is not None and phase.is_final):
            return False
        intent = Intent.read(step)
        if intent is None or intent.state == "cancelled":
            return False
        if (intent.scheduler, intent.site) == (self._scheduler.name, self._site.name):
            return True
        if step not in self._strange:
            self._strange.add(step)
            where = f"{intent.scheduler} of {intent.site or 'this machine'}"
            _log.warning("job %s of %s may still run: it was %s's", intent.id or intent.tag, where, step.name)
        return False

    async def drop(self, step: Path) -> None:
        """Cancel the job of an earlier engine in a directory: it is not what is wanted any more."""
        watched, intent = self._attached(step)
        if intent is not None:
            await self._end(watched, intent)

    async def run(self, job: Job) -> Outcome:
        """Submit the job, or find it again, and wait for its end; when cancelled, cancel it."""
        step = job.log.parent if job.step is None else job.step
        try:
            outcome = await self._run(job, step)
        except (LeafError, Unreachable) as exc:
            outcome = Outcome(_CANNOT_START, message=str(exc))
        self._told.add(step)
        return outcome

    async def _run(self, job: Job, step: Path) -> Outcome:
        watched, intent = self._attached(step)
        self._told.discard(step)
        outcome: Outcome | None = None
        if intent is None:
            try:
                job, watched, intent = await self._prepared(job, step)
            except ValueError as exc:  # a NUL, or half of a character
                return Outcome(_CANNOT_START, message=f"cannot start {job.argv[0]!r}: {exc}")
            watched.report = job.report
            outcome = await self._submit(job, watched, intent)
        elif intent.state == "cancelling":  # the engine was killed meanwhile
            await self._end(watched, intent)
            return Outcome(1, message="it was cancelled", lost=True)
        else:
            _log.info("step %r goes on with job %s", job.name, watched.id or intent.tag)
            watched.report = job.report
            job = self._site.seen(job, step, watched.there)
        while outcome is None:
            outcome = await self._wait(watched, intent)
            if outcome is None:
                outcome = await self._submit(job, watched, intent)
        if not outcome.lost:
            await self._collect(watched, intent, outcome)
        return outcome

    def _attached(self, step: Path) -> tuple[Watched, Intent | None]:
        """The job that there is in a directory, as far as it is known."""
        intent = Intent.read(step) if self.adopt(step) else None
        if intent is None:
            return Watched(step, str(step), "", self._site), None
        watched = Watched(step, intent.there, intent.tag, self._site, intent.id)
        watched.doubtful = watched.id is None
        return watched, intent

    async def _prepared(self, job: Job, step: Path) -> tuple[Job, Watched, Intent]:
        """Have all in place that a job needs; the intent is written when it is the job's turn."""
        word = _ODD.sub("-", step.name).strip("-")[:40]
        tag = f"dflow-{word}-{uuid.uuid4().hex[:16]}"
        there = await self._patience.until_answered(lambda: self._site.place(step, tag))
        seen = self._site.seen(with_usage(job, step), step, there)
        intent = await anyio.to_thread.run_sync(self._write, seen, step, there, tag)
        try:
            await self._patience.until_answered(lambda: self._site.bring(step, there, job))
        except BaseException:
            self._site.discard(there)
            raise
        return seen, Watched(step, there, tag, self._site), intent

    def _write(self, job: Job, step: Path, there: str, tag: str) -> Intent:
        """Write the script and what it needs."""
        texts = [*job.argv, *job.env.values(), str(job.cwd), str(job.log)]
        if any("\0" in text for text in texts):
            raise ValueError("embedded null byte")
        for text in texts:
            text.encode("utf-8", "surrogateescape")
        for name in (CLAIM, EXIT, USAGE):  # of a job that was cancelled
            (step / name).unlink(missing_ok=True)
        options = self._options
        shell = self._head(job)[0].removeprefix("#!")
        script = script_text(job, there, self._scheduler.own_id, shell, options.before, options.after)
        write_script(step, script, environment_text(job.env, self._scheduler.own_variables))
        return Intent(
            tag=tag,
            scheduler=self._scheduler.name,
            options=options.resources.as_json(),
            site=self._site.name,
            there=there,
            outputs=job.outputs,
        )

    def _head(self, job: Job) -> list[str]:
        """The first lines of what is submitted."""
        if self._options.head:
            return list(self._options.head)
        resources = completed(self._options.resources, job)
        if resources.time is None and job.timeout is not None:
            turns = -(-self._options.group // self._options.together)
            resources = replace(resources, time=(job.timeout + job.grace) * turns)
        return ["#!/bin/sh", *self._scheduler.header(resources)]

    async def _submit(self, job: Job, watched: Watched, intent: Intent) -> Outcome | None:
        """How the job ended, if it could not be submitted."""
        if not (watched.step / SCRIPT).exists():
            return Outcome(_CANNOT_START, message=f"{watched.step / SCRIPT} is not there any more", lost=True)
        if self._submitter is None:
            self._submitter = Submitter(self._scheduler, self._options)
        head = "\n".join(self._head(job))
        try:
            await self._submitter.submit(Request(watched, intent, head, str(job.cwd), str(job.log)))
        except Refused as exc:
            self._note(watched, intent, "cancelled")
            return Outcome(_CANNOT_START, message=f"{self._scheduler.name} refuses the job: {exc}")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._end(watched, intent)
            raise
        return None

    async def _wait(self, watched: Watched, intent: Intent) -> Outcome | None:
        try:
            return await self._monitor.wait(watched)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._end(watched, intent)
            raise

    async def _collect(self, watched: Watched, intent: Intent, outcome: Outcome) -> None:
        """Bring what the job has made, however long the machine cannot be reached."""
        well = outcome.exit_code == 0
        self._patience.known = True
        task = asyncio.ensure_future(
            self._patience.until_answered(
                lambda: self._site.collect(watched.step, watched.there, intent.outputs, well=well), whatever=True
            )
        )
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:  # it has ended; half of it must not come when the directory is another's
            with anyio.CancelScope(shield=True), anyio.move_on_after(self._options.cancelling):
                await asyncio.wait([task])
            task.cancel()
            self._note(watched, intent, "cancelled")
            self._site.discard(watched.there)
            raise

    async def _end(self, watched: Watched, intent: Intent) -> None:
        """Cancel a job, and wait until it is gone. A later engine goes on with that, if this one is killed."""
        if watched.id is None and not watched.doubtful:
            self._note(watched, intent, "cancelled")
            return  # it was not submitted
        self._note(watched, intent, "cancelling")
        if await self._canceller.cancel(watched):
            with anyio.move_on_after(self._options.cancelling) as patience:
                await self._monitor.wait(watched, again=True)
            if not patience.cancelled_caught:
                self._note(watched, intent, "cancelled")
                self._site.discard(watched.there)
                return
        _log.warning("job %s may still be there", watched.id or watched.tag)

    def _note(self, watched: Watched, intent: Intent, state: str) -> None:
        try:
            replace(intent, tag=watched.tag, state=state, id=watched.id).write(watched.step)
        except (OSError, StateError) as exc:  # a full disk is no reason to leave a job in the queue
            _log.warning("cannot note that job %s is %s: %s", watched.id or watched.tag, state, exc)
