"""Putting files into the artifact store, and getting them out."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List

from dflow.artifact_sources import STORE_SETTINGS, Folder, inside_of, opened, settings_of_store
from dflow.common import CustomArtifact, HTTPArtifact, LocalArtifact, S3Artifact, whole_and_part
from dflow.config import config, is_remote
from dflow.engine.errors import NoSuchFile
from dflow.names import text_of
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.engine.catalog import Item

__all__ = [
    "catalog_of_artifact",
    "copy_artifact",
    "download_artifact",
    "local_place",
    "path_list_of_artifact",
    "path_object_of_artifact",
    "upload_artifact",
]

_stays_here: ContextVar[bool] = ContextVar("_stays_here", default=False)


@contextmanager
def kept_here() -> Iterator[None]:
    """A block in which nothing is sent to an object store: the workflow is only looked at."""
    token = _stays_here.set(True)
    try:
        yield
    finally:
        _stays_here.reset(token)


@called_by_users
def upload_artifact(
    path: Any, archive: Any = "default", namespace: str | None = None, dataset_name: str | None = None, **kwargs: Any
) -> Any:
    """Make an artifact of a path, or of a list, set or dict of paths (nested too).

    A member that is None is missing: the OP that gets the whole does not see it, slices and downloads keep its place.

    The path of each relative to the current directory is kept; of one outside of it, its absolute path.

    For workflows on this machine nothing is copied: the store, ``upload/`` in ``config["debug_artifact_dir"]``, holds
    links. With ``config["debug_s3"]``, and for workflows that are sent to a server, the files go to the object store
    of ``s3_config``; files that are there already, unchanged since, are not sent again.

    Args:
        archive: in an object store: ``"tar"``, ``"zip"``, None (an object for each file), or what
            ``config["archive_mode"]`` says. Parts of it can be taken on Argo only without an archive.
        namespace, dataset_name: register it with ``config["lineage"]``.
        kwargs: settings of the object store, in place of those of ``s3_config``; others are for the lineage client.

    Returns:
        A LocalArtifact, or an S3Artifact.

    Raises:
        FileNotFoundError: a path does not exist.
        StateError: the local store cannot be written to.
        StorageError: the object store refuses or does not answer.
    """
    from dflow.python.catalog import flatten

    for _, item in flatten(path):
        if item is not None and not os.path.exists(str(item)):
            raise NoSuchFile(f"cannot upload {item}: there is no such file or directory in {os.getcwd()}")
    is_sent = (is_remote() or config["debug_s3"]) and not _stays_here.get()
    artifact = _sent(path, archive, kwargs) if is_sent else _linked(path)
    if not (namespace and dataset_name):
        return artifact
    from dflow.lineage import register

    more = {name: value for name, value in kwargs.items() if name not in STORE_SETTINGS}
    return register(artifact, namespace, dataset_name, **more)


def _linked(path: Any) -> LocalArtifact:
    """An artifact in the local store."""
    root = local_place()
    _lay_out(path, root, walkable=True)
    return LocalArtifact(root)


def local_place() -> Path:
    """A new place in the local store; nothing is there yet."""
    return Path(str(config["debug_artifact_dir"])).absolute() / "upload" / str(uuid.uuid4())


def _lay_out(path: Any, root: Path, *, walkable: bool = False) -> None:
    """Make an artifact of links.

    Args:
        walkable: folders among several members are folders of links, so that a walk through the whole finds all.
    """
    from dflow.engine.inside import is_inside
    from dflow.engine.linked_folders import link_folders
    from dflow.engine.state import link_or_copy, writing
    from dflow.python.catalog import flatten, marks_of, write_items

    store, pairs = os.path.realpath(str(root.parent)), list(flatten(path))

    def link(source: Path, target: Path) -> None:
        """A link, but for what holds the store itself: that would hold itself then."""
        is_outside = not is_inside(store, os.path.realpath(str(source)))
        if is_outside and walkable and len(pairs) > 1:
            link_folders(str(source.parent), source.name, target, hard=False)
        elif is_outside:
            link_or_copy(source, target, "symlink")
        else:
            target.mkdir(parents=True)
            for entry in sorted(source.iterdir()):
                if os.path.realpath(str(entry)) not in (store, os.path.realpath(str(root))):
                    link(entry, target / entry.name)

    with writing(root):
        root.mkdir(parents=True)
    holes = {"holes": True} if path is not None and any(item is None for _, item in pairs) else {}
    write_items(pairs, root, _relative_to_cwd, link, {**marks_of(path), **holes})


def _sent(path: Any, archive: Any, settings: Dict[str, Any]) -> S3Artifact:
    """An artifact in the object store."""
    from dflow.storage.artifacts import packed_key
    from dflow.stores import archive_of, artifact_store, prefixed

    kind, store = archive_of(archive), artifact_store(**settings_of_store(settings))
    with _private_folder() as folder:
        root = folder / "artifact"
        _lay_out(path, root)
        catalog = next(place for place in (root / ".dflow").iterdir() if place.is_file())
        name = _state_of(root, kind)
        catalog.rename(catalog.with_name(name))
        key = prefixed(f"upload/{name}/artifact")
        stored = key if kind is None else packed_key(key, kind)
        if not (store.has_all(key, root) if kind is None else store.client.exists(stored)):
            stored = store.keep(root, key, kind)
        items = Folder(root).items()
    artifact = S3Artifact(None, items)
    artifact.key = stored
    return artifact


def _state_of(root: Path, kind: str | None) -> str:
    """A name for what the files of an artifact are now: another one as soon as any is changed or replaced."""
    from dflow.engine.errors import StorageError
    from dflow.storage.artifacts import files_of

    digest = hashlib.sha256(f"{socket.gethostname()} {uuid.getnode()} {kind}\n".encode())
    for inside, place in files_of(root):
        if os.path.dirname(inside) == ".dflow":
            digest.update(Path(place).read_bytes())
            continue
        try:
            found = os.stat(place) if place else None
        except OSError as exc:
            raise StorageError(f"cannot upload {os.path.realpath(place)}: {exc.strerror}") from exc
        state = found and (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        digest.update(f"{inside!r} {state!r}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


@called_by_users
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
        artifact: from ``upload_artifact``, ``S3Artifact(key=…)``, or ``step.outputs.artifacts[name]`` of a step that
            was queried.
        extract: unpack an archive of an object store; False gives the archive itself.
        sub_path: the file or directory in it that is wanted; it keeps this path below ``path``.
        slice: the element that is wanted.
        kwargs: ``skip_exists=True`` leaves files that are there; others are settings of the object store.

    Returns:
        The paths of the copies, which begin with ``path`` as it was given: a list; a dict, or nested, where the
        artifact is; one path where ``sub_path`` is given, or one file was asked for by ``slice``.

    Raises:
        FileNotFoundError: the artifact, or that part of it, is not there.
        StorageError: the object store refuses or does not answer.
        UnsafeArtifact: an archive would lead out of ``path``.
    """
    if isinstance(artifact, (CustomArtifact, HTTPArtifact)):
        return _from_outside(artifact, path)
    skip_exists = bool(kwargs.pop("skip_exists", False))
    if sub_path is not None:
        text_of(sub_path, "sub_path")
    wanted = slice if slice is not None else getattr(artifact, "slice", None)
    own, asked = inside_of(whole_and_part(artifact)[1]), inside_of(sub_path)
    target = Path(str(path)).absolute()
    with opened(artifact, target, kwargs, extract=extract) as source:
        if asked:
            place = f"{own}/{asked}" if own else asked
            source.within(place)  # or it is not there
            source.give([(place, asked)], target, skip_exists)
            return os.path.join(str(path), asked)
        items = None if own or not extract else source.items()
        if items is None:
            return _plain(source, own, path, skip_exists)
        flat = source.is_flat()
        if wanted is not None:
            items = _members(items, str(wanted), flat=flat)
        places = [item["dflow_list_item"] for item in items if item["dflow_list_item"] is not None]
        source.give([(place, place) for place in dict.fromkeys(places)], target, skip_exists)
        if not remove_catalog:
            source.give([pair for pair in source.within("") if pair[0] == ".dflow"], target, skip_exists)
        if wanted is not None and len(items) == 1 and places and items[0]["order"] in (0, _as_order(wanted)):
            return os.path.join(str(path), places[0])
        return _path_object(items, str(path), flat)


