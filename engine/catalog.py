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
        UnsafeArtifact: an element lies outside of the artifact.
    """
    folder = root / CATALOG
    if not folder.is_dir():
        return None
    items: list[Item] = []
    for entry in sorted(folder.iterdir()):
        items.extend(json.loads(entry.read_text(encoding="utf-8")).get("path_list", []))
    for item in items:
        place = item["dflow_list_item"]
        if place is not None and (place.startswith("/") or ".." in place.split("/")):
            raise UnsafeArtifact(f"the catalog of {root} names {place!r}, which lies outside of the artifact")
    return items


def read_marks(root: Path) -> Item:
    """What stands in the catalog beside the elements, of an artifact that was written at once.

    ``{"nested": False}`` says that dots in keys are no nesting, ``{"absent": True}`` that there is no artifact.
    """
    files = list((root / CATALOG).iterdir())
    if len(files) != 1:
        return {}
    marks: Item = json.loads(files[0].read_text(encoding="utf-8"))
    return {name: value for name, value in marks.items() if name != "path_list"}


def single_file(root: Path) -> Path | None:
    """The file that an artifact consists of; None when it is a directory or more than one element."""
    items = read_catalog(root)
    if items is None or len(items) != 1 or items[0]["dflow_list_item"] is None:
        return None
    file = root / items[0]["dflow_list_item"]
    return file if file.is_file() else None
