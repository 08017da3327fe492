"""``spawn``: a fresh process for each leaf step, in a session of its own, so that all of it can be ended."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from dflow.engine.ports import Capabilities, Outcome, Usage
from dflow.engine.process import end_steps
from dflow.executors.first import make_nice

if TYPE_CHECKING:
    from dflow.engine.ports import Job

__all__ = ["SubprocessExecutor", "own_peak"]

_CANNOT_START = 126
_PATIENCE = 50
_UNIT = 1 if sys.platform == "darwin" else 1024


class SubprocessExecutor:
    """Runs each job as a process of its own.

    The exit of the process is what counts; what it started and left behind is ended with it.

    Args:
        nice: how far jobs give way to others.
    """

    capabilities = Capabilities()

    def __init__(self, nice: int = 0) -> None:
        self._nice = nice

    async def run(self, job: Job) -> Outcome:
        """Start the program and wait; when cancelled or out of time, end its whole process group."""
        try:
            process, waiter = await _started(job)
            own = own_peak()
            make_nice(process.pid, self._nice)
        except (OSError, ValueError) as exc:  # ValueError: an argument that holds a NUL
            reason = exc.strerror if isinstance(exc, OSError) else exc
            return Outcome(_CANNOT_START, message=f"cannot start {job.argv[0]!r}: {reason}")
        try:
            with anyio.move_on_after(job.timeout) as limit:
                await waiter.wait()
            if limit.cancelled_caught:
                await self._end(job, process.pid, waiter)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._end(job, process.pid, waiter)
            raise
        finally:
            _signal_group(process.pid, signal.SIGKILL)
            outcome = waiter.reap(timed_out=limit.cancelled_caught, least=own)
            process.returncode = outcome.exit_code
        return outcome

    def close(self) -> None:
        """Nothing is kept for further jobs."""

    @staticmethod
    async def _end(job: Job, pid: int, waiter: _Waiter) -> None:
        """SIGTERM to the process group, SIGKILL after the grace time, also to what left the group."""
        _signal_group(pid, signal.SIGTERM)
        with anyio.move_on_after(job.grace) as patience:
            await waiter.wait()
        if patience.cancelled_caught:
            _signal_group(pid, signal.SIGKILL)
            await waiter.wait()
        if job.step is not None:
            end_steps(job.step)


class _Waiter:
    """Waits for a child without a thread where the system can (pidfd), else with one."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pidfd = os.pidfd_open(pid) if sys.platform == "linux" else -1

    async def wait(self) -> None:
        """Return when the child has ended; it stays a zombie until :meth:`reap`."""
        if self._pidfd >= 0:
            await anyio.wait_readable(self._pidfd)
        else:
            options = os.WEXITED | os.WNOWAIT
            await anyio.to_thread.run_sync(os.waitid, os.P_PID, self._pid, options, abandon_on_cancel=True)

    def reap(self, *, timed_out: bool, least: int) -> Outcome:
        """Take the exit status and what the child used.

        Args:
            least: what the system calls its peak at least, whatever it was: that of this process at its start.
        """
        if self._pidfd >= 0:
            os.close(self._pidfd)
        try:
            _, status, used = os.wait4(self._pid, 0)
        except ChildProcessError:
            text = "its exit status was taken by another handler of SIGCHLD in this program"
            return Outcome(_CANNOT_START, timed_out=timed_out, message=text)
        code = os.waitstatus_to_exitcode(status)
        peak = used.ru_maxrss * _UNIT
        usage = Usage(cpu=used.ru_utime + used.ru_stime, max_rss=peak if peak > least else None)
        return Outcome(code if code >= 0 else 128 - code, timed_out=timed_out, usage=usage)


async def _started(job: Job) -> tuple[subprocess.Popen[bytes], _Waiter]:
    """Start the program; where the system is out of processes or descriptors for now, wait for others to end."""
    for patience in range(_PATIENCE, -1, -1):
        try:
            process = _start(job)
            try:
                return process, _Waiter(process.pid)
            except OSError:
                process.kill()
                process.wait()
                raise
        except OSError as exc:
            if patience == 0 or exc.errno not in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
                raise
        await anyio.sleep(0.2)
    raise AssertionError("unreachable")


def _start(job: Job) -> subprocess.Popen[bytes]:
    with job.log.open("ab") as log:
        return subprocess.Popen(
            job.argv,
            cwd=job.cwd,
            env=dict(job.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def own_peak() -> int:
    """The largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal all that is left of the session's process group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
