"""Getting what was written onto the disk itself.

What a process has written survives its own end, however it ends: the system has it. Only a crash of the system or a
loss of power takes what is not on the disk yet. ``durability="power"`` waits for the disk before a step counts as
finished.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dflow.engine.state import writing

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LEVELS", "sync_path", "sync_tree"]

LEVELS = ("kill", "power")
"""Survive the end of any process; survive the end of the machine too."""


def sync_path(path: Path | str) -> None:
    """Wait until a file, or the entries of a directory, are on the disk.

    Raises:
        StateError: the disk refuses.
    """
    with writing(path):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def sync_tree(root: Path | str) -> None:
    """Wait until all files and directories below ``root`` are on the disk; what links lead to is left alone.

    Raises:
        StateError: the disk refuses.
    """
    with writing(root):
        entries = list(os.scandir(root))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            sync_tree(entry.path)
        elif entry.is_file(follow_symlinks=False):
            sync_path(entry.path)
    sync_path(root)
