"""Bringing what a workflow needs into the artifact store of its cluster."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dflow.engine.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dflow.exporters.argo.export import Upload

__all__ = ["ObjectStore", "object_store", "upload"]

_SHOWN = 5


class ObjectStore(Protocol):
    """Where the pods of a cluster find their artifacts."""

    def exists(self, key: str) -> bool:
        """An object of that key is there."""
        ...

    def put(self, key: str, path: str) -> None:
        """Make an object of a file."""
        ...


class _ClientStore:
    """A storage client as the user guide defines it: ``upload(key, path)``, ``list(prefix)``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def exists(self, key: str) -> bool:
        return key in self._client.list(key)

    def put(self, key: str, path: str) -> None:
        self._client.upload(key, path)


def object_store(client: Any) -> ObjectStore | None:
    """The store of ``s3_config["storage_client"]``; None when nothing is configured.

    Raises:
        UnsupportedError: it cannot be used.
    """
    if client is None:
        return None
    if hasattr(client, "put") and hasattr(client, "exists"):
        store: ObjectStore = client
        return store
    if hasattr(client, "upload") and hasattr(client, "list"):
        return _ClientStore(client)
    raise UnsupportedError(
        f"s3_config['storage_client'] is {client!r}; it must be an object with upload(key, path) and list(prefix), or "
        "with put(key, path) and exists(key)"
    )


def upload(plan: Sequence[Upload], store: ObjectStore | None) -> None:
    """Put what is not there yet into the store; keys tell the content, so what is there is right.

    Raises:
        UnsupportedError: there is no store, and something to put into one.
    """
    if not plan:
        return
    if store is None:
        shown = [item.key for item in plan[:_SHOWN]] + (["…"] if len(plan) > _SHOWN else [])
        raise UnsupportedError(
            f"the workflow needs {len(plan)} object{'s' if len(plan) > 1 else ''} in the artifact store of its cluster "
            f"({', '.join(shown)}), and no store is configured; set s3_config['storage_client']. Nothing was created"
        )
    with tempfile.TemporaryDirectory() as folder:
        for item in plan:
            for key, path in _files(item, Path(folder)):
                if not store.exists(key):
                    store.put(key, path())


def _files(item: Upload, folder: Path) -> Iterator[tuple[str, Any]]:
    """The objects of an upload: each key, and what gives the file when it is wanted."""
    if item.path is None:
        yield item.key, lambda: _written(item.text or "", folder)
    elif item.packed:
        yield item.key, lambda: _packed(str(item.path), folder)
    elif os.path.isdir(item.path):
        for place, folders, names in os.walk(item.path, followlinks=True):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(place, name)
                inside = os.path.relpath(file, item.path).replace(os.sep, "/")
                yield f"{item.key.rstrip('/')}/{inside}", lambda file=file: file
    else:
        yield item.key, lambda: item.path


def _written(text: str, folder: Path) -> str:
    file = folder / "text"
    file.write_text(text, encoding="utf-8")
    return str(file)


def _packed(path: str, folder: Path) -> str:
    """A gzipped tar file of a file or directory: what links lead to, without owners and times."""
    file = folder / "packed.tgz"

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if os.path.basename(member.name) == "__pycache__":
            return None
        member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
        return member

    with tarfile.open(file, "w:gz", dereference=True) as archive:
        archive.add(path, arcname=os.path.basename(path.rstrip(os.sep)), filter=plain)
    return str(file)
