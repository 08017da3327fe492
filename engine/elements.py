"""Elements of artifacts that are lists or dicts, nested ones too: one of them, some of them, or several as one list."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.artifact_values import ArtifactValue, Part
from dflow.engine.catalog import CATALOG, read_catalog, read_marks
from dflow.engine.errors import ExpressionError, LeafError, UnsafeArtifact
from dflow.engine.linked_folders import link_folders
from dflow.engine.state import link_or_copy, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Elements", "content", "gathered", "parts_of", "picked", "place_parts"]


class Elements:
    """The elements on the top level of an artifact; each is a file, a directory, or a list or dict of them.

    Attributes:
        keys: their keys, in order; None when they are a list.
    """

    def __init__(self, value: ArtifactValue) -> None:
        parts, nested = parts_of(value)
        firsts: dict[str, list[Part]] = {}
        for part in parts:
            order = str(part.order)
            firsts.setdefault(order.partition(".")[0] if nested else order, []).append(part)
        self._nested = nested
        self.keys: list[str] | None = None
        if nested and _is_list([part.order for part in parts], firsts):
            self._members = [firsts[key] for key in sorted(firsts, key=int)]
        else:
            self.keys = list(firsts)
            self._members = list(firsts.values())
        self._index = None if self.keys is None else {key: index for index, key in enumerate(self.keys)}

    def __len__(self) -> int:
        return len(self._members)

    def position(self, index: str) -> int:
        """Where the element with this index or key stands.

        Raises:
            KeyError: there is none.
        """
        if self._index is not None:
            return self._index[index]
        position = int(index) if index.lstrip("-").isdecimal() else len(self)
        if not -len(self) <= position < len(self):
            raise KeyError(index)
        return position % len(self)

    def one(self, position: int) -> ArtifactValue | None:
        """The element there; None where it is missing."""
        parts = self.inside(position)
        if len(parts) == 1 and parts[0].order == "":
            return None if parts[0].place is None else ArtifactValue(parts[0].root, parts[0].place, element=True)
        return ArtifactValue(parts[0].root, parts=_counted(parts))

    def some(self, positions: Sequence[int]) -> ArtifactValue:
        """The elements there, as a list."""
        chosen = [_under(index, self.inside(position)) for index, position in enumerate(positions)]
        parts = tuple(part for element in chosen for part in element)
        return ArtifactValue(parts[0].root if parts else "", parts=parts)

    def inside(self, position: int) -> list[Part]:
        """The files of an element, with their orders in it: an empty text where it is one file."""
        if not self._nested:
            return [Part("", part.root, part.place) for part in self._members[position]]
        members = self._members[position]
        return [Part(str(part.order).partition(".")[2], part.root, part.place) for part in members]


def gathered(values: Iterable[tuple[int | str, ArtifactValue | None]]) -> ArtifactValue:
    """Several artifacts as one list or dict; one of a single file is that file in it."""
    parts: list[Part] = []
    for order, value in values:
        if value is None:
            parts.append(Part(order, "", None))
        elif value.element and value.parts is None:
            folder, _, name = value.location.rpartition("/")
            parts.append(Part(order, value.path, value.sub_path) if value.sub_path else Part(order, folder, name))
        else:
            inside, _ = parts_of(value, whole=True)
            alone = value.parts is None and len(inside) == 1 and inside[0].order in (0, "")
            parts += _under(order, [Part("", inside[0].root, inside[0].place)] if alone else inside)
    return ArtifactValue(next((part.root for part in parts if part.root), ""), parts=tuple(parts))


def content(name: str, value: ArtifactValue | None) -> str | None:
    """The text in the file that an artifact is, without one newline at its end; None without an artifact.

    Raises:
        ExpressionError: it is no file that can be read.
    """
    if value is None or value.raw is not None:
        return None if value is None or value.raw is None else value.raw.removesuffix("\n")
    try:
        found = _only_file(value)
        with found.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read().removesuffix("\n")
    except (OSError, ValueError, UnsafeArtifact) as exc:
        raise ExpressionError(f"the value of parameter {name!r} is that of a file, but {exc}") from exc


def _only_file(value: ArtifactValue) -> Path:
    """The file that an artifact consists of."""
    parts, _ = parts_of(value, whole=True)
    if len(parts) == 1 and parts[0].place is not None:
        return Path(parts[0].root, parts[0].place)
    raise ValueError(f"the artifact {value.location} has {len(parts)} elements")


def place_parts(value: ArtifactValue, target: Path, method: str) -> None:
    """Make an artifact of the elements of ``value``, under the paths that they have in their own artifact.

    Those of several artifacts are put into a directory for each.

    Raises:
        LeafError: an element does not exist any more.
    """
    parts = value.parts or ()
    roots = {root: str(index) for index, root in enumerate(dict.fromkeys(p.root for p in parts if p.place is not None))}
    items, sources = [], {}
    for part in parts:
        place = part.place
        if place is not None:
            source = (part.root, place)
            place = place if len(roots) == 1 else f"{roots[part.root]}/{place}"
            sources[place] = source
        items.append({"dflow_list_item": place, "order": part.order})
    for place, source in sorted(sources.items()):  # a directory before what is in it
        if not Path(*source).exists():
            raise LeafError(f"artifact {target.name!r}: {'/'.join(source)} does not exist any more")
        if method == "symlink" and len(parts) > 1:
            link_folders(*source, target / place)
        elif not os.path.lexists(target / place):
            link_or_copy(Path(*source), target / place, method)
    with writing(target):
        (target / CATALOG).mkdir(parents=True, exist_ok=True)
    write_text(target / CATALOG / "elements", json.dumps({"path_list": items, "stacked": True}))


def parts_of(value: ArtifactValue, *, whole: bool = False) -> tuple[list[Part], bool]:
    """Every file in an artifact, and whether dots in their orders mean nesting.

    Args:
        whole: one without a catalog is one file or directory, not a list of what is in it.
    """
    if value.parts is not None:
        return list(value.parts), True
    if value.is_nowhere:
        raise ValueError("an artifact that each step gets for itself is no list of files")
    root = value.location
    items = read_catalog(Path(root))
    if items is not None:
        nested = read_marks(Path(root)).get("nested") is not False
        return [Part(item["order"], root, item["dflow_list_item"]) for item in items], nested
    if whole:
        folder, _, name = root.rpartition("/")
        return [Part("", folder, name)], True
    entries = sorted(entry.name for entry in Path(root).iterdir()) if Path(root).is_dir() else []
    return [Part(index, root, name) for index, name in enumerate(entries)], True


def _is_list(orders: Sequence[int | str], firsts: Iterable[str]) -> bool:
    keys = list(firsts)
    if not all(key.isdecimal() for key in keys):
        return False
    return any(isinstance(order, int) for order in orders) or set(keys) == {str(index) for index in range(len(keys))}


def _counted(parts: list[Part]) -> tuple[Part, ...]:
    """The parts of an element that is a list, with numbers for orders."""
    if all(str(part.order).isdecimal() for part in parts):
        return tuple(Part(int(part.order), part.root, part.place) for part in parts)
    return tuple(parts)


def _under(order: int | str, parts: Iterable[Part]) -> list[Part]:
    """Parts of an artifact that becomes an element of another one."""
    return [Part(order if p.order == "" else f"{order}.{p.order}", p.root, p.place) for p in parts]


def picked(elements: Elements, name: str, index: str) -> int:
    """The position of the element with this index or key.

    Raises:
        ExpressionError: there is none; the message says what there is.
    """
    try:
        return elements.position(index)
    except KeyError:
        what = f"{len(elements)} elements"
        if elements.keys is not None:
            what = f"the keys {', '.join(elements.keys[:5])}"
        raise ExpressionError(f"there is no element {index!r} of {name}, which has {what}") from None
