"""What the machine itself asks for a process: no engine can be faster than this."""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def measure(folder: Path, *, repetitions: int) -> dict[str, float]:
    """The median seconds of each floor, measured in turn; `folder` is made."""
    folder.mkdir()
    numbers = iter(range(repetitions))
    floors: dict[str, Callable[[], None]] = {
        "posix_spawn of python -I -S -c pass": spawn_python,
        "fork and mkdir": lambda: fork_and_mkdir(folder / str(next(numbers))),
    }
    samples: dict[str, list[float]] = {name: [] for name in floors}
    for _ in range(repetitions):
        for name, floor in floors.items():
            start = time.perf_counter()
            floor()
            samples[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in samples.items()}


def spawn_python() -> None:
    """Start a bare interpreter and wait for it."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", "pass"], os.environ)
    os.waitpid(pid, 0)


def fork_and_mkdir(path: Path) -> None:
    """Fork this small process, make one directory in the child, and wait for it."""
    pid = os.fork()
    if pid == 0:
        try:
            path.mkdir()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
