"""Plain keys of the object store: files under them, without the catalog that makes an artifact of files."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

from dflow.artifact_sources import settings_of_store
from dflow.common import key_of
from dflow.engine.errors import NoSuchFile, ObjectNotFound
from dflow.storage.client import StorageClient
from dflow.stores import artifact_store, prefixed, s3_client
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.storage.artifacts import ArtifactStore

__all__ = ["MinioClient", "copy_s3", "download_s3", "get_key", "set_key", "upload_s3"]


@called_by_users
def upload_s3(
    path: Any,
    key: str | None = None,
    prefix: str | None = None,
    debug_func: Any = os.symlink,
    storage_client: Any = None,
    **kwargs: Any,
) -> str:
    """Store a file, or the files of a directory, under a key.

    Args:
        key: None: the file's name behind ``prefix``, or behind ``upload/`` and a new random name.
        storage_client: in place of the configured one; ``kwargs`` are settings in place of those of ``s3_config``.

    Returns:
        The key.

    Raises:
        FileNotFoundError: there is no such file.
        StorageError: the store refuses or does not answer.
    """
    source = Path(str(path)).absolute()
    if not source.exists():
        raise NoSuchFile(f"cannot upload {path}: there is no such file or directory in {os.getcwd()}")
    if key is None:
        folder = prefixed(f"upload/{uuid.uuid4()}") if prefix is None else str(prefix).rstrip("/")
        key = f"{folder}/{source.name}" if folder else source.name
    return _store(storage_client, kwargs).keep(source, key, None)


@called_by_users
def download_s3(
    key: str,
    path: Any = ".",
    recursive: bool = True,
    skip_exists: bool = False,
    keep_dir: bool = False,
    storage_client: Any = None,
    **kwargs: Any,
) -> str:
    """Write what is under a key to a directory: a file under its own name, or all files below a key.

    Args:
        recursive: also what lies deeper than one level.
        skip_exists: leave files that are there.
        keep_dir: put what is below a key into a directory of the key's last name.

    Returns:
        The directory, as it was given.

    Raises:
        ObjectNotFound: there is nothing under the key.
        StorageError: the store refuses or does not answer.
    """
    store, target, key = _store(storage_client, kwargs), Path(str(path)).absolute(), key.rstrip("/")
    shown = str(path)
    folder, _, name = key.rpartition("/")
    if store.client.exists(key):
        root, names = folder, [name]
    else:
        root, names = key, store.names(key)
        names = names if recursive else [n for n in names if "/" not in n]
        if keep_dir:
            target, shown = target / name, os.path.join(shown, name)
    if not names:
        raise ObjectNotFound(f"there is nothing under the key {key!r} in {store.name}")
    wanted = [(n, target / n) for n in names if not (skip_exists and (target / n).exists())]
    store.fetch_files(root, wanted, target)
    return shown


@called_by_users
def copy_s3(
    src_key: str,
    dst_key: str,
    recursive: bool = True,
    ignore_catalog: bool = False,
    storage_client: Any = None,
    **kwargs: Any,
) -> None:
    """Store what is under a key under another one too, within the store.

    Args:
        ignore_catalog: leave out the catalogs of artifacts.

    Raises:
        ObjectNotFound: there is nothing under the key.
        StorageError: the store refuses or does not answer.
    """
    store = _store(storage_client, kwargs)
    if not store.client.exists(src_key) and not store.names(src_key):
        raise ObjectNotFound(f"there is nothing under the key {src_key!r} in {store.name}")
    store.copy(src_key, dst_key, without=".dflow/" if ignore_catalog else "\0")


def get_key(artifact: Any, raise_error: bool = True) -> str | None:
    """The key of an artifact in the object store; None for one that is in none.

    Raises:
        FileNotFoundError: it is in none, and ``raise_error`` is set.
    """
    key = key_of(artifact)
    if key is None and raise_error:
        raise NoSuchFile(f"{artifact!r} does not exist in the storage: it has no key")
    return key


def set_key(artifact: Any, key: str) -> None:
    """Give an artifact another key."""
    for kind in ("s3", "oss", "gcs"):
        inner = getattr(artifact, kind, None)
        if inner is not None and not callable(inner):
            set_key(inner, key)
            return
    if isinstance(artifact, dict):
        artifact["key"] = key
    else:
        artifact.key = key


def _store(given: Any, settings: Dict[str, Any]) -> ArtifactStore:
    return artifact_store(given, **settings_of_store(settings))


class MinioClient(StorageClient):
    """A bucket of an S3 server; what is None is taken from ``s3_config``.

    Args:
        kwargs: ``region``, ``session_token``.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        secure: bool | None = None,
        bucket_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        given = {"endpoint": endpoint, "access_key": access_key, "secret_key": secret_key, "secure": secure}
        self._client = s3_client({**given, "bucket_name": bucket_name, **kwargs})
        self.parallel = self._client.parallel

    def upload(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.upload`."""
        self._client.upload(key, str(path))

    def download(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.download`."""
        self._client.download(key, str(path))

    def list(self, prefix: str, recursive: bool = False) -> Any:
        """As :meth:`StorageClient.list`."""
        return self._client.list(prefix, recursive)

    def copy(self, src: str, dst: str) -> None:
        """As :meth:`StorageClient.copy`."""
        self._client.copy(src, dst)

    def get_md5(self, key: str) -> str:
        """As :meth:`StorageClient.get_md5`."""
        return self._client.get_md5(key)

    def exists(self, key: str) -> bool:
        """As :meth:`StorageClient.exists`."""
        return self._client.exists(key)

    def __str__(self) -> str:
        return str(self._client)
