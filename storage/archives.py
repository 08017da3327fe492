"""Archives of files: packed the same for the same content, unpacked so that nothing lies outside of its target."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from contextlib import closing, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Protocol

from dflow.engine.errors import StateError, StorageError
from dflow.engine.state import writing
from dflow.storage.unpacking import Limits, unpack

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

__all__ = ["Limits", "Writer", "pack", "refuse_inside", "unpack", "writing_tar"]

_KINDS = ("tar", "zip")
_PIECE = 1 << 20
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_ZIP64 = 1 << 31
_SECOND = 10**9


class _Writer(Protocol):
    """One kind of archive, while it is written."""

    keeps_links: bool

    def folder(self, name: str, found: os.stat_result) -> None: ...

    def file(self, name: str, source: IO[bytes], found: os.stat_result, size: int | None = None) -> None: ...

    def link(self, name: str, goal: str) -> None: ...


def pack(  # noqa: PLR0913 - each is a choice of its own
    source: Path,
    target: Path,
    kind: str = "tar",
    *,
    name: str | None = None,
    exclude: Container[str] = (),
    compressed: bool = True,
    times: bool = False,
) -> Path:
    """Write a file or a directory into one file; the same content gives the same bytes.

    Members are sorted, belong to nobody and have mode 0755 or 0644. A link that stays inside of ``source`` is kept as a
    relative link in a tar file; of any other what it leads to is stored. The archive is there as a whole or not at all.

    Args:
        kind: ``"tar"`` or ``"zip"``.
        name: of the one member at the top; that of ``source`` when None.
        exclude: names of files and directories to leave out, wherever they are.
        compressed: with gzip, or deflate in a zip file.
        times: keep when files were last changed.

    Raises:
        StorageError: something cannot be read, leads nowhere or in a circle, or is neither file nor directory.
        StateError: the archive cannot be written.
    """
    if kind not in _KINDS:
        raise StorageError(f"there is no kind of archive {kind!r}; it must be one of {', '.join(map(repr, _KINDS))}")
    top = name if name is not None else source.absolute().name
    refuse_inside(target, source)
    with _whole(target) as file:
        make = _tar if kind == "tar" else _zip
        with make(file, compressed=compressed, times=times) as writer:
            _Walk(exclude).add(writer, str(source), top)
    return target


def refuse_inside(target: Path, source: Path) -> None:
    """An archive cannot be a part of what is in it.

    Raises:
        StateError: it would be.
    """
    if f"{os.path.realpath(target)}/".startswith(f"{os.path.realpath(source)}/"):
        raise StateError(f"cannot write {target}: it would lie in {source}, which is packed; choose another place")


class Writer:
    """A tar file that is written member by member."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self.folder = writer.folder
        self.link = writer.link

    def tree(self, path: str, name: str) -> None:
        """Add a file, or a directory with all that is in it, as :func:`pack` does."""
        _Walk(()).add(self._writer, path, name)

    def text(self, name: str, text: str, found: os.stat_result) -> None:
        """Add a text as a file like the one that was found."""
        data = text.encode("utf-8", "surrogateescape")
        self._writer.file(name, io.BytesIO(data), found, len(data))


