"""What the engine asks of others: a way to run the program of a leaf step, and a store beside its own directory."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dflow.engine.node import Node

__all__ = ["Capabilities", "Executor", "Job", "Lineage", "ObjectStore", "Outcome", "Usage"]


@record(frozen=True, slots=True)
class Capabilities:
    """What an executor can do.

    Attributes:
        parallel: several jobs at once.
        timeouts: it ends a job after ``Job.timeout``.
        cancel: cancelling ``run`` ends the job, with everything it started.
        own_programs: jobs find other programs than there are here, those of an image for one.
        elsewhere: jobs run on other machines, so they take no place of this one, and they outlive the engine; it has
            ``adopt(step)`` then, which tells whether an earlier engine has left a job in a step's directory that
            ``run`` can go on with, ``drop(step)``, which ends that job, and ``finish()``, which is told that no more
            jobs will come.
    """

    parallel: bool = True
    timeouts: bool = True
    cancel: bool = True
    own_programs: bool = False
    elsewhere: bool = False


@record(frozen=True, slots=True)
class Job:
    """The program of one leaf step, ready to start: its directory is complete.

    Attributes:
        name: the node's name, for messages.
        argv: the program and its arguments.
        cwd: the working directory.
        env: the whole environment.
        log: receives standard output and standard error as they come.
        timeout: seconds of wall time that its program has from when it begins; None means no limit.
        deadline: seconds from now at which it must have ended, be it that it waits for its turn elsewhere until then;
            None means none. The engine sees to that: it cancels ``run``.
        grace: seconds between the polite and the final end.
        step: the directory of the step; what still works for it when a job is ended is killed.
        runtime: for a Python OP, the arguments with which ``dflow.python.runtime`` runs it; an executor may use
            these instead of ``argv``.
        isolation: what this job asks for, in place of the run's isolation.
        limits: soft resource limits: names such as ``RLIMIT_AS`` and their values.
        image: what its template names for where programs run in images.
        own_env: the part of the environment that the template declares, with what dflow needs; an executor that runs
            jobs elsewhere gives them this, not the engine's own environment.
        outputs: where its declared outputs will lie, relative to the directory of the step, beside what it puts into
            ``outputs``.
        resources: ``"requests"`` and ``"limits"`` of the template, as quantities of Kubernetes by name.
        report: of an executor whose jobs run elsewhere: is told why the job waits whenever that changes, and an empty
            text when it does not any more.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log: Path
    timeout: float | None = None
    deadline: float | None = None
    grace: float = 5.0
    step: Path | None = None
    runtime: tuple[str, ...] | None = None
    isolation: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    image: str | None = None
    own_env: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    report: Callable[[str], None] | None = None


@record(frozen=True, slots=True)
class Usage:
    """What a job used.

    Attributes:
        cpu: seconds of CPU, its children included.
        max_rss: the largest resident set of it and its children, in bytes; None where that cannot be told.
    """

    cpu: float
    max_rss: int | None = None


@record(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        exit_code: 0 is success; 128 + n for a program that signal n ended, as shells and containers say.
        timed_out: it was ended because its time was over.
        message: why it could not even start; None when it started.
        hint: what the exit code means, where the executor knows; None for what it usually means.
        lost: what ran it was killed, and it was ended with that: it says nothing of the job, which is to be run again.
        host: the machine that it ran on; None for this one.
    """

    exit_code: int
    timed_out: bool = False
    message: str | None = None
    usage: Usage | None = None
    lost: bool = False
    hint: str | None = None
    host: str | None = None


class Executor(Protocol):
    """Runs jobs."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def run(self, job: Job) -> Outcome:
        """Start the job and wait for its end. When cancelled, nothing of the job is left over."""
        ...

    def close(self) -> None:
        """End what was kept for further jobs. It may be used again."""
        ...


class ObjectStore(Protocol):
    """Where artifacts are that are not on this machine. Its methods are called from several threads at once."""

    def keep(self, made: Path, key: str, archive: str | None) -> str:
        """Store a file or a directory under a key.

        Args:
            archive: ``"tar"`` or ``"zip"``: as one object of that kind; None: an object for each file.

        Returns:
            The key that it is under; the archive's has an ending.

        Raises:
            StorageError: the store refuses or does not answer.
        """
        ...

    def fetch(self, key: str, target: Path) -> bool:
        """Bring what is under a key to ``target``, as a whole or not at all; archives are unpacked.

        Returns:
            False when there is nothing under the key.

        Raises:
            StorageError: the store refuses or does not answer.
            UnsafeArtifact: an archive would lead out of its place.
        """
        ...


class Lineage(Protocol):
    """Is told what a run has made."""

    def succeeded(self, node: Node) -> None:
        """A leaf step has succeeded and is committed, now or by an earlier attempt.

        Must return at once and raise nothing; the node changes later, so what is wanted of it is to be copied.
        """
        ...