def _from_outside(artifact: Any, path: Any) -> Any:
    """What an artifact of a server, or of a class of the user's, gives."""
    if isinstance(artifact, HTTPArtifact):
        return [artifact.download(str(path))]
    return (
        artifact.download("", str(path))
        if artifact.redirect is None
        else download_artifact(artifact.redirect, path=path)
    )


def _as_order(wanted: Any) -> Any:
    return int(wanted) if str(wanted).isdecimal() else str(wanted)


def _plain(source: Any, inside: str, path: Any, skip_exists: bool) -> Any:
    """A part of an artifact, or one without a catalog: a file, or what is in a directory."""
    pairs = [(place, name) for place, name in source.within(inside) if name != ".dflow"]
    source.give(pairs, Path(str(path)).absolute(), skip_exists)
    copies = [os.path.join(str(path), name) for _, name in pairs]
    return copies[0] if inside and len(pairs) == 1 and pairs[0][0] == inside else copies


def _members(items: List[Item], wanted: str, *, flat: bool) -> List[Item]:
    """What is in one element: its only file, or the files of the list or dict that it is."""
    found = [item for item in items if str(item["order"]) == wanted]
    if found:
        return found if flat or "." not in wanted else [{**item, "order": 0} for item in found]
    inside = [item for item in items if str(item["order"]).startswith(f"{wanted}.")]
    if not inside:
        known = ", ".join(dict.fromkeys(str(item["order"]).partition(".")[0] for item in items)) or "none"
        raise NoSuchFile(f"the artifact has no element {wanted!r}; it has {known}")
    return [{**item, "order": item["order"][len(wanted) + 1 :]} for item in inside]


