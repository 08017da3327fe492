"""How much memory a run takes at its peak (Linux)."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
INTERVAL = 0.05  # seconds between samples


class Sampler:
    """Samples the descendants of this process; one run at a time.

    Attributes:
        peaks: MB (10^6 bytes). `main_memory`: resident memory of the first process, its own record of the maximum.
            `engine_memory`: the sum of the resident memory of all processes that are not in the `workdir` of a step;
            a process counts from its second sample on, since a child just forked has not yet gone to its step.
            `tree_memory`: the sum of the shares (PSS) of all processes.
    """

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid, self.folder = pid, folder.resolve()
        self.peaks = {"main_memory": 0.0, "engine_memory": 0.0, "tree_memory": 0.0}
        self._seen: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Sample while the context lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL):
            self.sample()

    def sample(self) -> None:
        """Look once at all processes."""
        pids = descendants(os.getpid())
        engine = [pid for pid in pids if pid in self._seen and not self._in_step(pid)]
        self._seen = set(pids)
        now = {
            "main_memory": field(self.pid, "status", "VmHWM:"),
            "engine_memory": sum(field(pid, "status", "VmRSS:") for pid in engine),
            "tree_memory": sum(field(pid, "smaps_rollup", "Pss:") for pid in pids),
        }
        self.peaks = {name: max(value, now[name]) for name, value in self.peaks.items()}

    def _in_step(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            place = (PROC / str(pid) / "cwd").readlink()
            return place.is_relative_to(self.folder) and "workdir" in place.relative_to(self.folder).parts
        return True  # it has ended


def descendants(pid: int) -> list[int]:
    """The processes below one, orphans that it adopted included."""
    found: list[int] = []
    todo = [pid]
    while todo:
        listings: list[Path] = []
        with contextlib.suppress(OSError):  # it has ended
            listings = list((PROC / str(todo.pop()) / "task").glob("*/children"))
        for listing in listings:
            with contextlib.suppress(OSError):
                todo += (children := [int(child) for child in listing.read_text().split()])
                found += children
    return found


def field(pid: int, name: str, label: str) -> float:
    """A field of a file of /proc in MB; 0 when the process has ended."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / name).read_text().splitlines():
            if line.startswith(label):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0
