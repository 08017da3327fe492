"""The paths in a directory that holds an artifact, as the list or dict that it is.

OPs are given plain paths, texts, lists, sets and dicts; the classes here are these with a place for ``art_root``, the
directory of the artifact, and are for annotations and ``isinstance``.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PosixPath
from typing import Any, Dict, List

from dflow.engine.catalog import CATALOG, read_catalog
from dflow.python.catalog import unflatten

__all__ = [
    "ArtifactDict",
    "ArtifactList",
    "ArtifactPosixPath",
    "ArtifactSet",
    "ArtifactStr",
    "assemble_path_object",
    "assemble_path_object_from_catalog",
    "catalog_of_local_artifact",
]


class ArtifactStr(str):  # noqa: SLOT000 - scripts set attributes
    """The path of an artifact, as a text."""

    art_root: Any = None


class ArtifactPosixPath(PosixPath):
    """The path of an artifact."""

    art_root: Any = None


class ArtifactList(list):  # type: ignore[type-arg]
    """The paths of an artifact that is a list."""

    art_root: Any = None


class ArtifactSet(set):  # type: ignore[type-arg]
    """The paths of an artifact that is a set."""

    art_root: Any = None


class ArtifactDict(dict):  # type: ignore[type-arg]
    """The paths of an artifact that is a dict."""

    art_root: Any = None


def catalog_of_local_artifact(art_path: Any, remove: bool = False) -> List[Dict[str, Any]]:
    """The elements of the artifact in a directory: ``{"dflow_list_item": path, "order": index or key}`` for each.

    Args:
        remove: remove the catalog from the directory.

    Returns:
        Paths are relative to the directory; of one without a catalog an empty list.
    """
    root = Path(str(art_path))
    items = [dict(item) for item in read_catalog(root) or []]
    if remove and (root / CATALOG).is_dir():
        shutil.rmtree(str(root / CATALOG))
    return items


def assemble_path_object(art_path: Any, remove: bool = False) -> Any:
    """The paths in the directory of an artifact: a list, or dicts and lists as they were given.

    Args:
        remove: remove the catalog from the directory.
    """
    return assemble_path_object_from_catalog(catalog_of_local_artifact(art_path, remove), art_path)


def assemble_path_object_from_catalog(catalog: Any, art_path: Any = None) -> Any:
    """The same from a catalog; with ``art_path`` in front of each path. None is a member that is missing."""

    def place(item: Any) -> Any:
        relative = item["dflow_list_item"]
        return relative if relative is None or art_path is None else str(Path(str(art_path)) / relative)

    if all(isinstance(item["order"], int) for item in catalog):
        return [place(item) for item in sorted(catalog, key=lambda item: item["order"])]
    return unflatten((item["order"], place(item)) for item in catalog)
