"""Reading a journal again and again, each time from where the last reading ended."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Follower"]

_AT_ONCE = 4 << 20
_LONGEST = 64 << 20
_COMPARED = 200


class Follower:
    """Gives each event of a journal once.

    A line that is not whole yet is left for the next time. A journal that was replaced by another, or has become
    shorter than what was read of it, is read from its beginning; ``starts`` then counts one more.

    A line of more than 64 MB is no event, and is passed over.

    Attributes:
        starts: how many times it was read from its beginning.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._end = b""
        self._file: tuple[int, int] | None = None
        self.starts = 0

    def read(self) -> list[dict[str, Any]]:
        """The events since the last time; lines that are no JSON objects are passed over.

        At most about four megabytes are read at once, so a display of a long run can show something meanwhile: read
        again until there are none.
        """
        try:
            with self._path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                is_same = self._file == (found.st_dev, found.st_ino) and found.st_size >= self._offset
                if not is_same or (found.st_size > self._offset and not self._goes_on(stream.fileno())):
                    self._file, self._offset, self._end = (found.st_dev, found.st_ino), 0, b""
                    self.starts += 1
                if found.st_size == self._offset:
                    return []
                stream.seek(self._offset)
                data = stream.read(_AT_ONCE)
                if b"\n" not in data and len(data) == _AT_ONCE:
                    data += stream.readline(_LONGEST)
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) > _LONGEST:
            whole = data  # no event is that long; what is not read on would never end
        self._offset += len(whole)
        self._end = whole[-_COMPARED:] or self._end
        return _events(whole)

    def _goes_on(self, file: int) -> bool:
        """Whether what was read last is still there; a copy may have been written over it."""
        return os.pread(file, len(self._end), self._offset - len(self._end)) == self._end


def _events(lines: bytes) -> list[dict[str, Any]]:
    """The objects in lines of JSON; read in one go where all lines are whole, which takes half of the time."""
    text = lines.decode("utf-8", "surrogateescape")
    try:
        found = json.loads("[" + text.rstrip("\n").replace("\n", ",") + "]")
    except (ValueError, RecursionError):
        found = [_event(line) for line in text.split("\n")]
    return [event for event in found if isinstance(event, dict)]


def _event(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
