"""A real Grid Engine of this machine alone, in a directory and at ports of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from needed import lacking
from ports import two_free_ports

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SgeService", "why_not"]

SCRIPT = Path(__file__).with_name("sge.sh")
PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qdel", "qacct", "qconf")


def why_not() -> str:
    """Why there can be no scheduler here; empty if there can."""
    return lacking("Grid Engine", PROGRAMS, "/usr/sbin", "/usr/lib/gridengine", installs=True)


class SgeService:
    """The scheduler; a context manager that starts it, and removes it with all that it knows.

    Attributes:
        environment: what its commands need to know of it.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dflow-sge-", dir="/tmp"))
        self.port = two_free_ports()
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Start it, if it is not running, and wait until it takes jobs."""
        self._run("start", seconds=180)
        lines = (self.directory / "environment").read_text().splitlines()
        self.environment = dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def stop(self) -> None:
        """Delete all jobs and stop it."""
        self._run("stop")

    def crash(self) -> None:
        """Kill what commands talk to; jobs go on, and :meth:`start` starts it again."""
        self._run("crash")

    def is_running(self) -> bool:
        """Whether both daemons live."""
        return subprocess.run(self._command("status"), check=False, stdout=subprocess.DEVNULL).returncode == 0

    def queue(self) -> list[str]:
        """The jobs that wait or run: a line of ``qstat`` for each."""
        env = {**os.environ, **self.environment}
        done = subprocess.run(["qstat"], check=True, capture_output=True, text=True, env=env)
        return done.stdout.splitlines()[2:]

    def _run(self, verb: str, seconds: float = 60) -> None:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(self._command(verb), check=True, timeout=seconds, **streams)

    def _command(self, verb: str) -> list[str]:
        return ["bash", str(SCRIPT), verb, "-p", str(self.port), "-d", str(self.directory)]
