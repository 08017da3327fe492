"""A directory as an object store."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dflow.engine.errors import DflowError, ObjectNotFound, StorageError
from dflow.storage.client import StorageClient
from dflow.storage.keys import TEMPORARY, check_key, is_hidden, parent_of_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    Keys = list[str]

__all__ = ["FolderClient"]

_CHUNK = 1 << 20
_ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "the quota is used up: delete what is not needed",
    errno.EACCES: "check the permissions of the folder and of the file",
    errno.EPERM: "check the permissions of the folder and of the file",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENAMETOOLONG: "shorten the names in the key",
    errno.EISDIR: "what is a folder of keys cannot be an object too: choose another name",
    errno.ENOTDIR: "what is an object cannot be a folder of keys too: choose another name",
    errno.EEXIST: "what is an object cannot be a folder of keys too: choose another name",
}


class FolderClient(StorageClient):
    """The object store in a directory, which may be on a shared file system: the object of ``a/x`` is its file ``a/x``.

    An object is a copy of its file and does not change with it; it shares the file's blocks where the file system can
    do that. It appears as a whole or not at all, and several processes may write at once. Symbolic links in the
    directory are no objects, and are not followed.

    Args:
        root: the directory; made when something is uploaded.
    """

    parallel = 8

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()

    def __repr__(self) -> str:
        return f"FolderClient({str(self.root)!r})"

    def __str__(self) -> str:
        return f"the folder {self.root}"

    def upload(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.upload`."""
        with self._telling(f"store the file {path} as {key!r}"):
            target = self._path(key)
            _check_file(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target)

    def download(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.download`."""
        with self._telling(f"write {key!r} to the file {path}"):
            source = self._object(key)
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, target)

    def list(self, prefix: str, recursive: bool = False) -> Keys:
        """As :meth:`StorageClient.list`; directories without files are not there."""
        parent = parent_of_prefix(prefix)
        if parent is None or self._has_link(f"{parent}/-"):
            return []
        with self._telling(f"list {prefix!r}"):
            return sorted(key for key in self._below(parent, recursive=recursive, prefix=prefix))

    def copy(self, src: str, dst: str) -> None:
        """As :meth:`StorageClient.copy`."""
        with self._telling(f"copy {src!r} to {dst!r}"):
            source, target = self._object(src), self._path(dst)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(source, target)

    def get_md5(self, key: str) -> str:
        """As :meth:`StorageClient.get_md5`; the file is read for it."""
        with self._telling(f"read {key!r}"), self._object(key).open("rb") as file:
            digest = hashlib.md5(usedforsecurity=False)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest()

    def exists(self, key: str) -> bool:
        """As :meth:`StorageClient.exists`."""
        try:
            self._object(key)
        except ObjectNotFound:
            return False
        return True

    def _path(self, key: str) -> Path:
        """Where the object of a key is, or will be."""
        check_key(key)
        if self._has_link(key):
            raise StorageError(f"cannot reach {key!r} in {self}: a symbolic link is on the way to it; remove the link")
        return self.root / key

    def _object(self, key: str) -> Path:
        path = self._path(key)
        if path.is_symlink() or not path.is_file():
            raise ObjectNotFound(f"there is no object {key!r} in {self}; list() shows what there is")
        return path

    def _has_link(self, key: str) -> bool:
        """Whether a directory above the object is a symbolic link."""
        return any((self.root / parent).is_symlink() for parent in Path(key).parents[:-1])

    def _below(self, folder: str, *, recursive: bool, prefix: str = "") -> Iterator[str]:
        """What is in a directory and begins with a text; without ``recursive``, directories end with ``/``."""
        try:
            entries = list(os.scandir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if not key.startswith(prefix) or is_hidden(entry.name) or entry.is_symlink():
                continue
            if entry.is_file():
                yield key
            elif entry.is_dir() and recursive:
                yield from self._below(key, recursive=True)
            elif entry.is_dir() and any(True for _ in self._below(key, recursive=True)):
                yield f"{key}/"

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Say what was tried, where the file system refuses."""
        try:
            yield
        except DflowError:
            raise
        except OSError as exc:
            advice = _ADVICE.get(exc.errno or 0, "check the folder and the file")
            raise StorageError(f"cannot {what} in {self}: {exc}; {advice}") from exc


def _check_file(path: str) -> None:
    if not Path(path).is_file():
        there = "is a directory or a device" if Path(path).exists() else "does not exist"
        raise StorageError(f"cannot store {path}: it {there}; give the path of a file")


def _copy(source: str | Path, target: Path) -> None:
    """Put a copy of a file in place of another one, with the permissions of a new file."""
    temporary = target.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with Path(source).open("rb", buffering=0) as reader, temporary.open("xb", buffering=0) as writer:
            _share_blocks(reader, writer)
            shutil.copyfileobj(reader, writer, _CHUNK)  # what could not be shared: all, or nothing
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _share_blocks(reader: IO[bytes], writer: IO[bytes]) -> None:
    """Let the file system copy, which shares blocks if it can; both files stand after what was copied."""
    copy = getattr(os, "copy_file_range", None)
    if copy is None:
        return
    try:
        while copy(reader.fileno(), writer.fileno(), 1 << 30):
            pass
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
