"""Artifacts as the paths, lists and dicts that OPs see; the catalog in them is that of ``dflow.engine.catalog``."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Tuple

from dflow.engine.catalog import CATALOG, Item, read_catalog
from dflow.python.opio import NestedDictBase

__all__ = ["assemble", "assemble_items", "flatten", "unflatten", "write_artifact", "write_items"]


def write_artifact(value: Any, root: Path, relative: Callable[[Path], str], link: Callable[[Path, Path], None]) -> None:
    """Make the artifact directory ``root`` from a path, or a list, set or dict of paths.

    Args:
        relative: where in the artifact an absolute path goes.
        link: makes its second argument stand for its first.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    write_items(flatten(value), root, relative, link)


def write_items(
    pairs: Iterable[Tuple[Any, Any]], root: Path, relative: Callable[[Path], str], link: Callable[[Path, Path], None]
) -> None:
    """The same, from pairs of order and path."""
    items: List[Item] = []
    root.mkdir(parents=True, exist_ok=True)
    for order, path in pairs:
        if path is None:
            items.append({"dflow_list_item": None, "order": order})
            continue
        source = Path(os.path.abspath(path))
        if not source.exists():
            raise FileNotFoundError(f"{path} does not exist")
        place = relative(source)
        target = root / place
        if not os.path.lexists(target):
            link(source, target)
        items.append({"dflow_list_item": place, "order": order})
    folder = root / CATALOG
    folder.mkdir(exist_ok=True)
    (folder / str(uuid.uuid4())).write_text(json.dumps({"path_list": items}))


def assemble(root: Path, kind: Any) -> Any:
    """The value that an OP receives for the artifact at ``root``, by its declared type."""
    items = read_catalog(root)
    if items is None:
        return _without_catalog(root, kind, str if _has_str_leaves(kind) else Path)
    return assemble_items(root, items, kind)


def assemble_items(root: Path, items: List[Item], kind: Any) -> Any:
    """The same for some elements of the artifact."""
    leaf: Callable[[str], Any] = str if _has_str_leaves(kind) else Path
    paths = [
        (item.get("order"), None if item["dflow_list_item"] is None else leaf(str(root / item["dflow_list_item"])))
        for item in items
    ]
    shape = getattr(kind, "__origin__", kind)
    if shape is list:
        return _in_order(paths)
    if shape is set:
        return set(_in_order(paths))
    if shape is dict:
        return {str(order): path for order, path in paths}
    if isinstance(shape, type) and issubclass(shape, NestedDictBase):
        return unflatten(paths)
    return paths[0][1] if len(paths) == 1 else leaf(str(root))


def flatten(value: Any, prefix: str | None = None) -> Iterable[Tuple[Any, Any]]:
    """Every path of an artifact value, with its order."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flatten(item, str(key) if prefix is None else f"{prefix}.{key}")
    elif isinstance(value, (list, tuple)):
        nested = prefix is not None or any(isinstance(item, (Mapping, list, tuple)) for item in value)
        for index, item in enumerate(value):
            if nested:
                yield from flatten(item, str(index) if prefix is None else f"{prefix}.{index}")
            else:
                yield index, item
    elif isinstance(value, (set, frozenset)):
        yield from enumerate(sorted(value, key=str))
    else:
        yield (0 if prefix is None else prefix), value


def unflatten(paths: Iterable[Tuple[Any, Any]]) -> Any:
    """Nested dicts and lists from orders such as ``a.0.b``; a dict whose keys are 0, 1, 2 … is a list."""
    tree: Dict[str, Any] = {}
    for order, path in paths:
        keys = str(order).split(".")
        branch = tree
        for key in keys[:-1]:
            branch = branch.setdefault(key, {})
        branch[keys[-1]] = path
    return _lists(tree)


def _lists(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and set(tree) == {str(i) for i in range(len(tree))}:
        return [_lists(tree[str(i)]) for i in range(len(tree))]
    return {key: _lists(item) for key, item in tree.items()}


def _in_order(paths: List[Tuple[Any, Any]]) -> List[Any]:
    if all(isinstance(order, int) for order, _ in paths):
        paths = sorted(paths, key=lambda pair: pair[0])
    return [path for _, path in paths]


def _has_str_leaves(kind: Any) -> bool:
    arguments = getattr(kind, "__args__", None) or (kind,)
    return arguments[-1] is str or getattr(arguments[-1], "__name__", "") == "NestedDictStr"


def _without_catalog(root: Path, kind: Any, leaf: Callable[[str], Any]) -> Any:
    shape = getattr(kind, "__origin__", kind)
    if shape not in (list, set, dict) and not (isinstance(shape, type) and issubclass(shape, NestedDictBase)):
        return leaf(str(root))
    entries = sorted(root.iterdir()) if root.is_dir() else [root]
    if shape in (list, set):
        return shape(leaf(str(entry)) for entry in entries)
    return {entry.name: leaf(str(entry)) for entry in entries}
