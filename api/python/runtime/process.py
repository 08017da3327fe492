"""What the system offers to a parent of processes, and what a fork of it has to do to become a step.

Like ``forkserver`` it is imported as the file it is, and imports as little as it can.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the module around it is larger than the rest of these together
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

__all__ = [
    "CANNOT_START",
    "KILL",
    "RSS_UNIT",
    "STEP_VARIABLE",
    "Hooks",
    "Meter",
    "System",
    "become",
    "change_environment",
    "children_of",
    "count_peak_anew",
    "enter",
    "exit_code",
    "has_children",
    "is_alone",
    "kill_group",
    "limit",
    "print_to",
    "spawn",
    "used",
]

STEP_VARIABLE = "DFLOW_STEP_PATH"
CANNOT_START = 126
KILL = int(signal.SIGKILL)
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_DEATHSIG, _SUBREAPER = 1, 36
_THREADS = ("threading", "logging")
_IGNORED = [n for n in (signal.SIGPIPE, getattr(signal, "SIGXFSZ", None)) if n is not None]
"""Python ignores them; a program that is started does not."""


class System:
    """What Linux can do for a parent and Python does not offer; without ctypes, nothing.

    The environment that the system shows of a process is the memory that it was started with. A fork has that of its
    server; so the value of one variable there is overwritten in place with the step that the fork works for. The last
    of its entries only makes room for that.
    """

    def __init__(self) -> None:
        self._prctl: Any = None
        self._write: Any = None
        self._place = self._size = 0
        value = os.environ.get(STEP_VARIABLE, "")
        self._around = around = value.rpartition(os.pathsep)[0]
        try:
            import ctypes

            libc = ctypes.CDLL(None)
            self._prctl, self._write = libc.prctl, ctypes.memmove
            libc.getenv.restype = ctypes.c_void_p
            self._place = libc.getenv(STEP_VARIABLE.encode()) or 0
            self._size = len(os.fsencode(value))
        except (ImportError, OSError, AttributeError):
            pass
        os.environ.pop(STEP_VARIABLE, None)
        if around:
            os.environ[STEP_VARIABLE] = around
        self.work_for(around)

    def work_for(self, step: str) -> None:
        """Show a step in the environment of this process and its forks."""
        if self._place:
            data = os.fsencode(step)[: self._size - 1] + b"\0"
            self._write(self._place, data, len(data))

    def work_for_none(self) -> None:
        """Show again what was shown at the start."""
        self.work_for(self._around)

    def adopt_orphans(self) -> None:
        """Become the parent of all descendants whose own parents end."""
        if self._prctl is not None:
            self._prctl(_SUBREAPER, 1, 0, 0, 0)

    def die_with(self, parent: int) -> None:
        """Be killed when the server that forked this process ends."""
        if self._prctl is not None:
            self._prctl(_DEATHSIG, KILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(CANNOT_START)

    def die_with_nobody(self) -> None:
        """Take back :meth:`die_with`: this process sees for itself when it is over."""
        if self._prctl is not None:
            self._prctl(_DEATHSIG, 0, 0, 0, 0)


class Hooks:
    """What the modules of threads and logs want to have called around a fork: in steps, and not in servers.

    A server has one thread when it forks, so no lock is held and no thread is lost: there is nothing to mend, and
    mending it would cost more than the fork. A step may have threads when it forks.

    Attributes:
        off: this process is a server.
    """

    def __init__(self) -> None:
        self.off = True
        self._register = os.register_at_fork

    def take_over(self) -> None:
        """See to what is registered from now on."""
        os.register_at_fork = self._take

    def _take(self, **functions: Any) -> None:
        for name, function in functions.items():
            mends = getattr(function, "__module__", "") in _THREADS
            self._register(**{name: self._unless_off(function) if mends else function})

    def _unless_off(self, function: Any) -> Any:
        def call() -> None:
            if not self.off:
                function()

        return call


def exit_code(status: int) -> int:
    """The exit code that a shell would show for a wait status."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def kill_group(pid: int, signum: int) -> None:
    """Signal the session of a child that has not been waited for; before it has one, the child alone."""
    try:
        os.killpg(pid, signum)
    except OSError:
        try:
            os.kill(pid, signum)
        except OSError:
            return


