"""What is in artifacts, as short texts: the same for the same content, wherever it lies and whenever it was written.

Nothing is read until somebody asks, and a file only once while it stays as it is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from dflow.engine.elements import parts_of

if TYPE_CHECKING:
    from dflow.engine.artifact_values import ArtifactValue

__all__ = ["Digests"]

_PIECE = 1 << 20


class Digests:
    """Digests of artifacts, each computed when it is asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}

    def of(self, value: ArtifactValue) -> str:
        """The digest of an artifact: of its elements by their orders, or of the file or directory that it is.

        Raises:
            OSError: something of it is not there, or cannot be read.
        """
        if value.raw is not None:
            return hashlib.sha256(value.raw.encode("utf-8", "surrogateescape")).hexdigest()
        parts, _ = parts_of(value, whole=True)
        found = [(str(p.order), "" if p.place is None else self.of_path(f"{p.root}/{p.place}")) for p in parts]
        return found[0][1] if len(found) == 1 else _hash(sorted(found))

    def of_path(self, path: str) -> str:
        """The digest of a file, or of the names and files of a directory; links are followed."""
        if os.path.isdir(path):
            names = sorted(os.listdir(path))
            return _hash([(name, self.of_path(f"{path}/{name}")) for name in names])
        state = os.stat(path)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(f"{path} is no file")
        key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if key not in self._known:
            digest = hashlib.sha256()
            with open(path, "rb", buffering=0) as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
            self._known[key] = digest.hexdigest()
        return self._known[key]


def _hash(pairs: list[tuple[str, str]]) -> str:
    text = "\0".join(f"{name}\0{digest}" for name, digest in pairs)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
