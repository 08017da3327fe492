"""``shell``: no scheduler, but processes of this machine that outlive the engine, a bounded number of them."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from dflow.engine.process import hostname, start_time
from dflow.executors.batch.ports import Full, Refused, Seen, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources
    from dflow.executors.batch.ports import Ended, Submission

__all__ = ["Shell", "interpreter"]


class Shell:
    """Runs job scripts as processes in sessions of their own. An id is ``host:pid:start time``.

    Args:
        at_once: how many of those that this engine has started run at the same time.
    """

    name = "shell"
    own_id = "$(uname -n):$$:$(cut -d ' ' -f 22 /proc/$$/stat 2> /dev/null)"
    index = ""
    own_variables: tuple[str, ...] = ()

    def __init__(self, at_once: int | None = None) -> None:
        self._at_once = at_once or os.cpu_count() or 1
        self._children: dict[str, int] = {}

    def header(self, resources: Resources) -> list[str]:
        """Extra lines that begin with ``#``; there is nobody to ask for anything else."""
        return [line for line in resources.extra if line.startswith("#")]

    async def submit(self, submission: Submission) -> str:
        """Start the script, if there is room."""
        self._reap()
        if len(self._children) >= self._at_once:
            raise Full
        try:
            with Path(submission.log).open("ab") as log:  # noqa: ASYNC230 - a local file
                child = subprocess.Popen(  # noqa: ASYNC220 - it is not waited for
                    [*interpreter(submission.text), submission.text],
                    cwd=submission.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as exc:
            raise Refused(exc.strerror or str(exc)) from exc
        known = f"{hostname()}:{child.pid}:{start_time(child.pid) or ''}"
        self._children[known] = child.pid
        child.returncode = 0  # it may outlive this process, and is waited for below
        return known

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """Look at the processes. Those of another host are unknown, which is not ended."""
        del names  # a claim says which process it is
        self._reap()
        states = {known: _state(known) for known in ids}
        return {known: Seen(state) for known, state in states.items() if state is not State.ENDED}

    async def cancel(self, ids: Collection[str]) -> None:
        """SIGTERM for the scripts, which pass it on; what is left of their sessions after ten seconds is killed."""
        for known in ids:
            _signal(known, signal.SIGTERM)
        for _ in range(200):
            self._reap()
            if all(_state(known) is not State.RUNNING for known in ids):
                return
            await anyio.sleep(0.05)
        for known in ids:
            _signal(known, signal.SIGKILL, everything=True)

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """Nobody knows."""
        del ids
        return {}

    def _reap(self) -> None:
        for known in [known for known, pid in self._children.items() if _has_ended(pid)]:
            del self._children[known]


def interpreter(text: str) -> list[str]:
    """The words that run a script given as the next one, as its first line says."""
    first = text.partition("\n")[0]
    return [*(shlex.split(first[2:]) if first.startswith("#!") else ["/bin/sh"]), "-c"]


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _state(known: str) -> State:
    host, pid, started = _parts(known)
    if host != hostname():
        return State.UNKNOWN
    now = start_time(pid) if pid else None
    return State.RUNNING if now is not None and started in ("", now) else State.ENDED


def _parts(known: str) -> tuple[str, int, str]:
    host, _, rest = known.partition(":")
    pid, _, started = rest.partition(":")
    return host, int(pid) if pid.isdigit() else 0, started


def _signal(known: str, number: signal.Signals, *, everything: bool = False) -> None:
    if _state(known) is not State.RUNNING:
        return
    pid = _parts(known)[1]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not everything:
            os.kill(pid, number)
            return
        for child in _children(pid):
            os.killpg(child, number)
        os.killpg(pid, number)


def _children(pid: int) -> list[int]:
    """The sessions that a script has started."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
