"""Artifacts of steps that have run, as paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dflow.engine.catalog import read_catalog
from dflow.python.catalog import assemble
from dflow.python.opio import NestedDictPath

__all__ = ["read_artifact"]


def read_artifact(place: Path, kind: str = "") -> Any:
    """The paths of an artifact in a run directory.

    Args:
        kind: its declared type, as text; without one it is what its catalog makes of it.
    """
    items = read_catalog(place)
    if items is None:
        return place
    shape = kind.lower()
    if "nested" in shape or "dict" in shape:
        return assemble(place, NestedDictPath)
    orders = [item.get("order") for item in items]
    if "list" in shape or "set" in shape or (len(items) > 1 and all(isinstance(order, int) for order in orders)):
        from typing import List

        return assemble(place, List[Path])
    if any(not isinstance(order, int) for order in orders):
        return assemble(place, NestedDictPath)
    return assemble(place, Path)
