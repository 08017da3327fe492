"""Leaf steps as jobs of a scheduler that shares the file system with this machine."""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.layout import StepLayout
from dflow.engine.ports import Capabilities, Outcome
from dflow.engine.state import read_phase
from dflow.executors.batch.cancelling import Canceller
from dflow.executors.batch.monitor import Monitor
from dflow.executors.batch.options import BatchOptions
from dflow.executors.batch.places import CLAIM, EXIT, SCRIPT, Intent, write_script
from dflow.executors.batch.ports import Refused
from dflow.executors.batch.script import environment_text, script_text
from dflow.executors.batch.submitting import Submitter
from dflow.executors.batch.watched import Watched

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.ports import Job
    from dflow.executors.batch.ports import Scheduler

__all__ = ["BatchExecutor"]

_log = logging.getLogger("dflow.executors")
_CANNOT_START = 126
_ODD = re.compile(r"[^A-Za-z0-9]+")


class BatchExecutor:
    """Runs each job as a job of a scheduler; the compute node sees the directory of the step.

    A job of an engine that was killed goes on, and is found again: :meth:`run` in its directory waits for it. It is
    run once, however often it was submitted. The time limit of a job counts from when it begins, not while it waits.
    """

    capabilities = Capabilities(elsewhere=True)

    def __init__(self, scheduler: Scheduler, options: BatchOptions | None = None) -> None:
        self._scheduler = scheduler
        self._options = options or BatchOptions()
        self._monitor = Monitor(scheduler, self._options)
        self._canceller = Canceller(scheduler, self._options)
        self._submitter: Submitter | None = None
        self._told: set[Path] = set()

    def close(self) -> None:
        """Nothing is kept for further jobs. Jobs that nobody waits for any more go on."""
        self._submitter = None

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
        return intent is not None and intent.scheduler == self._scheduler.name and intent.state != "cancelled"

    async def drop(self, step: Path) -> None:
        """Cancel the job of an earlier engine in a directory: it is not what is wanted any more."""
        watched, intent = self._attached(step)
        if intent is not None:
            await self._end(watched, intent)

    async def run(self, job: Job) -> Outcome:
        """Submit the job, or find it again, and wait for its end; when cancelled, cancel it."""
        step = job.log.parent if job.step is None else job.step
        outcome = await self._run(job, step)
        self._told.add(step)
        return outcome

    async def _run(self, job: Job, step: Path) -> Outcome:
        watched, intent = self._attached(step)
        self._told.discard(step)
        if intent is None:
            try:
                intent = await anyio.to_thread.run_sync(self._prepare, job, step)
            except ValueError as exc:  # a NUL, or half of a character
                return Outcome(_CANNOT_START, message=f"cannot start {job.argv[0]!r}: {exc}")
            watched = Watched(step, intent.tag)
            outcome = await self._submit(job, watched, intent)
        elif intent.state == "cancelling":  # the engine was killed meanwhile
            await self._end(watched, intent)
            return Outcome(1, message="it was cancelled", lost=True)
        else:
            _log.info("step %r goes on with job %s", job.name, watched.id or intent.tag)
            outcome = None
        while outcome is None:
            outcome = await self._wait(watched, intent)
            if outcome is None:
                outcome = await self._submit(job, watched, intent)
        return outcome

    def _attached(self, step: Path) -> tuple[Watched, Intent | None]:
        """The job that there is in a directory, as far as it is known."""
        intent = Intent.read(step) if self.adopt(step) else None
        watched = Watched(step, "" if intent is None else intent.tag, None if intent is None else intent.id)
        watched.doubtful = watched.id is None
        return watched, intent

    def _prepare(self, job: Job, step: Path) -> Intent:
        """Write the script and what it needs; the intent follows when it is the job's turn."""
        texts = [*job.argv, *job.env.values(), str(job.cwd), str(job.log)]
        if any("\0" in text for text in texts):
            raise ValueError("embedded null byte")
        for text in texts:
            text.encode("utf-8", "surrogateescape")
        resources = self._options.resources
        if resources.time is None and job.timeout is not None:
            resources = replace(resources, time=job.timeout + job.grace)
        for name in (CLAIM, EXIT):  # of a job that was cancelled
            (step / name).unlink(missing_ok=True)
        script = script_text(job, str(step), self._scheduler.header(resources), self._scheduler.own_id)
        write_script(step, script, environment_text(job.env, self._scheduler.own_variables))
        word = _ODD.sub("-", step.name).strip("-")[:40]
        tag = f"dflow-{word}-{uuid.uuid4().hex[:16]}"
        return Intent(tag=tag, scheduler=self._scheduler.name, options=resources.as_json())

    async def _submit(self, job: Job, watched: Watched, intent: Intent) -> Outcome | None:
        """How the job ended, if it could not be submitted."""
        if not (watched.step / SCRIPT).exists():
            return Outcome(_CANNOT_START, message=f"{watched.step / SCRIPT} is not there any more", lost=True)
        if self._submitter is None:
            self._submitter = Submitter(self._scheduler, self._options)
        try:
            await self._submitter.submit(watched, intent, cwd=job.cwd, log=job.log)
        except Refused as exc:
            _note(watched, intent, "cancelled")
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

    async def _end(self, watched: Watched, intent: Intent) -> None:
        """Cancel a job, and wait until it is gone. A later engine goes on with that, if this one is killed."""
        if watched.id is None and not watched.doubtful:
            _note(watched, intent, "cancelled")
            return  # it was not submitted
        _note(watched, intent, "cancelling")
        if await self._canceller.cancel(watched):
            with anyio.move_on_after(self._options.cancelling) as patience:
                await self._monitor.wait(watched, again=True)
            if not patience.cancelled_caught:
                _note(watched, intent, "cancelled")
                return
        _log.warning("job %s may still be there", watched.id or watched.tag)


def _note(watched: Watched, intent: Intent, state: str) -> None:
    replace(intent, state=state, id=watched.id).write(watched.step)
