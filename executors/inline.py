"""``inline``: Python OPs in the engine's own process, one at a time, for unit tests and debuggers.

The runtime is started by name, with the arguments it would get on a command line. Scripts of other languages have
a process all the same.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dflow.engine.ports import Capabilities, Outcome, Usage
from dflow.executors.subprocess import SubprocessExecutor, own_peak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dflow.engine.ports import Job

__all__ = ["InlineExecutor"]

RUNTIME = "dflow.python.runtime"


class InlineExecutor:
    """Runs Python OPs in this process. There are no time limits, and nothing can end an OP that runs.

    Args:
        nice: how far the processes of other jobs give way; an OP in this process cannot.
    """

    capabilities = Capabilities(parallel=False, timeouts=False, cancel=False)

    def __init__(self, nice: int = 0) -> None:
        self._other = SubprocessExecutor(nice)

    async def run(self, job: Job) -> Outcome:
        """Run the job here when it is a Python OP, else in a process."""
        if job.runtime is None:
            return await self._other.run(job)
        main = importlib.import_module(RUNTIME).main
        cpu, peak = _cpu(), own_peak()
        with _own_world(job.env), job.log.open("a", encoding="utf-8", errors="replace") as log:
            os.chdir(job.cwd)
            with contextlib.redirect_stdout(_Tee(log, sys.stdout)), contextlib.redirect_stderr(_Tee(log, sys.stderr)):
                code = main(list(job.runtime))
        largest = own_peak()
        usage = Usage(_cpu() - cpu, largest if largest > peak else None)
        return Outcome(code, usage=usage)

    def close(self) -> None:
        """End what was kept for further jobs."""
        self._other.close()


def _cpu() -> float:
    """Seconds that this process has used, and the children that it has waited for."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in each)


class _Tee(io.TextIOBase):
    """Writes to the step's log and to where it would have gone."""

    def __init__(self, log: TextIO, other: TextIO) -> None:
        self._log = log
        self._other = other

    def write(self, text: str) -> int:
        self._log.write(text)
        self._log.flush()
        return self._other.write(text)

    def flush(self) -> None:
        self._other.flush()


@contextlib.contextmanager
def _own_world(env: Mapping[str, str]) -> Iterator[None]:
    """Give back working directory, environment and module path as they were."""
    cwd, environment, path = Path.cwd(), dict(os.environ), list(sys.path)
    os.environ.update(env)
    try:
        yield
    finally:
        os.chdir(cwd)
        _restore(os.environ, environment)
        sys.path[:] = path


def _restore(current: os._Environ[str], saved: Mapping[str, str]) -> None:
    for name in [name for name in current if name not in saved]:
        del current[name]
    current.update(saved)
