"""Copying one artifact into another one, where both are: nothing goes through this process but their catalogs."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow.artifact_sources import settings_of_store
from dflow.common import LocalArtifact, key_of
from dflow.engine.catalog import CATALOG, Item, read_catalog, read_marks
from dflow.engine.errors import NoSuchFile, ObjectNotFound, StorageError, WrongType

if TYPE_CHECKING:
    from dflow.storage.artifacts import ArtifactStore

__all__ = ["copied"]


def copied(src: Any, dst: Any, sort: bool, settings: Dict[str, Any]) -> Any:
    """What ``dflow.copy_artifact`` does."""
    local, place = getattr(src, "local_path", None), getattr(dst, "local_path", None)
    if local is not None and place is not None:
        _link_all(Path(str(local)), Path(str(place)), sort)
        return dst
    source, target = key_of(src), key_of(dst)
    if source is None or target is None:
        if isinstance(src, LocalArtifact) or isinstance(dst, LocalArtifact):
            raise WrongType(f"{src!r} and {dst!r} are not in one store; use download_artifact and upload_artifact")
        raise NoSuchFile(f"{src if source is None else dst!r} is no artifact that exists yet")
    from dflow.stores import artifact_store

    _copy_all(artifact_store(**settings_of_store(settings)), source, dst, target, sort)
    return dst


def _link_all(source: Path, target: Path, sort: bool) -> None:
    from dflow.engine.state import link_or_copy

    if not source.exists():
        raise NoSuchFile(f"the artifact {source} is not there any more")
    target.mkdir(parents=True, exist_ok=True)
    items = _items_of(read_catalog(source) if source.is_dir() else None, _names(source))
    own = _items_of(read_catalog(target), _names(target))
    _refuse_doubles(own, items, sort)
    marks = read_marks(source) if (source / CATALOG).is_dir() else {}
    root = source if source.is_dir() else source.parent
    for item in items:
        name = item["dflow_list_item"]
        if name is not None and not os.path.lexists(str(target / name)):
            link_or_copy(root / name, target / name, "symlink")
    is_new = not (target / CATALOG).is_dir()
    (target / CATALOG).mkdir(exist_ok=True)
    if is_new and own:
        _write(target / CATALOG / str(uuid.uuid4()), own, {})
    _write(target / CATALOG / str(uuid.uuid4()), _behind(own, items) if sort else items, marks)


def _copy_all(store: ArtifactStore, source: str, dst: Any, target: str, sort: bool) -> None:
    if store.client.exists(source):
        if sort:
            raise StorageError(
                f"the elements of {source!r} cannot be put behind others: it is stored as one archive; upload it with "
                "archive=None"
            )
        name = source.rpartition("/")[2]
        ending = name[name.index(".") :] if "." in name else ""
        place = target if target.endswith(ending) else target + ending
        store.copy(source, place)
        dst.key = place
        return
    names = store.names(source)
    if not names:
        raise ObjectNotFound(f"there is nothing under the key {source!r} in {store.name}")
    if not sort:
        store.copy(source, target)
        return
    theirs, marks = _catalog(store, source, names)
    others = store.names(target)
    own, _ = _catalog(store, target, others)
    _refuse_doubles(own, theirs, sort)
    store.copy(source, target, without=f"{CATALOG}/")
    with tempfile.TemporaryDirectory(prefix="dflow-") as folder:
        file = Path(folder, "catalog")
        if own and not any(name.startswith(f"{CATALOG}/") for name in others):
            _write(file, own, {})
            store.client.upload(f"{target.rstrip('/')}/{CATALOG}/{uuid.uuid4()}", str(file))
        _write(file, _behind(own, theirs), marks)
        store.client.upload(f"{target.rstrip('/')}/{CATALOG}/{uuid.uuid4()}", str(file))


def _write(file: Path, items: List[Item], marks: Item) -> None:
    file.write_text(json.dumps({"path_list": items, **marks}), encoding="utf-8")


def _catalog(store: ArtifactStore, key: str, names: List[str]) -> Tuple[List[Item], Item]:
    """The elements of an artifact in the store, and what else its catalogs say."""
    with tempfile.TemporaryDirectory(prefix="dflow-") as folder:
        root = Path(folder)
        catalogs = [(name, root / name) for name in names if name.startswith(f"{CATALOG}/")]
        store.fetch_files(key, catalogs, root)
        plain = dict.fromkeys(n.partition("/")[0] for n in names if not n.startswith(f"{CATALOG}/"))
        return _items_of(read_catalog(root), list(plain)), read_marks(root) if catalogs else {}


def _names(root: Path) -> List[str]:
    """What a directory without a catalog consists of; a file is itself."""
    return sorted(n for n in os.listdir(str(root)) if n != CATALOG) if root.is_dir() else [root.name]


def _items_of(catalog: List[Item] | None, names: List[str]) -> List[Item]:
    """The elements, which without a catalog are the files in their order."""
    if catalog is not None:
        return catalog
    return [{"dflow_list_item": name, "order": index} for index, name in enumerate(sorted(names))]


def _refuse_doubles(own: List[Item], more: List[Item], sort: bool) -> None:
    """Two elements cannot be one file."""
    places = {item["dflow_list_item"] for item in own} - {None}
    doubles = sorted(str(item["dflow_list_item"]) for item in more if item["dflow_list_item"] in places)
    if sort and doubles:
        raise StorageError(
            f"both artifacts have {doubles[0]!r}, and one would take the place of the other; give the files different "
            "names"
        )


def _behind(own: List[Item], more: List[Item]) -> List[Item]:
    """Elements with orders behind those that are there; keys of dicts stay."""
    numbers = [item["order"] for item in own if isinstance(item["order"], int)]
    shift = max(numbers) + 1 if numbers else 0
    return [
        {**item, "order": item["order"] + shift if isinstance(item["order"], int) else item["order"]} for item in more
    ]
