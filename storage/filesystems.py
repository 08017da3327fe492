"""Any file system that fsspec knows, as an object store."""

from __future__ import annotations

import base64
import os
import re
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import DflowError, MissingExtra, ObjectNotFound, StorageError
from dflow.storage.client import StorageClient
from dflow.storage.keys import TEMPORARY, check_key, is_hidden, parent_of_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Keys = list[str]
    Entry = dict[str, Any]
    Entries = list[Entry]

__all__ = ["FsspecClient"]

_EXTRAS = {"oss": "oss", "abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs", "gcs": "gcs"}
_WITHOUT_DIRECTORIES = {*_EXTRAS, "s3", "s3a"}
_BROKEN_WITHOUT_CACHE = {"oss"}  # its cache is emptied before each call; one thread at a time uses it
_SECRET = re.compile(r"key|secret|token|password|credential|connection_string|^sas", re.IGNORECASE)
_ASSIGNED_SECRET = re.compile(r"((?:sig|signature|\w*key|\w*token|password|secret)=)[^&;\s'\"]+", re.IGNORECASE)
_SHORTEST_SECRET = 4
_MD5_BYTES = 16
_NOT_THERE = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError)
"""What file systems raise for an object that is no file, or is below one."""


class FsspecClient(StorageClient):
    """The object store in a file system of fsspec.

    An object of a file system on this machine appears as a whole or not at all; elsewhere that is so if the store
    does it (object stores do, ``sftp`` does not). Nothing is remembered between two calls.

    Attributes:
        parallel: 8 for file systems on this machine and for those that run in fsspec's own event loop, which any
            thread may call (Google Cloud Storage, Azure); else 1.

    Args:
        filesystem: an address such as ``gs://bucket`` or ``memory://bucket/folder``, or a file system.
        root: with a file system, what comes before the keys: a bucket, or a path.
        options: of the file system; with an address only.
        parallel: how many calls at once the file system stands, if you know better.

    Raises:
        MissingExtra: the library for this kind of store is not installed.
        StorageError: there is no such kind of store, or it refuses the options.
    """

    def __init__(
        self,
        filesystem: Any,
        root: str = "",
        *,
        options: Mapping[str, Any] | None = None,
        parallel: int | None = None,
    ) -> None:
        if isinstance(filesystem, str):
            self._fs, root = _open(filesystem, dict(options or {}))
        else:
            self._fs, root = filesystem, str(filesystem._strip_protocol(root))
        self._pid = os.getpid()
        protocols = self._fs.protocol
        self._protocols = (protocols,) if isinstance(protocols, str) else tuple(protocols)
        self._base = f"{root.rstrip('/')}/" if root else ""
        self._is_local = "file" in self._protocols
        self._has_directories = not _WITHOUT_DIRECTORIES.intersection(self._protocols)
        stands_threads = self._is_local or bool(getattr(self._fs, "async_impl", False))
        self.parallel = parallel or (8 if stands_threads else 1)

    def __repr__(self) -> str:
        return f"FsspecClient({self.address!r})"

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """Where the objects are, without user names and passwords."""
        return f"{self._protocols[0]}://{self._base if self._is_local else self._base.lstrip('/')}"

    @property
    def filesystem(self) -> Any:
        """The file system, with nothing remembered; a forked process has one of its own."""
        if self._pid != os.getpid():
            options = {**self._fs.storage_options, "skip_instance_cache": True}
            self._fs = type(self._fs)(*self._fs.storage_args, **options)
            self._pid = os.getpid()
        self._fs.invalidate_cache()
        return self._fs

    def upload(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.upload`."""
        check_key(key)
        path = os.fspath(path)
        _check_file(path)
        with self._telling(f"store the file {path} as {key!r}"):
            self._write(key, lambda target: self.filesystem.put_file(path, target))

    def download(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.download`."""
        check_key(key)
        target = Path(path)
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=target.parent) as folder:
                part = Path(folder, "object")
                with self._telling(f"download {key!r}", key):
                    self.filesystem.get_file(self._base + key, str(part))
                if not part.is_file():  # it was a directory there, and so it is here
                    raise self._missing(key)
                part.replace(target)

    def list(self, prefix: str, recursive: bool = False) -> Keys:
        """As :meth:`StorageClient.list`; directories are not objects, and those without files are not there."""
        parent = parent_of_prefix(prefix)
        if parent is None:
            return []
        found = set()
        with self._telling(f"list {prefix!r}"):
            for entry in self._entries(parent):
                key = self._key(entry)
                if not f"{key}/".startswith(prefix) or is_hidden(key):
                    continue
                if entry["type"] != "directory":
                    found |= {key} if key.startswith(prefix) and not entry["name"].endswith("/") else set()
                elif recursive:
                    found |= set(self._files(key))
                elif not self._has_directories or any(True for _ in self._files(key)):
                    found.add(f"{key}/")
        return sorted(found)

    def copy(self, src: str, dst: str) -> None:
        """As :meth:`StorageClient.copy`."""
        check_key(src)
        check_key(dst)
        with self._telling(f"look at {src!r}", src):
            self._info(src)
        if src != dst:
            with self._telling(f"copy {src!r} to {dst!r}"):
                self._write(dst, lambda target: self.filesystem.cp_file(self._base + src, target))

    def get_md5(self, key: str) -> str:
        """As :meth:`StorageClient.get_md5`; empty for file systems, which do not keep it."""
        check_key(key)
        with self._telling(f"look at {key!r}", key):
            return _md5_of(self._info(key))

    def exists(self, key: str) -> bool:
        """As :meth:`StorageClient.exists`."""
        check_key(key)
        try:
            with self._telling(f"look at {key!r}", key):
                self._info(key)
        except ObjectNotFound:
            return False
        return True

    def _info(self, key: str) -> Entry:
        """What the store knows of an object.

        Raises:
            ObjectNotFound: there is none, or it is a directory.
        """
        info: Entry = self.filesystem.info(self._base + key)
        if info["type"] == "directory":
            raise self._missing(key)
        return info

    def _write(self, key: str, write: Any) -> None:
        """Let an object be written to a path: on this machine to another one, which is then renamed."""
        target = self._base + key
        if self._has_directories:
            self._make_room(key)
        if not self._is_local:
            write(target)
            return
        temporary = Path(target).parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        try:
            write(str(temporary))
            temporary.replace(target)
        except BaseException:
            if temporary.exists():
                temporary.unlink()
            raise

    def _make_room(self, key: str) -> None:
        """Make the directories above an object.

        Raises:
            StorageError: the object would have to be a directory, or one of these an object.
        """
        parents = [key[:at] for at, letter in enumerate(key) if letter == "/"]
        filesystem = self.filesystem
        if filesystem.isdir(self._base + key):
            raise StorageError(f"cannot store {key!r} in {self.address}: there are objects below that name already")
        if parents and not filesystem.isdir(self._base + parents[-1]):
            for parent in parents:
                if filesystem.isfile(self._base + parent):
                    raise StorageError(f"cannot store {key!r} in {self.address}: {parent!r} is an object there")
        filesystem.makedirs(self._base + parents[-1] if parents else self._base.rstrip("/") or "/", exist_ok=True)

    def _entries(self, folder: str) -> Entries:
        """What is in a directory; nothing when it is not there."""
        try:
            found: Entries = self.filesystem.ls(self._base + folder, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        if self._has_directories or [self._key(entry) for entry in found] != [folder]:
            return found
        return self._beside(folder)  # the store took the directory for the object of the same name

    def _beside(self, folder: str) -> Entries:
        """What is below a key that is an object too."""
        entries = {}
        for key in self._files(folder):
            name, slash, _ = key[len(folder) + 1 :].partition("/")
            if name:
                path = f"{self._base}{folder}/{name}"
                entries[name + slash] = {"name": path, "type": "directory" if slash else "file"}
        return list(entries.values())

    def _files(self, folder: str) -> Iterator[str]:
        """The keys below a directory."""
        found = self._find(folder)
        if not self._has_directories and set(found) <= {folder}:
            found = self._find(folder.rpartition("/")[0])  # there is an object of that name, which hid the others
        for key in found:
            if key.startswith(f"{folder}/") and not is_hidden(key):
                yield key

    def _find(self, folder: str) -> Keys:
        found = self.filesystem.find(self._base + folder, detail=True)
        entries = found.items() if isinstance(found, dict) else ()  # some give an empty list for nothing
        return [self._key(one) for name, one in entries if one["type"] != "directory" and not name.endswith("/")]

    def _key(self, entry: Entry) -> str:
        """The key of an entry; file systems differ in whether their paths begin with a slash."""
        name: str = entry["name"].strip("/")
        return name[len(self._base.lstrip("/")) :]

    def _missing(self, key: str) -> ObjectNotFound:
        return ObjectNotFound(
            f"there is no object {key!r} in {self.address}; check the key, and that the bucket or folder exists"
        )

    @contextmanager
    def _telling(self, what: str, key: str | None = None) -> Iterator[None]:
        """Turn what any file system may raise into errors of ours.

        Args:
            key: the object whose absence a FileNotFoundError means.
        """
        try:
            yield
        except DflowError:
            raise
        except _NOT_THERE as exc:
            if key is not None:
                raise self._missing(key) from exc
            raise self._refused(what, exc) from _cause(exc, self._fs.storage_options)
        except Exception as exc:  # noqa: BLE001 - each library has errors of its own
            raise self._refused(what, exc) from _cause(exc, self._fs.storage_options)

    def _refused(self, what: str, exc: Exception) -> StorageError:
        text = f"cannot {what} in {self.address}: {type(exc).__name__}: {exc}"
        return _told(text, self._fs.storage_options, exc)


def _open(address: str, options: dict[str, Any]) -> Any:
    """The file system of an address, for this client alone, and the path in it."""
    protocol = address.partition("://")[0] if "://" in address else "file"
    extra = _EXTRAS.get(protocol, "fsspec")
    try:
        import fsspec  # noqa: PLC0415 - optional

        own = {"skip_instance_cache": True, "use_listings_cache": protocol in _BROKEN_WITHOUT_CACHE}
        return fsspec.core.url_to_fs(address, **{**own, **options})
    except ImportError as exc:
        more = "" if protocol in _EXTRAS else f", and what {protocol!r} needs: {exc}"
        raise MissingExtra(f"the store {protocol}://… needs: pip install 'pydflow[{extra}]'{more}") from exc
    except Exception as exc:  # noqa: BLE001 - each library has errors of its own
        text = f"cannot open a store of the kind {protocol!r}: {type(exc).__name__}: {exc}"
        raise _told(text, options, exc) from _cause(exc, options)


def _told(text: str, options: Mapping[str, Any], exc: Exception) -> StorageError:
    """The error for users: what, where, why, and what to do."""
    denied = isinstance(exc, PermissionError)
    advice = "these keys may not do that: check them" if denied else "check the address, the keys and the options given"
    return StorageError(f"{_without_secrets(text, options)}; {advice}")


def _cause(exc: Exception, options: Mapping[str, Any]) -> Exception | None:
    """What to show as the cause: nothing when there are secrets in its text."""
    return exc if _without_secrets(str(exc), options) == str(exc) else None


def _without_secrets(text: str, options: Mapping[str, Any]) -> str:
    for name, value in options.items():
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET and _SECRET.search(name):
            text = text.replace(value, "***")
            for assigned in _ASSIGNED_SECRET.finditer(value):  # a connection string
                text = text.replace(assigned.group(0).partition("=")[2], "***")
    return _ASSIGNED_SECRET.sub(r"\1***", text)


def _md5_of(info: Mapping[str, Any]) -> str:
    """The MD5 sum, in the words of Google Cloud Storage, Azure and OSS; empty when there is none."""
    settings = info.get("content_settings") or {}
    known = info.get("md5Hash") or info.get("content_md5") or settings.get("content_md5")
    if isinstance(known, str):
        known = base64.b64decode(known)
    if known and len(known) == _MD5_BYTES:
        return bytes(known).hex()
    return ""


def _check_file(path: str) -> None:
    """Refuse what cannot be uploaded before the store is asked."""
    try:
        with Path(path).open("rb"):
            pass
    except OSError as exc:
        raise StorageError(f"cannot store {path}: {exc.strerror}; give the path of a file that you may read") from exc


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say where a file could not be written on this machine."""
    try:
        yield
    except DflowError:
        raise
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc}; check the folder and the room on the disk") from exc
