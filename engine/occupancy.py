"""What a run directory takes on the disk, and which other things its links lead to. Links are not followed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from dflow.engine.moving import absolute
from dflow.engine.state import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dflow.engine.layout import RunLayout

__all__ = ["Meter", "leads_to", "mentions"]


class Meter:
    """Adds up what is allocated; a file that has several names counts for the first of them."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()

    def size(self, place: Path) -> int:
        """Bytes on the disk of a file or a directory with all that is in it; nothing of what is gone meanwhile."""
        total = 0
        for _, found in _walk(str(place)):
            if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
                if (found.st_dev, found.st_ino) in self._seen:
                    continue
                self._seen.add((found.st_dev, found.st_ino))
            total += found.st_blocks * 512
        return total


def leads_to(place: Path) -> Iterator[str]:
    """Where the links in a directory lead that leave it: absolute paths, with the links on the way not followed."""
    root = os.path.abspath(place)  # noqa: PTH100 - as a text
    for path, found in _walk(root):
        if stat.S_ISLNK(found.st_mode):
            try:
                goal = absolute(os.readlink(path), path.rpartition("/")[0])  # noqa: PTH115 - a text
            except OSError:
                continue
            goal = os.path.normpath(goal)
            if not f"{goal}/".startswith(f"{root}/"):
                yield goal


def mentions(layout: RunLayout) -> str:
    """The texts in which a run says what it was given from elsewhere."""
    found = []
    for file in (layout.graph, layout.reuse):
        try:
            found.append(read_text(file))
        except OSError:  # noqa: PERF203 - any of them may be gone by now
            continue
    return "\n".join(found)


def _walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """A file or directory and all that is in it."""
    rest = [path]
    while rest:
        here = rest.pop()
        try:
            found = os.lstat(here)
            if stat.S_ISDIR(found.st_mode):
                rest += [entry.path for entry in os.scandir(here)]
        except OSError:
            continue
        yield here, found
