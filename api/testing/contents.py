"""What a file or folder holds: by name and digest, and copies of it. Links are followed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple

__all__ = ["contents", "copy_tree", "is_digest", "make_tree", "of_artifact", "sha"]

FOLDER = "folder"
LINK = "-> "


def sha(data: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def is_digest(mark: str) -> bool:
    """Whether it is the digest of a file, and no other remark of :func:`contents`."""
    return mark != FOLDER and not mark.startswith(LINK)


def contents(path: Path) -> Dict[str, str]:
    """Of a file ``{"": digest}``; of a folder ``"/"`` and all below it: ``"/a/b"`` with its digest, ``"/empty/"``.

    A link that leads nowhere, or to a folder that it stands in, is ``"-> target"``.
    """
    return {name: sha(file.read_bytes()) if mark == "file" else mark for name, mark, file in _walk(path)}


def copy_tree(source: Path, target: Path) -> None:
    """A copy of a file or folder, with what links lead to; a link that leads nowhere stays one."""
    make_tree(source, target, {name: mark for name, mark, _ in _walk(source)})


def make_tree(source: Path, target: Path, found: Mapping[str, str]) -> None:
    """Make what :func:`contents` has found; files are copied from ``source``, all else is in ``found``."""
    for name, mark in found.items():
        made = Path(f"{target}{name}")
        if mark == FOLDER:
            made.mkdir(parents=True, exist_ok=True)
            continue
        made.parent.mkdir(parents=True, exist_ok=True)
        if mark.startswith(LINK):
            os.symlink(mark[len(LINK) :], made)
        else:
            shutil.copy2(f"{source}{name}", made)


def of_artifact(value: Any) -> Dict[str, str]:
    """Contents of all that an artifact holds, names included; those of a set in an order of their own."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return _joined({key if isinstance(key, str) else repr(key): of_artifact(item) for key, item in value.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [of_artifact(item) for item in value]
        if isinstance(value, (set, frozenset)):
            parts.sort(key=lambda part: json.dumps(part, sort_keys=True))
        return _joined({str(number): part for number, part in enumerate(parts)})
    path = Path(value)
    found = {name: LINK + "/…" if mark.startswith(LINK + "/") else mark for name, mark in contents(path).items()}
    return {name[1:] or "." if name else path.name: mark for name, mark in found.items()}


def _joined(parts: Mapping[str, Mapping[str, str]]) -> Dict[str, str]:
    """Names with the place before them; a place with nothing is kept."""
    found: Dict[str, str] = {}
    for place, part in parts.items():
        found.update({f"{place}/{name}": mark for name, mark in part.items()} or {place: "nothing"})
    return found


def _walk(path: Path) -> Iterator[Tuple[str, str, Path]]:
    """Name, kind (``file`` or what stands for the content) and path of each."""
    if os.path.isdir(path):
        yield "/", FOLDER, path
        yield from _below(str(path), "/", (os.path.realpath(path),))
    else:
        yield "", "file", Path(path)


def _below(folder: str, start: str, above: Tuple[str, ...]) -> Iterator[Tuple[str, str, Path]]:
    for entry in sorted(os.listdir(folder)):
        path, name = os.path.join(folder, entry), start + entry
        if os.path.isdir(path):
            real = os.path.realpath(path)
            if real in above:
                yield name, LINK + os.readlink(path), Path(path)
                continue
            if not os.listdir(path):
                yield name + "/", FOLDER, Path(path)
            yield from _below(path, name + "/", (*above, real))
        elif os.path.isfile(path):
            yield name, "file", Path(path)
        elif os.path.islink(path):
            yield name, LINK + os.readlink(path), Path(path)
