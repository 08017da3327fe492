"""Inputs of an OP as tests write them: artifacts as paths, or as texts and bytes of which files are made."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any, Mapping, NamedTuple

from dflow.engine.errors import NoSuchFile, WrongType, WrongValue
from dflow.python.opio import Artifact, NestedDictBase, NestedDictStr
from dflow.testing.contents import copy_tree

__all__ = ["File", "make_inputs", "shape_of"]

_LONG = 255


class File(NamedTuple):
    """An artifact's file with a name of its own: ``File("POSCAR", "Cu\\n1.0\\n…")``.

    Attributes:
        content: a text, or bytes.
    """

    name: str
    content: Any


def make_inputs(sign: Mapping[str, Any], given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The inputs with paths in place of what stands for files; the files lie below ``folder``, an OP may change them.

    For one file or folder: a ``Path``, which is copied; a text or bytes, which become a file named as the input; a
    :class:`File`; or a dict of file names to texts, bytes and dicts, which becomes a folder. Lists, sets, dicts and
    nested dicts of these for inputs of these types. None stays None.

    Raises:
        FileNotFoundError: a path does not exist.
        TypeError: no file can be made of a value.
        ValueError: a text is the name of a file that exists, or a name leads out of its folder.
    """
    values = dict(given)
    for name, kind in sign.items():
        if isinstance(kind, Artifact) and values.get(name) is not None:
            values[name] = _Maker(name, kind.type).make(values[name], folder / name)
    return values


def shape_of(kind: Any) -> Any:
    """Of an artifact's type: ``list``, ``set``, ``dict``, ``"nested"``, or None for one path."""
    if isinstance(kind, type) and issubclass(kind, NestedDictBase):
        return "nested"
    return getattr(kind, "__origin__", None)


class _Maker:
    """Makes the files of one artifact."""

    def __init__(self, name: str, kind: Any) -> None:
        self._name, self._shape = name, shape_of(kind)
        leaf = (getattr(kind, "__args__", None) or (kind,))[-1]
        self._leaf: Any = str if leaf in (str, NestedDictStr) else Path

    def make(self, value: Any, folder: Path) -> Any:
        """Paths of the same shape as the value."""
        if self._shape is None:
            return self._one(value, folder, self._name)
        if self._shape == "nested":
            return self._nested(value, folder, self._name)
        if self._shape is dict and isinstance(value, Mapping):
            return {key: self._one(item, folder / _safe(key), str(key)) for key, item in value.items()}
        if self._shape in (list, set) and isinstance(value, (list, tuple, set, frozenset)):
            items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
            made = [self._one(item, folder / str(number), str(number)) for number, item in enumerate(items)]
            return self._shape(made)
        return value  # the check against the sign says what is wrong

    def _nested(self, value: Any, folder: Path, name: str) -> Any:
        if isinstance(value, Mapping):
            return {key: self._nested(item, folder / _safe(key), str(key)) for key, item in value.items()}
        if isinstance(value, (list, tuple)) and not isinstance(value, File):
            return [self._nested(item, folder / str(number), str(number)) for number, item in enumerate(value)]
        return self._one(value, folder, name)

    def _one(self, value: Any, folder: Path, name: str) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            _fill(folder / _safe(name), value, self._name)
            return self._leaf(folder / _safe(name))
        target = folder / _safe(value.name if isinstance(value, (File, Path)) and value.name else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, Path):
            _copy(value, target, self._name)
        else:
            _write(value.content if isinstance(value, File) else value, target, self._name)
        return self._leaf(target)


def _safe(name: Any) -> str:
    """A name inside of a folder.

    Raises:
        ValueError: it leads out of it.
    """
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise WrongValue(f"{str(name)!r} is no name of a file inside of a folder")
    return str(path)


def _fill(folder: Path, files: Mapping[Any, Any], what: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / _safe(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Mapping):
            _fill(target, content, what)
        elif isinstance(content, Path):
            _copy(content, target, what)
        else:
            _write(content, target, what)


def _copy(source: Path, target: Path, what: str) -> None:
    if not source.exists():
        raise NoSuchFile(f"input {what!r}: {source} does not exist in {Path.cwd()}")
    copy_tree(source, target)


def _write(content: Any, target: Path, what: str) -> None:
    if isinstance(content, str):
        if _is_a_file(content):
            raise WrongValue(
                f"input {what!r}: the text {content!r} is also the name of a file that exists; "
                f"give Path({content!r}) for the file, or {content.encode()!r} for the text"
            )
        content = content.encode()
    if not isinstance(content, (bytes, bytearray)):
        raise WrongType(f"input {what!r}: give a Path, a text, bytes, a File or a dict of files, not {content!r:.80}")
    target.write_bytes(content)


def _is_a_file(text: str) -> bool:
    return 0 < len(text) < _LONG and "\n" not in text and "\0" not in text and os.path.exists(text)
