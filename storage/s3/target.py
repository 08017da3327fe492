"""The file that is received: under a private temporary name until it is complete."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import StateError
from dflow.engine.state import writing
from dflow.storage.progress import human_size

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Target"]

_LONGEST_NAME = 200
_WORTH_CHECKING = 1 << 20


class Target:
    """A file that appears as a whole, or not at all; a context manager.

    Raises:
        StateError: the file system refuses.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        place = Path(path)
        with writing(path):
            if place.is_dir():
                raise IsADirectoryError(21, "there is a directory of that name", path)
            place.parent.mkdir(parents=True, exist_ok=True)
            name = os.fsencode(place.name)[:_LONGEST_NAME]
            self._temporary = place.with_name(f".{os.fsdecode(name)}.{secrets.token_hex(6)}.part")
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.open(self._temporary, flags, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            with suppress(OSError):
                os.close(self._file)
            with suppress(FileNotFoundError):
                self._temporary.unlink()

    def _finish(self) -> None:
        with writing(self.path):
            os.fchmod(self._file, 0o666 & ~_umask())
            self._temporary.replace(self.path)

    def expect(self, size: int) -> None:
        """Make sure that so many bytes fit.

        Raises:
            StateError: they do not.
        """
        if size < _WORTH_CHECKING:
            return
        with writing(self.path):
            free = shutil.disk_usage(self._temporary.parent).free
        if size > free:
            raise StateError(
                f"cannot write {self.path}: it has {human_size(size)}, and {human_size(free)} are free there; "
                "free some space, then start again"
            )

    def write(self, data: memoryview, offset: int) -> None:
        """Put bytes at a place; several threads may do so."""
        with writing(self.path):
            while data:
                written = os.pwrite(self._file, data, offset)
                data, offset = data[written:], offset + written

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were written."""
        with writing(self.path):
            return os.pread(self._file, length, offset)

    def cut(self, size: int) -> None:
        """Make it so long."""
        with writing(self.path):
            os.ftruncate(self._file, size)


def _umask() -> int:
    """The process's umask, where possible without changing it, which other threads would notice."""
    with suppress(OSError, StopIteration, ValueError), Path("/proc/self/status").open(encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
