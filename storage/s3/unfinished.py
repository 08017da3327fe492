"""Uploads in parts that have begun, on disk, so that another process can go on with them after a kill."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.storage.s3.local_file import LocalFile
    from dflow.storage.s3.settings import S3Settings

__all__ = ["Slip", "Upload", "slip"]

_log = logging.getLogger("dflow.storage")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_KEPT = 30 * 24 * 3600.0
"""Seconds after which the note of an upload that nobody went on with is removed."""


@record(frozen=True, slots=True)
class Upload:
    """An upload that has begun: its id, and the bytes of each part."""

    id: str
    part_size: int


class Slip:
    """The note of one upload; nobody else has it at the same time.

    Attributes:
        upload: what was noted for this content of the file; None: nothing.
        outdated: the id of an upload that was noted for another content of it; empty: none.
    """

    def __init__(self, file: int | None, path: Path, about: dict[str, Any]) -> None:
        self._file, self._path, self._about = file, path, about
        self.upload: Upload | None = None
        self.outdated = ""
        if file is not None:
            self._read(file)

    def _read(self, file: int) -> None:
        try:
            noted = json.loads(os.pread(file, 1 << 16, 0) or b"null")
            upload = Upload(str(noted["upload"]), int(noted["part_size"]))
            same = all(noted[name] == value for name, value in self._about.items())
        except (ValueError, TypeError, KeyError):
            return  # empty, or a half: nothing is known
        if same and upload.part_size > 0:
            self.upload = upload
        else:
            self.outdated = upload.id

    def write(self, upload: Upload) -> None:
        """Note an upload."""
        self.upload, self.outdated = upload, ""
        if self._file is None:
            return
        data = json.dumps({**self._about, "upload": upload.id, "part_size": upload.part_size}).encode()
        with suppress(OSError):  # a full disk costs going on after a kill, not the upload
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, data, 0)

    def remove(self) -> None:
        """Forget it: the upload is complete, or was given up."""
        self.upload, self.outdated = None, ""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
                self._path.unlink(missing_ok=True)


@contextmanager
def slip(settings: S3Settings, key: str, file: LocalFile) -> Iterator[Slip]:
    """The note of the upload of a file to a key; an empty one that is not kept where somebody else has it."""
    place = os.path.realpath(file.path)
    target = {"endpoint": settings.address().text, "bucket": settings.bucket, "key": key, "path": place}
    name = hashlib.sha256("\0".join(target.values()).encode("utf-8", "surrogateescape")).hexdigest()
    found = file.identity
    about = {**target, "size": found.size, "mtime_ns": found.mtime_ns, "inode": found.inode}
    path = _folder() / f"{name}.json"
    handle = _locked(path)
    try:
        yield Slip(handle, path, about)
    finally:
        if handle is not None:
            os.close(handle)


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(cache) if Path(cache).is_absolute() else Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111
    return home / "dflow" / "uploads"


def _locked(path: Path) -> int | None:
    """The open file, held by nobody else; None where that cannot be had."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _tidy(path.parent)
        while True:
            handle = os.open(path, _FLAGS, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = os.fstat(handle)
                if found.st_uid != os.geteuid() or found.st_mode & 0o022:
                    raise PermissionError(f"{path} can be written by others")
            except OSError:
                os.close(handle)
                raise
            if found.st_nlink:
                return handle
            os.close(handle)  # removed by who had it before
    except OSError as error:
        _log.debug("an upload that is killed cannot be continued: %s", error)
        return None


def _tidy(folder: Path) -> None:
    oldest = time.time() - _KEPT
    for path in folder.glob("*.json"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
