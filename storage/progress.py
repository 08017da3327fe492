"""How far a transfer is: a bar on a terminal, lines in the log elsewhere, nothing for what is over at once."""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Meter", "Progress", "human_size", "progress"]

_log = logging.getLogger("dflow.storage")
_BAR = threading.Lock()
"""Held by who shows a bar: there is one at a time."""

QUIET = 2.0
"""Seconds before anything is shown."""
_BETWEEN_LINES = 30.0
_BETWEEN_FRAMES = 0.1


class Progress(Protocol):
    """Told how far a transfer is; called from several threads, one at a time."""

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """So much is done now."""
        ...


class Meter:
    """Counts the bytes of one transfer.

    Attributes:
        done: bytes so far; what is sent a second time is taken back first.
        total: bytes in all.
    """

    def __init__(self, total: int, report: Progress) -> None:
        self.done, self.total = 0, total
        self._report = report
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """So many bytes more; less than none where some must be done again."""
        with self._lock:
            self.done += count
            self._report(self.done, self.total)


@contextmanager
def progress(label: str, total: int, *, report: Progress | None = None) -> Iterator[Meter]:
    """Show how far a transfer is while the block runs, by ``Meter.add``.

    Args:
        label: what is done, such as ``"uploading x.dat"``.
        total: bytes in all.
        report: told instead of anything being shown.
    """
    if report is not None:
        yield Meter(total, report)
        return
    shown = _Shown(label)
    try:
        yield Meter(total, shown)
    finally:
        shown.close()


class _Shown:
    """A bar, or lines in the log."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._begin = time.monotonic()
        self._next = self._begin + QUIET
        self._bar: _Bar | None = None
        self._last = (0, 0)

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        self._last = (done_bytes, total_bytes)
        now = time.monotonic()
        if now < self._next:
            return
        if self._bar is None:
            self._bar = _open_bar(self._label, total_bytes)
        if self._bar is not None:
            self._bar.show(done_bytes)
            self._next = now + _BETWEEN_FRAMES
        else:
            self._next = now + _BETWEEN_LINES
            _log.info("%s: %s of %s", self._label, human_size(done_bytes), human_size(total_bytes))

    def close(self) -> None:
        seconds = time.monotonic() - self._begin
        done, total = self._last
        if self._bar is not None:
            self._bar.show(done)
            self._bar.close()
        elif seconds > QUIET and done >= total > 0:
            rate = human_size(done / seconds)
            _log.info("%s: %s in %.1f s (%s/s)", self._label, human_size(done), seconds, rate)


class _Bar:
    """A bar of rich on standard error."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def show(self, done: int) -> None:
        self._bar.update(self._task, completed=done)

    def close(self) -> None:
        try:
            self._bar.stop()
        finally:
            _BAR.release()


def _open_bar(label: str, total: int) -> _Bar | None:
    """None where there is no terminal, or where another bar is."""
    if not (sys.stderr is not None and sys.stderr.isatty() and _BAR.acquire(blocking=False)):
        return None
    with suppress(Exception):  # a terminal that rich cannot use, or one that it is using
        from rich import progress as rich_progress  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415

        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.DownloadColumn(),
            rich_progress.TransferSpeedColumn(),
            rich_progress.TimeRemainingColumn(),
        )
        bar = rich_progress.Progress(*columns, console=Console(stderr=True), transient=True)
        task = bar.add_task(label, total=total)
        bar.start()
        return _Bar(bar, task)
    _BAR.release()
    return None


def human_size(count: float) -> str:
    """Bytes as ``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
