"""Unpacking archives of others: nothing that a member says is believed.

All is written into a directory of this process alone, links last; only what is whole and stays inside gets its name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dflow.engine.errors import StateError, StorageError, UnsafeArtifact
from dflow.engine.records import record
from dflow.engine.state import writing
from dflow.storage.unpacked import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Limits", "unpack"]

_PIECE = 1 << 20
_HEADER = 8 << 20
_BLOCK = 512
_SECOND = 10**9
_LAST = 1 << 62
_DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    OverflowError, NotImplementedError, RuntimeError, MemoryError,
)  # fmt: skip


@record(frozen=True, slots=True)
class Limits:
    """How much an archive may become.

    Attributes:
        members: so many files, directories and links.
        size: so many bytes.
        ratio: so many times the size of the archive, once it is more than ``free`` bytes; None allows any.
        free: bytes that are never too many for the ratio.
    """

    members: int | None = None
    size: int | None = None
    ratio: float | None = 200.0
    free: int = 1 << 30


def unpack(
    archive: Path, target: Path, *, limits: Limits | None = None, as_is: bool = False, times: bool = False
) -> Path:
    """Unpack a tar file (plain, gzip, bzip2, xz) or a zip file, whatever its name is.

    If one file or directory is all that lies at its top, that becomes ``target``; else ``target`` is a directory of
    what does. Files get mode 0755 or 0644 less the user's umask, and the user as owner. ``target`` is there as a whole
    or not at all.

    Args:
        limits: refuse what becomes too large; a thousandfold growth beyond a gigabyte is refused by default.
        as_is: ``target`` is a directory even of one member.
        times: files get the times that the archive has.

    Raises:
        UnsafeArtifact: a member would lie outside, leads outside, or is no plain file, directory or link; or the
            archive becomes too large. Nothing is left.
        StorageError: the archive cannot be read, or is damaged.
        StateError: the file system refuses, or there is a ``target``.
    """
    if os.path.lexists(target):
        raise StateError(f"cannot unpack {archive}: there is {target} already")
    with writing(target):
        place = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", suffix=".unpacking", dir=target.parent))
    try:
        tree = Tree(archive, place / "tree", times=times)
        with _understood(archive):
            _fill(tree, archive, limits or Limits())
        found = tree.finish(as_is=as_is)
        with writing(target):
            found.rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return target


@contextmanager
def _understood(archive: Path) -> Iterator[None]:
    try:
        yield
    except (StorageError, StateError, UnsafeArtifact):
        raise
    except _DAMAGE as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise StorageError(
            f"cannot unpack {archive}: it cannot be read, or is damaged or cut off ({reason or type(exc).__name__})"
        ) from exc


class _Meter:
    """Counts what an archive becomes."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._members = self._size = 0
        self._most = limits.size
        if limits.ratio is not None:
            by_ratio = max(limits.free, int(archive.stat().st_size * limits.ratio))
            self._most = by_ratio if self._most is None else min(by_ratio, self._most)

    def count(self, size: int) -> None:
        self._size += size
        if self._most is not None and self._size > self._most:
            given = self._limits.size is not None and self._most == self._limits.size
            why = "the limit" if given else f"{self._limits.ratio:g} times its own size"
            raise UnsafeArtifact(
                f"{self._archive} is not unpacked: it becomes more than {self._most} bytes, {why}, as archives do that "
                "are made to fill a disk; if it is to be trusted, unpack it with higher limits"
            )

    def count_member(self) -> None:
        self._members += 1
        if self._limits.members is not None and self._members > self._limits.members:
            raise UnsafeArtifact(f"{self._archive} is not unpacked: it has more than {self._limits.members} members")


