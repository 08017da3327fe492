"""Artifacts outside a workflow: files on this machine or in an object store."""

from __future__ import annotations

import importlib
from typing import Any, Dict, Tuple

from dflow.engine.errors import WrongType
from dflow.lineage import LineageClient
from dflow.outside import CustomArtifact, HTTPArtifact

__all__ = [
    "CustomArtifact",
    "CustomPickler",
    "HTTPArtifact",
    "LineageClient",
    "LocalArtifact",
    "S3Artifact",
    "field_of",
    "import_func",
    "jsonpickle",
    "key_of",
    "whole_and_part",
]


class LocalArtifact:
    """Files in the local artifact store.

    Attributes:
        local_path: where they are.
        slice: the element that is meant, None for all.
        urn: what a lineage client calls it.
    """

    def __init__(self, local_path: Any, urn: str = "") -> None:
        self.local_path = str(local_path)
        self.urn = urn
        self.slice: Any = None
        self.parent: LocalArtifact | None = None
        self._sub_path: str | None = None
        self._element: Tuple[str, ...] = ()

    def sub_path(self, path: Any) -> LocalArtifact:
        """The part ``path`` of this artifact."""
        if self._element:
            raise WrongType(
                "an element of an artifact has no sub_path; take the part first: artifact.sub_path(...)[...]"
            )
        part = LocalArtifact(self.local_path, self.urn)
        part._sub_path = f"{self._sub_path}/{path}" if self._sub_path else str(path)
        part.parent = self
        return part

    def __getitem__(self, key: Any) -> LocalArtifact:
        part = LocalArtifact(self.local_path, self.urn)
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
        key: where they are in the bucket; ``s3_config["prefix"]`` is put before it where it is not there yet.
        path_list: the elements, when it is a list: entries of a catalog.
        debug_s3: a workflow that runs on this machine gets it from the store, too. It always does here.

    Attributes:
        key: where it is; of a part of an artifact, the artifact's key and the part's path in it.
        urn: what a lineage client calls it.
        slice: the element that is meant, None for all.
        local_path: None; it is nowhere on this machine.
    """

    local_path = None

    def __init__(
        self,
        key: str | None = None,
        path_list: Any = None,
        urn: str = "",
        debug_s3: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        from dflow.stores import prefixed

        self.key = None if key is None else prefixed(str(key))
        self.path_list = [] if path_list is None else path_list
        self.urn = urn
        self.debug_s3 = debug_s3
        self.slice: Any = None
        self.parent: S3Artifact | None = None
        self._sub_path: str | None = None
        self._element: Tuple[str, ...] = ()
        self._repo_type: str | None = None

    def sub_path(self, path: Any) -> S3Artifact:
        """The part ``path`` of this artifact. It must be stored without an archive when the workflow runs on Argo."""
        if self._element:
            raise WrongType(
                "an element of an artifact has no sub_path; take the part first: artifact.sub_path(...)[...]"
            )
        part = self._part()
        part._sub_path = f"{self._sub_path}/{path}" if self._sub_path else str(path)
        part.key = None if self.key is None else f"{self.key}/{path}"
        part.path_list = []
        return part

    def __getitem__(self, key: Any) -> S3Artifact:
        part = self._part()
        part._element = (*self._element, str(key))
        part.slice = f"{self.slice}.{key}" if self._element else key
        return part

    __iter__ = None  # or a loop over it would never end

    def _part(self) -> S3Artifact:
        part = S3Artifact(None, self.path_list, self.urn, self.debug_s3)
        part.key, part._sub_path, part._repo_type, part.parent = self.key, self._sub_path, self._repo_type, self
        return part

    def oss(self) -> S3Artifact:
        """The same in Aliyun OSS: manifests name its key as one of ``oss``."""
        part = self._part()
        part._element, part.slice, part._repo_type = self._element, self.slice, "oss"
        return part

    def download(self, **kwargs: Any) -> Any:
        """Get the files; arguments as for :func:`dflow.download_artifact`."""
        from dflow.artifacts import download_artifact

        return download_artifact(self, **kwargs)

    def to_dict(self) -> Dict[str, Any]:
        """What :meth:`from_dict` makes the same artifact of."""
        return {"key": self.key, "urn": self.urn, "slice": self.slice, "path_list": self.path_list}

    @classmethod
    def from_dict(cls, d: Any) -> S3Artifact:
        """The artifact that ``to_dict`` was told of."""
        artifact = cls(None, d.get("path_list"), d.get("urn") or "")
        artifact.key, artifact.slice = d.get("key"), d.get("slice")
        if artifact.slice is not None:
            artifact._element = tuple(str(artifact.slice).split("."))
        return artifact

    def __repr__(self) -> str:
        key, part = whole_and_part(self)
        inside = f".sub_path({part!r})" if part else ""
        return f"S3Artifact(key={key!r}){inside}"


class CustomPickler:
    """Objects as the texts that parameters are written as, and back."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """The text of an object: JSON, with jsonpickle's notes for what JSON does not have.

        Args:
            kwargs: of ``jsonpickle.dumps``.

        Raises:
            ValueError: a dict has a key that is one of these notes, such as "py/object", and would come back empty.
        """
        from dflow.python.pickled_text import library, refuse_notes

        refuse_notes(obj)
        return str(library().dumps(obj, **{"keys": True, **kwargs}))

    def loads(self, s: str, **kwargs: Any) -> Any:
        """The object of a text. Texts are trusted: one can have any function called that is installed here.

        Args:
            kwargs: of ``jsonpickle.loads``.
        """
        from dflow.python.pickled_text import library

        return library().loads(s, **{"keys": True, **kwargs})


jsonpickle = CustomPickler()
"""What ``from dflow import jsonpickle`` gives."""


def key_of(artifact: Any) -> str | None:
    """The key of an artifact in its object store; None for one that is in none."""
    key = field_of(artifact, "key")
    for kind in ("s3", "oss", "gcs", "azure"):
        if key is None and (inner := field_of(artifact, kind)) is not None and not callable(inner):
            key = field_of(inner, "blob" if kind == "azure" else "key")
            if kind == "oss" and key is not None:
                key = _without_repo_prefix(str(key))
    return None if key is None else str(key)


def whole_and_part(artifact: Any) -> Tuple[str | None, str | None]:
    """The key of what is stored as a whole, maybe packed, and the part of it that is meant; None for all of it."""
    key, part = key_of(artifact), getattr(artifact, "_sub_path", None)
    if key is None or not part:
        return key, part
    end = f"/{part}"
    return (key[: -len(end)], part) if key.endswith(end) else (key, None)  # it was given another key since


def _without_repo_prefix(key: str) -> str:
    """A key of a cluster's repository as the storage client knows it."""
    from dflow.config import s3_config

    prefix = str(s3_config["repo_prefix"] or "")
    return key[len(prefix) :] if prefix and key.startswith(prefix) else key


def field_of(thing: Any, name: str) -> Any:
    """An attribute, or an item of a dict; None where there is none."""
    if isinstance(thing, dict):
        return thing.get(name)
    try:
        return getattr(thing, name, None)
    except (KeyError, LookupError):
        return None


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
