"""Artifacts as the paths, lists and dicts that OPs see; the catalog in them is that of ``dflow.engine.catalog``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Iterable, List, Mapping, Tuple

from dflow.engine.catalog import CATALOG, Item, read_catalog, read_marks
from dflow.engine.errors import NoSuchFile
from dflow.python.opio import HDF5Datasets, NestedDictBase
from dflow.python.wholes import merged_keys, merged_tree, without_holes

__all__ = ["assemble", "assemble_items", "flatten", "is_flat", "marks_of", "unflatten", "write_artifact", "write_items"]

_SEVERAL = (Mapping, list, tuple, set, frozenset)


def write_artifact(value: Any, root: Path, relative: Callable[[Path], str], link: Callable[[Path, Path], None]) -> None:
    """Make the artifact directory ``root`` from a path, or a list, set or dict of paths.

    Args:
        relative: where in the artifact an absolute path goes.
        link: makes its second argument stand for its first.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    write_items(flatten(value), root, relative, link, marks_of(value))


def write_items(
    pairs: Iterable[Tuple[Any, Any]],
    root: Path,
    relative: Callable[[Path], str],
    link: Callable[[Path, Path], None],
    marks: Mapping[str, bool] | None = None,
) -> None:
    """The same, from pairs of order and path.

    Args:
        marks: what stands in the catalog beside the items.
    """
    items: List[Item] = []
    root.mkdir(parents=True, exist_ok=True)
    places = _Places(root, link)
    for order, path in pairs:
        if path is None:
            items.append({"dflow_list_item": None, "order": order})
            continue
        source = Path(os.path.abspath(path))
        if not source.exists():
            raise NoSuchFile(f"{path} does not exist")
        items.append({"dflow_list_item": places.put(source, relative(source)), "order": order})
    folder = root / CATALOG
    folder.mkdir(exist_ok=True)
    (folder / os.urandom(16).hex()).write_text(json.dumps({"path_list": items, **(marks or {})}), encoding="utf-8")


class _Places:
    """Which file stands where in an artifact that is being made."""

    def __init__(self, root: Path, link: Callable[[Path, Path], None]) -> None:
        self._root, self._link = root, link
        self._sources: Dict[str, str] = {}
        self._inside: Dict[str, List[str]] = {}  # of a directory: the places in it

    def put(self, source: Path, wanted: str) -> str:
        """Put a file or a directory into the artifact, in another place if its own is another one's; the place."""
        place, number = wanted, 0
        while not self._is_free(place, str(source)):
            number += 1
            place = f"{number}/{wanted}"
        if place not in self._sources:
            if place in self._inside and not self._has_folder_of(place):
                self._fill(source, place)
            elif not os.path.lexists(self._root / place):
                self._link(source, self._root / place)
            self._sources[place] = str(source)
            for folder in _folders_of(place):
                self._inside.setdefault(folder, []).append(place)
        return place

    def _has_folder_of(self, place: str) -> bool:
        return any(folder in self._sources for folder in _folders_of(place))

    def _is_free(self, place: str, source: str) -> bool:
        """Whether nothing else stands there, above it or below it."""
        for above in (place, *_folders_of(place)):
            if above in self._sources and not _same(self._sources[above] + place[len(above) :], source):
                return False
        return all(_same(source + p[len(place) :], self._sources[p]) for p in self._inside.get(place, ()))

    def _fill(self, source: Path, place: str) -> None:
        """The rest of a directory of which a part is there."""
        for entry in sorted(source.iterdir()):
            inner = f"{place}/{entry.name}"
            if inner in self._inside and inner not in self._sources:
                self._fill(entry, inner)
            elif inner not in self._sources:
                self._link(entry, self._root / inner)


def _folders_of(place: str) -> List[str]:
    parts = place.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _same(one: str, other: str) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def marks_of(value: Any) -> Dict[str, bool]:
    """What upstream's catalog cannot say: that there is no artifact, and that dots in keys are no nesting."""
    if value is None:
        return {"absent": True}
    if not isinstance(value, Mapping) or any(isinstance(item, _SEVERAL) for item in value.values()):
        return {}
    keys = {str(key) for key in value}
    return {"nested": False} if any("." in key for key in keys) or _counts(keys) else {}


def is_flat(root: Path) -> bool:
    """Whether an artifact was written as a dict of paths whose keys only look like nested ones."""
    return read_marks(root).get("nested") is False


def assemble(root: Path, kind: Any, *, sub_path: bool = True) -> Any:
    """The value that an OP receives for the artifact at ``root``, by its declared type.

    Args:
        sub_path: False gives a path (``Path``, ``str``) as the artifact's root, not as the one file or folder in it.
    """
    items = read_catalog(root)
    if items is None:
        return _without_catalog(root, kind, str if _has_str_leaves(kind) else Path)
    if len(items) == 1 and items[0]["dflow_list_item"] is None and read_marks(root).get("absent"):
        return None
    if not sub_path and kind in (Path, str):
        return kind(str(root))
    if kind is HDF5Datasets:
        from dflow.python.hdf5 import assemble_datasets

        return assemble_datasets(root, items, stacked=bool(read_marks(root).get("stacked")))
    is_one = len(items) == 1 and items[0].get("order") == 0 and items[0]["dflow_list_item"] is not None
    return assemble_items(root, items, kind, {} if is_one else read_marks(root))


def assemble_items(root: Path, items: List[Item], kind: Any, marks: Mapping[str, Any] | None = None) -> Any:
    """The same for some elements of the artifact.

    Args:
        marks: of its catalog, when it is the whole artifact: dicts of slices are merged then, and what was missing when
            it was uploaded is left out.
    """
    if kind is HDF5Datasets:
        from dflow.python.hdf5 import assemble_datasets

        return assemble_datasets(root, items, stacked=False)
    leaf: Callable[[str], Any] = str if _has_str_leaves(kind) else Path
    paths = [
        (item.get("order"), None if item["dflow_list_item"] is None else leaf(str(root / item["dflow_list_item"])))
        for item in items
    ]
    shape = getattr(kind, "__origin__", kind)
    is_nested = isinstance(shape, type) and issubclass(shape, NestedDictBase)
    marks = marks or {}
    if marks.get("holes") and all(isinstance(order, int) for order, _ in paths):
        paths = list(enumerate(path for _, path in paths if path is not None))
    elif marks.get("holes") and not is_nested:
        paths = [(order, path) for order, path in paths if path is not None]
    if shape is list:
        return _in_order(paths)
    if shape is set:
        return set(_in_order(paths))
    if shape is dict:
        return {str(order): path for order, path in (merged_keys(paths) if marks.get("slices") else paths)}
    if is_nested:
        return {str(order): path for order, path in paths} if is_flat(root) else _tree(paths, marks)
    return paths[0][1] if len(paths) == 1 else leaf(str(root))


def _tree(paths: List[Tuple[Any, Any]], marks: Mapping[str, Any]) -> Any:
    tree = merged_tree(paths, unflatten) if marks.get("slices") else unflatten(paths)
    return without_holes(tree) if marks.get("holes") else tree


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
    if tree and _counts(tree):
        return [_lists(tree[str(i)]) for i in range(len(tree))]
    return {key: _lists(item) for key, item in tree.items()}


def _counts(keys: Collection[str]) -> bool:
    return set(keys) == {str(index) for index in range(len(keys))}


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
