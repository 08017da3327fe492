"""Whether a run directory is what it should be, before anything of it is read.

It may have been sent by somebody else: a pipe would be waited for, a device never ends, and a link leads elsewhere.
"""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import TYPE_CHECKING

from dflow.ui.answers import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import RunLayout

__all__ = ["check_run"]

_WORD = 64 << 10
_GRAPH = 512 << 20


def check_run(layout: RunLayout) -> None:
    """Look at the files that are read of a run; the journal is read piece by piece, so it may be of any size.

    Raises:
        Refused: one is no plain file, too large to be read, or cannot be read.
    """
    name = layout.id
    try:
        if not _is_fine(name, layout.graph, _GRAPH):
            raise Refused(404, f"There is no run {name} in {layout.root.parent}")
        for path, most in ((layout.journal, None), (layout.status, _WORD), (layout.lease, _WORD)):
            _is_fine(name, path, most)
    except PermissionError as exc:
        raise Refused(404, f"The run {name} belongs to somebody else, who lets nobody read it") from exc
    except (OSError, ValueError) as exc:
        raise Refused(404, f"There is no run {name} in {layout.root.parent}") from exc


def _is_fine(name: str, path: Path, most: int | None) -> bool:
    """Whether it is there; then it is a file that can be read."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    if not S_ISREG(found.st_mode):
        raise Refused(404, f"The run {name} is damaged: {path} is no file")
    if most is not None and found.st_size > most:
        raise Refused(404, f"The run {name} is damaged: {path} is too large")
    if not os.access(path, os.R_OK):
        raise PermissionError
    return True