@contextmanager
def writing_tar(target: Path, *, compressed: bool = True, times: bool = False) -> Iterator[Writer]:
    """Write a tar file, which is there as a whole or not at all.

    Raises:
        StorageError: something cannot be read.
        StateError: the archive cannot be written.
    """
    with _whole(target) as file, _tar(file, compressed=compressed, times=times) as writer:
        yield Writer(writer)


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with _written(partial) as file:
            yield file
        with writing(target):
            partial.replace(target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    with writing(path):
        file = path.open("wb")
    with file:
        yield _Told(file, path)  # type: ignore[misc]


class _Told:
    """A file whose errors are told from those of the files that are read."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self.tell, self.seek = file.tell, file.seek

    def write(self, data: bytes) -> int:
        with writing(self._path):
            return self._file.write(data)

    def flush(self) -> None:
        with writing(self._path):
            self._file.flush()


class _Walk:
    """Goes through a tree, and gives what it finds to a writer."""

    def __init__(self, exclude: Container[str]) -> None:
        self._exclude = exclude
        self._followed: list[str] = []

    def add(self, writer: _Writer, path: str, name: str) -> None:
        """Add a file or a directory, links to one included."""
        real = os.path.realpath(path)
        if real in self._followed:
            raise StorageError(f"cannot pack {path}: its links lead in a circle")
        self._followed.append(real)
        self._add(writer, path, name, real)
        self._followed.pop()

    def _add(self, writer: _Writer, path: str, name: str, root: str) -> None:
        with _reading(path):
            found = os.stat(path)  # noqa: PTH116 - thousands of files
            if stat.S_ISREG(found.st_mode):
                with open(path, "rb") as source:  # noqa: PTH123
                    writer.file(name, source, found)
                return
            if not stat.S_ISDIR(found.st_mode):
                raise StorageError(f"cannot pack {path}: it is neither a file nor a directory")
            with os.scandir(path) as entries:
                inside = sorted((e for e in entries if e.name not in self._exclude), key=lambda entry: entry.name)
        writer.folder(name, found)
        for entry in inside:
            below = f"{name}/{entry.name}"
            if not entry.is_symlink():
                self._add(writer, entry.path, below, root)
            elif (goal := self._goal(entry.path, root)) is not None and writer.keeps_links:
                writer.link(below, goal)
            else:
                self.add(writer, entry.path, below)

    def _goal(self, link: str, root: str) -> str | None:
        """Where a link leads, relative to where it is; None when that is not stored with it."""
        goal = os.path.realpath(link)
        if goal != root and not goal.startswith(root.rstrip(os.sep) + os.sep):
            return None
        if any(part in self._exclude for part in os.path.relpath(goal, root).split("/")):
            return None
        return os.path.relpath(goal, os.path.realpath(os.path.dirname(link)))  # noqa: PTH120


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except (StorageError, StateError):
        raise
    except OSError as exc:
        raise StorageError(f"cannot pack {path}: {exc.strerror or exc}") from exc


def _mode(found: os.stat_result) -> int:
    return 0o755 if stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_IXUSR else 0o644


# -- tar ----------------------------------------------------------------------------------------------------------


@contextmanager
def _tar(file: IO[bytes], *, compressed: bool, times: bool) -> Iterator[_Writer]:
    if not compressed:
        with tarfile.open(fileobj=file, mode="w:") as archive:
            yield _Tar(archive, times=times)
        return
    with closing(gzip.GzipFile("", "wb", 6, file, mtime=0)) as zipped:
        buffered = io.BufferedWriter(zipped, _PIECE)
        with tarfile.open(fileobj=buffered, mode="w:") as archive:
            yield _Tar(archive, times=times)
        buffered.flush()
        buffered.detach()


class _Tar:
    keeps_links = True

    def __init__(self, archive: tarfile.TarFile, *, times: bool) -> None:
        self._archive = archive
        self._times = times

    def folder(self, name: str, found: os.stat_result) -> None:
        self._add(self._member(name, found, tarfile.DIRTYPE))

    def file(self, name: str, source: IO[bytes], found: os.stat_result, size: int | None = None) -> None:
        member = self._member(name, found, tarfile.REGTYPE)
        member.size = found.st_size if size is None else size
        self._add(member, source)

    def link(self, name: str, goal: str) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, goal, 0o777
        self._add(member)

    def _member(self, name: str, found: os.stat_result, kind: bytes) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.type, member.mode = kind, _mode(found)
        if self._times:
            member.pax_headers = {"mtime": f"{found.st_mtime_ns // _SECOND}.{found.st_mtime_ns % _SECOND:09d}"}
        return member

    def _add(self, member: tarfile.TarInfo, source: IO[bytes] | None = None) -> None:
        self._archive.addfile(member, source)
        self._archive.members.clear()  # type: ignore[attr-defined] # which nobody asks for


# -- zip ----------------------------------------------------------------------------------------------------------


@contextmanager
def _zip(file: IO[bytes], *, compressed: bool, times: bool) -> Iterator[_Writer]:
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", method) as archive:
        yield _Zip(archive, times=times)


class _Zip:
    keeps_links = False

    def __init__(self, archive: zipfile.ZipFile, *, times: bool) -> None:
        self._archive = archive
        self._times = times

    def folder(self, name: str, found: os.stat_result) -> None:
        self._archive.writestr(self._member(f"{name}/", found, stat.S_IFDIR), b"")

    def file(self, name: str, source: IO[bytes], found: os.stat_result, size: int | None = None) -> None:  # noqa: ARG002 - it may be any
        member = self._member(name, found, stat.S_IFREG)
        with self._archive.open(member, "w", force_zip64=found.st_size >= _ZIP64) as goal:
            shutil.copyfileobj(source, goal, _PIECE)

    def link(self, name: str, goal: str) -> None:
        raise NotImplementedError

    def _member(self, name: str, found: os.stat_result, kind: int) -> zipfile.ZipInfo:
        member = zipfile.ZipInfo(name, _when(found) if self._times else _LONG_AGO)
        member.create_system, member.compress_type = 3, self._archive.compression
        member.external_attr = (kind | _mode(found)) << 16
        return member


def _when(found: os.stat_result) -> tuple[int, int, int, int, int, int]:
    import time  # noqa: PLC0415 - zip files with times are few

    year, *rest = time.localtime(found.st_mtime)[:6]
    return _LONG_AGO if year < 1980 else (year, *rest)  # type: ignore[return-value]
