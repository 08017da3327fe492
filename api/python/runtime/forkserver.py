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

Answers: ``("done", id, code, cpu, max rss, stays)`` with seconds and bytes; ``("fault", id, message)`` for what cannot
be started; ``("ready", id, reason)`` when a child server has loaded its OP, with the reason why it must not be forked;
``("gone", id, code)`` when a child server ended. When the socket closes, or the process that started this one ends,
all below it is killed, also what left its session and its parents.
"""

from __future__ import annotations

import _socket
import errno
import marshal
import mmap
import os
import select
import sys
import time

from dflow.python.runtime.process import (
    CANNOT_START,
    KILL,
    RSS_UNIT,
    Hooks,
    System,
    become,
    change_environment,
    children_of,
    enter,
    exit_code,
    is_alone,
    kill_group,
    limit,
    spawn,
    used,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    Frame = Tuple[Any, ...]

__all__ = ["Server", "load_package", "pack", "serve", "unpack"]

_PATIENCE = 10.0
_PAUSE = 200
_LATER = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_SLOTS = 4096
_MESSAGE = 2000


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


class Child:
    """A process that a server has forked."""

    __slots__ = ("id", "is_server", "pid", "slot")

    def __init__(self, number: int, pid: int, slot: int, *, is_server: bool) -> None:
        self.id, self.pid, self.slot, self.is_server = number, pid, slot, is_server


class Server:
    """Takes requests from a socket, forks, and reports what became of the forks.

    Attributes:
        steps: what a child server has loaded, and runs in its forks.
        system, hooks: the same for all servers.
    """

    def __init__(self, sock: _socket.socket, back: int, system: System, hooks: Hooks, parent_fd: int = -1) -> None:
        self.steps: Any = None
        self.system = system
        self.hooks = hooks
        self.back = back
        self._back_inode = os.fstat(back).st_ino
        self._sock = sock
        self._parent_fd = parent_fd
        self._buffer = bytearray()
        self._passed: List[int] = []
        self._children: Dict[int, Child] = {}
        self._by_id: Dict[int, Child] = {}
        self._waiting: List[Tuple[float, Frame, int]] = []
        self._marks = mmap.mmap(-1, _SLOTS)
        self._free = list(range(_SLOTS))
        self._poll = select.poll()
        self._covered: Dict[str, str | None] = {}
        self._environment = dict(os.environ)

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

    # -- forks ------------------------------------------------------------------------------------------------

    def _start(self, request: Frame, passed: int, deadline: float) -> None:
        """Fork for a request; where the system is out of processes or descriptors for now, wait for others to end."""
        try:
            if request[0] == "exec" and not request[6]:
                self._spawn(request)
            else:
                self._fork(request, passed)
        except ValueError as exc:  # an argument that holds a NUL
            self.send("fault", request[1], str(exc))
        except OSError as exc:
            if exc.errno in _LATER and time.monotonic() < deadline:
                self._waiting.append((deadline, request, passed))
                return
            if passed >= 0:
                os.close(passed)
                self.send("gone", request[1], CANNOT_START)
            else:
                self.send("fault", request[1], str(exc.strerror))

    def _try_again(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deadline, request, passed in waiting:
            self._start(request, passed, deadline)

    def _spawn(self, request: Frame) -> None:
        """Start a program without a fork: nothing of this process is copied for it."""
        _, number, log, cwd, _, env, _, argv, removed = request
        reserve = os.dup(0)  # so that the program can be watched when it is there
        try:
            os.chdir(cwd)
            pid = spawn(argv, {**self._environment, **env}, removed, log)
        finally:
            os.chdir("/")
            os.close(reserve)
        self._watch(Child(number, pid, -1, is_server=False))

    def _watch(self, child: Child) -> None:
        fd = os.pidfd_open(child.pid)  # novm - only an engine starts this, with its own Python
        self._children[fd] = self._by_id[child.id] = child
        self._poll.register(fd, select.POLLIN)

    def _fork(self, request: Frame, passed: int) -> None:
        reserve = os.dup(0)  # so that the child can be watched when it is there
        slot = self._free.pop() if self._free else -1
        parent, pid = os.getpid(), 0
        try:
            if request[0] == "run":
                self._dress(request)
            pid = os.fork()
        finally:
            if os.getpid() == parent:
                os.close(reserve)
                if request[0] == "run":
                    self._undress()
                if pid == 0 and slot >= 0:  # there is no child
                    self._free.append(slot)
        if pid == 0:
            self._be_child(request, passed, slot, parent)
        if passed >= 0:
            os.close(passed)
        self._watch(Child(request[1], pid, slot, is_server=request[0] == "serve"))

    def _dress(self, request: Frame) -> None:
        """Make this server look like a step for as long as a fork takes.

        The fork then finds all in place. Here it costs a tenth of what it would cost there, where the first touch of
        every page is a page to copy.
        """
        log, cwd, step, env = request[2:6]
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        if fd > 2:
            os.close(fd)
        os.chdir(cwd)
        for name in env:
            self._covered[name] = os.environ.get(name)
        os.environ.update(env)
        self.system.work_for(step)
        self.steps.dress(request[7][1], request[8])

    def _undress(self) -> None:
        """Be the server again; standard input is where nothing is."""
        os.dup2(0, 1)
        os.dup2(0, 2)
        os.chdir("/")
        for name, value in self._covered.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._covered.clear()
        self.system.work_for_none()
        self.steps.undress()

    def _be_child(self, request: Frame, passed: int, slot: int, parent: int) -> None:
        """The life of a fork; it never returns."""
        code = CANNOT_START
        try:
            if request[0] == "run":
                code = self._be_step(request, slot)
            else:
                self.system.die_with(parent)
                self._forget_siblings()
                code = self._be_server(request, passed) if request[0] == "serve" else self._be_program(request, slot)
        except BaseException:  # noqa: BLE001 - the last resort of a process of its own
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _forget_siblings(self) -> None:
        self._sock.close()
        for fd in self._children:
            os.close(fd)
        if self._parent_fd >= 0:
            os.close(self._parent_fd)

    def _be_program(self, request: Frame, slot: int) -> int:
        _, number, log, cwd, step, env, limits, argv, removed = request
        try:
            self.system.work_for(step)
            os.setsid()
            enter(log, cwd, env, limits)
            become(argv, removed)
        except (OSError, ValueError) as exc:  # ValueError: an argument that holds a NUL
            reason = exc.strerror if isinstance(exc, OSError) else str(exc)
            if self.send("fault", number, f"{reason}"[:_MESSAGE]):
                self._mark(slot)
        return CANNOT_START

    def _be_step(self, request: Frame, slot: int) -> int:
        own = os.getpid()
        os.setsid()
        if request[6]:
            limit(request[6])
        self.hooks.off = False
        code: int = self.steps.run(request)
        if os.getpid() == own and is_alone():  # not in a fork of the step that came back here
            cpu, rss = used()
            if self.send("done", request[1], code, cpu, rss, False):
                self._mark(slot)
        return code

    def _mark(self, slot: int) -> None:
        """Tell the server that this process has answered for itself."""
        if slot >= 0:
            self._marks[slot] = 1

    def _be_server(self, request: Frame, passed: int) -> int:
        _, number, kind, library, op_file, env, removed = request
        change_environment(env, removed)
        if library and library not in sys.path:
            sys.path.insert(0, library)
        if kind == "base" and op_file:
            load_package(op_file)
        from dflow.python.runtime import children

        server = Server(_socket.socket(fileno=passed), self.back, self.system, self.hooks)
        os.set_inheritable(passed, False)
        server.steps = self.steps
        children.serve(server, kind, number, op_file)
        server.close()
        return 0

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


def load_package(place: str) -> None:
    """Import ``dflow`` from a directory that may have any name, whatever the module path says."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec: Any = spec_from_file_location("dflow", f"{place}/__init__.py", submodule_search_locations=[place])
    package = sys.modules["dflow"] = module_from_spec(spec)
    spec.loader.exec_module(package)


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
