"""Where jobs run, seen from their files: a file system that is shared with this machine, or another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread
from dflow.engine.records import record
from dflow.executors.batch.places import claimed_id, forbid, read_exit
from dflow.executors.container.mounts import Mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dflow.engine.ports import Job
    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.watched import Watched

__all__ = ["Left", "Shared", "Site", "script_at", "with_command"]

_SHELL = ("/bin/sh", "-c")
_WRAPPED = 4


def script_at(argv: Sequence[str]) -> int:
    """Where in the words of a job those begin that run its script: after those that keep its standard output."""
    return _WRAPPED if tuple(argv[:2]) == _SHELL and len(argv) > _WRAPPED else 0


def with_command(argv: Sequence[str], command: Sequence[str]) -> tuple[str, ...]:
    """The words of a job, with another command for its script, which is the last of them."""
    return (*argv[: script_at(argv)], *command, argv[-1])


@record(frozen=True, slots=True)
class Left:
    """What a job has left.

    Attributes:
        exit: how it ended.
        claim: the id of the job that runs the step; empty where it says none, None where none does yet, as far as that
            was looked for: how it ended says enough.
    """

    exit: Exit | None
    claim: str | None


class Site(Protocol):
    """Where jobs run. All of it may raise ``Unanswered`` or ``Unreachable``, but for :class:`Shared`.

    Attributes:
        name: to know it again; empty for this machine.
        pause: how long to wait before looking again at jobs that have ended and left nothing yet, in seconds.
    """

    name: str
    pause: float

    async def place(self, step: Path, tag: str) -> str:
        """The directory there that a step is to have."""
        ...

    def seen(self, job: Job, step: Path, there: str) -> Job:
        """A job in the words of that place."""
        ...

    async def bring(self, step: Path, there: str, job: Job) -> None:
        """Have all there that a job needs. Its step's directory is complete."""
        ...

    async def look(self, looked: Sequence[Watched]) -> list[Left]:
        """What jobs have left."""
        ...

    async def forbid(self, watched: Sequence[Watched]) -> None:
        """No job begins these steps from now on; one that runs already is not concerned."""
        ...

    async def collect(self, step: Path, there: str, outputs: Sequence[str], *, well: bool) -> None:
        """Bring what a job has made to the step's directory here; may be done again.

        Args:
            outputs: declared places of outputs, relative to the step's directory.
            well: it has succeeded.
        """
        ...

    def discard(self, there: str) -> None:
        """A directory there is not wanted any more; it is removed some time."""
        ...

    async def finish(self) -> None:
        """Nothing more is to run here: what was brought for all is not needed any more."""
        ...


class Shared:
    """A file system that this machine and those that run jobs share.

    Args:
        wrap: makes other words of those that run a job, with the directories that it uses.
        command: the words that run any script, in place of those of its template.
    """

    name = ""
    pause = 1.0

    def __init__(
        self,
        wrap: Callable[[Sequence[str], Sequence[str], Job], tuple[str, ...]] | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        self._wrap = wrap
        self._command = command

    async def place(self, step: Path, tag: str) -> str:
        """As here."""
        del tag
        return str(step)

    def seen(self, job: Job, step: Path, there: str) -> Job:
        """As it is, but for what runs it."""
        del there
        if self._command and job.argv:
            job = replace(job, argv=with_command(job.argv, self._command))
        if self._wrap is not None and job.argv:
            mounts = Mounts({})
            mounts.add(str(step.parent), writable=True)
            mounts.follow(str(step.parent / ".dflow" / "lib"))
            mounts.follow(str(step))
            job = replace(job, argv=self._wrap(job.argv, [mount.source for mount in mounts.listing()], job))
        return job

    async def bring(self, step: Path, there: str, job: Job) -> None:
        """It is there."""

    async def look(self, looked: Sequence[Watched]) -> list[Left]:
        """Read the files."""
        return await anyio.to_thread.run_sync(_read, [watched.step for watched in looked])

    async def forbid(self, watched: Sequence[Watched]) -> None:
        """Make claims."""
        for one in watched:
            forbid(one.step)

    async def collect(self, step: Path, there: str, outputs: Sequence[str], *, well: bool) -> None:
        """It is here."""

    def discard(self, there: str) -> None:
        """It is that of the step."""

    async def finish(self) -> None:
        """Nothing was brought."""


def _read(steps: Sequence[Path]) -> list[Left]:
    found = []
    for step in steps:
        left = read_exit(step)
        found.append(Left(left, claimed_id(step) if left is None else None))
    return found
