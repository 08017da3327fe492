"""``fork``, ``warm`` and ``spawn``: every process of a run is a descendant of one small server, and ends with it.

An OP that starts like any other of its template is forked from a child server which has loaded it (``fork``), or run by
one of its long-lived workers (``warm``). All else is a program of its own, which the small server starts.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from dflow.engine.ports import Capabilities, Outcome, Usage
from dflow.engine.process import STEP_VARIABLE, end_steps
from dflow.executors.family import LOST, Family
from dflow.executors.first import runtime_directory

if TYPE_CHECKING:
    from asyncio import Future

    from dflow.engine.ports import Job
    from dflow.executors.family import Member
    from dflow.executors.first import First

__all__ = ["ForkExecutor"]

_log = logging.getLogger("dflow.executors")
_CANNOT_START = 126
_KILLED = "the server that ran it was killed again and again"
_LIVE = 32
_VARIANTS = 4
_OWN = ("TMPDIR", STEP_VARIABLE)
_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "GLIBC_")
"""Variables that an interpreter reads when it starts: a fork cannot have others than its server."""


@dataclass(slots=True)
class _Sent:
    """A job on its way."""

    number: int = 0
    member: Member | None = None
    future: Future[tuple[Any, ...]] | None = None


class ForkExecutor:
    """Runs jobs as descendants of one server, which is started by the first job and, if it is killed, again.

    The exit of the process is what counts; what it left behind in its session is ended with it.

    Args:
        ahead: a first server that was started already.
        nice: how far jobs give way to others.
    """

    capabilities = Capabilities()

    def __init__(
        self,
        isolation: str = "fork",
        python: str = sys.executable,
        library: str = "",
        ahead: First | None = None,
        *,
        nice: int = 0,
    ) -> None:
        self._isolation = isolation
        self._python = python
        self._family = Family(python, runtime_directory(library), ahead, nice)
        self._base: Member | None = None
        self._ops: dict[Any, Member | None] = {}
        self._unfit: dict[str, str] = {}

    def close(self) -> None:
        """End all processes. Later jobs start new ones."""
        self._family.close()
        self._base = None
        self._ops.clear()

    async def run(self, job: Job) -> Outcome:
        """Run the job and wait; when cancelled or out of time, end its session."""
        sent, timed_out = _Sent(), False
        try:
            if job.timeout is None:
                answer = await self._answer(job, sent)
            else:
                answer = LOST
                with anyio.move_on_after(job.timeout) as limit:
                    answer = await self._answer(job, sent)
                timed_out = limit.cancelled_caught
                if timed_out:
                    answer = await self._end(job, sent)
        except OSError as exc:
            return Outcome(_CANNOT_START, message=f"cannot start the server of steps: {exc.strerror or exc}")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._end(job, sent)
            raise
        return self._outcome(job, sent, answer, timed_out=timed_out)

    def _outcome(self, job: Job, sent: _Sent, answer: tuple[Any, ...], *, timed_out: bool) -> Outcome:
        member = sent.member
        if member is not None and member.kind == "worker":
            self._give_back(member, stays=answer[0] == "fault" or (answer[0] == "done" and answer[5]))
        if answer[0] == "done":
            _, _, code, cpu, rss, _ = answer
            usage = Usage(cpu=cpu, max_rss=rss or None) if cpu or rss else None
            return Outcome(code, timed_out=timed_out, usage=usage)
        if answer[0] == "fault":
            return Outcome(_CANNOT_START, message=f"cannot start {job.argv[0]!r}: {answer[2]}")
        if job.step is not None:
            end_steps(job.step)
        return Outcome(_CANNOT_START, timed_out=timed_out, message=_KILLED, lost=not timed_out)

    # -- the way of a job -------------------------------------------------------------------------------------

    async def _answer(self, job: Job, sent: _Sent) -> tuple[Any, ...]:
        family = self._family
        sent.member = family.first()
        own = {name: value for name, value in job.env.items() if family.env.get(name) != value}
        removed = [name for name in family.env if name not in job.env]
        isolation = job.isolation or self._isolation
        if job.runtime is not None and isolation != "spawn" and self._is_forkable(job, own, removed):
            common = {name: own.pop(name) for name in [name for name in own if name not in _OWN]}
            server = await self._server(job.runtime[0], common, removed)
            if server is not None:
                if server.state in ("gone", "lost"):  # it was killed just now
                    return LOST
                if server.kind == "base":
                    own = {**common, **own}
                sent.member = self._worker(server) if isolation == "warm" and server.kind == "op" else server
                return await self._send(job, sent, "run", own, list(job.runtime), job.argv[-1])
            own.update(common)
            sent.member = family.first()
        return await self._send(job, sent, "exec", own, list(job.argv), removed)

    async def _send(self, job: Job, sent: _Sent, kind: str, env: dict[str, str], *rest: Any) -> tuple[Any, ...]:
        sent.number = self._family.number()
        step = "" if job.step is None else job.env.get(STEP_VARIABLE, str(job.step))
        frame = (kind, sent.number, str(job.log), str(job.cwd), step, env, dict(job.limits), *rest)
        sent.future = self._family.ask(sent.member or self._family.first(), frame)
        return await sent.future

    async def _end(self, job: Job, sent: _Sent) -> tuple[Any, ...]:
        """SIGTERM to the session, SIGKILL after the grace time, also to what left the session."""
        answer: tuple[Any, ...] = ("done", sent.number, 128 + signal.SIGTERM, 0.0, 0, False)
        if sent.future is None or sent.member is None:
            return answer
        for number, patience in ((signal.SIGTERM, job.grace), (signal.SIGKILL, 30.0)):
            future = self._family.again(sent.number)
            if future is None:
                break
            self._family.kill(sent.member, sent.number, number)
            with anyio.move_on_after(patience) as limit:
                answer = await future
            if not limit.cancelled_caught:
                break
        if job.step is not None:
            end_steps(job.step)
        return answer

    # -- servers ----------------------------------------------------------------------------------------------

    def _is_forkable(self, job: Job, env: dict[str, str], removed: list[str]) -> bool:
        """Whether a fork is what a fresh interpreter would be for this job."""
        if len(job.argv) != 2 or job.argv[0] != self._python or job.runtime is None:
            return False
        return job.runtime[0] not in self._unfit and not any(
            name.startswith(_AT_START) for name in (*env, *removed) if name not in _OWN
        )

    async def _server(self, op_file: str, env: dict[str, str], removed: list[str]) -> Member | None:
        """The server that has loaded an OP, or the one that is to be forked before it is loaded; None for no fork."""
        base = await self._loaded_base(op_file)
        if base.state != "ready":
            return base if base.state == "lost" else None
        key = (op_file, frozenset(env.items()), frozenset(removed))
        if key not in self._ops and sum(1 for known in self._ops if known[0] == op_file) >= _VARIANTS:
            return None if removed else base
        server = self._ops.get(key)
        if key not in self._ops or (server is not None and server.state in ("gone", "lost")):
            self._make_room()
            server = None if env or removed else self._family.early("op", op_file)
            server = server or self._family.child(base, "op", _library(op_file), op_file, env, removed)
            self._ops[key] = server
        if server is not None and server.state == "loading":
            await server.loaded.wait()
        if server is not None and server.state == "gone":  # each step has to load it for itself
            server = self._ops[key] = None
        if server is None:
            return None if removed else base
        if server.reason is not None:
            self._refuse(op_file, server)
            return None
        return server

    async def _loaded_base(self, op_file: str) -> Member:
        first = self._family.first()
        if self._base is None or self._base.state in ("gone", "lost"):
            early = self._family.early("base", _package(op_file))
            self._base = early or self._family.child(first, "base", _library(op_file), "", {}, [])
        base = self._base
        if base.state == "loading":
            await base.loaded.wait()
        return base

    def _refuse(self, op_file: str, server: Member) -> None:
        """Remember that an OP needs a fresh interpreter for each step, and say so once."""
        if op_file not in self._unfit:
            self._unfit[op_file] = str(server.reason)
            _log.warning("OP template %r runs with isolation 'spawn': %s", Path(op_file).stem, server.reason)
        self._family.dismiss(server)

    def _make_room(self) -> None:
        """Let the server end that has had no job for the longest time, when there are many."""
        ready = [(key, m) for key, m in self._ops.items() if m is not None and m.state == "ready"]
        if len(ready) >= _LIVE:
            idle = [(m.used, key, m) for key, m in ready if m.jobs == 0 and all(w.jobs == 0 for w in m.idle)]
            if idle:
                _, key, server = min(idle, key=lambda one: one[0])
                del self._ops[key]
                self._family.dismiss(server)

    def _worker(self, server: Member) -> Member:
        """A warm worker of a server: one that waits, or another."""
        server.used = self._family.number()
        return server.idle.pop() if server.idle else self._family.child(server, "worker", "", "", {}, [])

    def _give_back(self, worker: Member, *, stays: bool) -> None:
        server = worker.parent
        if stays and server is not None and server.state == "ready" and worker.state != "gone":
            server.idle.append(worker)
        elif worker.state not in ("gone", "lost"):
            self._family.dismiss(worker)


def _library(op_file: str) -> str:
    """The directory of a run from which steps import ``dflow``."""
    return str(Path(op_file).parent.parent / "lib")


def _package(op_file: str) -> str:
    """The directory that ``dflow`` is in these steps, without symbolic links."""
    return os.path.realpath(f"{_library(op_file)}/dflow")
