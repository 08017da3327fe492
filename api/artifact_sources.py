"""Artifacts that can be read: in a directory of this machine, or in an object store. Both are read the same way."""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_left
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Tuple

from dflow.common import field_of, whole_and_part
from dflow.engine.catalog import CATALOG, Item, read_catalog
from dflow.engine.errors import NoSuchFile, ObjectNotFound, StateError
from dflow.python.catalog import is_flat

if TYPE_CHECKING:
    from dflow.storage.artifacts import ArtifactStore

__all__ = ["STORE_SETTINGS", "Folder", "Tree", "inside_of", "opened", "settings_of_store"]

STORE_SETTINGS = (
    "storage_client",
    "endpoint",
    "access_key",
    "secret_key",
    "secure",
    "bucket_name",
    "region",
    "session_token",
)
"""Arguments of calls that say which object store is meant, in place of those of ``s3_config``."""


class Folder:
    """An artifact in a directory, or one that is a file.

    Args:
        temporary: it is there for this one time, so files are moved out of it.
    """

    def __init__(self, root: Path, *, temporary: bool = False) -> None:
        self.root, self._temporary = root, temporary

    def items(self) -> List[Item] | None:
        """The elements; None without a catalog."""
        return read_catalog(self.root) if self.root.is_dir() else None

    def is_flat(self) -> bool:
        """Whether dots in the keys of its elements mean no nesting."""
        return is_flat(self.root)

    def within(self, inside: str) -> List[Tuple[str, str]]:
        """What a part is: pairs of a place in the artifact and the name under which it is given out."""
        place = self.root / inside
        if not place.exists():
            raise NoSuchFile(f"there is no {place} in the artifact")
        if place.is_dir():
            return [(f"{inside}/{name}" if inside else name, name) for name in sorted(os.listdir(str(place)))]
        return [(inside, os.path.basename(os.readlink(str(place)) if place.is_symlink() else str(place)))]

    def is_file(self, inside: str) -> bool:
        """Whether a part is one file."""
        return not (self.root / inside).is_dir()

    def give(self, pairs: Iterable[Tuple[str, str]], target: Path, skip_exists: bool) -> None:
        """Put places of the artifact into a directory, under other names."""
        for inside, name in sorted(pairs):
            place, goal = self.root / inside, target / name
            if not os.path.lexists(str(place)) and goal.exists():
                continue  # it went with the directory that it lies in
            if self._temporary and not os.path.lexists(str(goal)) and not _has_links(place):
                goal.parent.mkdir(parents=True, exist_ok=True)
                os.replace(str(place), str(goal))
            else:
                _copy(place, goal, skip_exists)


class Tree:
    """An artifact in an object store, an object for each file: what is not asked for is not fetched."""

    def __init__(self, store: ArtifactStore, key: str, names: List[str], scratch: Path) -> None:
        self._store, self._key, self._names = store, key, names
        self._catalog = Folder(scratch)
        catalogs = [(name, scratch / name) for name in names if name.startswith(f"{CATALOG}/")]
        scratch.mkdir()
        store.fetch_files(key, catalogs, scratch)

    def items(self) -> List[Item] | None:
        """As :meth:`Folder.items`."""
        return self._catalog.items()

    def is_flat(self) -> bool:
        """As :meth:`Folder.is_flat`."""
        return self._catalog.is_flat()

    def within(self, inside: str) -> List[Tuple[str, str]]:
        """As :meth:`Folder.within`."""
        if self.is_file(inside):
            return [(inside, os.path.basename(inside))]
        head = f"{inside}/" if inside else ""
        firsts = dict.fromkeys(n[len(head) :].partition("/")[0] for n in self._names if n.startswith(head))
        if not firsts:
            raise ObjectNotFound(f"there is no {inside!r} in the artifact {self._key!r}")
        return [(head + first, first) for first in firsts]

    def is_file(self, inside: str) -> bool:
        """As :meth:`Folder.is_file`."""
        return inside in self._names

    def give(self, pairs: Iterable[Tuple[str, str]], target: Path, skip_exists: bool) -> None:
        """As :meth:`Folder.give`; many files at once."""
        wanted: Dict[str, Path] = {}
        known = sorted(f"{name}/" for name in self._names)
        for inside, name in pairs:
            begin, end = bisect_left(known, f"{inside}/"), bisect_left(known, f"{inside}0")  # "0" comes after "/"
            found = [n[:-1] for n in known[begin:end]]
            if not found:
                raise ObjectNotFound(f"the artifact {self._key!r} has no {inside!r}, which its catalog names")
            wanted.update((n, target / (name + n[len(inside) :])) for n in found)
        places = ((name, place) for name, place in wanted.items() if not (skip_exists and place.exists()))
        self._store.fetch_files(self._key, places, target)


