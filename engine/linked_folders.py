"""Folders that stand for other folders: real ones, with links to the files, so that a walk through them finds all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dflow.engine.inside import is_inside
from dflow.engine.state import link_or_copy, writing

__all__ = ["link_folders"]


def link_folders(root: str, inside: str, target: Path, *, hard: bool = True) -> None:
    """Make ``target`` stand for a place in an artifact: a link to a file, or a folder with links to the files in it.

    What is there already stays. The links are hard ones to what lies in the artifact itself, and symbolic ones to
    what it only leads to, such as the user's own files, and to other file systems. Links in a folder stay links; they
    are not followed.

    Args:
        root, inside: the artifact, and the place in it.
        hard: False makes symbolic links only.

    Raises:
        StateError: the file system refuses.
    """
    source = f"{root}/{inside}"
    if not os.path.isdir(source):
        if not os.path.lexists(target):
            link_or_copy(Path(source), target, "symlink")
        return
    folder, place = os.path.realpath(source), os.fspath(target)
    with writing(target):
        os.makedirs(place, exist_ok=True)
        if not is_inside(os.path.realpath(place), folder):
            is_own = folder == f"{os.path.realpath(root)}/{inside}"
            _link_entries(folder, place, folder, hard=hard and is_own)
            return
        os.rmdir(place)
    link_or_copy(Path(source), target, "symlink")  # it holds the target itself


def _link_entries(folder: str, place: str, top: str, *, hard: bool) -> None:
    with os.scandir(folder) as entries:
        found = list(entries)
    lead = os.path.relpath(folder, os.path.realpath(place))
    for entry in found:
        goal = f"{place}/{entry.name}"
        if entry.is_symlink():
            _link_again(entry.path, goal, top)
        elif entry.is_dir():
            os.makedirs(goal, exist_ok=True)
            _link_entries(entry.path, goal, top, hard=hard)
        else:
            _link_file(entry.path, goal, f"{lead}/{entry.name}", hard=hard)


def _link_file(file: str, goal: str, relative: str, *, hard: bool) -> None:
    with suppress(FileExistsError):
        if hard:
            try:
                os.link(file, goal)
            except FileExistsError:
                raise
            except OSError:  # another file system, or one without hard links
                os.symlink(relative, goal)
        else:
            os.symlink(relative, goal)


def _link_again(link: str, goal: str, top: str) -> None:
    """A link as it is where it stays inside the folder; otherwise one to what it leads to."""
    text, end = os.readlink(link), os.path.realpath(link)
    if os.path.isabs(text) or not is_inside(end, top):
        text = os.path.relpath(end, os.path.realpath(os.path.dirname(goal)))
    with suppress(FileExistsError):
        os.symlink(text, goal)
