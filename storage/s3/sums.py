"""Sums over the parts of a file. A CRC is three times as quick as an MD5 sum, so downloads are checked by it.

An object that is sent in parts has, as metadata, the size of its parts and one CRC over the CRCs of all parts. Where
these are missing, as of objects that others have made, the etag is what there is.
"""

from __future__ import annotations

import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.storage.s3.local_file import LocalFile

__all__ = ["Crc", "Sum", "crc_of_file", "crc_of_parts", "md5_sum"]

_PIECE = 1 << 20
_WORKERS = 4
_WORTH_READING_TWICE = 8 << 30
"""Bytes of a file up to which it is read once more for its CRC: it is in memory then."""


class Sum(Protocol):
    """A sum that grows."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def digest(self) -> bytes:
        """The sum so far."""
        ...


class Crc:
    """CRC-32, as in zip files and gzip."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes, the highest first."""
        return self._value.to_bytes(4, "big")


def md5_sum() -> Sum:
    """An MD5 sum, for the etags of servers."""
    return hashlib.md5(usedforsecurity=False)


def crc_of_parts(sums: Iterable[bytes]) -> str:
    """One CRC over those of the parts, in hexadecimal digits."""
    return f"{zlib.crc32(b''.join(sums)):08x}"


def crc_of_file(file: LocalFile, part_size: int) -> str:
    """The same of a file that is to be sent; empty for a file that is too large to be read twice."""
    if file.size > _WORTH_READING_TWICE:
        return ""

    def crc(begin: int) -> bytes:
        value, end = Crc(), min(begin + part_size, file.size)
        buffer = memoryview(bytearray(_PIECE))
        for offset in range(begin, end, _PIECE):
            piece = buffer[: min(_PIECE, end - offset)]
            file.read_into(piece, offset)
            value.update(piece)
        return value.digest()

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="dflow-s3") as pool:
        return crc_of_parts(pool.map(crc, range(0, file.size, part_size)))
