"""Artifacts outside a workflow: files on this machine or in an object store."""

from __future__ import annotations

import importlib
from typing import Any, Tuple

__all__ = ["LocalArtifact", "S3Artifact", "import_func"]


class LocalArtifact:
    """Files in the local artifact store.

    Attributes:
        local_path: where they are.
        slice: the element that is meant, None for all.
    """

    def __init__(self, local_path: Any) -> None:
        self.local_path = str(local_path)
        self.slice: Any = None
        self.parent: LocalArtifact | None = None
        self._sub_path: str | None = None
        self._element: Tuple[str, ...] = ()

    def sub_path(self, path: Any) -> LocalArtifact:
        """The part ``path`` of this artifact."""
        if self._element:
            raise TypeError(
                "an element of an artifact has no sub_path; take the part first: artifact.sub_path(...)[...]"
            )
        part = LocalArtifact(self.local_path)
        part._sub_path = f"{self._sub_path}/{path}" if self._sub_path else str(path)
        part.parent = self
        return part

    def __getitem__(self, key: Any) -> LocalArtifact:
        part = LocalArtifact(self.local_path)
        part._sub_path, part.parent, part._element = self._sub_path, self, (*self._element, str(key))
        part.slice = f"{self.slice}.{key}" if self._element else key
        return part

    __iter__ = None  # or a loop over it would never end

    def __repr__(self) -> str:
        inside = "/" + self._sub_path if self._sub_path else ""
        return f"LocalArtifact({self.local_path + inside!r})"


class S3Artifact:
    """Files in an object store, by key.

    Args:
        key: where they are in the bucket.
        path_list: the elements, when it is a list.
    """

    def __init__(
        self,
        key: str | None = None,
        path_list: Any = None,
        urn: str = "",
        debug_s3: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.key = key
        self.path_list = [] if path_list is None else path_list
        self.urn = urn
        self.debug_s3 = debug_s3
        self.slice: Any = None
        self.parent: S3Artifact | None = None
        self._sub_path: str | None = None

    def sub_path(self, path: Any) -> S3Artifact:
        """The part ``path`` of this artifact."""
        part = S3Artifact(self.key, self.path_list, self.urn, self.debug_s3)
        part._sub_path = f"{self._sub_path}/{path}" if self._sub_path else str(path)
        part.parent = self
        return part

    def __repr__(self) -> str:
        return f"S3Artifact(key={self.key!r})"


def import_func(s: str) -> Any:
    """The object at an import path such as ``package.module.name`` or ``package.module:name``.

    Raises:
        ImportError: there is none.
    """
    module, _, name = s.replace(":", ".").rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (AttributeError, ValueError) as exc:
        raise ImportError(f"cannot import {s!r}: {exc}") from exc
