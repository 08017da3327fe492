"""Removing what a plan names, so that no half of a run is left under its name.

What goes is first renamed into a hidden directory beside the runs. If the process is killed then, the next cleaning
finishes that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.cleaning import TRASH, Kept
from dflow.engine.errors import StateError
from dflow.engine.layout import RunLayout
from dflow.engine.lease import refuse_if_held
from dflow.engine.process import hostname
from dflow.engine.state import writing
from filelock import FileLock

if TYPE_CHECKING:
    from dflow.engine.cleaning import Plan, Removal

__all__ = ["clean"]


def clean(chosen: Plan) -> list[Kept]:
    """Remove what a plan names; the runs that were begun again meanwhile, which stay.

    Raises:
        StateError: the file system refuses.
    """
    kept = []
    for removal in chosen.removals:
        try:
            _remove(chosen.folder, removal)
        except _InUseError as exc:  # noqa: PERF203 - one run in use is no reason to stop
            kept.append(Kept(removal.name, str(exc)))
    return kept


class _InUseError(Exception):
    """Somebody runs it."""


def _remove(folder: Path, removal: Removal) -> None:
    if removal.kind == "leftover":
        _delete(removal.places[0])
        return
    parent = removal.places[0].parent if removal.kind == "upload" else folder
    with writing(parent):
        trash = Path(tempfile.mkdtemp(prefix=f"{TRASH}{hostname()}-{os.getpid()}-", dir=parent))
    try:
        if removal.run is None:
            _move(removal, trash)
        else:
            layout = RunLayout(removal.run)
            with FileLock(layout.lease.with_name("lease.lock")):
                try:
                    refuse_if_held(layout)
                except StateError as exc:
                    raise _InUseError("is running by now") from exc
                _move(removal, trash)
    finally:
        _delete(trash)


def _move(removal: Removal, trash: Path) -> None:
    for number, place in enumerate(removal.places):
        with writing(place):
            place.rename(trash / str(number))


def _delete(place: Path) -> None:
    try:
        try:
            shutil.rmtree(place)
        except PermissionError:
            for folder, folders, _ in os.walk(place):
                for name in folders:
                    inside = Path(folder, name)
                    if not inside.is_symlink():
                        inside.chmod(0o700)  # its owner may not have written in it either
            shutil.rmtree(place)
    except FileNotFoundError:
        return  # another cleaning was faster
    except OSError as exc:
        raise StateError(f"cannot delete {place}: {exc}; it is left over, and nothing refers to it") from exc
