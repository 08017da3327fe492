"""Logs of steps: their ends, and what is added to them."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING, Any

from dflow.ui.answers import Refused

if TYPE_CHECKING:
    from dflow.ui.inside import Area

__all__ = ["LogReader", "log_json"]

_PIECE = 128 << 10
_BEHIND = 4 << 20
_WINDOW = 256 << 10


def log_json(area: Area, path: str, tail: int) -> dict[str, Any]:
    """The end of a log, from the beginning of a line on.

    ``offset`` is where what comes next begins. There is no log of a step before it has begun: then all is empty.
    """
    try:
        opened = area.open(path)
    except Refused as exc:
        if exc.status != 404:
            raise
        return {"text": "", "offset": 0, "size": 0, "from": 0}
    try:
        size = opened.found.st_size
        begin = max(0, size - tail)
        data = os.pread(opened.file, size - begin, begin)
    finally:
        os.close(opened.file)
    if begin > 0:
        skipped = data.find(b"\n") + 1
        if skipped < len(data):
            begin, data = begin + skipped, data[skipped:]
    data = whole(data)
    return {"text": data.decode("utf-8", "replace"), "offset": begin + len(data), "size": size, "from": begin}


def whole(data: bytes) -> bytes:
    """All but a last character of which there is only a part."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data)
    rest = decoder.getstate()[0]
    return data[: len(data) - len(rest)]


class LogReader:
    """Reads what is added to a log, from an offset on."""

    def __init__(self, area: Area, path: str, offset: int) -> None:
        self._area = area
        self._path = path
        self._offset = offset
        self._file: tuple[int, int] | None = None

    def read(self, is_last: bool) -> list[tuple[str, dict[str, Any]]]:
        """Events for what is new: ``restart`` when it is another log now, and ``text``.

        Of very much the end is given, with what was ``skipped``.

        Args:
            is_last: there will be no more, so also a character that is cut off is given.
        """
        try:
            opened = self._area.open(self._path)
        except Refused:
            return []
        events: list[tuple[str, dict[str, Any]]] = []
        try:
            now = (opened.found.st_dev, opened.found.st_ino)
            size, skipped = opened.found.st_size, 0
            if (self._file is not None and self._file != now) or size < self._offset:
                self._offset = 0
                events.append(("restart", {"offset": 0}))
            self._file = now
            if size - self._offset > _BEHIND:
                skipped = size - _WINDOW - self._offset
                self._offset += skipped
            data = os.pread(opened.file, _PIECE, self._offset)
        finally:
            os.close(opened.file)
        given = data if is_last and len(data) < _PIECE else whole(data)
        if given:
            self._offset += len(given)
            text = given.decode("utf-8", "replace")
            events.append(("text", {"text": text, "offset": self._offset, "skipped": skipped}))
        return events
