"""Clients that have the five methods and nothing else of ours: files come as a whole, errors say what was tried."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, List

from dflow.engine.errors import DflowError, ObjectNotFound, StorageError
from dflow.storage.client import StorageClient

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ForeignClient"]


class ForeignClient(StorageClient):
    """A client of a class that is not ours."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.parallel = int(getattr(client, "parallel", 1))

    def upload(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.upload`."""
        with self._telling(f"upload {path} as {key!r}"):
            self._client.upload(key, path)

    def download(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.download`; the client writes to another name first."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            partial = Path(folder, target.name)
            with self._telling(f"download {key!r}", key):
                self._client.download(key, str(partial))
            if not partial.is_file():
                raise ObjectNotFound(f"{self} has written no file for {key!r}")
            partial.replace(target)

    def list(self, prefix: str, recursive: bool = False) -> List[str]:
        """As :meth:`StorageClient.list`."""
        with self._telling(f"list {prefix!r}"):
            return sorted(self._client.list(prefix, recursive=recursive))

    def copy(self, src: str, dst: str) -> None:
        """As :meth:`StorageClient.copy`."""
        with self._telling(f"copy {src!r} to {dst!r}", src):
            self._client.copy(src, dst)

    def get_md5(self, key: str) -> str:
        """As :meth:`StorageClient.get_md5`; empty when the client has no such method."""
        ask = getattr(self._client, "get_md5", None)
        if ask is None:
            return ""
        with self._telling(f"get the MD5 sum of {key!r}", key):
            return str(ask(key) or "")

    @contextmanager
    def _telling(self, what: str, key: str | None = None) -> Iterator[None]:
        """Say what was tried, where the client raises something of its own; a missing file is the object of ``key``."""
        try:
            yield
        except DflowError:
            raise
        except Exception as exc:
            name = type(self._client).__name__
            if isinstance(exc, FileNotFoundError) and key is not None:
                raise ObjectNotFound(f"{name} has no object {key!r}: {exc}") from exc
            raise StorageError(f"{name} cannot {what}: {type(exc).__name__}: {exc}") from exc

    def exists(self, key: str) -> bool:
        """As :meth:`StorageClient.exists`."""
        ask = getattr(self._client, "exists", None)
        if ask is None:
            return super().exists(key)
        with self._telling(f"look for {key!r}"):
            return bool(ask(key))

    def __str__(self) -> str:
        return f"the store of {type(self._client).__name__}"
