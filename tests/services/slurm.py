"""A real Slurm scheduler of one node on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from needed import lacking

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SlurmService", "why_not"]

SCRIPT = Path(__file__).with_name("slurm.sh")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")


def why_not() -> str:
    """Why there can be no scheduler here; empty if there can."""
    return lacking("Slurm", PROGRAMS, installs=True)


class SlurmService:
    """The scheduler; a context manager that starts it, and stops it if it was not running before."""

    def __init__(self) -> None:
        self._was_running = False

    def __enter__(self) -> Self:
        self._was_running = self.is_running()
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self._was_running:
            self.stop()

    def start(self) -> None:
        """Start it, if it is not running, and wait until it takes jobs."""
        subprocess.run(["bash", str(SCRIPT), "start"], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def stop(self) -> None:
        """Cancel all jobs and stop it."""
        subprocess.run(["bash", str(SCRIPT), "stop"], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def is_running(self) -> bool:
        """Whether all its daemons live."""
        return subprocess.run(["bash", str(SCRIPT), "status"], check=False, stdout=subprocess.DEVNULL).returncode == 0

    def queue(self) -> list[str]:
        """The jobs that wait, run, or are being ended."""
        command = ["squeue", "--noheader", "--array", "--format=%A %T"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()
