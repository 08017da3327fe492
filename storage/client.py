"""What every object store can do; users write their own by this."""

from __future__ import annotations

import abc
from typing import List

__all__ = ["StorageClient"]


class StorageClient(abc.ABC):
    """An object store: files under keys such as ``upload/a/x.txt``.

    A key is a relative path with ``/`` between its parts. Subclass this for a store of your own, and set
    ``s3_config["storage_client"]`` to an object of it.

    Attributes:
        parallel: how many calls at once, from several threads, the client stands.
    """

    parallel: int = 1

    @abc.abstractmethod
    def upload(self, key: str, path: str) -> None:
        """Store a file under a key, in place of what is there; as a whole or not at all.

        Raises:
            StorageError: the store refuses or does not answer.
        """

    @abc.abstractmethod
    def download(self, key: str, path: str) -> None:
        """Write the object of a key to a file; directories are made, and the file is there as a whole or not at all.

        Raises:
            ObjectNotFound: there is no object of that key.
            StorageError: the store refuses or does not answer.
        """

    @abc.abstractmethod
    def list(self, prefix: str, recursive: bool = False) -> List[str]:
        """The keys that begin with a text, sorted.

        Args:
            recursive: all of them; otherwise what lies behind the next ``/`` is one entry that ends with it.
        """

    @abc.abstractmethod
    def copy(self, src: str, dst: str) -> None:
        """Store the object of one key under another one too, without a way through this machine where that can be.

        Raises:
            ObjectNotFound: there is no object of that key.
        """

    @abc.abstractmethod
    def get_md5(self, key: str) -> str:
        """The MD5 sum of an object in hexadecimal digits; empty where the store does not know it.

        Raises:
            ObjectNotFound: there is no object of that key.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        return key in self.list(key)

    def __str__(self) -> str:
        """What to call the store in messages: no secrets."""
        return f"the store of {type(self).__name__}"
