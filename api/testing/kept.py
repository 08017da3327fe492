"""Files of recorded artifacts: put beside a test, checked, and copied from there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Dict, Mapping, Tuple

from dflow.engine.errors import WrongValue
from dflow.testing.contents import contents, is_digest, make_tree

__all__ = ["copied", "placed", "what_differs"]


def copied(value: Any, folder: Path, files: Dict[str, str], start: str = "") -> Any:
    """Copy the files of an artifact; where they lie below ``folder``, in the shape of the value.

    Args:
        folder: has the name of the artifact.
        files: all that it holds is added, by its name; links and empty folders are there only.
        start: of the names below ``folder``.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return {str(k): copied(v, folder, files, f"{start}{n}/") for n, (k, v) in enumerate(value.items())}
    if isinstance(value, (list, tuple, set)):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [copied(item, folder, files, f"{start}{n}/") for n, item in enumerate(items)]
    name = start + (Path(value).name.replace("..", "") or "folder")
    found = contents(Path(value))
    make_tree(Path(value), folder / name, {inside: mark for inside, mark in found.items() if is_digest(mark)})
    files.update({f"{folder.name}/{name}{inside}": mark for inside, mark in found.items()})
    return {"$file": name}


def what_differs(folder: Path, files: Mapping[str, str]) -> Tuple[Dict[str, str], Dict[str, str]] | None:
    """The files that should be in a folder, and those that are, where they are not the same."""
    wanted = {name: mark for name, mark in files.items() if is_digest(mark)}
    found = {name[1:]: mark for name, mark in contents(folder).items() if is_digest(mark)} if folder.exists() else {}
    return None if wanted == found else (wanted, found)


def placed(data: Any, kind: Any, places: Tuple[Path, Path, str], files: Mapping[str, str]) -> Any:
    """Copies of recorded files, for an OP that follows may change them; of the type that the sign says.

    Args:
        places: where recorded files are, where copies go, and the name of the artifact, a folder in both.
        files: all that is recorded, by its name.
    """
    shape = getattr(kind, "__origin__", None)
    leaf = (getattr(kind, "__args__", None) or (kind,))[-1]
    is_text = leaf is str or getattr(leaf, "__name__", "") == "NestedDictStr"
    made = _placed(data, places, files, str if is_text else Path)
    return set(made) if shape is set and made is not None else made


def _placed(data: Any, places: Tuple[Path, Path, str], files: Mapping[str, str], leaf: Any) -> Any:
    if data is None:
        return None
    if isinstance(data, list):
        return [_placed(item, places, files, leaf) for item in data]
    if set(data) != {"$file"}:
        return {key: _placed(item, places, files, leaf) for key, item in data.items()}
    source, target, artifact = places
    name = f"{artifact}/{data['$file']}"
    inside = {n[len(name) :]: mark for n, mark in files.items() if n == name or n.startswith(name + "/")}
    if not inside or any(".." in PurePosixPath(n).parts for n in [name, *inside]):
        raise WrongValue(f"there is no file {name!r}")
    make_tree(source / name, target / name, inside)
    return leaf(target / name)