def path_object_of_artifact(art: Any, **kwargs: Any) -> Any:
    """The relative paths in an artifact, as the list or dict that it is."""
    with _private_folder() as folder, opened(art, folder, kwargs) as source:
        items = source.items()
        return [] if items is None else _path_object(items, None, source.is_flat())


def path_list_of_artifact(art: Any, **kwargs: Any) -> List[Any]:
    """The relative paths in an artifact, as a list."""
    return [item["dflow_list_item"] for item in catalog_of_artifact(art, **kwargs)]


def catalog_of_artifact(art: Any, storage_client: Any = None, **kwargs: Any) -> List[Item]:
    """The elements of an artifact: ``{"dflow_list_item": path, "order": index or key}`` for each.

    Args:
        storage_client: of its object store, in place of the configured one.
        kwargs: settings of the object store, in place of those of ``s3_config``.
    """
    kwargs = kwargs if storage_client is None else {**kwargs, "storage_client": storage_client}
    with _private_folder() as folder, opened(art, folder, kwargs) as source:
        return sorted(source.items() or [], key=lambda item: _rank(item["order"]))


def _rank(order: Any) -> Any:
    return (0, order, "") if isinstance(order, int) else (1, 0, str(order))


@called_by_users
def copy_artifact(src: Any, dst: Any, sort: bool = False, **kwargs: Any) -> Any:
    """Add the files of one artifact to another one: within the object store, or as links on this machine.

    Args:
        dst: what it is added to; ``S3Artifact(key=…)`` may be new.
        sort: the elements come behind those that are there.

    Returns:
        ``dst``.

    Raises:
        FileNotFoundError: there is no ``src``.
        TypeError: one is in an object store, the other on this machine.
    """
    from dflow.artifact_copies import copied

    return copied(src, dst, sort, kwargs)


def _path_object(items: List[Item], base: str | None, flat: bool) -> Any:
    from dflow.python.catalog import unflatten

    def place(item: Any) -> Any:
        relative = item["dflow_list_item"]
        return relative if relative is None or base is None else os.path.join(base, relative)

    if all(isinstance(item["order"], int) for item in items):
        return [place(item) for item in sorted(items, key=lambda item: item["order"])]
    if flat:
        return {str(item["order"]): place(item) for item in items}
    return unflatten((item["order"], place(item)) for item in items)


@contextmanager
def _private_folder() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="dflow-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _relative_to_cwd(path: Path) -> str:
    here = os.getcwd() + os.sep
    text = str(path)
    return text[len(here) :] if text.startswith(here) else text.lstrip(os.sep)