def children_of(parent: int) -> List[int]:
    """The processes whose parent is this one; only where the system shows it."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{name}/stat", "rb") as stream:
                fields = stream.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if name.isdigit() and int(fields[1]) == parent:
            found.append(int(name))
    return found


def is_alone() -> bool:
    """Whether this process has, and had, no children, and has one thread: nothing can come after its last word."""
    threading = sys.modules.get("threading")
    if has_children() or (threading is not None and threading.active_count() > 1):
        return False
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt == 0


def has_children() -> bool:
    """Whether this process has children, ended or not."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def used() -> Tuple[float, int]:
    """Seconds of CPU that this process has used, and its largest resident set in bytes."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime, own.ru_maxrss * RSS_UNIT


class Meter:
    """What a process uses for a while, with the children that it has and waits for meanwhile.

    Args:
        anew: have the system count the peak from now on; where it cannot, or is not to, the peak is told if it grows.
    """

    def __init__(self, *, anew: bool) -> None:
        self._is_new = anew and count_peak_anew()
        self._own, self._children = _rusages()

    def read(self) -> Tuple[float, int | None]:
        """Seconds of CPU since then, and the largest resident set since then in bytes; None where that is not known."""
        own, children = _rusages()
        cpu = _cpu(own) + _cpu(children) - _cpu(self._own) - _cpu(self._children)
        grown = children.ru_maxrss if children.ru_maxrss > self._children.ru_maxrss else 0
        peak = own.ru_maxrss if self._is_new or own.ru_maxrss > self._own.ru_maxrss else 0
        return cpu, max(peak, grown) * RSS_UNIT if peak else None


def count_peak_anew() -> bool:
    """Have the system forget how large this process has been; whether it does."""
    try:
        fd = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(fd, b"5")
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _rusages() -> Tuple[Any, Any]:
    return resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)


def _cpu(usage: Any) -> float:
    return float(usage.ru_utime + usage.ru_stime)


def enter(log: str, cwd: str, env: Dict[str, str], limits: Dict[str, int]) -> None:
    """Take up the log, the directory, the environment and the limits of a job."""
    print_to(log)
    os.chdir(cwd)
    for name, value in env.items():
        os.environ[name] = value
    limit(limits)


def print_to(log: str) -> None:
    """Have standard output and standard error end up in a file, after what is there."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    if fd > 2:
        os.close(fd)


def limit(limits: Dict[str, int]) -> None:
    """Limit what this process may use, by the names of ``resource``; never above what it may now."""
    for name, most in limits.items():
        hard = resource.getrlimit(getattr(resource, name))[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(getattr(resource, name), (soft, hard))


def spawn(argv: List[str], env: Dict[str, str], removed: List[str], log: str) -> int:
    """Start a program, found as a shell would, in a session of its own, with its output in a log; its number.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument holds a NUL.
    """
    for name in removed:
        env.pop(name, None)
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    program = argv[0]
    if "/" not in program:
        places = [f"{place}/{program}" for place in os.get_exec_path(env)]
        program = next((place for place in places if os.access(place, os.X_OK) and not os.path.isdir(place)), program)
    return os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigdef=_IGNORED)


def become(argv: List[str], removed: List[str]) -> None:
    """Replace this process by a program, found as a shell would."""
    change_environment({}, removed)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(argv[0], argv, os.environ)  # noqa: S606 - no shell: the job's own words


def change_environment(env: Dict[str, str], removed: List[str]) -> None:
    """Set variables, and remove others."""
    for name in removed:
        os.environ.pop(name, None)
    for name, value in env.items():
        os.environ[name] = value
