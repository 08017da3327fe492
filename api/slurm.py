"""Steps as jobs of Slurm."""

from __future__ import annotations

import os
import shlex
from typing import Any, Dict, Sequence, Tuple

from dflow.executor import Executor
from dflow.remote import RemoteExecutor, ShellText
from dflow.remote_shell import SLURM
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


class SlurmRemoteExecutor(RemoteExecutor):
    """Runs scripts as jobs of the Slurm that a host submits to; see :class:`RemoteExecutor`.

    The job is cancelled when its step ends early.

    Args:
        header: lines for the head of the job script: ``#SBATCH`` ones, and others that are run before the script.
        interval: seconds between two looks at the queue.
        pvc: a volume that the pod is given on a cluster, at ``/mnt``; nothing is kept there: the host has all that is
            known of a job.
    """

    def __init__(
        self,
        host: str,
        port: int = 22,
        username: str = "root",
        password: Any = None,
        private_key_file: Any = None,
        workdir: str = "~/dflow/workflows/{{workflow.name}}/{{pod.name}}",
        command: Any = None,
        remote_command: Any = None,
        image: str | None = None,
        image_pull_policy: str | None = None,
        map_tmp_dir: bool = True,
        docker_executable: str | None = None,
        singularity_executable: str | None = None,
        podman_executable: str | None = None,
        action_retries: int = -1,
        header: str = "",
        interval: int = 3,
        pvc: Any = None,
    ) -> None:
        super().__init__(
            host,
            port,
            username,
            password,
            private_key_file,
            workdir,
            command,
            remote_command,
            image,
            image_pull_policy,
            map_tmp_dir,
            docker_executable,
            singularity_executable,
            podman_executable,
            action_retries,
        )
        self.header = header
        self.interval = interval
        self.pvc = pvc

    def run(self, image: str | None, remote_command: Sequence[str]) -> str:
        """Submit ``script`` as a job, and wait for its end; its exit status is the step's."""
        lines = [line.strip() for line in self.header.splitlines()]
        first = lines.pop(0) if lines and lines[0].startswith("#!") else "#!/bin/sh"
        job = "\n".join([first, *lines, 'cd "$SLURM_SUBMIT_DIR" && exec sh .dflow/how/run', ""])
        how = {**SLURM, "alive": SLURM["alive"].format(interval=max(int(self.interval), 1)), "job": job}
        return self._program(image, remote_command, how)

    def render(self, template: Any) -> Any:
        """The template that has the script sent and submitted."""
        made = super().render(template)
        made.pvcs = [*made.pvcs, *([] if self.pvc is None else [self.pvc])]
        return made

    def direct(self) -> Tuple[str, Dict[str, Any]] | None:
        """Name and settings: one process submits and watches the jobs of all steps.

        None for a subclass, which may do it in a way of its own, and where the host is no name but a tag.
        """
        if type(self) is not SlurmRemoteExecutor or "{{" in self.host:
            return None
        host: Dict[str, Any] = {"hostname": self.host, "port": self.port, "username": self.username}
        if self.private_key_file is not None:
            host["key_filename"] = os.path.abspath(os.path.expanduser(str(self.private_key_file)))
        if isinstance(self.password, str):
            from dflow.executors.secrets import keep

            keep(f"{self.username}@{self.host}:{self.port}", {"password": self.password})
        lines = [line.strip() for line in self.header.splitlines() if line.strip()]
        first = lines.pop(0) if lines and lines[0].startswith("#!") else "#!/bin/sh"
        root = self.workdir.partition("{{")[0].rstrip("/") or "~"
        remote: Dict[str, Any] = {"root": root.replace("/./", "/", 1) if root.startswith("/./") else root}
        if self.remote_command is not None:
            texts = [isinstance(word, ShellText) for word in self.remote_command]
            words = self.remote_command
            remote["command"] = shlex.split(words[0]) if texts == [True] else list(words)
        return "remote", {
            "scheduler": "slurm",
            "host": host,
            "remote": remote,
            "container": self._engine(),
            "head": [first, *(line for line in lines if line.startswith("#")), "#SBATCH --no-requeue"],
            "before": "\n".join(line for line in lines if not line.startswith("#")),
            "interval": float(max(self.interval, 1)),
        }

    def _engine(self) -> Dict[str, Any] | None:
        """What runs the container of a step on the host; None for none."""
        for engine in ("docker", "podman", "singularity"):
            program = getattr(self, f"{engine}_executable")
            if program:
                return {"engine": engine, "program": str(program), "image": None, "args": ""}
        return None
