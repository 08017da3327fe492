"""What is given for an artifact of a step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dflow.common import HTTPArtifact, S3Artifact
from dflow.engine.errors import ConfigError
from dflow.engine.near import near_or_all
from dflow.io import InputArtifact
from dflow.wiring.references import has_tag

__all__ = ["artifact_of"]

_LOCATIONS = ("from", "sub_path", "url", "key", "path")


def artifact_of(given: Any, folder: Path, *, is_op: bool) -> Any:
    """An artifact: a tag, a path, a list or map of paths, or a map that says where it is.

    Args:
        folder: what paths are relative to.
        is_op: it is for an OP, not for a script.

    Raises:
        ConfigError: it is none of these, or there is no such file.
    """
    return _Files(folder, is_op=is_op).artifact(given)


class _Files:
    def __init__(self, folder: Path, *, is_op: bool) -> None:
        self._folder = folder
        self._is_op = is_op

    def artifact(self, given: Any) -> Any:
        if has_tag(given):
            return given
        if isinstance(given, dict) and given and set(given) <= set(_LOCATIONS):
            return self._located(given)
        if isinstance(given, dict) and "from" in given:
            unknown = next(name for name in given if name not in _LOCATIONS)
            raise ConfigError(f"there is no {unknown!r} in an artifact{near_or_all(unknown, _LOCATIONS)}")
        if isinstance(given, str):
            return self._file(given)
        from dflow.artifacts import upload_artifact

        if isinstance(given, list) and given and all(isinstance(item, str) and not has_tag(item) for item in given):
            return upload_artifact([self._path(item) for item in given])
        if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
            return [item if has_tag(item) else self._file(item) for item in given]
        raise ConfigError(
            f"it must be a path, a list of paths, a tag, or a map with {', '.join(_LOCATIONS)}, not {given!r}"
        )

    def _located(self, given: dict[str, Any]) -> Any:
        kinds = [name for name in given if name != "sub_path"]
        if len(kinds) != 1 or not all(isinstance(value, str) for value in given.values()):
            raise ConfigError("it must have one of from, url, key and path, as a text, and may have a sub_path")
        kind, part = kinds[0], given.get("sub_path")
        if kind == "url":
            return _fetched(given["url"], part)
        if kind == "from":
            made: Any = _Output(given["from"])
        elif kind == "key":
            made = S3Artifact(key=given["key"])
        else:
            made = self._file(given["path"])
        return made if part is None else made.sub_path(part)

    def _file(self, path: str) -> Any:
        """An uploaded file or folder; a script finds it itself at the path of the artifact, no folder around it."""
        from dflow.artifacts import upload_artifact

        place = self._path(path)
        if self._is_op:
            return upload_artifact(place)
        made = upload_artifact(place, archive=None)
        inside = os.path.relpath(place) if place.is_relative_to(Path.cwd()) else str(place).lstrip("/")
        return made if inside == "." else made.sub_path(inside)

    def _path(self, path: str) -> Path:
        place = Path(os.path.abspath(self._folder / path))  # links stay as they are
        if not place.exists():
            raise ConfigError(f"there is no file or directory {path!r} in {self._folder.resolve()}")
        return place


def _fetched(url: str, part: str | None) -> Any:
    if part is not None:
        raise ConfigError("of a url no part can be taken; leave sub_path out")
    try:
        is_address = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).netloc)
    except ValueError:
        is_address = False
    if not is_address and not has_tag(url):
        raise ConfigError(f"url is {url!r}; it must be an address such as https://example.org/table.csv")
    return HTTPArtifact(url)


class _Output(InputArtifact):
    """An output by the text of its tag, of which a part can be taken."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        if not (tag.startswith("{{") and tag.endswith("}}")):
            raise ConfigError(f"from is {tag!r}; it must be one tag, such as '{{{{train.model}}}}'")
        self._tag = tag

    def __str__(self) -> str:
        return self._tag
