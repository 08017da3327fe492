"""Putting files into the artifact store, and getting them out."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Any, List

from dflow.common import LocalArtifact, S3Artifact
from dflow.config import config, is_remote
from dflow.engine.errors import UnsupportedError

__all__ = ["download_artifact", "path_list_of_artifact", "path_object_of_artifact", "upload_artifact"]

_NO_STORE = "object stores are not available in this version; use config['mode'] = 'debug' without debug_s3"


def upload_artifact(
    path: Any, archive: Any = "default", namespace: str | None = None, dataset_name: str | None = None, **kwargs: Any
) -> LocalArtifact:
    """Make an artifact of a path, or of a list, set or dict of paths (nested too).

    The path of each relative to the current directory is kept; of one outside of it, its absolute path. Nothing is
    copied: the store, ``upload/`` in the current directory, holds links. When a workflow is sent to a server, the files
    go into the artifact store of its cluster.

    Raises:
        FileNotFoundError: a path does not exist.
        StateError: the store cannot be written to.
        UnsupportedError: ``config["debug_s3"]`` is set, for workflows on this machine.
    """
    if not is_remote() and config["debug_s3"]:
        raise UnsupportedError(_NO_STORE)
    from dflow.engine.state import link_or_copy, writing
    from dflow.python.catalog import flatten, write_artifact

    for _, item in flatten(path):
        if item is not None and not os.path.exists(str(item)):
            raise FileNotFoundError(f"cannot upload {item}: there is no such file or directory in {os.getcwd()}")
    root = Path(str(config["debug_artifact_dir"])).absolute() / "upload" / str(uuid.uuid4())
    store = os.path.realpath(str(root.parent))

    def link(source: Path, target: Path) -> None:
        """A link, but for what holds the store itself: that would hold itself then."""
        if not _is_inside(store, os.path.realpath(str(source))):
            link_or_copy(source, target, "symlink")
            return
        target.mkdir(parents=True)
        for entry in sorted(source.iterdir()):
            if os.path.realpath(str(entry)) not in (store, os.path.realpath(str(root))):
                link(entry, target / entry.name)

    with writing(root):
        root.mkdir(parents=True)
    write_artifact(path, root, _relative_to_cwd, link)
    return LocalArtifact(root)


def download_artifact(
    artifact: Any,
    extract: bool = True,
    sub_path: str | None = None,
    slice: Any = None,
    path: Any = ".",
    remove_catalog: bool = True,
    **kwargs: Any,
) -> Any:
    """Copy an artifact to ``path``.

    Args:
        artifact: from ``upload_artifact``, or ``step.outputs.artifacts[name]`` of a queried step.
        sub_path: the part of it that is wanted.
        slice: the element that is wanted.
        kwargs: ``skip_exists=True`` leaves files that are there; others are for object stores.

    Returns:
        The paths of the copies: a list; a dict, or nested, where the artifact is.

    Raises:
        FileNotFoundError: the artifact is not there.
    """
    from dflow.engine.catalog import CATALOG, read_catalog
    from dflow.python.catalog import is_flat

    root, skip_exists = _root_of(artifact), bool(kwargs.get("skip_exists", False))
    wanted = slice if slice is not None else getattr(artifact, "slice", None)
    inside = "/".join(part for part in (getattr(artifact, "_sub_path", None), sub_path) if part)
    target = Path(str(path)).absolute()
    items = read_catalog(root) if root.is_dir() and not inside else None
    if items is not None and wanted is not None:
        items = _members(items, str(wanted), flat=is_flat(root))
    if items is None:
        return _copy_plain(root / inside, target, skip_exists)
    for item in items:
        if item["dflow_list_item"] is not None:
            _copy(root / item["dflow_list_item"], target / item["dflow_list_item"], skip_exists)
    if not remove_catalog and (root / CATALOG).is_dir():
        _copy(root / CATALOG, target / CATALOG, skip_exists)
    return _path_object(items, target, is_flat(root))


def _members(items: Any, wanted: str, *, flat: bool) -> Any:
    """What is in one element: its only file, or the files of the list or dict that it is."""
    found = [item for item in items if str(item["order"]) == wanted]
    if found:
        return found if flat or "." not in wanted else [{**item, "order": 0} for item in found]
    inside = [item for item in items if str(item["order"]).startswith(f"{wanted}.")]
    return [{**item, "order": item["order"][len(wanted) + 1 :]} for item in inside]


def path_object_of_artifact(art: Any, **kwargs: Any) -> Any:
    """The relative paths in an artifact, as the list or dict that it is."""
    from dflow.engine.catalog import read_catalog
    from dflow.python.catalog import is_flat

    root = _root_of(art)
    items = read_catalog(root)
    return [] if items is None else _path_object(items, None, is_flat(root))


def path_list_of_artifact(art: Any, **kwargs: Any) -> List[Any]:
    """The relative paths in an artifact, as a list."""
    from dflow.engine.catalog import read_catalog

    items = read_catalog(_root_of(art)) or []
    return [item["dflow_list_item"] for item in items]


def _path_object(items: Any, base: Path | None, flat: bool) -> Any:
    from dflow.python.catalog import unflatten

    def place(item: Any) -> Any:
        relative = item["dflow_list_item"]
        return relative if relative is None or base is None else str(base / relative)

    if all(isinstance(item["order"], int) for item in items):
        return [place(item) for item in sorted(items, key=lambda item: item["order"])]
    if flat:
        return {str(item["order"]): place(item) for item in items}
    return unflatten((item["order"], place(item)) for item in items)


def _root_of(artifact: Any) -> Path:
    """The directory or file that an artifact is."""
    local = getattr(artifact, "local_path", None)
    if isinstance(artifact, S3Artifact) or (local is None and getattr(artifact, "key", None)):
        raise UnsupportedError(_NO_STORE)
    if local is None:
        raise FileNotFoundError(
            f"{artifact!r} is no artifact that exists yet; ask wf.query_step() for the step, or use upload_artifact()"
        )
    if not os.path.exists(str(local)):
        raise FileNotFoundError(f"the artifact {local} is not there any more")
    return Path(str(local))


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _relative_to_cwd(path: Path) -> str:
    here = os.getcwd() + os.sep
    text = str(path)
    return text[len(here) :] if text.startswith(here) else text.lstrip(os.sep)


def _copy_plain(source: Path, target: Path, skip_exists: bool) -> List[str]:
    """An artifact without a catalog: a file, or what is in a directory."""
    if not source.exists():
        raise FileNotFoundError(f"there is no {source} in the artifact")
    if not source.is_dir():
        name = os.path.basename(os.readlink(source)) if source.is_symlink() else source.name  # as the program made it
        _copy(source, target / name, skip_exists)
        return [str(target / name)]
    copies = []
    for entry in sorted(source.iterdir()):
        _copy(entry, target / entry.name, skip_exists)
        copies.append(str(target / entry.name))
    return copies


def _copy(source: Path, target: Path, skip_exists: bool) -> None:
    if skip_exists and target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        from dflow.engine.state import copy_tree

        copy_tree(str(source), str(target), shutil.copy2)
    elif not (target.exists() and target.samefile(source)):
        shutil.copy2(str(source), str(target))
