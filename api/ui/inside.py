"""Opening files of a run, and none that lie elsewhere.

Artifacts are links, from a step to the one that made them, to the uploads beside the runs, or to another run that they
were reused from. So links are followed, and then the file must lie in a run of the folder that is shown, or in the
uploads or the cache of its runs. It is opened name by name from there without following any link, so a link that is put
in the way meanwhile is refused, and nothing but files and directories is opened.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from dflow.config import config
from dflow.ui.answers import Refused

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Area", "Opened", "clean_path"]

_PRIVATE = ".dflow"
_OPEN = ("store", "outside")
_SHARED = ("upload", ".dflow-cache")
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Opened(NamedTuple):
    """A file or directory that was opened; who has it closes ``file``.

    Attributes:
        path: where it really is.
    """

    file: int
    path: str
    found: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; else it is a file."""
        return S_ISDIR(self.found.st_mode)


class Area:
    """Where files may lie that are shown of a run.

    Args:
        root: the directory of the run.
    """

    def __init__(self, root: Path) -> None:
        self._run = os.path.realpath(root)
        self._folder = os.path.realpath(root.parent)
        uploads = os.path.realpath(os.path.join(str(config["debug_artifact_dir"]), "upload"))
        self._stores = (*(os.path.join(self._folder, name) for name in _SHARED), uploads)

    def holds(self, path: str) -> bool:
        """Whether a path without links lies in it."""
        return self._split(path) is not None

    def open(self, path: str) -> Opened:
        """Open what a path leads to.

        Raises:
            Refused: it lies elsewhere, is not there, or is no file and no directory.
        """
        try:
            real = os.path.realpath(path, strict=True)
            parts = self._split(real)
            if parts is None:
                raise Refused(403, "It lies outside of the run")
            return _open(real, *parts)
        except OSError as exc:
            raise _in_words(exc) from exc
        except ValueError as exc:  # a NUL
            raise Refused(404, "There is no such file") from exc

    def _split(self, real: str) -> tuple[str, list[str]] | None:
        """What is around it that may be trusted, and the names from there on."""
        for store in self._stores:
            if real == store or real.startswith(f"{store}/"):
                return store, [name for name in real[len(store) :].split("/") if name]
        for root in (self._run, self._run_around(real)):
            if root is not None and (real == root or real.startswith(f"{root}/")):
                names = [name for name in real[len(root) :].split("/") if name]
                return None if _is_private(names) else (root, names)
        return None

    def _run_around(self, real: str) -> str | None:
        """The run of the folder that a path lies in."""
        if not real.startswith(f"{self._folder.rstrip('/')}/"):
            return None
        name = real[len(self._folder.rstrip("/")) + 1 :].partition("/")[0]
        root = os.path.join(self._folder, name)
        return root if not name.startswith(".") and os.path.isfile(f"{root}/{_PRIVATE}/graph.json") else None


def clean_path(text: str) -> str:
    """A path in a directory that was asked for; links in it may still lead elsewhere.

    Raises:
        Refused: it goes up, begins at the root, or is none.
    """
    names = text.split("/") if text else []
    if "\0" in text or any(name in ("", ".", "..") for name in names):
        raise Refused(400, "That is no path in this directory")
    return text


def _is_private(names: list[str]) -> bool:
    """Whether it belongs to the engine, of this run or of one that a step has submitted."""
    for place, name in enumerate(names):
        is_of_run = place == 0 or (place >= 2 and names[place - 2] == "workflows")
        if name == _PRIVATE and is_of_run and names[place + 1 : place + 2] not in ([word] for word in _OPEN):
            return True
    return False


def _open(real: str, root: str, names: list[str]) -> Opened:
    """Open it from ``root`` on, and no link on the way."""
    around = os.open(root, _THROUGH)
    try:
        for name in names[:-1]:
            inner = os.open(name, _THROUGH, dir_fd=around)
            os.close(around)
            around = inner
        last = names[-1] if names else "."
        _check_kind(os.stat(last, dir_fd=around, follow_symlinks=False))
        file = os.open(last, _LOOK | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=around)
    finally:
        os.close(around)
    found = os.fstat(file)
    try:
        _check_kind(found)
    except Refused:
        os.close(file)
        raise
    return Opened(file, real, found)


def _check_kind(found: os.stat_result) -> None:
    if not (S_ISREG(found.st_mode) or S_ISDIR(found.st_mode)):
        raise Refused(403, "It is neither a file nor a directory")


def _in_words(error: OSError) -> Refused:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR | errno.ENAMETOOLONG:
            return Refused(404, "There is no such file")
        case errno.EACCES | errno.EPERM:
            return Refused(403, "You have no permission to read it")
        case errno.ELOOP:
            return Refused(403, "It is a link that changes or leads to itself")
    return Refused(404, f"It cannot be opened: {error.strerror}")
