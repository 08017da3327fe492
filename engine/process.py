"""Processes of this host: is one alive, and is it still the same one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

_LINUX = sys.platform.startswith("linux")

__all__ = ["hostname", "is_same_process", "start_time"]


def hostname() -> str:
    """The name of this host, as it stands in leases."""
    return socket.gethostname()


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
