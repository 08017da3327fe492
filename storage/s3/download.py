"""One object from the server: in ranges that are read at once when it is large, and checked against its sum."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from dflow.engine.records import record
from dflow.storage.retrying import Stopped
from dflow.storage.s3.calls import Stat, stat_of
from dflow.storage.s3.errors import Damaged, Refused, Truncated, is_transient
from dflow.storage.s3.sums import Crc, crc_of_parts, md5_sum
from dflow.storage.s3.upload import PART, etag_of_parts
from dflow.storage.s3.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from dflow.storage.progress import Meter
    from dflow.storage.s3.calls import Calls
    from dflow.storage.s3.sums import Sum
    from dflow.storage.s3.target import Target
    from urllib3 import BaseHTTPResponse

__all__ = ["download"]

_PIECE = 1 << 19
_HASHED = 1 << 20
_TRIES = 3
"""How often an object is read that changes meanwhile, or whose sum is wrong."""


@record(frozen=True, slots=True)
class _Range:
    """Bytes of an object, from ``begin`` until before ``end``."""

    begin: int
    end: int


def download(calls: Calls, key: str, target: Target, metered: Callable[[int], AbstractContextManager[Meter]]) -> None:
    """Write an object to a file that is open.

    Args:
        metered: gives the meter for so many bytes.

    Raises:
        Refused: the server says no.
        Damaged: what arrives is not what the server's sum says.
        StateError: the file system refuses.
    """
    for left in reversed(range(_TRIES)):
        try:
            _Download(calls, key, target).run(metered)
        except Refused as error:  # noqa: PERF203 - three attempts
            if error.code != "PreconditionFailed" and error.status != 412:
                raise
            if not left:
                raise Refused(412, "PreconditionFailed") from error
        except Damaged:
            if not left:
                raise
        else:
            return


class _Download:
    """One attempt at an object as it is now."""

    def __init__(self, calls: Calls, key: str, target: Target) -> None:
        self._calls, self._key, self._target = calls, key, target
        self._stop = threading.Event()
        self._stat = Stat(0, "")
        self._meter: Meter | None = None

    def run(self, metered: Callable[[int], AbstractContextManager[Meter]]) -> None:
        first = self._first()
        self._target.cut(self._stat.size)
        if self._stat.size <= PART:
            self.read_on(first)
            found = first.sums.digest()
            self._check(found.hex(), [found])
            return
        with metered(self._stat.size) as self._meter:
            self._meter.add(first.position)
            self._rest(first)

    def _first(self) -> _Reading:
        """Read the beginning, which is all of a small object, with a request that asks for no more."""
        reading = _Reading(self, _Range(0, PART), md5_sum())

        def attempt() -> None:
            try:
                with self._calls.get(self._key, 0, PART) as answer:
                    self._stat = _stat_of_range(answer)
                    self._target.expect(self._stat.size)
                    reading.restart(min(PART, self._stat.size))
                    reading.receive(answer)
            except Refused as error:
                if error.status != 416:  # an empty object has no first byte
                    raise
                self._stat = self._calls.stat(self._key)
                reading.restart(0)
            except Exception as error:
                if not (reading.position and is_transient(error, True)):
                    raise  # otherwise the size is known, and reading goes on from there

        self._calls.retrier.call(attempt, self._stop)
        return reading

    def _rest(self, first: _Reading) -> None:
        """Read the other ranges, at once, and take their sums in order."""
        stat, size = self._stat, self._stat.size
        by_crc = bool(stat.crc and stat.part_size)
        parts = stat.part_size if by_crc or stat.etag.endswith(f"-{-(-size // (stat.part_size or size))}") else 0
        length = parts or PART
        ranges = [_Range(begin, min(begin + length, size)) for begin in range(0, size, length)]
        first.go_on_to(ranges[0].end, self._crc_until(first.position) if by_crc else None)
        whole, sums = md5_sum(), []

        def read(part: _Range) -> tuple[_Range, bytes]:
            reading = first if part.begin == 0 else _Reading(self, part, Crc() if by_crc else md5_sum())
            reading.is_summed = bool(parts)
            return part, reading.finish()

        for part, found in in_order(read, ranges, self._stop):
            sums.append(found)
            if stat.md5 and not by_crc:
                for begin in range(part.begin, part.end, _HASHED):
                    whole.update(self._target.read(begin, min(_HASHED, part.end - begin)))
        if by_crc:
            if crc_of_parts(sums) != stat.crc:
                raise Damaged("what has arrived has another CRC than what was sent")
        else:
            self._check(whole.digest().hex(), sums if parts else [])

    def _crc_until(self, end: int) -> Crc:
        """The CRC of what is there of the first range: when that began, nobody knew which sum the object has."""
        crc = Crc()
        for begin in range(0, end, _HASHED):
            crc.update(self._target.read(begin, min(_HASHED, end - begin)))
        return crc

    def _check(self, md5: str, sums: list[bytes]) -> None:
        """Compare the sum of all, or those of the parts, with what the server says."""
        stat = self._stat
        if stat.md5 and stat.md5 != md5:
            raise Damaged("what has arrived has another MD5 sum than the object")
        known = stat.is_md5 and sums and stat.part_size and re.fullmatch(rf"[0-9a-f]{{32}}-{len(sums)}", stat.etag)
        if known and stat.etag != etag_of_parts(sums):
            raise Damaged("what has arrived has another sum than the parts of the object")

    def write(self, data: memoryview, offset: int) -> None:
        """Store what has arrived."""
        if self._stop.is_set():
            raise Stopped
        self._target.write(data, offset)
        if self._meter is not None:
            self._meter.add(len(data))

    def read_on(self, reading: _Reading) -> None:
        """Read a range from where it is to its end, in as many requests as that takes."""
        series = self._calls.retrier.series(self._stop)
        while reading.left:
            before = reading.position
            try:
                with self._calls.get(self._key, reading.position, reading.range.end, self._stat.etag) as answer:
                    if answer.status != 206:
                        raise Refused(answer.status, "", "it ignores which range was asked for")  # noqa: TRY301
                    reading.receive(answer)
            except Exception as error:  # noqa: BLE001 - raised again unless it is transient
                if reading.position > before:
                    series.went_well()
                series.failed(error)
        series.went_well()


class _Reading:
    """How far one range has been read."""

    def __init__(self, download: _Download, wanted: _Range, sums: Sum) -> None:
        self.range, self.position = wanted, wanted.begin
        self.sums = sums
        self.is_summed = True
        self._download = download

    @property
    def left(self) -> int:
        """Bytes that have not arrived."""
        return self.range.end - self.position

    def restart(self, end: int) -> None:
        """Begin again, with another end."""
        self.range, self.position = _Range(self.range.begin, end), self.range.begin
        self.sums = md5_sum()

    def go_on_to(self, end: int, sums: Sum | None) -> None:
        """Read to another end, and take another sum, if one is given that has what was read."""
        self.range = _Range(self.range.begin, end)
        self.sums = self.sums if sums is None else sums

    def receive(self, answer: BaseHTTPResponse) -> None:
        """Take the bytes of an answer; what came before it broke stays."""
        while self.left:
            data = answer.read(min(_PIECE, self.left), decode_content=False)
            if not data:
                raise Truncated(f"the answer ended {self.left} bytes early")
            self._download.write(memoryview(data), self.position)
            if self.is_summed:
                self.sums.update(data)
            self.position += len(data)

    def finish(self) -> bytes:
        """Read to the end; gives the MD5 sum."""
        self._download.read_on(self)
        return self.sums.digest()


def _stat_of_range(answer: BaseHTTPResponse) -> Stat:
    """What an answer to a request for a range says of the whole object."""
    match = re.search(r"/(\d+)$", answer.headers.get("content-range", ""))
    if answer.status == 206 and match:
        return stat_of(answer.headers, int(match[1]))
    return stat_of(answer.headers, int(answer.headers.get("content-length") or 0))
