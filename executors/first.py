"""The first server of a run, which can be started while the engine is still being imported.

So hardly anything is imported here. Who starts a server hands it to the executor of the run; what nobody has
taken is ended by :meth:`First.close`.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.process import STEP_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Early",
    "First",
    "frame_bytes",
    "is_possible",
    "make_nice",
    "runtime_directory",
    "start_ahead",
    "wait_for_end",
]

_PATIENCE = 10.0
_ROOM = os.pathsep + "." * 16384
"""Makes room behind the steps that a server works for, as a last entry that is no step."""
_FIRST = """\
import sys
sys.path.insert(0, sys.argv[1])
import process
sys.modules["dflow.python.runtime.process"] = process
import forking
sys.modules["dflow.python.runtime.forking"] = forking
import forkserver
forkserver.serve(*{arguments!r})
"""
"""The three modules are imported as the files they are: the packages around them would make the server large."""


class Early:
    """A child server that was asked for before the run began.

    Attributes:
        kind: ``base`` or ``op``.
        id: its number, which no job has.
        file: the ``dflow`` package that a base has loaded, without symbolic links; or the file of an OP.
        sock: our end of its socket.
    """

    __slots__ = ("file", "id", "kind", "sock")

    def __init__(self, kind: str, number: int, file: str, sock: socket.socket) -> None:
        self.kind, self.id, self.file, self.sock = kind, number, file, sock


class First:
    """The bare process that is the parent of all processes of a run.

    Attributes:
        env: the environment that it was started with.
        process, answers, death: itself, the pipe its family answers on, and what becomes readable when it ends.
        sock: our end of its socket.
        children: the child servers that it was asked for.
        nice: how far it gives way, and with it all that it is the parent of.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, python: str, runtime: Path, nice: int = 0) -> None:
        self.python, self.runtime, self.nice = python, runtime, nice
        self.children: list[Early] = []
        self._given = False
        self.env: Mapping[str, str] = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            self.sock, sock = socket.socketpair()
            ours.callback(self.sock.close)
            theirs.callback(sock.close)
            self.answers, back = os.pipe()
            ours.callback(os.close, self.answers)
            theirs.callback(os.close, back)
            os.set_blocking(self.answers, False)
            self.process = self._start(sock.fileno(), back)
            ours.callback(self.process.wait)
            ours.callback(self.process.kill)
            make_nice(self.process.pid, nice)
            self.death = os.pidfd_open(self.process.pid)
            ours.pop_all()

    def _start(self, sock: int, back: int) -> subprocess.Popen[bytes]:
        around = os.environ.get(STEP_VARIABLE, "")
        arguments = (str(self.runtime), sock, back)
        return subprocess.Popen(
            [self.python, "-c", _FIRST.format(arguments=arguments), str(self.runtime)],
            cwd="/",
            env={**self.env, STEP_VARIABLE: around + _ROOM},
            pass_fds=(sock, back),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def load_base(self, package: Path) -> None:
        """Have it fork the child server that loads the runtime, out of the ``dflow`` package in a directory."""
        self._child(self.sock, "base", os.path.realpath(package), ("", str(package)))

    def load_op(self, op_file: str, library: str) -> None:
        """Have the base load an OP, if ``dflow`` in the library of its run is what the base has loaded."""
        package = os.path.realpath(f"{library}/dflow")
        if len(self.children) == 1 and self.children[0].file == package:
            self._child(self.children[0].sock, "op", op_file, (library, op_file))

    def _child(self, parent: socket.socket, kind: str, file: str, where: tuple[str, str]) -> None:
        early = -len(self.children)
        data = frame_bytes(("serve", early, kind, *where, {}, []))
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # the run will ask for it
            return
        with theirs:
            try:
                whole = socket.send_fds(parent, [data], [theirs.fileno()], socket.MSG_DONTWAIT) == len(data)
            except OSError:  # it has ended: the run will see that, and start another
                whole = False
        if whole:
            self.children.append(Early(kind, early, file, ours))
        else:
            ours.close()

    def give(self, python: str, runtime: Path, nice: int = 0) -> bool:
        """Whether the caller, who needs a first server, gets this one; from then on it is the caller's to end."""
        if self._given or (python, runtime, nice) != (self.python, self.runtime, self.nice):
            return False
        self._given = True
        return True

    def close(self) -> None:
        """End it and all it was the parent of, and wait for that; nothing if it was given away."""
        if self._given:
            return
        self._given = True
        for sock in (self.sock, *(early.sock for early in self.children)):
            sock.close()
        wait_for_end(self.process, self.death)
        for fd in (self.answers, self.death):
            os.close(fd)


def start_ahead(package: Path, *, with_base: bool, nice: int = 0) -> First | None:
    """A first server for a run of this Python and ``dflow`` package; None where there cannot be one.

    Args:
        with_base: there will be Python OPs.
        nice: see :class:`First`.
    """
    if not is_possible():
        return None
    try:
        first = First(sys.executable, runtime_directory(str(package)), nice)
    except OSError:  # the run will say so, if it needs one
        return None
    if with_base:
        first.load_base(package)
    return first


def make_nice(pid: int, nice: int) -> None:
    """Have the process group that a process has begun, and all that it starts, give way; never less than before."""
    if nice:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, pid, max(nice, os.getpriority(os.PRIO_PGRP, pid)))


def wait_for_end(process: subprocess.Popen[bytes], death: int) -> None:
    """Wait for a first server whose socket is closed; one that does not end is killed.

    Args:
        death: its pidfd.
    """
    poll = select.poll()
    poll.register(death, select.POLLIN)
    if not poll.poll(_PATIENCE * 1000):
        process.kill()
    process.wait()


def is_possible() -> bool:
    """Whether this system has what the server needs: Linux with pidfd."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def frame_bytes(frame: tuple[Any, ...]) -> bytes:
    """A request as it goes over the socket."""
    data = marshal.dumps(frame)
    return len(data).to_bytes(4, "little") + data


def runtime_directory(library: str) -> Path:
    """Where the runtime lies in a ``dflow`` package; by default in the one that is loaded."""
    return Path(library or next(iter(sys.modules["dflow"].__path__))) / "python" / "runtime"
