"""Whether this machine is the login node of a cluster, where many people work, and how gently steps are run there."""

from __future__ import annotations

import os
from itertools import islice
from typing import Any, NamedTuple

from dflow.config import config

__all__ = ["Gentleness", "Surroundings", "how_gently", "look_around", "nice_of"]

_COMMANDS = ("sbatch", "qsub", "bsub")
_JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
_MANY = 3
_NICE = 10
_FIRST_USER = 1000
_SYSTEMS_OWN = range(61184, 65536)
"""What systemd gives services, and nobody."""
_MOST_PROCESSES = 2500


class Surroundings(NamedTuple):
    """What is seen of the machine.

    Attributes:
        command: what submits jobs here; empty when there is nothing.
        job: the variable that says that this is a job itself; empty outside of jobs.
        users: how many other people are logged in or have processes; counted only where the rest looks like it.
    """

    command: str
    job: str
    users: int

    @property
    def is_login_node(self) -> bool:
        """It has what login nodes have."""
        return bool(self.command) and not self.job and self.users >= _MANY

    @property
    def words(self) -> str:
        """For the user."""
        if not self.command:
            return "nothing submits jobs here"
        if self.job:
            return f"{self.command} is here, this is a job ({self.job})"
        return f"{self.command} is here, {self.users} user{' is' if self.users == 1 else 's are'} active"


class Gentleness(NamedTuple):
    """How a run behaves to others on the machine.

    Attributes:
        login_node: it runs few steps at once here.
        nice: how far its steps give way.
        why: what the machine looks like, if that made it so; empty when somebody has said it.
    """

    login_node: bool
    nice: int
    why: str = ""


def look_around(proc: str = "/proc", logins: str = "/run/user") -> Surroundings:
    """Look at the machine, within a few milliseconds and without starting anything."""
    command = next((name for name in _COMMANDS if _is_here(name)), "")
    job = next((name for name in _JOBS if os.environ.get(name)), "")
    return Surroundings(command, job, _users(proc, logins) if command and not job else 0)


def how_gently() -> Gentleness:
    """What ``config`` says, or else the machine. What runs in a step is as gentle as that step."""
    from dflow.engine.process import STEP_VARIABLE

    said = config["login_node"]
    if said is not None or os.environ.get(STEP_VARIABLE):
        return Gentleness(bool(said), nice_of(bool(said)))
    seen = look_around()
    return Gentleness(seen.is_login_node, nice_of(seen.is_login_node), seen.words)


def nice_of(login_node: bool) -> Any:
    """What ``config["nice"]`` says, or else the habit of such a machine."""
    given = config["nice"]
    return (_NICE if login_node else 0) if given is None else given


def _is_here(command: str) -> bool:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(folder, command), os.X_OK) for folder in folders if folder)


def _users(proc: str, logins: str) -> int:
    """How many people there are besides this one; of many processes the first are looked at."""
    found = {int(name) for name in _names(logins) if name.isdigit()}
    for name in islice((name for name in _names(proc) if name.isdigit()), _MOST_PROCESSES):
        try:
            found.add(os.stat(f"{proc}/{name}").st_uid)
        except OSError:  # it has ended
            continue
    return sum(uid >= _FIRST_USER and uid not in _SYSTEMS_OWN for uid in found - {os.getuid(), os.geteuid()})


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
