"""One file to the server: in one go when it is small, otherwise in parts that a killed upload can go on with."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dflow.storage.retrying import Stopped
from dflow.storage.s3.errors import Damaged, Refused
from dflow.storage.s3.multipart import Part
from dflow.storage.s3.sums import crc_of_file
from dflow.storage.s3.unfinished import Upload, slip
from dflow.storage.s3.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dflow.storage.progress import Meter
    from dflow.storage.s3.calls import Calls
    from dflow.storage.s3.local_file import LocalFile
    from dflow.storage.s3.settings import S3Settings
    from dflow.storage.s3.unfinished import Slip

__all__ = ["BUFFERED", "PART", "Buffers", "etag_of_parts", "part_size_for", "upload"]

MIB = 1 << 20
PART = 16 * MIB
"""Bytes that are sent in one go."""
_MOST_PARTS = 10_000
BUFFERED = 4 * PART
"""Bytes of files that are in memory at once."""
_SMALL = 1 << 18
_BROKEN = ("BadDigest", "XAmzContentSHA256Mismatch")
_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_TRIES = 3
"""How often a part is sent whose sum is another one at its arrival."""


def part_size_for(size: int) -> int:
    """Bytes of each part of a file; there are at most 10,000 parts."""
    return max(PART, -(-size // (_MOST_PARTS * MIB)) * MIB)


def etag_of_parts(sums: Iterable[bytes]) -> str:
    """The etag of an object that was sent in parts with these MD5 sums."""
    every = list(sums)
    return f"{hashlib.md5(b''.join(every), usedforsecurity=False).hexdigest()}-{len(every)}"


def upload(calls: Calls, settings: S3Settings, key: str, file: LocalFile, meter: Meter, buffers: Buffers) -> None:
    """Send a file; ``meter`` is told how far that is, and ``buffers`` bounds what is in memory.

    Raises:
        Refused: the server says no.
        StorageError: the file cannot be read, or changes meanwhile.
    """
    stop = threading.Event()
    if file.size <= PART:
        with buffers.of(file.size) as buffer:
            _sent(lambda data: calls.put(key, data, stop), file, 0, buffer)
        file.check()
        meter.add(file.size)
        return
    with slip(settings, key, file) as note:
        if note.outdated:
            calls.abort(key, note.outdated)
        _InParts(calls, key, file, meter, note, buffers).run()


class Buffers:
    """What of files is in memory at once, for all uploads of a client; one larger part than all goes alone.

    The large ones are used again: when each is given back to the system, a part takes several times its size.
    """

    def __init__(self, most: int = BUFFERED) -> None:
        self._most, self._used = most, 0
        self._changed = threading.Condition()
        self._free: list[bytearray] = []

    @contextmanager
    def of(self, size: int) -> Iterator[memoryview]:
        """Wait for a buffer of so many bytes."""
        kept = _SMALL < size <= PART
        counted = PART if kept else size
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + counted <= self._most)
            self._used += counted
            found = self._free.pop() if kept and self._free else None
        buffer = found or bytearray(PART if kept else size)
        try:
            yield memoryview(buffer)[:size]
        finally:
            with self._changed:
                self._used -= counted
                if kept:
                    self._free.append(buffer)
                self._changed.notify_all()


def _sent(send: Callable[[memoryview], str], file: LocalFile, offset: int, data: memoryview) -> tuple[str, bytes]:
    """Send some of a file until what has arrived has its sum; gives the etag and the sum."""
    for left in reversed(range(_TRIES)):
        file.read_into(data, offset)
        md5 = _md5(data)
        try:
            etag = send(data)
        except Refused as error:
            if error.code not in _BROKEN or not left:
                raise
        else:
            if etag == md5.hex() or not _IS_MD5.fullmatch(etag):
                return etag, md5
        file.check()
    raise Damaged("what has arrived has another MD5 sum than what was sent")


def _md5(data: memoryview) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


class _InParts:
    """The upload of one file in parts."""

    def __init__(self, calls: Calls, key: str, file: LocalFile, meter: Meter, note: Slip, buffers: Buffers) -> None:
        self._calls, self._key, self._file, self._meter, self._note = calls, key, file, meter, note
        self._buffers, self._stop = buffers, threading.Event()
        self._there: dict[int, Part] = {}
        self._upload = self._continued() or self._begun()

    def run(self) -> None:
        """Send what is missing, and put it together."""
        size = self._upload.part_size
        sums, parts = [], []
        for part, md5 in in_order(self._send, range(-(-self._file.size // size)), self._stop):
            parts.append(part)
            sums.append(md5)
        try:
            self._file.check()
        except Exception:
            self._calls.abort(self._key, self._upload.id)
            self._note.remove()
            raise
        etag = etag_of_parts(sums)
        self._complete(parts, etag)
        self._note.remove()
        self._verify(etag)

    def _continued(self) -> Upload | None:
        """An upload of the same file that has begun, and is known to the server still."""
        upload = self._note.upload
        if upload is None:
            return None
        try:
            self._there = {part.number: part for part in self._calls.parts(self._key, upload.id)}
        except Refused as error:
            if error.code == "NoSuchUpload":
                return None
            raise
        return upload

    def _begun(self) -> Upload:
        size = part_size_for(self._file.size)
        upload = Upload(self._calls.begin(self._key, size, crc_of_file(self._file, size)), size)
        self._note.write(upload)
        return upload

    def _send(self, index: int) -> tuple[Part, bytes]:
        size = self._upload.part_size
        offset, number = index * size, index + 1
        length = min(size, self._file.size - offset)
        upload, there = self._upload.id, self._there.get(number)
        with self._buffers.of(length) as buffer:
            if self._stop.is_set():
                raise Stopped
            if there is not None and there.size == length:
                self._file.read_into(buffer, offset)
                md5 = _md5(buffer)
                if there.etag == md5.hex():
                    self._meter.add(length)
                    return there, md5
            send = partial(self._calls.put_part, self._key, upload, number, stop=self._stop)
            etag, md5 = _sent(send, self._file, offset, buffer)
        self._meter.add(length)
        return Part(number, etag, length), md5

    def _complete(self, parts: list[Part], etag: str) -> None:
        try:
            self._calls.complete(self._key, self._upload.id, parts)
        except Refused as error:
            if error.code != "NoSuchUpload" or self._calls.stat(self._key).etag != etag:
                raise  # otherwise it was completed, and only the answer was lost

    def _verify(self, etag: str) -> None:
        stat = self._calls.stat(self._key)
        if stat.size != self._file.size:
            raise Damaged(f"the object has {stat.size} bytes, and the file {self._file.size}")
        if stat.is_md5 and stat.etag.count("-") == 1 and stat.etag != etag:
            raise Damaged("the object is not made of the parts that were sent")
