"""One runner for one workflow: a lease file that only one process can make."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import LeaseHeld
from dflow.engine.process import hostname, is_same_process, start_time
from dflow.engine.state import PRIVATE, read_text, write_all, write_text, writing
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout

__all__ = ["holder", "lease"]


@contextmanager
def lease(layout: RunLayout) -> Iterator[None]:
    """Hold the workflow while it runs.

    A lease whose process is gone, on this host, is taken over.

    Raises:
        LeaseHeld: a live process, or one on another host, holds it.
    """
    guard = layout.lease.with_name("lease.lock")
    with writing(guard), FileLock(guard, mode=PRIVATE):
        current = holder(layout)
        if current is not None and _is_live(current):
            raise LeaseHeld(_held_by(layout, current))
        if layout.lease.exists():
            layout.lease.unlink()
        _create(layout, fence=int(current.get("fence", 0)) + 1 if current else 1)
    write_text(layout.pid, str(os.getpid()))
    try:
        yield
    finally:
        current = holder(layout)
        if current is not None and current.get("pid") == os.getpid() and current.get("host") == hostname():
            layout.lease.unlink(missing_ok=True)


def holder(layout: RunLayout) -> dict[str, Any] | None:
    """Who holds the lease: host, pid, start, fence; None when nobody does."""
    try:
        data = json.loads(read_text(layout.lease))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def is_running(layout: RunLayout) -> bool:
    """Whether a process that seems alive runs the workflow."""
    current = holder(layout)
    return current is not None and _is_live(current)


def _is_live(current: dict[str, Any]) -> bool:
    if current.get("host") != hostname():
        return True
    pid = current.get("pid")
    return isinstance(pid, int) and is_same_process(pid, current.get("start"))


def _create(layout: RunLayout, fence: int) -> None:
    data = {"host": hostname(), "pid": os.getpid(), "start": start_time(os.getpid()), "fence": fence}
    file = os.open(layout.lease, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    try:
        write_all(file, json.dumps(data))
    finally:
        os.close(file)


def _held_by(layout: RunLayout, current: dict[str, Any]) -> str:
    place = f"process {current.get('pid')} on {current.get('host')}"
    if current.get("host") == hostname():
        return f"workflow {layout.id} is being run by {place}; watch it with: dflow get {layout.id}"
    return (
        f"workflow {layout.id} is being run by {place}; when that is certainly gone, delete {layout.lease} and resume"
    )
