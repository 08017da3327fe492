"""The parent of everything that runs on this machine for one workflow: small and bare, so that its forks are cheap.

An executor starts it with a socket, on which requests come, and a pipe for the answers of this process and all its
forks. It is imported as the file it is, without the package around it, and imports as little as it can: the size of a
process is the price of its fork.

Frames are a length (4 bytes, little endian) and a marshalled tuple. Requests:

- ``("exec", id, log, cwd, step, env, limits, argv, removed)``: fork, and become that program;
- ``("run", id, log, cwd, step, env, limits, arguments, script)``: fork, and run an OP (child servers only);
- ``("serve", id, kind, library, op_file, env, removed)`` with a socket: fork a child server, which takes its requests
  there. Of kind ``base`` it has loaded the runtime, from the library or from the package ``op_file``; of kind ``op``
  an OP; and a ``worker`` runs steps itself;
- ``("kill", id, signal)``: send a signal to the session of that program, step or server.

Answers: ``("done", id, code, cpu, max rss, stays)`` with seconds and bytes, 0 where they are not known;
``("fault", id, message)`` for what cannot be started; ``("ready", id, reason)`` when a child server has loaded its OP,
with the reason why it must not be forked; ``("gone", id, code)`` when a child server ended. When the socket closes, or
the process that started this one ends, all below it is killed, also what left its session and its parents.
"""

from __future__ import annotations

import _socket
import marshal
import os
import select
import sys
import time

from dflow.python.runtime.forking import Forks
from dflow.python.runtime.process import KILL, RSS_UNIT, Hooks, System, children_of, exit_code, kill_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Tuple

    Frame = Tuple[Any, ...]

__all__ = ["Server", "pack", "serve", "unpack"]

_PATIENCE = 10.0
_PAUSE = 200


def pack(frame: Frame) -> bytes:
    """A frame as bytes."""
    data = marshal.dumps(frame)
    return len(data).to_bytes(4, "little") + data


def unpack(buffer: bytearray) -> List[Frame]:
    """Take the whole frames out of a buffer."""
    frames, at = [], 0
    while len(buffer) - at >= 4:
        end = at + 4 + int.from_bytes(buffer[at : at + 4], "little")
        if len(buffer) < end:
            break
        frames.append(marshal.loads(buffer[at + 4 : end]))  # noqa: S302 - our own processes, over our own socket
        at = end
    del buffer[:at]
    return frames


class Server(Forks):
    """Takes requests from a socket, forks, and reports what became of the forks."""

    def __init__(self, sock: _socket.socket, back: int, system: System, hooks: Hooks, parent_fd: int = -1) -> None:
        super().__init__(sock, back, system, hooks, parent_fd)
        self._back_inode = os.fstat(back).st_ino
        self._buffer = bytearray()
        self._passed: List[int] = []

    # -- the loop ---------------------------------------------------------------------------------------------

    def loop(self) -> None:
        """Serve until the socket closes, or the parent ends."""
        sock_fd = self._sock.fileno()
        self._poll.register(sock_fd, select.POLLIN)
        if self._parent_fd >= 0:
            self._poll.register(self._parent_fd, select.POLLIN)
        pause = 1000 if self._parent_fd >= 0 else None
        while True:
            events = self._poll.poll(_PAUSE if self._waiting else pause)
            for fd, _ in events:
                if fd in self._children:
                    self._reap(fd)
                elif fd == self._parent_fd or not self._take():
                    return
            if self._waiting:
                self._try_again()
            elif not events:
                self._reap_strangers()

    def send(self, *frame: Any) -> bool:
        """Answer, whole or not at all; whether it went out."""
        try:
            if os.fstat(self.back).st_ino != self._back_inode:  # a step that closes all descriptors
                return False
            os.write(self.back, pack(frame))
        except OSError:
            return False
        return True

    def receive(self) -> List[Frame] | None:
        """The next requests; None at the end."""
        try:
            data, ancillary, _, _ = self._sock.recvmsg(65536, 64)
        except OSError:
            return None
        for level, kind, fds in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                self._passed += [int.from_bytes(fds[at : at + 4], sys.byteorder) for at in range(0, len(fds) - 3, 4)]
        if not data:
            return None
        self._buffer += data
        return unpack(self._buffer)

    def _take(self) -> bool:
        requests = self.receive()
        for request in requests or ():
            if request[0] == "kill":
                self._signal(request[1], request[2])
            else:
                passed = self._passed.pop(0) if request[0] == "serve" else -1
                self._start(request, passed, time.monotonic() + _PATIENCE)
        return requests is not None

    def _signal(self, number: int, signum: int) -> None:
        child = self._by_id.get(number)
        if child is not None:
            kill_group(child.pid, signum)
        for waiting in [one for one in self._waiting if one[1][1] == number]:
            self._waiting.remove(waiting)
            self.send("done", number, 128 + signum, 0.0, 0, False)

    # -- ends -------------------------------------------------------------------------------------------------

    def _reap(self, fd: int) -> None:
        """A fork has ended: so does all that is left in its session. Answer for it, unless it has done so itself."""
        child = self._children.pop(fd)
        self._by_id.pop(child.id, None)
        self._poll.unregister(fd)
        os.close(fd)
        kill_group(child.pid, KILL)
        _, status, used = os.wait4(child.pid, 0)
        code = exit_code(status)
        if child.is_server:
            self.send("gone", child.id, code)
        elif child.slot < 0 or not self._marks[child.slot]:
            self.send("done", child.id, code, used.ru_utime + used.ru_stime, used.ru_maxrss * RSS_UNIT, False)
        if child.slot >= 0:
            self._marks[child.slot] = 0
            self._free.append(child.slot)

    def _reap_strangers(self) -> None:
        """Let go of orphans that have ended."""
        known = {child.pid for child in self._children.values()}
        try:
            while True:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if found is None or found.si_pid in known:
                    return
                os.waitpid(found.si_pid, 0)
        except ChildProcessError:
            return

    def close(self) -> None:
        """End all that runs below this server."""
        self._sock.close()
        for child in self._children.values():
            kill_group(child.pid, KILL)
        begun = time.monotonic()
        while self._parent_fd >= 0 and time.monotonic() < begun + 5:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.001)
            if time.monotonic() > begun + 0.005:  # not only servers, which end with their parents: strangers too
                for pid in children_of(os.getpid()):
                    kill_group(pid, KILL)


def serve(place: str, sock: int, back: int) -> None:
    """The life of the first server.

    Args:
        place: the directory of this file, which is no place for the modules of OPs.
    """
    sys.path[:] = [entry for entry in sys.path if entry not in ("", place)]
    sys.modules["dflow.python.runtime.forkserver"] = sys.modules.pop(__name__)
    sys.argv = [""]
    system = System()
    system.adopt_orphans()
    for fd in (sock, back):
        os.set_inheritable(fd, False)
    parent = os.pidfd_open(os.getppid())  # novm
    hooks = Hooks()
    hooks.take_over()
    server = Server(_socket.socket(fileno=sock), back, system, hooks, parent)
    server.loop()
    server.close()
    os._exit(0)