class _Forward:
    """The decompressed bytes of an archive, once from the beginning to the end."""

    def __init__(self, stream: IO[bytes], meter: _Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._at = 0
        self.last = b""

    def read(self, size: int = _PIECE) -> bytes:
        """So many bytes, fewer at the end.

        Raises:
            tarfile.ReadError: more than any header needs, as one says that was made to fill the memory.
        """
        if size > _HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        data = self._stream.read(size)
        self._meter.count(len(data))
        self._at += len(data)
        self.last = data
        return data

    def tell(self) -> int:
        return self._at

    def seek(self, place: int, whence: int = 0) -> int:
        if whence or place < self._at:
            raise tarfile.ReadError("its parts are not in order")
        while self._at < place and self.read(min(_PIECE, place - self._at)):
            pass
        return self._at


def _fill(tree: Tree, archive: Path, limits: Limits) -> None:
    meter = _Meter(archive, limits)
    with archive.open("rb") as file:
        beginning = file.read(6)
        file.seek(0)
        if beginning[:4] in (b"PK\3\4", b"PK\5\6"):
            _fill_from_zip(tree, file, meter)
        else:
            with _plain(file, beginning) as stream:
                _fill_from_tar(tree, _Forward(stream, meter), meter)


def _plain(file: IO[bytes], beginning: bytes) -> IO[bytes]:
    """What is in a compressed file; a file that is not compressed as it is."""
    plain: Any = file
    if beginning[:2] == b"\x1f\x8b":
        plain = gzip.GzipFile(fileobj=file)
    elif beginning[:3] == b"BZh":
        plain = bz2.BZ2File(file)
    elif beginning == b"\xfd7zXZ\0":
        plain = lzma.LZMAFile(file)  # noqa: SIM115 - the caller closes it
    result: IO[bytes] = plain
    return result


def _fill_from_tar(tree: Tree, stream: _Forward, meter: _Meter) -> None:
    with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            archive.members.clear()
            meter.count_member()
            if member.issym():
                tree.link(member.name, member.linkname)
            elif member.islnk():
                tree.same(member.name, member.linkname)
            elif member.isdir():
                tree.folder(member.name, _changed(member))
            elif member.isreg():
                content = _pieces(archive.extractfile(member), member.size)
                holes = member.issparse()  # which are not among the bytes of the archive
                tree.file(member.name, _counted(content, meter) if holes else content, member.mode, _changed(member))
            else:
                raise tree.refuse(member.name, "is neither file, directory nor link, but a device, a pipe or the like")
        if stream.last != bytes(_BLOCK):  # a header that is damaged, or not there, ends the members silently
            raise tarfile.ReadError(f"no end mark after {stream.tell()} bytes")
    while stream.read():
        pass  # to the checksum of the compression


def _fill_from_zip(tree: Tree, file: IO[bytes], meter: _Meter) -> None:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            meter.count_member()
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise tree.refuse(member.filename, "is a link, which zip files should not have")
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise tree.refuse(member.filename, "is neither file nor directory")
            if "\0" in member.orig_filename:
                raise tree.refuse(member.orig_filename, "has a name with a NUL character")
            if member.is_dir():
                tree.folder(member.filename)
            else:
                with archive.open(member) as source:
                    tree.file(member.filename, _counted(_pieces(source, member.file_size), meter), mode, _when(member))


def _when(member: zipfile.ZipInfo) -> int:
    return int(time.mktime((*member.date_time, 0, 0, -1))) * _SECOND


def _changed(member: tarfile.TarInfo) -> int:
    """When a file was last changed, in nanoseconds: a float has no place for them."""
    seconds, _, rest = str(member.pax_headers.get("mtime", "")).partition(".")
    if seconds.isdecimal() and (not rest or rest.isdecimal()):
        return min(int(seconds) * _SECOND + int(rest[:9].ljust(9, "0")), _LAST)
    return max(0, min(int(member.mtime * _SECOND), _LAST))


def _counted(pieces: Iterator[bytes], meter: _Meter) -> Iterator[bytes]:
    for data in pieces:
        meter.count(len(data))
        yield data


def _pieces(source: IO[bytes] | None, size: int) -> Iterator[bytes]:
    """What is in a member, in pieces.

    Raises:
        EOFError: it is less than it should be.
    """
    rest = size
    while source is not None and (data := source.read(_PIECE)):
        rest -= len(data)
        yield data
    if rest > 0:
        raise EOFError(f"{rest} bytes of a member are missing")
