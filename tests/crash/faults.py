"""Kills a process at one of its writes: before it, after it, or when half of the bytes are there.

Calls of the operating system that change what lies below one directory are counted, as well as the start and the end of
programs. Nothing in the product knows of this: the functions of ``os``, ``io`` and ``shutil`` are replaced in a process
of the tests.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Faults", "Point", "kill_points"]

PLAN = "DFLOW_CRASH_PLAN"
_CHANGES = os.O_CREAT | os.O_WRONLY | os.O_RDWR | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Point:
    """Where to kill.

    Attributes:
        number: the operation, counted from 0.
        mode: ``"before"`` it, ``"after"`` it, or ``"half"`` way through its bytes.
    """

    number: int
    mode: str = "before"


def kill_points(operations: list[str]) -> list[Point]:
    """All places in which a process that does these operations can be killed."""
    points = [Point(number) for number in range(len(operations))]
    points += [Point(n, "half") for n, name in enumerate(operations) if name in ("write", "copyfile")]
    return [*points, Point(len(operations) - 1, "after")]


class Faults:
    """Counts operations below ``root`` and kills at one of them.

    Attributes:
        names: the operations so far.
    """

    def __init__(self, root: str, point: Point | None, kill: Callable[[], None] | None = None) -> None:
        self.names: list[str] = []
        self._root = os.path.realpath(root) + os.sep
        self._point = point
        self._kill = kill or _kill_me
        self._files: set[int] = set()

    def install(self) -> None:
        """Replace the functions, for the rest of this process."""
        for name, position in (
            ("mkdir", 0),
            ("unlink", 0),
            ("remove", 0),
            ("rmdir", 0),
            ("chmod", 0),
            ("truncate", 0),
            ("utime", 0),
            ("rename", 1),
            ("replace", 1),
            ("link", 1),
            ("symlink", 1),
        ):
            setattr(os, name, self._of_path(name, getattr(os, name), position))
        for name in ("ftruncate", "fsync", "fdatasync"):
            setattr(os, name, self._of_file(name, getattr(os, name)))
        for name in ("pidfd_open", "wait4"):
            if hasattr(os, name):
                setattr(os, name, self._always(name, getattr(os, name)))
        self._install_open()
        self._install_write()
        self._install_copy()

    def _install_open(self) -> None:
        of_os, of_io, close = os.open, io.open, os.close

        def open_(path: Any, flags: int, *args: Any, **fields: Any) -> int:
            if not (flags & _CHANGES and self._is_mine(path)):
                return of_os(path, flags, *args, **fields)
            file = self._do("open", lambda: of_os(path, flags, *args, **fields))
            self._files.add(file)
            return file

        def open_stream(path: Any, mode: str = "r", *args: Any, **fields: Any) -> Any:
            if set(mode) & set("wax+") and self._is_mine(path):
                return self._do("stream", lambda: of_io(path, mode, *args, **fields))
            return of_io(path, mode, *args, **fields)

        def close_(file: int) -> None:
            self._files.discard(file)
            close(file)

        os.open, io.open, os.close = open_, open_stream, close_

    def _install_write(self) -> None:
        write = os.write

        def write_(file: int, data: bytes) -> int:
            if file not in self._files:
                return write(file, data)
            return self._do("write", lambda: write(file, data), lambda: write(file, data[: len(data) // 2]))

        os.write = write_

    def _install_copy(self) -> None:
        copy = shutil.copyfile

        def half(source: Any, target: Any) -> None:
            data = Path(source).read_bytes()
            Path(target).write_bytes(data[: len(data) // 2])

        def copyfile(source: Any, target: Any, **fields: Any) -> Any:
            if not self._is_mine(target):
                return copy(source, target, **fields)
            return self._do("copyfile", lambda: copy(source, target, **fields), lambda: half(source, target))

        shutil.copyfile = copyfile

    def _of_path(self, name: str, call: Callable[..., Any], position: int) -> Callable[..., Any]:
        def changed(*args: Any, **fields: Any) -> Any:
            if len(args) > position and self._is_mine(args[position]):
                return self._do(name, lambda: call(*args, **fields))
            return call(*args, **fields)

        return changed

    def _of_file(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def changed(file: int, *args: Any) -> Any:
            return self._do(name, lambda: call(file, *args)) if file in self._files else call(file, *args)

        return changed

    def _always(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: self._do(name, lambda: call(*args))

    def _is_mine(self, path: Any) -> bool:
        if isinstance(path, int):
            return path in self._files
        return os.path.abspath(os.fsdecode(path)).startswith(self._root)  # noqa: PTH100 - links are not followed

    def _do(self, name: str, call: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        number = len(self.names)
        self.names.append(name)
        mode = self._point.mode if self._point is not None and self._point.number == number else ""
        if mode == "half" and half is not None:
            half()
        if mode in ("before", "half"):
            self._kill()
        result = call()
        if mode == "after":
            self._kill()
        return result


def _kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def follow_plan(root: str, engine: Path) -> Faults | None:
    """In a step that submits a workflow: kill it and the engine around it, once, as a file asks."""
    plan = Path(os.environ.get(PLAN, "/nonexistent"))
    if not plan.exists():
        return None
    data = json.loads(plan.read_text())
    plan.unlink()
    point = Point(data["number"], data["mode"]) if data["number"] >= 0 else None

    def kill() -> None:
        os.kill(int(engine.read_text()), signal.SIGKILL)
        _kill_me()

    faults = Faults(root, point, kill)
    faults.install()
    return faults
