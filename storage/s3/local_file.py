"""The file that is sent, watched while it is, since one that changes would arrive as a mixture."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from dflow.engine.errors import StorageError
from dflow.engine.records import record

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Identity", "LocalFile"]


@record(frozen=True, slots=True)
class Identity:
    """What changes with the content of a file."""

    size: int
    mtime_ns: int
    inode: int


class LocalFile:
    """A file that is open for reading; a context manager.

    Raises:
        StorageError: it cannot be read, or is no file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # does not wait for a pipe's writer
        except OSError as error:
            raise self._unreadable(error) from error
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._file)
            raise StorageError(f"cannot upload {path}: it is not a file")
        self.identity = _identity(found)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def check(self) -> None:
        """Make sure that this is still the file that was opened.

        Raises:
            StorageError: it has changed.
        """
        if _identity(os.fstat(self._file)) != self.identity:
            raise StorageError(
                f"cannot upload {self.path}: the file changes while it is sent; upload it when it is done"
            )

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill a buffer with bytes from some place on.

        Raises:
            StorageError: they are not there any more.
        """
        try:
            done = 0
            while done < len(buffer) and (count := os.preadv(self._file, [buffer[done:]], offset + done)):
                done += count
        except OSError as error:
            raise self._unreadable(error) from error
        if done < len(buffer):
            self.check()
            raise StorageError(f"cannot upload {self.path}: it ends at byte {offset + done} of {self.size}")

    def _unreadable(self, error: OSError) -> StorageError:
        return StorageError(f"cannot upload {self.path}: {error.strerror or error}")


def _identity(found: os.stat_result) -> Identity:
    return Identity(found.st_size, found.st_mtime_ns, found.st_ino)
