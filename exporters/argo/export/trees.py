"""The content of a file or directory as a digest, and packages as one file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["files_of", "tree_digest"]

_LEFT_OUT = ("__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def tree_digest(path: str, keep: Callable[[str], bool] = lambda _: True) -> str:
    """A SHA-256 over the names and contents of all files of a tree; links count as what they lead to."""
    total = hashlib.sha256()
    for name, file in files_of(path):
        if keep(name):
            total.update(
                f"{name}\0{_content_digest(file)}\0{os.access(file, os.X_OK)}\n".encode("utf-8", "surrogateescape")
            )
    return total.hexdigest()[:32]


def files_of(path: str) -> Iterator[tuple[str, str]]:
    """The files of a tree with their names in it, sorted; the file itself has the name of no characters."""
    if not Path(path).is_dir():
        yield "", path
        return
    for folder, folders, files in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(files):
            file = Path(folder, name)
            yield str(file.relative_to(path)), str(file)


def _content_digest(file: str) -> str:
    content = hashlib.sha256()
    with Path(file).open("rb") as stream:
        while block := stream.read(1 << 20):
            content.update(block)
    return content.hexdigest()
