"""How gently a scheduler is treated, and what a job asks it for."""

from __future__ import annotations

from typing import Any

from dflow.engine.records import record

__all__ = ["BatchOptions", "Resources"]


@record(frozen=True, slots=True)
class Resources:
    """What a job asks for; None leaves it to the scheduler.

    Attributes:
        nodes: how many nodes.
        cpus: cores on each node.
        gpus: devices on each node.
        memory: of each node, as the scheduler writes it, such as ``"8G"``.
        queue: the queue or partition.
        time: seconds of wall time.
        account: who pays.
        extra: header lines verbatim, with or without the scheduler's mark at their beginning.
    """

    nodes: int | None = None
    cpus: int | None = None
    gpus: int | None = None
    memory: str | None = None
    queue: str | None = None
    time: float | None = None
    account: str | None = None
    extra: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What was asked for, for the file that tells of the job."""
        fields = {name: getattr(self, name) for name in ("nodes", "cpus", "gpus", "memory", "queue", "time", "account")}
        given = {name: value for name, value in fields.items() if value is not None}
        return {**given, "extra": list(self.extra)} if self.extra else given


@record(frozen=True, slots=True)
class BatchOptions:
    """How a scheduler is treated. Times are in seconds.

    Attributes:
        resources: what each job asks for.
        head: the first lines of what is submitted, in place of those for ``resources``.
        before, after: lines of the shell around the program of each job.
        group: how many jobs are submitted as one, which runs them one after the other.
        tries: how often a job is submitted again that was refused.
        together: how many jobs of such a group run at the same time.
        array: how many jobs are submitted as one array, where the scheduler has arrays.
        interval: the time between two queries; each comes up to a tenth earlier or later.
        first: the time until the first look at what jobs have left after a submission; it doubles, up to ``interval``.
        grace: how long a job that the scheduler does not know may still leave its result: file systems are slow
            to show what another machine has written.
        rate: submissions in a second.
        parallel: commands that submit at the same time.
        collect: how long jobs to be cancelled are collected for one command.
        cancelling: how long it is waited for cancelled jobs to be gone.
        patience: how long a command of the scheduler may take.
        rotation: how many active jobs are looked at in each round for a result that the scheduler does not tell of yet.
    """

    resources: Resources = Resources()
    head: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    group: int = 1
    together: int = 1
    tries: int = 0
    array: int = 500
    interval: float = 30.0
    first: float = 2.0
    grace: float = 60.0
    rate: float = 5.0
    parallel: int = 4
    collect: float = 0.2
    cancelling: float = 60.0
    patience: float = 60.0
    rotation: int = 50
