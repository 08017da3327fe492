"""Links, copies and moves of files and of whole directory trees.

What is put at a place is made under another name beside it first, so that what was there is kept when that fails.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple, Tuple

from dflow.engine.errors import NoSuchFile, WrongValue
from dflow.engine.inside import is_inside

__all__ = ["copy_file", "force_link", "force_move", "link", "linktree", "merge_dir", "try_link"]

Place = Callable[[str, str], Any]


def link(src: Any, dst: Any) -> None:
    """Make ``dst`` a hard link to a file; where ``src`` is a symbolic link, to the file that it leads to."""
    os.link(os.path.realpath(str(src)), str(dst))


def try_link(src: Any, dst: Any) -> None:
    """Make ``dst`` a hard link to a file, or a copy of it where there can be none.

    A file or a symbolic link that was there is replaced; in a directory it gets the name of ``src``.

    Raises:
        IsADirectoryError: ``src`` is a directory.
    """
    source, target = str(src), str(dst)
    if os.path.isdir(source):
        raise IsADirectoryError(f"{src} is a directory; a hard link is to a file")
    if _is_folder(target):
        target = os.path.join(target, os.path.basename(source))
    if _is_same(os.path.realpath(source), target):
        return
    with _beside(target) as made:
        try:
            link(source, made)
        except OSError:  # another file system, or one without hard links
            shutil.copy(source, made)
        _put(made, target)


def force_link(src: Any, dst: Any, func: Place = os.symlink) -> None:
    """Make ``dst`` a link to ``src``, in place of a symbolic link that is there; a link to itself is left as it is.

    Raises:
        FileExistsError: a file or a directory is there.
    """
    source, target = str(src), str(dst)
    if os.path.lexists(target) and os.path.abspath(source) == os.path.abspath(target):
        return
    _onto(source, target, func)


def force_move(src: Any, dst: Any) -> None:
    """Move a file or a directory, in place of a file or a link that is there; to another file system too.

    Raises:
        IsADirectoryError: a directory is there.
    """
    source, target = str(src), str(dst)
    if _is_folder(target):
        raise IsADirectoryError(f"{dst} is a directory")
    if _is_same(source, target):
        if _place(source) != _place(target):  # two names of one file
            os.unlink(source)
        return
    try:
        _put(source, target)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        with _beside(target) as made:
            if _is_folder(source):
                shutil.copytree(source, made, symlinks=True)
            else:
                shutil.copy2(source, made, follow_symlinks=False)
            _put(made, target)
        _remove(source)


def copy_file(src: Any, dst: Any, func: Place = try_link) -> None:
    """Put a file, or a directory with all that is in it, at ``dst``; missing parents are made.

    A directory takes the place of what is there, once it is complete; a file that of a file or a link.

    Args:
        func: what is done for each file; hard links where they can be made, else copies.

    Raises:
        FileNotFoundError: there is no ``src``.
        FileExistsError: ``dst`` is a directory that ``src`` lies in, or the other way round.
        ValueError: a link in ``src`` leads to a directory that it lies in.
    """
    source, target = Path(str(src)), Path(str(dst))
    if not source.exists():
        raise NoSuchFile(f"there is no {src}")
    if _is_same(os.path.realpath(str(source)), str(target)):
        return
    if source.is_dir() and _is_folder(str(target)):
        for inner, outer in ((source, target), (target, source)):
            if is_inside(os.path.realpath(inner), os.path.realpath(outer)):
                raise FileExistsError(f"{outer} holds {inner}: a copy at {dst} would take the place of what is copied")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        _onto(str(source), str(target), func)
        return
    plan = _planned(source, target)
    with _beside(str(target)) as made:
        _carry_out(plan, source, Path(made), func)
        _put(made, str(target))


def linktree(src: Any, dst: Any, func: Place = os.symlink) -> None:
    """Make a tree of directories like that of ``src`` with a link to each of its files, in place of links there.

    Raises:
        FileExistsError: a file is where a link would be.
        ValueError: a link in ``src`` leads to a directory that it lies in.
    """
    source, target = Path(str(src)), Path(str(dst))
    plan = _planned(source, target)
    _carry_out(plan, source, target, lambda file, place: force_link(os.path.abspath(file), place, func))


def merge_dir(src: Any, dst: Any, func: Place = force_move) -> None:
    """Put each file of a tree at the same place of another tree; what was there is replaced.

    Args:
        func: what is done for each file; it is moved. The directories of ``src`` stay, and so do files in directories
            that links in ``src`` lead to: these are copied.

    Raises:
        ValueError: a link in ``src`` leads to a directory that it lies in; nothing was moved.
    """
    source, target = Path(str(src)), Path(str(dst))
    plan = _planned(source, target)
    for folder in plan.folders:
        place = target / folder
        if os.path.lexists(str(place)) and not place.is_dir():
            place.unlink()
        place.mkdir(parents=True, exist_ok=True)
    for file, is_linked in plan.files:
        move = _copy if is_linked and func is force_move else func
        _replace(str(source / file), str(target / file), move)


class _Plan(NamedTuple):
    """What is in a tree, relative to it; ``folders`` begins with the tree itself.

    Attributes:
        files: each with whether a link to a directory leads to it.
    """

    folders: List[Path]
    files: List[Tuple[Path, bool]]


def _planned(source: Path, target: Path) -> _Plan:
    """All of a tree, before anything is put; not the target, which may be inside of it."""
    plan = _Plan([], [])
    left = _identity(target) if target.is_dir() else None
    _visit(plan, source, Path(), (_identity(source),), left, False)
    return plan


def _visit(plan: _Plan, root: Path, folder: Path, above: Tuple[Any, ...], left: Any, is_linked: bool) -> None:
    plan.folders.append(folder)
    for entry in sorted((root / folder).iterdir()):
        inner = folder / entry.name
        if not entry.is_dir():
            plan.files.append((inner, is_linked))
        elif _identity(entry) in above:
            raise WrongValue(f"{entry} leads to a directory that it lies in: a tree without end")
        elif _identity(entry) != left:
            _visit(plan, root, inner, (*above, _identity(entry)), left, is_linked or entry.is_symlink())


def _carry_out(plan: _Plan, source: Path, target: Path, func: Place) -> None:
    for folder in plan.folders:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for file, _ in plan.files:
        func(str(source / file), str(target / file))


def _copy(source: str, target: str) -> None:
    if not (os.path.exists(target) and os.path.samefile(source, target)):
        shutil.copy2(source, target)


def _onto(source: str, target: str, func: Place) -> None:
    """Have a file put at a place; a symbolic link there is replaced, not followed."""
    if not os.path.islink(target):
        func(source, target)
        return
    with _beside(target) as made:
        func(source, made)
        os.replace(made, target)


def _replace(source: str, target: str, func: Place) -> None:
    """The same, in place of a directory, too."""
    if not _is_folder(target):
        _onto(source, target, func)
        return
    with _beside(target) as made:
        func(source, made)
        _put(made, target)


@contextmanager
def _beside(target: str) -> Iterator[str]:
    """A free name in the directory of a place; what is left there is removed."""
    from dflow.utils import randstr

    made = os.path.join(os.path.dirname(target), ".dflow-" + randstr(12))
    try:
        yield made
    finally:
        if os.path.lexists(made):
            _remove(made)


def _put(made: str, target: str) -> None:
    """Give a file or directory the name of another, which is removed when that is done."""
    if not os.path.lexists(target) or not (_is_folder(made) or _is_folder(target)):
        os.replace(made, target)
        return
    os.lstat(made)  # or there is nothing to put
    with _beside(target) as old:
        os.rename(target, old)
        try:
            os.rename(made, target)
        except BaseException:
            os.rename(old, target)
            raise


def _remove(path: str) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _identity(path: Path) -> Tuple[int, int]:
    known = path.stat()
    return known.st_dev, known.st_ino


def _is_same(one: str, other: str) -> bool:
    """Whether two names are names of one file, directory or link; a link is not what it leads to."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False


def _place(path: str) -> str:
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
