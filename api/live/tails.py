"""The ends of logs, without reading the whole of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFollower", "last_line", "tail", "without_controls"]

_BLOCK = 8192
_MOST = 1 << 20
_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    """A text that a terminal only shows: without escape sequences and other control characters."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def last_line(path: Path) -> str:
    """The newest line of a log that is not blank, without control characters; "" when there is none."""
    text = _end(path, _BLOCK)
    for line in reversed(text.replace("\r", "\n").split("\n")):
        shown = without_controls(line).strip()
        if shown:
            return shown
    return ""


def tail(path: Path, lines: int, *, most: int = _MOST) -> str:
    """The last lines of a log, of its last ``most`` bytes."""
    found = _end(path, most).splitlines(keepends=True)
    return "".join(found[-lines:])


def _end(path: Path, size: int) -> str:
    try:
        with path.open("rb") as stream:
            length = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, length - size))
            data = stream.read(size)
    except OSError:
        return ""
    text = data.decode("utf-8", "replace")
    return text.partition("\n")[2] if length > size and "\n" in text else text


class LogFollower:
    """Gives what is new in a log, again and again.

    A log that was replaced by another, as when its step is tried again, is read from its beginning.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self._file: tuple[int, int] | None = None

    def read(self, most: int = _MOST) -> bytes:
        """What was written since the last time, at most so many bytes."""
        try:
            with self.path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                new = (found.st_dev, found.st_ino)
                if (self._file is not None and self._file != new) or found.st_size < self.offset:
                    self.offset = 0
                self._file = new
                stream.seek(self.offset)
                data = stream.read(most)
        except OSError:
            return b""
        self.offset += len(data)
        return data
