"""Runs each job in a container of its own; what it may see, and its end, are as those of a process here."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.engine.ports import Capabilities, Job, Outcome
from dflow.engine.process import end_steps
from dflow.executors.bundle import packages
from dflow.executors.container.engines import Engine, last_line, refuse_if_missing, size_of, text_from
from dflow.executors.container.mounts import Mounts
from dflow.executors.container.singularity import exec_words, image_source
from dflow.executors.container.words import Launch, as_in_image, run_words
from dflow.executors.subprocess import SubprocessExecutor
from dflow.executors.usage import taken_usage, with_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.executors.container.mounts import Mount
    from dflow.executors.container.options import ContainerOptions

__all__ = ["ContainerExecutor"]

_CANNOT_START, _KILLED = 126, 137
_OF_ENGINE = (125, 126, 127)
_FATAL = 255
_NOT_BEGUN = re.compile(
    r"^(?:ERROR \(catatonit:\d+\): failed to exec|\[FATAL tini \(\d+\)\] exec ).*\n?\Z", re.MULTILINE
)
_PACKAGES_AT = "/.dflow/packages"


class ContainerExecutor:
    """Runs each job in a container of the job's image.

    A container sees the run's directory and what links in it lead to, all of it read-only, and its step's directory,
    at the paths that they have here. Of the environment it has what the template declares.

    Args:
        python: the interpreter that jobs name which name none of their own; in an image it is ``python3``.
        nice: how far the clients give way to others that start containers, and with those of podman the containers.
    """

    capabilities = Capabilities(own_programs=True)

    def __init__(self, options: ContainerOptions, python: str = sys.executable, *, nice: int = 0) -> None:
        self._options = options
        self._python = python
        self._engine = None if options.is_unprivileged else Engine(options)
        self._client = SubprocessExecutor(nice)
        self._links: dict[str, tuple[str, ...]] = {}
        self._packages = packages()

    async def run(self, job: Job) -> Outcome:
        """Start a container and wait for its end; when cancelled or out of time, end and remove it."""
        step = job.step or job.cwd
        image = job.image or self._options.image
        if not image:
            return Outcome(_CANNOT_START, message="its template names no image: give it one, or the executor a default")
        job = with_usage(job, step)
        own = {**job.own_env, "DFLOW_CONTAINER": str(step.parent), "DFLOW_PACKAGES": _PACKAGES_AT}
        inside = replace(job, step=step, argv=as_in_image(job.argv, self._python), own_env=own)
        try:
            if self._engine is None:
                outcome = await self._run_unprivileged(inside, image_source(image))
            else:
                outcome = await self._run_named(inside, image, self._engine)
        except LeafError as exc:
            return Outcome(_CANNOT_START, message=str(exc))
        own_word = None if job.runtime is None else taken_usage(step)
        return outcome if own_word is None else replace(outcome, usage=own_word)

    def close(self) -> None:
        """Remove what has ended."""
        self._links.clear()
        if self._engine is not None:
            self._engine.close()

    async def _run_named(self, job: Job, image: str, engine: Engine) -> Outcome:
        """By podman or docker, which know containers by name."""
        step = job.step or job.cwd
        began = anyio.current_time()
        with anyio.move_on_after(job.timeout) as limit:
            await engine.ready(step.parent)
            await engine.tidy()
            image = await engine.image(image, job)
            mounts = await anyio.to_thread.run_sync(self._mounts, job)
        if limit.cancelled_caught:
            return Outcome(_KILLED, timed_out=True)
        name = engine.name(step)
        launch = run_words(self._options, job, image, mounts, name, (*engine.words, *engine.labels(step)))
        if job.timeout is not None:
            job = replace(job, timeout=max(job.timeout - (anyio.current_time() - began), 0.001))
        begin = size_of(job.log)
        try:
            outcome = await self._client.run(_client_job(job, launch))
            if outcome.timed_out or outcome.message is not None:
                await self._remove(name, step, engine)
                return replace(outcome, usage=None)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._remove(name, step, engine)
            raise
        return await self._judge(job, name, outcome.exit_code, begin, engine)

    async def _judge(self, job: Job, name: str, code: int, begin: int, engine: Engine) -> Outcome:
        """What the exit status of the engine's program means, which is mostly that of the container's."""
        engine.leave(name)
        if code == 0 and self._options.engine == "podman":
            return Outcome(0)
        ending = await engine.ending(name)
        text = text_from(job.log, begin) if code in _OF_ENGINE or code == 1 else ""
        if ending is not None and ending.started and not _NOT_BEGUN.search(text):
            limit = (job.resources.get("limits") or {}).get("memory")
            hint = None
            if ending.exit_code == _KILLED and (ending.out_of_memory or limit):
                surely = "" if ending.out_of_memory else "probably "
                hint = f"killed, {surely}out of memory: its limit is {limit or 'that of the machine'}"
            return Outcome(ending.exit_code, hint=hint)
        if ending is None and code not in _OF_ENGINE:
            return Outcome(code or _CANNOT_START, message=None if code else f"the container {name} is gone")
        return Outcome(_CANNOT_START, message=f"cannot start {' '.join(job.argv[:1])!r}: {last_line(text)}")

    async def _remove(self, name: str, step: Path, engine: Engine) -> None:
        await engine.remove(name)
        end_steps(step)

    async def _run_unprivileged(self, job: Job, image: str) -> Outcome:
        """By Singularity or Apptainer, whose containers are processes of ours."""
        step = job.step or job.cwd
        if self._options.pull == "Never" and "://" in image:
            text = (
                f"image {image!r} is no file, and image_pull_policy is 'Never': make one with: {self._options.program}"
            )
            return Outcome(_CANNOT_START, message=f"{text} pull image.sif {image}")
        refuse_if_missing(self._options)
        begin = size_of(job.log)
        launch = exec_words(self._options, job, image, await anyio.to_thread.run_sync(self._mounts, job))
        try:
            outcome = await self._client.run(replace(_client_job(job, launch), step=step))
        except BaseException:
            end_steps(step)
            raise
        if outcome.exit_code == _FATAL and not outcome.timed_out:
            said = last_line(text_from(job.log, begin))
            if said.startswith("FATAL"):
                return Outcome(_CANNOT_START, message=f"{self._options.engine} cannot run {image}: {said}")
        return outcome

    def _mounts(self, job: Job) -> Sequence[Mount]:
        step = job.step or job.cwd
        mounts = Mounts(self._links)
        mounts.add(str(step.parent))
        mounts.add(str(step), writable=True)
        for package in self._packages:
            mounts.add(package, at=f"{_PACKAGES_AT}/{Path(package).name}")
        mounts.follow(str(step.parent / ".dflow" / "lib"))
        mounts.follow(str(step))
        return mounts.listing()


def _client_job(job: Job, launch: Launch) -> Job:
    root = Path("/")
    return Job(job.name, launch.argv, root, launch.env, job.log, timeout=job.timeout, grace=job.grace)
