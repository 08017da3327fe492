"""Links, copies and moves of files and of whole directory trees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Callable

from dflow.engine.errors import NoSuchFile

__all__ = ["copy_file", "force_link", "force_move", "link", "linktree", "merge_dir", "try_link"]

Place = Callable[[str, str], Any]


def link(src: Any, dst: Any) -> None:
    """Make ``dst`` a hard link to a file; where ``src`` is a symbolic link, to the file that it leads to."""
    os.link(os.path.realpath(str(src)), str(dst))


def try_link(src: Any, dst: Any) -> None:
    """Make ``dst`` a hard link to a file, or a copy of it where there can be none; what was there is replaced.

    Raises:
        IsADirectoryError: ``src`` is a directory.
    """
    if os.path.isdir(str(src)):
        raise IsADirectoryError(f"{src} is a directory; a hard link is to a file")
    if os.path.exists(str(dst)) and os.path.samefile(str(src), str(dst)):
        return
    if os.path.lexists(str(dst)) and not os.path.isdir(str(dst)):
        os.unlink(str(dst))
    try:
        link(src, dst)
    except OSError:  # another file system, or one without hard links
        shutil.copy(str(src), str(dst))


def force_link(src: Any, dst: Any, func: Place = os.symlink) -> None:
    """Make ``dst`` a link to ``src``, in place of a symbolic link that is there.

    Raises:
        FileExistsError: a file or a directory is there.
    """
    if os.path.islink(str(dst)):
        os.unlink(str(dst))
    func(str(src), str(dst))


def force_move(src: Any, dst: Any) -> None:
    """Move a file, in place of what is there; to another file system too.

    Raises:
        IsADirectoryError: a directory is there.
    """
    if os.path.isdir(str(dst)) and not os.path.islink(str(dst)):
        raise IsADirectoryError(f"{dst} is a directory")
    try:
        os.replace(str(src), str(dst))
    except OSError as exc:
        import errno

        if exc.errno != errno.EXDEV:
            raise
        shutil.move(str(src), str(dst))


def copy_file(src: Any, dst: Any, func: Place = try_link) -> None:
    """Put a file, or a directory with all that is in it, at ``dst``; missing parents are made.

    Args:
        func: what is done for each file; hard links where they can be made, else copies.

    Raises:
        FileNotFoundError: there is no ``src``.
    """
    source, target = Path(str(src)), Path(str(dst))
    if not source.exists():
        raise NoSuchFile(f"there is no {src}")
    if target.exists() and source.samefile(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        func(str(source), str(target))
        return
    if target.is_dir() and not target.is_symlink():
        if _is_inside(source, target):
            raise FileExistsError(f"{dst} holds {src}: a copy there would take its place")
        shutil.rmtree(str(target))
    _each(source, target, func)


def linktree(src: Any, dst: Any, func: Place = os.symlink) -> None:
    """Make a tree of directories like that of ``src`` with a link to each of its files, in place of links there.

    Raises:
        FileExistsError: a file is where a link would be.
    """
    _each(Path(str(src)), Path(str(dst)), lambda file, place: force_link(os.path.abspath(file), place, func))


def merge_dir(src: Any, dst: Any, func: Place = force_move) -> None:
    """Put each file of a tree at the same place of another tree; what was there is replaced.

    Args:
        func: what is done for each file; it is moved. The directories of ``src`` stay.
    """
    _each(Path(str(src)), Path(str(dst)), func)


def _each(source: Path, target: Path, func: Place) -> None:
    inside = sorted(source.iterdir())  # before anything is put there: the target may be inside
    target.mkdir(parents=True, exist_ok=True)
    for entry in inside:
        place = target / entry.name
        if entry.is_dir():
            _each(entry, place, func)
        else:
            func(str(entry), str(place))


def _is_inside(path: Path, folder: Path) -> bool:
    return os.path.realpath(str(path)).startswith(os.path.realpath(str(folder)) + os.sep)
