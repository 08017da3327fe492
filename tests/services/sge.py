"""A real Grid Engine of this machine alone, in a directory and at ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SgeService", "why_not"]

SCRIPT = Path(__file__).with_name("sge.sh")
PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qdel", "qacct", "qconf")


def why_not() -> str:
    """Why there can be no scheduler here; empty if there can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root can start Grid Engine"
    where = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/lib/gridengine"])
    missing = [program for program in PROGRAMS if shutil.which(program, path=where) is None]
    if missing and os.environ.get("DFLOW_TEST_SERVICES") != "required":  # else the script installs them
        return f"Grid Engine needs {', '.join(missing)}"
    return ""


class SgeService:
    """The scheduler; a context manager that starts it, and removes it with all that it knows.

    Attributes:
        environment: what its commands need to know of it.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dflow-sge-", dir="/tmp"))
        self.port = _two_free_ports()
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


def _two_free_ports() -> int:
    """The first of two that follow each other."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no two free ports")
