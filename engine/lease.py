"""One runner for one workflow: a lease file that only one process can make.

The holder touches it every few seconds, which other hosts take as a sign of life. Each lease has a fence number, one
more than the last; who finds another lease in the place of its own has been taken over, and writes nothing more.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import LeaseHeld, LeaseLost
from dflow.engine.process import hostname, is_same_process, start_time
from dflow.engine.state import PRIVATE, read_text, write_all, write_text, writing
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout

__all__ = ["Hold", "held_by", "holder", "is_here", "is_running", "lease", "refuse_if_held", "silence"]

HEARTBEAT = 5.0
"""Seconds between two signs of life."""
SILENT = 60.0
"""Seconds without a sign of life after which a holder on another host is probably gone."""
SETTLE = 10.0
"""Seconds that a holder which still gives signs of life has for ending its steps when it is taken over."""


class Hold:
    """What the holder of a lease has: the means to show that it lives, and to see that it still holds it."""

    __slots__ = ("_beaten", "_file", "_identity", "_layout", "_path", "fence")

    def __init__(self, layout: RunLayout, fence: int) -> None:
        """Make the lease file; the caller has seen that there is none."""
        self.fence = fence
        self._layout = layout
        self._path = str(layout.lease)
        data = {"host": hostname(), "pid": os.getpid(), "start": start_time(os.getpid()), "fence": fence}
        with writing(self._path):
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
            write_all(self._file, json.dumps(data))
        found = os.fstat(self._file)  # as long as the file is open, no other gets its inode
        self._identity = (found.st_dev, found.st_ino)
        self._beaten = time.monotonic()

    def is_ours(self) -> bool:
        """Whether the lease is still the one that this process made."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - before each write of a step: a text is quicker
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def check(self) -> None:
        """Go on only as the holder; costs one ``stat``.

        Raises:
            LeaseLost: another process has taken over, or the lease was removed.
        """
        if not self.is_ours():
            current = holder(self._layout)
            by = f"by {_place(current)}" if current else "or removed"
            raise LeaseLost(f"workflow {self._layout.id} was taken over {by}; this runner writes nothing more")

    def beat(self) -> None:
        """Give a sign of life when it is time for one.

        Raises:
            LeaseLost: another process has taken over.
        """
        self.check()
        now = time.monotonic()
        if now - self._beaten >= HEARTBEAT:
            self._beaten = now
            with writing(self._path):
                os.utime(self._file)

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self.is_ours():
            self._layout.lease.unlink(missing_ok=True)
        os.close(self._file)


@contextmanager
def lease(layout: RunLayout, *, takeover: bool = False, settle: float = SETTLE) -> Iterator[Hold]:
    """Hold the workflow while it runs.

    A lease whose process is gone, on this host, is taken over.

    Args:
        takeover: take it from another host too. A live process on this host keeps it.
        settle: seconds to wait then, if that host gave a sign of life in the last minute.

    Raises:
        LeaseHeld: a live process, or one on another host, holds it.
    """
    guard = layout.lease.with_name("lease.lock")
    with writing(guard), FileLock(guard, mode=PRIVATE):
        current = holder(layout)
        refuse_if_held(layout, takeover=takeover)
        pause = settle if current and not is_here(current) and silence(layout) is None else 0.0
        fence = _number(current or {}, "fence") + 1
        with writing(layout.lease):
            layout.lease.unlink(missing_ok=True)
        hold = Hold(layout, fence)
    try:
        write_text(layout.pid, str(os.getpid()))
        time.sleep(pause)
        yield hold
    finally:
        hold.release()


def holder(layout: RunLayout) -> dict[str, Any] | None:
    """Who holds the lease: host, pid, start, fence; None when nobody does."""
    try:
        data = json.loads(read_text(layout.lease))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def is_running(layout: RunLayout) -> bool:
    """Whether a process that seems alive runs the workflow; of another host that is not known, so it counts."""
    current = holder(layout)
    return current is not None and _is_live(current)


def refuse_if_held(layout: RunLayout, *, takeover: bool = False) -> None:
    """Say who runs a workflow before anything of it is touched; only :func:`lease` decides.

    Raises:
        LeaseHeld: a process that seems alive; with ``takeover``, one of this host.
    """
    current = holder(layout)
    if current is not None and _is_live(current) and (is_here(current) or not takeover):
        raise LeaseHeld(held_by(layout, current))


def is_here(current: dict[str, Any]) -> bool:
    """Whether a holder is a process of this host."""
    return current.get("host") == hostname()


def silence(layout: RunLayout) -> float | None:
    """Seconds since the holder's last sign of life, where it is on another host and that is long ago; else None.

    The clocks of the hosts, and of the file server, must agree to within a minute.
    """
    current = holder(layout)
    if current is None or is_here(current):
        return None
    try:
        age = time.time() - layout.lease.stat().st_mtime
    except OSError:
        return None
    return age if age > SILENT else None


def held_by(layout: RunLayout, current: dict[str, Any]) -> str:
    """Who runs a workflow, and what to do about it."""
    text = f"workflow {layout.id} is being run by {_place(current)}"
    if is_here(current):
        return f"{text}; watch it with: dflow watch {layout.id}"
    quiet = silence(layout)
    sign = "which gives signs of life" if quiet is None else f"no sign of life for {quiet:.0f} s"
    return f"{text} ({sign}); when that is certainly gone: dflow resume {layout.id} --takeover"


def _place(current: dict[str, Any]) -> str:
    return f"process {current.get('pid')} on {current.get('host')}"


def _is_live(current: dict[str, Any]) -> bool:
    if not is_here(current):
        return True
    pid = current.get("pid")
    return isinstance(pid, int) and pid > 0 and is_same_process(pid, current.get("start"))


def _number(current: dict[str, Any], name: str) -> int:
    value = current.get(name)
    return value if isinstance(value, int) else 0