@contextmanager
def opened(artifact: Any, target: Path, settings: Dict[str, Any], *, extract: bool = True) -> Iterator[Any]:
    """An artifact to be read: a :class:`Folder` or a :class:`Tree`.

    Args:
        target: where its files are to go; what is fetched before is put beside it for a while.
        settings: of the object store, in place of those of ``s3_config``.
        extract: unpack an archive.

    Raises:
        FileNotFoundError: it is nowhere.
        StorageError: the object store refuses or does not answer.
    """
    local, key = field_of(artifact, "local_path"), whole_and_part(artifact)[0]
    if local is not None and (os.path.exists(str(local)) or key is None):
        if not os.path.exists(str(local)):
            raise NoSuchFile(f"the artifact {local} is not there any more")
        yield Folder(Path(str(local)))
        return
    if key is None:
        raise NoSuchFile(
            f"{artifact!r} is no artifact that exists yet; ask wf.query_step() for the step, or use upload_artifact()"
        )
    from dflow.stores import artifact_store

    store = artifact_store(**settings_of_store(settings))
    with _scratch(target) as scratch:
        names = store.names(key)
        if names:
            yield Tree(store, key, names, scratch / "catalog")
            return
        name = key.rstrip("/").rpartition("/")[2]
        place = scratch / "content"
        if extract and store.fetch(key, place, as_is=True):
            yield Folder(_root_in(place, name), temporary=True)
        elif not extract and store.fetch(key, scratch / name, whole=True):
            yield Folder(scratch, temporary=True)
        else:
            raise ObjectNotFound(f"there is nothing under the key {key!r} in {store.name}")


def _root_in(place: Path, name: str) -> Path:
    """The directory that is the artifact: the one at the top of what was packed, or that of the one file."""
    if place.is_file():  # it was no archive
        root = place.with_name("file")
        root.mkdir()
        os.replace(str(place), str(root / name))
        return root
    inside = sorted(place.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else place


def settings_of_store(settings: Dict[str, Any]) -> Dict[str, Any]:
    """Of the arguments of a call, those that say which object store is meant."""
    chosen = {name: settings[name] for name in STORE_SETTINGS if name in settings}
    if "storage_client" in chosen:
        chosen["given"] = chosen.pop("storage_client")
    return chosen


def inside_of(part: str | None) -> str:
    """A path in an artifact, written in one way; "" for the whole."""
    names = [name for name in (part or "").split("/") if name not in ("", ".")]
    if ".." in names:
        raise NoSuchFile(f"{part!r} is no part of an artifact: it leads out of it")
    return "/".join(names)


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A private directory beside a target: what is made in it can be moved there."""
    folder = target
    while not folder.is_dir():
        folder = folder.parent
    try:
        place = tempfile.mkdtemp(prefix=".dflow-download-", dir=str(folder))
    except OSError as exc:
        raise StateError(f"cannot write to {folder}: {exc.strerror}") from exc
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _has_links(place: Path) -> bool:
    """Whether there are links in it, which might lead out of where it is moved to."""
    if place.is_symlink():
        return True
    walk = os.walk(str(place))
    return any(os.path.islink(os.path.join(folder, name)) for folder, dirs, files in walk for name in (*dirs, *files))


def _copy(source: Path, target: Path, skip_exists: bool) -> None:
    from dflow.engine.state import copy_file, copy_tree

    if source.is_dir() and target.is_dir() and not source.is_symlink():
        for entry in sorted(source.iterdir()):
            _copy(entry, target / entry.name, skip_exists)
        return
    if target.exists() and (skip_exists or target.samefile(source)):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        copy_tree(str(source), str(target), copy_file)
    else:
        copy_file(str(source), str(target))
