"""A client for one bucket of a server that speaks the protocol of Amazon S3."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, List  # noqa: UP035 - there is a method of that name

from dflow.storage.client import StorageClient
from dflow.storage.progress import progress
from dflow.storage.s3.calls import Calls
from dflow.storage.s3.copying import copy
from dflow.storage.s3.download import download
from dflow.storage.s3.errors import Refused, doing
from dflow.storage.s3.local_file import LocalFile
from dflow.storage.s3.target import Target
from dflow.storage.s3.upload import Buffers, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from dflow.storage.progress import Meter
    from dflow.storage.s3.calls import Stat
    from dflow.storage.s3.settings import S3Settings

__all__ = ["S3Client"]

_AT_ONCE = 1000
"""Keys that the protocol deletes in one request."""


class S3Client(StorageClient):
    """Files in a bucket. Several threads may use one client; a forked or unpickled one makes its own connections.

    What fails for a moment is tried again, so that a restart of the server is survived. An upload in parts that was
    killed goes on where it was when the same file is uploaded to the same key again.

    Args:
        settings: where, and as whom.
        metered: shows the progress of a label and a number of bytes; :func:`dflow.storage.progress.progress` unless
            given.
    """

    def __init__(
        self, settings: S3Settings, *, metered: Callable[[str, int], AbstractContextManager[Meter]] = progress
    ) -> None:
        self.settings, self.parallel = settings, max(1, settings.parallel)
        self._metered = metered
        self._calls, self._buffers = Calls(settings), Buffers()

    def __repr__(self) -> str:
        return f"S3Client(bucket {self.settings.bucket!r} at {self.settings.address().text})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings,)

    def upload(self, key: str, path: str) -> None:
        """Store a file under a key, in place of what is there; as a whole or not at all.

        Raises:
            StorageError: the file cannot be read or changes meanwhile; the store refuses or does not answer.
        """
        with (
            doing("put", key, self.settings),
            LocalFile(path) as file,
            self._metered(f"uploading {Path(path).name}", file.size) as meter,
        ):
            upload(self._calls, self.settings, key, file, meter, self._buffers)

    def download(self, key: str, path: str) -> None:
        """Write the object of a key to a file; directories are made, and the file is there as a whole or not at all.

        Raises:
            ObjectNotFound: there is no object of that key.
            StateError: the file cannot be written.
            StorageError: the store refuses or does not answer, or what arrives is damaged.
        """
        with doing("get", key, self.settings), Target(path) as target:
            download(self._calls, key, target, partial(self._metered, f"downloading {Path(path).name}"))

    def list(self, prefix: str, recursive: bool = False) -> List[str]:  # noqa: UP006
        """The keys that begin with a text, sorted.

        Args:
            recursive: all of them; otherwise what lies behind the next ``/`` is one entry that ends with it.
        """
        with doing("list", prefix, self.settings):
            return sorted(set(self._calls.keys(prefix, recursive=recursive)))

    def copy(self, src: str, dst: str) -> None:
        """Store the object of one key under another one too; the server does it by itself.

        Raises:
            ObjectNotFound: there is no object of that key.
        """
        with doing("copy", src, self.settings):
            copy(self._calls, src, dst)

    def get_md5(self, key: str) -> str:
        """The MD5 sum of an object; empty if it was sent in parts, or encrypted so that the store does not tell it.

        Raises:
            ObjectNotFound: there is no object of that key.
        """
        return self.stat(key).md5

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        with doing("look for", key, self.settings):
            try:
                self._calls.stat(key)
            except Refused as error:
                if error.code == "NoSuchKey":
                    return False
                raise
        return True

    def stat(self, key: str) -> Stat:
        """Size and etag of an object.

        Raises:
            ObjectNotFound: there is no object of that key.
        """
        with doing("look for", key, self.settings):
            return self._calls.stat(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; a key without one is no error."""
        every = [*keys]
        for begin in range(0, len(every), _AT_ONCE):
            some = every[begin : begin + _AT_ONCE]
            with doing("delete", some[0], self.settings):
                self._calls.delete(some)

    def close(self) -> None:
        """Close the connections that are kept. The client may be used again."""
        self._calls.close()
