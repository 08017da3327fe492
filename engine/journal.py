"""The journal of a run: one JSON line for each event, appended, never changed.

It is an index for progress and fast queries. It can be lost: the step directories win. A last line that a kill
tore is cut off by the next writer and skipped by readers.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.engine.state import PRIVATE, to_json, write_all, writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Journal", "read_events"]


class Journal:
    """The one writer of a journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE)
            _cut_torn_line(self._file)

    def append(self, event: dict[str, Any]) -> None:
        """Add one event.

        Raises:
            StateError: the file system refuses.
        """
        with writing(self.path):
            write_all(self._file, to_json(event) + "\n")

    def close(self) -> None:
        """Write no more; who does all the same is refused."""
        os.close(self._file)
        self._file = -1


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """All events in order; lines that are torn or no JSON objects are passed over."""
    try:
        stream = path.open(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return
    with stream:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def _cut_torn_line(file: int) -> None:
    """Cut what follows the last newline."""
    size = end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - 4096)
        found = os.pread(file, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(file, end)
