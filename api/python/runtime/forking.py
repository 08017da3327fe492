"""The forks of a server: how they are made, and what becomes of them.

Like ``forkserver`` it is imported as the file it is, and imports as little as it can.
"""

from __future__ import annotations

import _socket
import errno
import mmap
import os
import select
import sys
import time

from dflow.python.runtime.process import (
    CANNOT_START,
    Hooks,
    System,
    become,
    change_environment,
    enter,
    is_alone,
    limit,
    print_to,
    spawn,
    used,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    Frame = Tuple[Any, ...]

__all__ = ["Child", "Forks", "load_package"]

_LATER = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_SLOTS = 4096
_MESSAGE = 2000


class Child:
    """A process that a server has forked."""

    __slots__ = ("id", "is_server", "pid", "slot")

    def __init__(self, number: int, pid: int, slot: int, *, is_server: bool) -> None:
        self.id, self.pid, self.slot, self.is_server = number, pid, slot, is_server


class Forks:
    """Forks for requests, and knows its forks.

    Attributes:
        steps: what a child server has loaded, and runs in its forks.
        system, hooks: the same for all servers.
        back: the pipe for answers.
    """

    def __init__(self, sock: _socket.socket, back: int, system: System, hooks: Hooks, parent_fd: int) -> None:
        self.steps: Any = None
        self.system = system
        self.hooks = hooks
        self.back = back
        self._sock = sock
        self._parent_fd = parent_fd
        self._children: Dict[int, Child] = {}
        self._by_id: Dict[int, Child] = {}
        self._waiting: List[Tuple[float, Frame, int]] = []
        self._marks = mmap.mmap(-1, _SLOTS)
        self._free = list(range(_SLOTS))
        self._poll = select.poll()
        self._covered: Dict[str, str | None] = {}
        self._environment = dict(os.environ)

    def send(self, *frame: Any) -> bool:
        """Answer; whether it went out."""
        raise NotImplementedError

    def receive(self) -> List[Frame] | None:
        """The next requests; None at the end."""
        raise NotImplementedError

    def loop(self) -> None:
        """Serve until the socket closes, or the parent ends."""
        raise NotImplementedError

    def close(self) -> None:
        """End all that runs below this server."""
        raise NotImplementedError

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
        print_to(log)
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

        server = type(self)(_socket.socket(fileno=passed), self.back, self.system, self.hooks, -1)
        os.set_inheritable(passed, False)
        server.steps = self.steps
        children.serve(server, kind, number, op_file)
        server.close()
        return 0


def load_package(place: str) -> None:
    """Import ``dflow`` from a directory that may have any name, whatever the module path says."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec: Any = spec_from_file_location("dflow", f"{place}/__init__.py", submodule_search_locations=[place])
    package = sys.modules["dflow"] = module_from_spec(spec)
    spec.loader.exec_module(package)
