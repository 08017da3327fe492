"""The content of a file or directory as a digest, and packages as one file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import CopyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["files_of", "text_digest", "tree_digest"]

_DIGITS = 32
_LEFT_OUT = ("__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache")


def text_digest(text: str) -> str:
    """A SHA-256 of a text, for the key of its upload."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def tree_digest(path: str, *, package: bool = False) -> str:
    """A SHA-256 over the names and contents of all files of a tree; links count as what they lead to.

    Args:
        package: caches, and what a version control system keeps, do not count.
    """
    total = hashlib.sha256()
    for name, file in files_of(path, left_out=_LEFT_OUT if package else ()):
        line = f"{name}\0{_content_digest(file)}\0{os.access(file, os.X_OK)}\n"
        total.update(line.encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:_DIGITS]


def files_of(path: str, left_out: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The files of a tree with their names in it, sorted; the file itself has the name of no characters.

    A link to a directory that it is in is passed over.
    """
    if not Path(path).is_dir():
        yield "", path
        return
    for folder, folders, files in os.walk(path, followlinks=True):
        real = Path(os.path.realpath(folder))
        inside = [name for name in folders if name not in left_out]
        folders[:] = sorted(
            name for name in inside if Path(os.path.realpath(Path(folder, name))) not in (real, *real.parents)
        )
        for name in sorted(files):
            file = Path(folder, name)
            yield str(file.relative_to(path)), str(file)


def _content_digest(file: str) -> str:
    content = hashlib.sha256()
    try:
        with Path(file).open("rb") as stream:
            while block := stream.read(1 << 20):
                content.update(block)
    except OSError as exc:
        raise CopyError(f"cannot read {file}, which must be uploaded with the workflow: {exc.strerror}") from exc
    return content.hexdigest()
