"""Bringing what a workflow needs into the artifact store of its cluster."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.storage.archives import pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dflow.exporters.argo.export import Upload
    from dflow.storage import StorageClient

__all__ = ["upload"]


def upload(plan: Sequence[Upload], client: StorageClient) -> None:
    """Put what is not there yet into the store; keys tell the content, so what is there is right.

    Raises:
        StorageError: the store refuses or does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        for item in plan:
            for key, path in _files(item, Path(folder)):
                if not client.exists(key):
                    client.upload(key, path())


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
    """A gzipped tar file of a file or directory, without owners and times."""
    return str(pack(Path(path), folder / "packed.tgz", exclude={"__pycache__"}))
