"""Run one process to its end or its time limit, with everything it started, and account for its CPU time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.memory import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.interpreters import Interpreter

PR_SET_CHILD_SUBREAPER = 36
LEFTOVER_GRACE = 5.0  # seconds that processes have to end after the one that started them


@dataclass(frozen=True)
class Finished:
    """A process that ended.

    Attributes:
        wall: seconds from start to exit.
        cpu: seconds, user and system, of it and of all its descendants.
        status: the exit status, None when the time limit was reached.
        memory: the peaks in MB, where they were asked for.
    """

    wall: float
    cpu: float
    status: int | None
    stdout: str
    stderr: str
    memory: dict[str, float] = field(default_factory=dict)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that their CPU time is counted and they can be ended (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(
    interpreter: Interpreter, arguments: Sequence[str], *, folder: Path, limit: float, memory: bool = False
) -> Finished:
    """Run `python arguments` in `folder`, which is made; at the limit (seconds) all its processes are killed."""
    folder.mkdir(parents=True)
    out, err = folder / ".stdout", folder / ".stderr"
    before, start = children_cpu(), time.perf_counter()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [str(interpreter.python), *arguments],
            cwd=folder,
            env=interpreter.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        sampler = Sampler(process.pid, folder)
        try:
            with sampler.watching() if memory else contextlib.nullcontext():
                in_time = ends_within(process, limit)
            wall = time.perf_counter() - start
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            reap_leftovers()
    status = process.returncode if in_time else None
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Finished(wall, children_cpu() - before, status, texts[0], texts[1], sampler.peaks if memory else {})


def ends_within(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Wait for the process, at most `limit` seconds; by pidfd if possible: `Popen.wait(limit)` naps up to 50 ms."""
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(process.pid)
        try:
            if not select.select([descriptor], [], [], limit)[0]:
                return False
        finally:
            os.close(descriptor)
        process.wait()
        return True
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        return False
    return True


def children_cpu() -> float:
    """User and system seconds of all reaped descendants so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def reap_leftovers() -> None:
    """Wait for adopted orphans, and kill those that outlive the grace period."""
    end = time.monotonic() + LEFTOVER_GRACE
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        if time.monotonic() > end:
            for child in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def children() -> list[int]:
    """The direct children of this process (Linux; nothing elsewhere)."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in listing.read_text().split()] if listing.exists() else []
