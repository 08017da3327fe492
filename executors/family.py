"""The processes below an engine: the bare server that is the parent of all of them, and its child servers.

The protocol is that of ``dflow.python.runtime.forkserver``. One reader in the event loop takes the answers of all
processes; a job costs a future.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import marshal
import os
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from dflow.executors.first import First, frame_bytes, wait_for_end

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["LOST", "Family", "Member"]

LOST: tuple[Any, ...] = ("lost",)
"""The answer for a job whose server has died."""

_log = logging.getLogger("dflow.executors")


@dataclass(eq=False, slots=True)
class Member:
    """A server of the family.

    Attributes:
        parent: the server that forked it; None for the first.
        kind: ``first``, ``base``, ``op`` or ``worker``.
        loaded: is set when it is not loading any more.
        state: ``loading``, ``ready``, ``gone``, or ``lost`` with the whole family.
        reason: why it must not be forked, when it is ready.
        jobs: how many wait for it.
        idle: warm workers, forks of this server, that wait for a step.
        used: the number of the last job that it was given.
    """

    id: int
    parent: Member | None
    kind: str
    channel: _Channel
    loaded: anyio.Event = field(default_factory=anyio.Event)
    state: str = "loading"
    reason: str | None = None
    jobs: int = 0
    idle: list[Member] = field(default_factory=list)
    used: int = 0


class Family:
    """The processes of one run. It is started by the first request, and again after it was killed.

    Args:
        ahead: a first server that was started already, if it fits.
        nice: how far its processes give way to others.

    Attributes:
        env: the environment that the first server was started with.
    """

    def __init__(self, python: str, runtime: Path, ahead: First | None = None, nice: int = 0) -> None:
        self._ahead = ahead
        self._early: dict[tuple[str, str], Member] = {}
        self.env: Mapping[str, str] = {}
        self._python, self._runtime, self._nice = python, runtime, nice
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = self._death = -1
        self._buffer = bytearray()
        self._first: Member | None = None
        self._members: dict[int, Member] = {}
        self._jobs: dict[int, tuple[asyncio.Future[tuple[Any, ...]], Member]] = {}
        self._numbers = itertools.count(1)

    # -- members ----------------------------------------------------------------------------------------------

    def first(self) -> Member:
        """The first server, started when there is none.

        Raises:
            OSError: it cannot be started.
        """
        loop = asyncio.get_running_loop()
        if self._first is None:
            self._first = self._start()
        if self._loop is not loop:
            self._attach(loop)
        return self._first

    def _start(self) -> Member:
        started, self._ahead = self._ahead, None
        if started is None or not started.give(self._python, self._runtime, self._nice):
            started = First(self._python, self._runtime, self._nice)
        self.env, self._process = started.env, started.process
        self._answers, self._death = started.answers, started.death
        first = self._join(Member(next(self._numbers), None, "first", _Channel(started.sock), state="ready"))
        parent = first
        for early in started.children:  # an OP's is a child of the base
            parent = self._early[early.kind, early.file] = self._join(
                Member(early.id, parent, early.kind, _Channel(early.sock))
            )
        return first

    def _join(self, member: Member) -> Member:
        self._members[member.id] = member
        return member

    def early(self, kind: str, file: str) -> Member | None:
        """The server that was asked for before the run began, once: the ``base`` of a package, or that of an ``op``."""
        return self._early.pop((kind, file), None)

    def child(
        self, parent: Member, kind: str, library: str, op_file: str, env: Mapping[str, str], removed: Sequence[str]
    ) -> Member:
        """Have a server fork a child server; it takes requests when it is loaded."""
        ours, theirs = socket.socketpair()
        member = Member(next(self._numbers), parent, kind, _Channel(ours))
        with theirs:
            frame = ("serve", member.id, kind, library, op_file, dict(env), list(removed))
            parent.channel.send(frame, theirs.fileno())
        return self._join(member)

    def dismiss(self, member: Member) -> None:
        """Let a server end, with its workers."""
        for one in (member, *member.idle):
            self._members.pop(one.id, None)
            one.state = "gone"
            one.channel.close()

    # -- jobs -------------------------------------------------------------------------------------------------

    def number(self) -> int:
        """A number for a job."""
        return next(self._numbers)

    def ask(self, member: Member, frame: tuple[Any, ...]) -> asyncio.Future[tuple[Any, ...]]:
        """Send a job, ``frame[1]`` its number; the future gets the answer, or :data:`LOST`."""
        future = asyncio.get_running_loop().create_future()
        member.jobs += 1
        member.used = frame[1]
        self._jobs[frame[1]] = (future, member)
        member.channel.send(frame)
        return future

    def kill(self, member: Member, number: int, signum: int) -> None:
        """Signal a job of a server, or of a worker its process."""
        if member.kind == "worker" and member.parent is not None:
            member, number = member.parent, member.id
        if member.state == "ready":
            member.channel.send(("kill", number, int(signum)))

    def again(self, number: int) -> asyncio.Future[tuple[Any, ...]] | None:
        """Another future for the answer to a job whose own was cancelled; None when it has answered."""
        if number not in self._jobs:
            return None
        future = asyncio.get_running_loop().create_future()
        self._jobs[number] = (future, self._jobs[number][1])
        return future

    def _settle(self, number: int, answer: tuple[Any, ...]) -> None:
        waiting = self._jobs.pop(number, None)
        if waiting is None:
            return
        future, member = waiting
        member.jobs -= 1
        if not future.done():
            future.set_result(answer)

    # -- answers ----------------------------------------------------------------------------------------------

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._detach()
        self._loop = loop
        loop.add_reader(self._answers, self._read)
        loop.add_reader(self._death, self._died)

    def _detach(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._answers)
            self._loop.remove_reader(self._death)
        self._loop = None

    def _read(self) -> None:
        try:
            data = os.read(self._answers, 65536)
        except BlockingIOError:
            return
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4], "little")
            if len(buffer) < end:
                break
            self._take(marshal.loads(buffer[at + 4 : end]))  # noqa: S302 - from our own processes, over our own pipe
            at = end
        del buffer[:at]

    def _take(self, answer: tuple[Any, ...]) -> None:
        match answer[0]:
            case "done" | "fault":
                self._settle(answer[1], answer)
            case "ready" if answer[1] in self._members:
                member = self._members[answer[1]]
                member.state, member.reason = "ready", answer[2]
                member.loaded.set()
            case "gone" if answer[1] in self._members:
                self._bury(self._members[answer[1]], ("done", 0, answer[2], 0.0, 0, False))

    def _bury(self, member: Member, answer: tuple[Any, ...]) -> None:
        """A server has ended. The step of a worker ended with it; the steps of another server are lost."""
        if member.kind != "worker" and member.jobs:
            _log.warning("a server of steps was killed; the steps that ran in it (%d) begin again", member.jobs)
        self.dismiss(member)
        if member.parent is not None and member in member.parent.idle:
            member.parent.idle.remove(member)
        for number in [n for n, (_, m) in self._jobs.items() if m is member]:
            self._settle(number, answer if member.kind == "worker" else LOST)
        for child in [m for m in self._members.values() if m.parent is member]:
            self._bury(child, LOST)
        member.loaded.set()

    def _died(self) -> None:
        """The first server was killed, and with it all that it was the parent of."""
        self._read()
        members = list(self._members.values())
        _log.warning("the server of the steps was killed; the steps that ran (%d) begin again", len(self._jobs))
        self._release()
        for member in members:
            member.state = "lost"
            member.loaded.set()
        for number in list(self._jobs):
            self._settle(number, LOST)

    # -- the end ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End all processes of the family, and wait for that."""
        if self._first is not None:
            self._release()

    def _release(self) -> None:
        self._detach()
        for member in self._members.values():
            member.channel.close()
        self._members.clear()
        self._early.clear()
        if self._process is not None:
            wait_for_end(self._process, self._death)
        for fd in (self._answers, self._death):
            os.close(fd)
        self._buffer.clear()
        self._first = self._process = None


