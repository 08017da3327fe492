"""The structure of an HDF5 artifact where the names of its datasets do not tell it: as JSON in attributes of the file.

The names are the keys joined by dots, so they cannot say where a dict or list is empty, or which dots belong to a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Dict, Iterable, Iterator, List

from dflow.engine.errors import WrongValue

__all__ = ["filled", "is_awkward", "read_structure", "safe_names", "structure_of", "write_structure"]

_ATTRIBUTE = "dflow_structure_"
_PIECE = 50_000
"""Characters in an attribute; HDF5 has room for 64 kB."""


def is_awkward(value: Any, *, inner: bool = False) -> bool:
    """Whether names of datasets do not tell the structure of a value."""
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        odd = any(not key or not key.isprintable() or "." in key or "/" in key for key in keys)
        if odd or (inner and not value) or len(set(keys)) < len(keys):
            return True
        return any(is_awkward(item, inner=True) for item in value.values())
    if isinstance(value, (list, tuple)):
        return (inner and not value) or any(is_awkward(item, inner=True) for item in value)
    return inner and isinstance(value, (set, frozenset))


def safe_names(names: Iterable[str]) -> List[str]:
    """A name of its own for each leaf: the one that it has where that can be."""
    safe: Dict[str, None] = {}
    for index, name in enumerate(names):
        is_good = name.isprintable() and "/" not in name and name.strip(".")
        free = name if is_good else f"dflow-leaf-{index}"
        while free in safe:
            free += "'"
        safe[free] = None
    return list(safe)


def structure_of(value: Any, names: Iterable[str]) -> Any:
    """The dicts and lists of a value, with the name of its dataset in place of each leaf.

    Args:
        names: in the order of :func:`dflow.python.catalog.flatten`.

    Raises:
        ValueError: a dict has two keys of one text, such as 1 and "1".
    """
    return _named(value, iter(names))


def _named(value: Any, names: Iterator[str]) -> Any:
    if isinstance(value, Mapping):
        named = {str(key): _named(item, names) for key, item in value.items()}
        if len(named) < len(value):
            raise WrongValue(f"two keys of a dict have the same text: {list(value)}")
        return named
    if isinstance(value, (list, tuple)):
        return [_named(item, names) for item in value]
    return [next(names) for _ in value] if isinstance(value, (set, frozenset)) else next(names)


def filled(structure: Any, leaves: Mapping[str, Any]) -> Any:
    """The value of a structure: its names replaced by what has them."""
    if isinstance(structure, dict):
        return {key: filled(item, leaves) for key, item in structure.items()}
    if isinstance(structure, list):
        return [filled(item, leaves) for item in structure]
    return leaves[structure]


def write_structure(structure: Any, attributes: Any) -> None:
    """Put a structure into the attributes of a file, in pieces of their size."""
    text = json.dumps(structure)
    for index, start in enumerate(range(0, len(text), _PIECE)):
        attributes[f"{_ATTRIBUTE}{index}"] = text[start : start + _PIECE]


def read_structure(attributes: Any) -> Any:
    """The structure in the attributes of a file; None where its names tell it."""
    pieces: List[str] = []
    while (piece := attributes.get(f"{_ATTRIBUTE}{len(pieces)}")) is not None:
        pieces.append(str(piece))
    return json.loads("".join(pieces)) if pieces else None
