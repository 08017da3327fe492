"""The ends of logs, without reading the whole of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LogFollower", "last_line", "last_lines_at", "printable", "tail", "without_controls"]

_BLOCK = 8192
_PIECE = 1 << 16
_MOST = 1 << 20
_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    """A text that a terminal only shows: without escape sequences and other control characters."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def printable(text: str) -> str:
    """The same of several lines, none of which hides what is before it."""
    return without_controls(text).replace("\r", " ")


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


def last_lines_at(stream: BinaryIO, count: int | None) -> int:
    """Where the last ``count`` lines of a file begin; 0 for None. Reads from the end, a piece at a time."""
    if count is None:
        return 0
    end = at = stream.seek(0, os.SEEK_END)
    left = count
    while at > 0:
        begin = max(0, at - _PIECE)
        stream.seek(begin)
        piece = stream.read(at - begin)
        if at == end and piece.endswith(b"\n"):  # the last line ends there, and none begins
            piece = piece[:-1]
        while left > 0 and (found := piece.rfind(b"\n")) >= 0:
            piece, left = piece[:found], left - 1
            if left == 0:
                return begin + found + 1
        if count == 0:
            return end
        at = begin
    return 0


class LogFollower:
    """Gives what is new in a log, again and again; the log may not be there yet.

    A log that was replaced by another, as when its step is tried again, is read to its end, then the other from its
    beginning.

    Attributes:
        offset: where in the file the next piece begins.
        replaced: how many times another file has taken its place.
    """

    def __init__(self, path: Path, offset: int = 0, *, lines: int | None = None) -> None:
        """Begin there, or with the last so many lines."""
        self.path = path
        self.offset = offset
        self.replaced = 0
        self._lines = lines
        self._stream: BinaryIO | None = None

    def read(self, most: int = _MOST) -> bytes:
        """What was written since the last time, at most so many bytes."""
        if self._stream is None and not self._open():
            return b""
        data = self._more(most)
        if not data and self._is_replaced():
            data = self._more(most)  # the last words of the one before
            if not data:
                self.close()
                self.offset, self._lines = 0, None
                self.replaced += 1
                return self._more(most) if self._open() else b""
        return data

    def _open(self) -> bool:
        try:
            self._stream = self.path.open("rb", buffering=0)
        except OSError:
            return False
        if self._lines is not None:
            self.offset = last_lines_at(self._stream, self._lines)
        if os.fstat(self._stream.fileno()).st_size < self.offset:
            self.offset = 0  # it was replaced before it was looked at
        self._stream.seek(self.offset)
        return True

    def _more(self, most: int) -> bytes:
        try:
            data = b"" if self._stream is None else self._stream.read(most)
        except OSError:
            return b""
        self.offset += len(data)
        return data

    def _is_replaced(self) -> bool:
        """Whether there is another file now; one that was moved away, and not replaced yet, goes on."""
        if self._stream is None:
            return False
        try:
            now, mine = self.path.stat(), os.fstat(self._stream.fileno())
        except OSError:
            return False
        return (mine.st_dev, mine.st_ino) != (now.st_dev, now.st_ino) or now.st_size < self.offset

    def close(self) -> None:
        """Read no more."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