class _Channel:
    """The way to a server. What the system does not take at once is kept until it does."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: deque[tuple[bytes, int]] = deque()
        sock.setblocking(False)

    def send(self, frame: tuple[Any, ...], passed: int = -1) -> None:
        """Send a request, with a descriptor; to a server that has died, nothing."""
        data = frame_bytes(frame)
        if self._queue:
            self._queue.append((data, os.dup(passed) if passed >= 0 else -1))
            return
        rest = self._try(data, passed)
        if rest is not None:
            self._queue.append((rest, os.dup(passed) if passed >= 0 and len(rest) == len(data) else -1))
            asyncio.get_running_loop().add_writer(self._sock, self._flush)

    def _try(self, data: bytes, passed: int) -> bytes | None:
        """Send; what is left over."""
        try:
            sent = self._sock.send(data) if passed < 0 else socket.send_fds(self._sock, [data], [passed])
        except BlockingIOError:
            return data
        except OSError:
            return None  # the server has died: that is noticed elsewhere
        return None if sent == len(data) else data[sent:]

    def _flush(self) -> None:
        while self._queue:
            data, passed = self._queue.popleft()
            rest = self._try(data, passed)
            if passed >= 0 and (rest is None or len(rest) < len(data)):
                os.close(passed)
                passed = -1
            if rest is not None:
                self._queue.appendleft((rest, passed))
                return
        asyncio.get_running_loop().remove_writer(self._sock)

    def close(self) -> None:
        """Tell the server that it is over."""
        if self._queue:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_writer(self._sock)
            for _, passed in self._queue:
                if passed >= 0:
                    os.close(passed)
            self._queue.clear()
        self._sock.close()
