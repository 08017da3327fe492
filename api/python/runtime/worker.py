"""A warm worker: a fork that has loaded an OP and runs many steps, one after another.

After each step it gives back directory, environment, module path, signals, limits and mask as they were. What a step
left running would be there in the next one; a worker that is left with a child or a thread says that it does not stay.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any, Dict, Tuple

from dflow.python.runtime.children import finish, flush, interrupted, refresh, silence
from dflow.python.runtime.main import main
from dflow.python.runtime.process import Meter, enter, has_children

if TYPE_CHECKING:
    from dflow.python.runtime.forking import Forks

__all__ = ["work"]

_NUMBERS = [n for n in range(1, 32) if n not in (signal.SIGKILL, signal.SIGSTOP)]


def work(server: Forks, number: int) -> None:
    """Run steps as they come, until the socket closes."""
    os.setsid()
    server.hooks.off = False
    server.system.adopt_orphans()  # so that what a step leaves running is seen
    silence()
    gc.freeze()
    server.send("ready", number, None)
    stays = True
    while stays:
        requests = server.receive()
        if requests is None:
            break
        for request in requests:
            stays = _work_on(server, request)
    finish(0, server.steps.files)


def _work_on(server: Forks, request: Tuple[Any, ...]) -> bool:
    """Run one step; whether this process can run another."""
    _, number, log, cwd, step, env, limits, arguments, script = request
    steps, own, threads = server.steps, os.getpid(), _threads()
    world, meter = _World(limits), Meter(anew=True)
    server.system.work_for(step)
    try:
        enter(log, cwd, env, limits)
    except (OSError, ValueError) as exc:
        world.restore()
        server.send("fault", number, str(exc))
        return True
    if steps.said:
        os.write(1, steps.said)
    refresh(script)
    try:
        code = main(arguments, steps.prepared)
    except KeyboardInterrupt:
        code = interrupted()
    flush(steps.files)
    if os.getpid() != own:  # a fork of the step that came back here
        os._exit(code)
    silence()
    world.restore()
    stays = not has_children() and _threads() <= threads
    cpu, rss = meter.read()
    server.send("done", number, code, cpu, rss or 0, stays)
    return stays


class _World:
    """What a step may change in its process, as it was before."""

    def __init__(self, limits: Dict[str, int]) -> None:
        self._cwd, self._env, self._path = os.getcwd(), dict(os.environ), list(sys.path)
        self._streams = sys.stdin, sys.stdout, sys.stderr, sys.excepthook
        self._signals = {number: signal.getsignal(number) for number in _NUMBERS}
        self._mask = os.umask(0o022)
        os.umask(self._mask)
        self._limits = {name: resource.getrlimit(getattr(resource, name)) for name in limits}

    def restore(self) -> None:
        """Make it so again."""
        os.chdir(self._cwd)
        os.umask(self._mask)
        _restore_environment(self._env)
        sys.path[:] = self._path
        sys.stdin, sys.stdout, sys.stderr, sys.excepthook = self._streams
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._signals.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        for name, both in self._limits.items():
            resource.setrlimit(getattr(resource, name), both)


def _restore_environment(saved: Dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in saved]:
        del os.environ[name]
    for name, value in saved.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _threads() -> int:
    threading = sys.modules.get("threading")
    return 1 if threading is None else threading.active_count()
