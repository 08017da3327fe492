"""Processes of this host: is one alive, and is it still the same one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOO_MANY = 10_000
_LINUX = sys.platform.startswith("linux")

__all__ = ["STEP_VARIABLE", "end_steps", "hostname", "is_same_process", "start_time", "step_path", "step_processes"]

STEP_VARIABLE = "DFLOW_STEP_PATH"
"""Names the step directory that a process works for, after those of the steps around it, as PATH does."""


def hostname() -> str:
    """The name of this host, as it stands in leases."""
    return socket.gethostname()


def step_path(step: Path) -> str:
    """The value of :data:`STEP_VARIABLE` for the processes of a step, started by this process."""
    around = os.environ.get(STEP_VARIABLE)
    return f"{around}{os.pathsep}{step}" if around else str(step)


def end_steps(root: Path) -> int:
    """Kill every process that works for a step at or below a directory; how many there were.

    Processes that left their session and their parents are found too: they still have the environment they were
    started with. Only where the system shows it (Linux); elsewhere nothing is done.
    """
    ended = 0
    while found := step_processes(root):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended += 1
        time.sleep(0.01)
        if ended > _TOO_MANY:
            break
    return ended


def step_processes(root: Path) -> list[int]:
    """The live processes that work for a step at or below a directory; empty where the system does not show it."""
    return list(_working_for(str(root))) if _LINUX else []


def _working_for(root: str) -> Iterator[int]:
    """Live processes of this user, other than this one, whose environment names ``root`` or a step below it."""
    variable = f"{STEP_VARIABLE}=".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = Path(entry.path, "environ").read_bytes()
        except OSError:
            continue
        for setting in environ.split(b"\0"):
            if setting.startswith(variable):
                steps = setting[len(variable) :].decode("utf-8", "surrogateescape").split(os.pathsep)
                if any(step == root or step.startswith(root + os.sep) for step in steps):
                    yield int(entry.name)


def start_time(pid: int) -> str | None:
    """A text that tells the process ``pid`` from a later one of the same number; None when there is none."""
    if _LINUX:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "unknown"
    return "unknown"


def is_same_process(pid: int, started: str | None) -> bool:
    """Whether process ``pid`` lives and started when ``started`` says."""
    now = start_time(pid)
    return now is not None and started in (None, now)
