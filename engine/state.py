"""Writing to a run directory so that a kill at any instant leaves the old file or the new one, never a half.

The commit rule: everything about a step is written first, its ``phase`` last. A directory without a final phase
is unfinished work.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CopyError, StateError
from dflow.engine.inside import is_inside
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dflow.engine.layout import StepLayout

__all__ = [
    "copy_file",
    "link_or_copy",
    "make_directory",
    "read_phase",
    "read_record",
    "read_text",
    "set_aside",
    "take_over_runs",
    "to_json",
    "write_all",
    "write_json",
    "write_new",
    "write_text",
    "writing",
]

PRIVATE = 0o600
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FICLONE = 0x40049409
"""``ioctl`` of Linux that has a file share the blocks of another one, see ioctl_ficlone(2)."""
_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "choose a directory that can be written, with config['debug_workdir'] or DFLOW_DEBUG_WORKDIR",
    errno.EACCES: "check the owner and mode",
}


class writing:  # noqa: N801 - used as a function; a class, because it is entered ten times for every step
    """Turn an error of the operating system into one that says which file, and what to do."""

    __slots__ = ("_path",)

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            advice = _ADVICE.get(error.errno or 0)
            text = f"cannot write {self._path}: {error.strerror or error}"
            raise StateError(f"{text}; {advice}, then resume" if advice else text) from error


def write_text(path: Path | str, text: str, *, mode: int = 0o666) -> None:
    """Replace ``path`` by a file with this text, in one step.

    Raises:
        StateError: the file system refuses; the old file is untouched.
    """
    temporary = f"{path}.tmp"
    with writing(path):
        try:
            _write(temporary, text, os.O_TRUNC, mode)
            os.replace(temporary, path)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def write_new(path: str, text: str, *, mode: int = 0o666) -> None:
    """Write a file that is part of something unfinished, which nobody trusts until its phase is written.

    Raises:
        StateError: the file system refuses, or there is such a file.
    """
    with writing(path):
        _write(path, text, os.O_EXCL, mode)


def make_directory(path: str) -> None:
    """Make one directory.

    Raises:
        StateError: the file system refuses, or there is one.
    """
    with writing(path):
        os.mkdir(path)


def _write(path: str, text: str, flag: int, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, mode)
    try:
        write_all(file, text)
    finally:
        os.close(file)


def write_all(file: int, text: str) -> None:
    """Write a text to an open file, whatever the number of calls that takes."""
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, as no file name or program output can hold
        data = text.encode("utf-8", "backslashreplace")
    while (written := os.write(file, data)) < len(data):
        data = data[written:]


def read_text(path: Path | str) -> str:
    """The text of a file that :func:`write_text` wrote, whatever the locale."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def write_json(path: Path | str, data: Any, *, mode: int = PRIVATE) -> None:
    """Replace ``path`` by a file with this JSON."""
    write_text(path, to_json(data) + "\n", mode=mode)


def to_json(data: Any) -> str:
    """Compact JSON on one line."""
    return _ENCODER.encode(data)


def read_phase(step: StepLayout) -> Phase | None:
    """The phase in a step directory; None when there is none or it is no phase."""
    try:
        return Phase(read_text(step.phase).strip())
    except (OSError, ValueError):
        return None


def read_record(step: StepLayout) -> dict[str, Any] | None:
    """The record of a step directory; None when it is missing or damaged."""
    try:
        data = json.loads(read_text(step.record))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def set_aside(step: StepLayout) -> Path | None:
    """Rename an unfinished step directory to ``.bk1`` …; None when there is nothing there."""
    if not os.path.lexists(step.root):
        return None
    target = step.backup()
    with writing(target):
        step.root.rename(target)
    return target


def take_over_runs(step: StepLayout) -> None:
    """Give a new step directory the runs that the step has started before, from where they were set aside.

    That need not be the newest place: a kill may have come before an attempt could take them over.
    """
    if not os.path.lexists(f"{step.text}.bk1"):
        return
    for earlier in step.backups():
        if earlier.runs.is_dir():
            with writing(step.runs):
                earlier.runs.rename(step.runs)
            return


def link_or_copy(source: Path, target: Path, method: str) -> None:
    """Make ``target`` stand for ``source`` by ``"symlink"`` (relative), ``"link"`` (hard links) or ``"copy"``.

    Parent directories of ``target`` are made. Directories are linked as one by ``symlink``, and as a tree of
    links or copies by the other two.

    Raises:
        CopyError: the source cannot be read as a whole (a dangling link, a device, no permission).
        StateError: there is no space, or the file system is read-only.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _copying(source, target):
        if method == "symlink":
            os.symlink(os.path.relpath(source, target.parent.resolve()), target)
        elif source.is_dir():
            copy_tree(str(source), str(target), _hard_link if method == "link" else copy_file)
        elif method == "link":
            _hard_link(str(source), str(target))
        else:
            copy_file(str(source), str(target))


def copy_tree(source: str, target: str, copy: Callable[[str, str], object], root: str = "") -> None:
    """Copy a directory. Links that stay inside it, or lead nowhere, stay links; others become what they lead to."""
    root = root or os.path.realpath(source)
    os.makedirs(target, exist_ok=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        place = os.path.join(target, entry.name)
        if entry.is_symlink() and _stays_link(entry.path, root):
            if not os.path.lexists(place):
                os.symlink(os.readlink(entry.path), place)
        elif entry.is_dir():
            copy_tree(entry.path, place, copy, root if not entry.is_symlink() else os.path.realpath(entry.path))
        else:
            copy(entry.path, place)


def _stays_link(link: str, root: str) -> bool:
    goal = os.path.realpath(link)
    return not os.path.exists(link) or (is_inside(goal, root) and not os.path.isabs(os.readlink(link)))


@contextmanager
def _copying(source: Path, target: Path) -> Iterator[None]:
    """Tell what is wrong with the user's files from what is wrong with the disk."""
    try:
        yield
    except shutil.Error as exc:  # of a tree: (source, target, text) for each file
        reasons = [str(entry[-1]) for entry in exc.args[0]]
        if any(f"[Errno {number}]" in reason for reason in reasons for number in _DISK_TROUBLE):
            raise StateError(f"cannot write {target}: {reasons[0]}; free some space, then resume") from exc
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise CopyError(f"cannot copy {source}: {reasons[0]}{more}") from exc
    except OSError as exc:
        if exc.errno in (*_DISK_TROUBLE, errno.EEXIST):
            raise StateError(f"cannot write {target}: {exc.strerror}") from exc
        raise CopyError(f"cannot link or copy {source}: {exc.strerror or exc}") from exc


def _hard_link(source: str, target: str) -> None:
    """A hard link, or a copy where the file systems differ."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        copy_file(source, target)


def copy_file(source: str, target: str) -> None:
    """Copy a file with its times and permissions; on a file system that can, both share their blocks until one changes.

    Raises:
        OSError: the source is no file that can be read, or there is no space.
    """
    if not _clone(source, target):
        shutil.copy2(source, target)


def _clone(source: str, target: str) -> bool:
    """Share the blocks of a file; False where that cannot be (another file system, or one that cannot)."""
    if sys.platform != "linux" or not os.path.isfile(source) or os.path.exists(target):
        return False
    import fcntl  # noqa: PLC0415 - few runs copy anything

    try:
        with open(source, "rb") as given, open(target, "xb") as made:
            fcntl.ioctl(made.fileno(), _FICLONE, given.fileno())
    except OSError:
        return False
    shutil.copystat(source, target)
    return True
