"""Copying one artifact into another one, where both are: nothing goes through this process but their catalogs."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

from dflow.artifact_sources import settings_of_store
from dflow.common import LocalArtifact, key_of
from dflow.engine.catalog import CATALOG, Item, read_catalog
from dflow.engine.errors import ObjectNotFound, StorageError

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
            raise TypeError(f"{src!r} and {dst!r} are not in one store; use download_artifact and upload_artifact")
        raise FileNotFoundError(f"{src if source is None else dst!r} is no artifact that exists yet")
    from dflow.stores import artifact_store

    _copy_all(artifact_store(**settings_of_store(settings)), source, dst, target, sort)
    return dst


def _link_all(source: Path, target: Path, sort: bool) -> None:
    from dflow.engine.state import link_or_copy, write_json

    if not source.exists():
        raise FileNotFoundError(f"the artifact {source} is not there any more")
    target.mkdir(parents=True, exist_ok=True)
    items = read_catalog(source) if source.is_dir() else None
    if items is None:
        names = sorted(os.listdir(str(source))) if source.is_dir() else [source.name]
        items = [{"dflow_list_item": name, "order": index} for index, name in enumerate(names)]
        source = source if source.is_dir() else source.parent
    for item in items:
        name = item["dflow_list_item"]
        if name is not None and not os.path.lexists(str(target / name)):
            link_or_copy(source / name, target / name, "symlink")
    own = read_catalog(target) or []
    (target / CATALOG).mkdir(exist_ok=True)
    write_json(target / CATALOG / str(uuid.uuid4()), {"path_list": _behind(own, items) if sort else items}, mode=0o666)


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
    theirs, own = _catalog(store, source), _catalog(store, target)
    store.copy(source, target, without=f"{CATALOG}/")
    with tempfile.TemporaryDirectory(prefix="dflow-") as folder:
        file = Path(folder, "catalog")
        file.write_text(json.dumps({"path_list": _behind(own, theirs)}), encoding="utf-8")
        store.client.upload(f"{target.rstrip('/')}/{CATALOG}/{uuid.uuid4()}", str(file))


def _catalog(store: ArtifactStore, key: str) -> List[Item]:
    with tempfile.TemporaryDirectory(prefix="dflow-") as folder:
        root = Path(folder)
        names = store.names(key, CATALOG)
        store.fetch_files(key, [(name, root / name) for name in names], root)
        return read_catalog(root) or []


def _behind(own: List[Item], more: List[Item]) -> List[Item]:
    """Elements with orders behind those that are there; keys of dicts stay."""
    numbers = [item["order"] for item in own if isinstance(item["order"], int)]
    shift = max(numbers) + 1 if numbers else 0
    return [
        {**item, "order": item["order"] + shift if isinstance(item["order"], int) else item["order"]} for item in more
    ]
