"""The object store that is configured, as a client of it.

``s3_config["storage_client"]`` (or ``DFLOW_S3_STORAGE_CLIENT``) is an object, a class, the import path of one, or the
name that a package has registered in the entry-point group ``dflow.storage``; without it the store is the S3 server
that the rest of ``s3_config`` names.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Mapping

from dflow.config import config, s3_config
from dflow.engine.errors import ConfigError, UnsupportedError

if TYPE_CHECKING:
    from dflow.storage import StorageClient
    from dflow.storage.artifacts import ArtifactStore

__all__ = [
    "ARCHIVES",
    "archive_of",
    "artifact_store",
    "describe",
    "open_store",
    "prefixed",
    "repo_type",
    "s3_client",
    "storage_client",
]

GROUP = "dflow.storage"
ARCHIVES = ("tar", "zip")
REPOSITORIES = ("s3", "oss")
_METHODS = ("upload", "download", "list", "copy")
_S3 = ("endpoint", "bucket_name", "secure", "region")
_opened: Dict[Any, Any] = {}


def storage_client(given: Any = None, **settings: Any) -> StorageClient:
    """The client of the object store.

    Args:
        given: in place of ``s3_config["storage_client"]``.
        settings: in place of ``s3_config``: ``endpoint``, ``access_key``, ``secret_key``, ``secure``, ``bucket_name``.

    Raises:
        ConfigError: what is configured is no client, or cannot be imported.
    """
    chosen = s3_config["storage_client"] if given is None else given
    if chosen is None:
        return s3_client(settings)
    found = _named(chosen) if isinstance(chosen, str) else chosen
    if isinstance(found, type) or (callable(found) and not _is_client(found)):
        try:
            found = found(**settings)
        except TypeError as exc:
            raise ConfigError(f"s3_config['storage_client'] is {chosen!r}, which cannot be made here: {exc}") from exc
    elif settings:
        raise ConfigError(
            f"{', '.join(settings)} cannot be given: s3_config['storage_client'] is an object that is made already"
        )
    if not _is_client(found):
        raise ConfigError(
            f"s3_config['storage_client'] is {chosen!r}, which is no storage client: it must have the methods "
            f"{', '.join(_METHODS)} of dflow.storage.StorageClient"
        )
    return _whole(found)


def artifact_store(given: Any = None, **settings: Any) -> ArtifactStore:
    """The object store that is configured, as one that knows artifacts; arguments as for :func:`storage_client`."""
    from dflow.storage.artifacts import ArtifactStore

    return ArtifactStore(storage_client(given, **settings), archive_of("default"))


def describe() -> Dict[str, Any]:
    """The store that is configured, in words that a run keeps: no keys, no passwords.

    A client that was given as an object is ``"object"``: only this process has it.
    """
    chosen, archive = s3_config["storage_client"], archive_of("default")
    if chosen is None:
        return {"client": "s3", "archive": archive, **{name: s3_config[name] for name in _S3}}
    name = _class_of(chosen) if isinstance(chosen, type) else chosen
    if isinstance(name, str) and not name.startswith("__main__.") and "<locals>" not in name:
        return {"client": name, "archive": archive}
    return {"client": "object", "archive": archive, "class": _class_of(chosen)}


def _class_of(chosen: Any) -> str:
    kind = chosen if isinstance(chosen, type) else type(chosen)
    return f"{kind.__module__}.{kind.__qualname__}"


def open_store(words: Mapping[str, Any]) -> ArtifactStore:
    """The store that :func:`describe` has described, with the keys that are configured now.

    Raises:
        UnsupportedError: it was an object of another process.
    """
    from dflow.storage.artifacts import ArtifactStore

    named = words["client"]
    if named == "object" and s3_config["storage_client"] is None:
        raise UnsupportedError(
            f"the artifacts of this run are in a store whose client ({words.get('class')}) was made by the script; "
            "name its class in DFLOW_S3_STORAGE_CLIENT=package.module.Class, or go on with the run from the script"
        )
    if named == "s3":
        client = s3_client({name: words[name] for name in _S3})
    else:
        client = storage_client(None if named == "object" else named)
    return ArtifactStore(client, words["archive"])


def prefixed(key: str) -> str:
    """A key with ``s3_config["prefix"]`` before it, unless that or one of ``extra_prefixes`` is there already."""
    prefix = str(s3_config["prefix"] or "")
    known = (prefix, *(str(extra) for extra in s3_config["extra_prefixes"] or () if extra))
    return key if key.startswith(known) else prefix + key


def repo_type() -> str:
    """The kind of the cluster's artifact repository, ``s3`` or ``oss``: as ``repo`` says, else ``repo_type``.

    Raises:
        ConfigError: ``repo`` is no artifact repository.
    """
    repo = s3_config["repo"]
    if not repo:
        return str(s3_config["repo_type"] or "s3")
    found = [kind for kind in REPOSITORIES if isinstance(repo, dict) and isinstance(repo.get(kind), dict)]
    if not found:
        raise ConfigError(
            f"s3_config['repo'] is {repo!r}; it must be an artifact repository of a cluster, such as "
            '{"s3": {"bucket": "my-bucket", "endpoint": "minio:9000"}}'
        )
    return found[0]


def archive_of(archive: Any) -> str | None:
    """How an artifact is packed: what was asked for, or what ``config["archive_mode"]`` says; None for not at all.

    Raises:
        ConfigError: no such kind.
    """
    chosen = config["archive_mode"] if archive == "default" else archive
    if chosen is None or str(chosen).lower() == "none":
        return None
    if chosen not in ARCHIVES:
        raise ConfigError(f"there is no archive {chosen!r}; use 'tar', 'zip' or None")
    return str(chosen)


def s3_client(settings: Mapping[str, Any]) -> StorageClient:
    """The client of an S3 server; what is None or not there is taken from ``s3_config``."""
    from dflow.storage.s3 import S3Client, S3Settings

    def value(name: str) -> Any:
        return settings[name] if settings.get(name) is not None else s3_config[name]

    made = S3Settings(
        endpoint=str(value("endpoint")),
        bucket=str(value("bucket_name")),
        access_key=value("access_key"),
        secret_key=value("secret_key"),
        session_token=value("session_token"),
        secure=bool(value("secure")),
        region=value("region"),
    )
    key = (os.getpid(), repr(made), made.access_key, made.secret_key, made.session_token)
    client: StorageClient = _opened.get(key) or S3Client(made)
    _opened.clear()
    _opened[key] = client  # its connections, and what it knows of the server, serve the next call too
    return client


def _named(name: str) -> Any:
    """What a name stands for: an entry point, or an import path.

    Raises:
        ConfigError: there is no such thing.
    """
    from importlib.metadata import entry_points

    from dflow.common import import_func

    points = entry_points(group=GROUP)
    for point in points:
        if point.name == name:
            return point.load()
    try:
        return import_func(name)
    except ImportError as exc:
        known = ", ".join(sorted(point.name for point in points)) or "none here"
        raise ConfigError(
            f"s3_config['storage_client'] is {name!r}, which is neither an import path such as package.module.Class "
            f"nor the name of an installed client ({known}): {exc}"
        ) from exc


def _is_client(found: Any) -> bool:
    return not isinstance(found, type) and all(callable(getattr(found, name, None)) for name in _METHODS)


def _whole(client: Any) -> StorageClient:
    """A client with all that ours have, for one that was written by the five methods alone."""
    from dflow.storage import StorageClient
    from dflow.storage.foreign import ForeignClient

    is_ours = isinstance(client, StorageClient) and type(client).__module__.partition(".")[0] == "dflow"
    return client if is_ours else ForeignClient(client)
