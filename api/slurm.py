"""Steps as jobs of Slurm."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from dflow.executor import Executor
from dflow.remote import SlurmRemoteExecutor
from dflow.virtual_nodes import SlurmJob, SlurmJobTemplate

__all__ = ["SlurmExecutor", "SlurmJob", "SlurmJobTemplate", "SlurmRemoteExecutor"]


class SlurmExecutor(Executor):
    """Runs steps as jobs of the Slurm that this machine submits to; the run directory must be on a shared file system.

    Any number of jobs are watched with one query at a time. They outlive the engine: ``dflow resume`` goes on with
    those that run or wait, and submits none twice.

    Args:
        header: lines for the head of the job script, with or without ``#SBATCH``.
        queue: the partition.
        nodes, cpus, gpus, memory: what each job gets: numbers, and a text such as ``"8G"``.
        time: seconds of wall time.
        account: who pays.
        interval: the longest time between two queries in seconds; ``config["dispatcher_interval"]`` unless given.
    """

    def __init__(
        self,
        header: str = "",
        queue: str | None = None,
        nodes: int | None = None,
        cpus: int | None = None,
        gpus: int | None = None,
        memory: str | None = None,
        time: float | None = None,
        account: str | None = None,
        interval: float | None = None,
    ) -> None:
        given = {"queue": queue, "nodes": nodes, "cpus": cpus, "gpus": gpus, "memory": memory, "time": time}
        self.resources = {name: value for name, value in {**given, "account": account}.items() if value is not None}
        lines = [line.strip() for line in header.splitlines()]
        self.header = [line for line in lines if line and not line.startswith("#!")]
        self.interval = interval

    def render(self, template: Any) -> Any:
        """The template as it is: the engine runs it."""
        return template

    def direct(self) -> Tuple[str, Dict[str, Any]]:
        """Name and settings."""
        from dflow.config import config

        interval = config["dispatcher_interval"] if self.interval is None else self.interval
        return "slurm", {"resources": {**self.resources, "extra": self.header}, "interval": float(interval)}
