"""Child servers: forks of the bare one that have loaded what the steps they fork would have to load.

A child server of kind ``base`` has the runtime; one of kind ``op``, a fork of that, has loaded one OP with all that
its module imports. Steps that are forked from it start where a fresh process would be after the same imports: with its
own ``__main__``, arguments, random numbers and directory for temporary files. A module that must not be forked
is found out, and said.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import types
from typing import TYPE_CHECKING, Any, List, Tuple

from dflow.python.runtime.main import Prepared, main

if TYPE_CHECKING:
    from dflow.python.runtime.forking import Forks

__all__ = ["Steps", "serve"]

_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_UNIQUE = {
    "Random",
    "RandomState",
    "default_rng",
    "getpid",
    "getrandbits",
    "manual_seed",
    "mkdtemp",
    "mkstemp",
    "randint",
    "seed",
    "token_bytes",
    "token_hex",
    "urandom",
    "uuid1",
    "uuid4",
}
"""Names that the code of a module uses to seed random numbers, or to make what no other process has."""
_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")


def serve(server: Forks, kind: str, number: int, op_file: str) -> None:
    """Load what this kind of child server loads, say that it is ready, and take requests until the socket closes."""
    if kind == "worker":
        from dflow.python.runtime.worker import work

        work(server, number)
        return
    steps, reason = Steps(), None
    if kind == "op":
        reason = steps.load(op_file)
    else:
        from dflow.python.runtime.rehearsal import rehearse

        rehearse()
    gc.freeze()
    server.steps = steps
    server.system.die_with_nobody()  # the end of the socket says so, and then there is more to do
    server.send("ready", number, reason)
    server.loop()


class Steps:
    """Runs steps in forks of this process.

    Attributes:
        prepared: the OP that is loaded.
        said: what its imports printed.
        files: files that its imports have left open.
    """

    def __init__(self) -> None:
        self.prepared: Prepared | None = None
        self.said = b""
        self.files: List[Any] = []

    # -- in the server ----------------------------------------------------------------------------------------

    def load(self, op_file: str) -> str | None:
        """Load an OP; the reason why it must not be forked, or None.

        This server ends where each step has to load the OP for itself: because it cannot be loaded, or because its
        module makes at import what each process must have of its own, such as random numbers.
        """
        sys.modules["__main__"] = types.ModuleType("__main__")
        os.chdir(os.path.dirname(op_file))  # an import that writes a file beside it does no harm there
        before = set(sys.modules)
        said = os.memfd_create("imports")
        os.dup2(said, 1)
        os.dup2(said, 2)
        try:
            prepared = Prepared(op_file, op_file)
        except BaseException:  # noqa: BLE001 - whatever an import raises is the step's to report
            os._exit(1)
        silence()
        if any(_is_of_its_process(sys.modules[name]) for name in set(sys.modules) - before):
            os._exit(0)
        with open(said, "rb") as stream:
            stream.seek(0)
            self.said = stream.read()
        self.files = [thing for thing in gc.get_objects() if type(thing) in _FILES]
        self.prepared = prepared
        return _unfit()

    # -- in the fork ------------------------------------------------------------------------------------------

    def dress(self, step: str, script: str) -> None:
        """Be what the fork of a step starts as, and know what it would look for."""
        if self.prepared is None:
            sys.modules["__main__"] = types.ModuleType("__main__")
        else:
            self.prepared.present = os.listdir(step)
        refresh(script)

    def undress(self) -> None:
        """Forget the step that was forked."""
        if self.prepared is not None:
            self.prepared.present = None

    def run(self, request: Tuple[Any, ...]) -> int:
        """Run a step in this fork, to the end that the interpreter would give it."""
        if self.said:
            os.write(1, self.said)
        numbers: Any = sys.modules.get("numpy.random")
        if numbers is not None:
            numbers.seed()
        if self.prepared is None:
            library = f"{request[7][0].rpartition('/')[0].rpartition('/')[0]}/lib"
            if library not in sys.path:
                sys.path.insert(0, library)
        try:
            code = main(request[7], self.prepared)
        except KeyboardInterrupt:
            code = interrupted()
        return finish(code, self.files)


def refresh(script: str) -> None:
    """What a fresh process has of its own: arguments, ``__main__``, the place of temporary files."""
    sys.argv = [script]
    sys.modules["__main__"].__file__ = script
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile.tempdir = None


def finish(code: int, files: List[Any]) -> int:
    """What the interpreter does at its end: wait for threads, call what is registered, flush the files left open."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        threading._shutdown()
    atexit._run_exitfuncs()
    flush(files)
    return code


def flush(files: List[Any]) -> None:
    """Flush what a step left open: these, and those that it has opened."""
    for file in [sys.stdout, sys.stderr, *files, *(thing for thing in gc.get_objects() if type(thing) in _FILES)]:
        try:
            if not file.closed:
                file.flush()
        except (OSError, ValueError, AttributeError):
            continue


def interrupted() -> int:
    """End as a program does that SIGINT has ended."""
    import signal
    import traceback

    traceback.print_exc()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    return 128 + signal.SIGINT


def silence() -> None:
    """Send what comes after a step, or the imports, nowhere."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    fd = os.open(os.devnull, os.O_WRONLY)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


# -- what must not be forked ----------------------------------------------------------------------------------


def _unfit() -> str | None:
    """Why this process must not be forked after the imports it has made."""
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        names = ", ".join(sorted(t.name for t in threading.enumerate() if t is not threading.main_thread()))
        return f"its imports start threads ({names})"
    if _threads() > 1 and not _threads_end_for_a_fork():
        return "its imports start threads"
    device = next((file for file in _open_files() if file.startswith(_DEVICES)), None)
    return None if device is None else f"its imports open {device}"


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _threads_end_for_a_fork() -> bool:
    """Whether those who started threads outside of Python end them before a fork, as OpenBLAS does: try it."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return _threads() == 1


def _open_files() -> List[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return found


def _is_of_its_process(module: Any) -> bool:
    """Whether a user's module, when it is imported, seeds random numbers or makes something unique."""
    file = getattr(module, "__file__", None) or ""
    loader: Any = getattr(getattr(module, "__spec__", None), "loader", None)
    if not file.endswith(".py") or f"{os.sep}lib{os.sep}python" in file or not hasattr(loader, "get_code"):
        return False
    try:
        code = loader.get_code(module.__name__)
    except (ImportError, OSError, SyntaxError):
        return False
    return code is not None and _names(code)


def _names(code: types.CodeType) -> bool:
    """Whether the code of a module names what makes it unique, outside of its functions."""
    bodies = [const for const in code.co_consts if isinstance(const, types.CodeType) and not const.co_flags & 1]
    return not _UNIQUE.isdisjoint(code.co_names) or any(_names(body) for body in bodies)
