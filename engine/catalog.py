"""The catalog of an artifact: which of its files is which element of a list or a dict.

An artifact is a directory; ``.dflow/<uuid>`` in it holds ``{"path_list": [{"dflow_list_item": "a/x", "order": 0}]}``.
``order`` is the index in a list, the key in a dict, or ``"a.0.b"`` in nested ones. A missing element is null. An
artifact without a catalog is the file or directory as it stands.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict  # noqa: UP035 - a value at run time, on Python 3.8 too

from dflow.engine.errors import UnsafeArtifact

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CATALOG", "Item", "read_catalog", "read_marks", "single_file"]

CATALOG = ".dflow"
Item = Dict[str, Any]  # noqa: UP006 - the same


def read_catalog(root: Path) -> list[Item] | None:
    """The elements of an artifact; None when it has no catalog.

    Raises:
        UnsafeArtifact: a catalog cannot be read, or an element lies outside of the artifact.
    """
    folder = root / CATALOG
    if not folder.is_dir():
        return None
    items: list[Item] = []
    for entry in sorted(folder.iterdir()):
        listed = _read(entry).get("path_list", [])
        if not isinstance(listed, list):
            raise UnsafeArtifact(f"the catalog {entry} is damaged: its path_list is no list")
        items.extend(listed)
    for item in items:
        _check(item, root)
    return items


def _read(file: Path) -> Item:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise UnsafeArtifact(f"the catalog {file} cannot be read: {exc}") from exc
    if not isinstance(data, dict):
        raise UnsafeArtifact(f"the catalog {file} is damaged: it is no JSON object")
    return data


def _check(item: Any, root: Path) -> None:
    fits = isinstance(item, dict) and isinstance(item.get("order"), (int, str))
    if not fits or not isinstance(item.get("dflow_list_item", 0), (str, type(None))):
        raise UnsafeArtifact(f"the catalog of {root} is damaged: it has the element {str(item)[:80]}")
    place = item["dflow_list_item"]
    if place is not None and (place.startswith("/") or ".." in place.split("/")):
        raise UnsafeArtifact(f"the catalog of {root} names {place!r}, which lies outside of the artifact")


def read_marks(root: Path) -> Item:
    """What stands in the catalogs beside the elements.

    ``{"nested": False}`` says that dots in keys are no nesting, ``{"absent": True}``, in the only one, that there is no
    artifact, ``{"stacked": True}`` that each element came from a step of its own, even where there is one only,
    ``{"slices": True}`` that all of them are outputs of slices, ``{"holes": True}`` that some were missing when it was
    uploaded.
    """
    marks: Item = {}
    files = list((root / CATALOG).iterdir())
    for file in files:
        marks.update({name: value for name, value in _read(file).items() if name != "path_list"})
    if len(files) > 1:
        marks.pop("absent", None)
    return marks


def single_file(root: Path) -> Path | None:
    """The file that an artifact consists of; None when it is a directory or more than one element."""
    items = read_catalog(root)
    if items is None or len(items) != 1 or items[0]["dflow_list_item"] is None:
        return None
    file = root / items[0]["dflow_list_item"]
    return file if file.is_file() else None
