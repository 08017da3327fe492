"""Signatures of OPs, and the mappings they receive and return."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Set

from dflow.engine.errors import WrongName, WrongType
from dflow.engine.near import near_or_all
from dflow.io import type_to_str

if TYPE_CHECKING:
    from dflow.python.hdf5 import HDF5Dataset

__all__ = [
    "OPIO",
    "Artifact",
    "BigParameter",
    "HDF5Dataset",
    "HDF5Datasets",
    "NestedDict",
    "NestedDictBase",
    "NestedDictPath",
    "NestedDictStr",
    "OPIOSign",
    "Parameter",
]


class NestedDictBase:
    """Dicts and lists of paths, to any depth."""


class NestedDictPath(NestedDictBase):
    """Nested dicts and lists whose leaves are ``Path``."""


class NestedDictStr(NestedDictBase):
    """Nested dicts and lists whose leaves are ``str``."""


class NestedDict:
    """``NestedDict[Path]`` or ``NestedDict[str]``: the type of an artifact of nested dicts and lists."""

    def __class_getitem__(cls, item: Any) -> type:
        if item is Path:
            return NestedDictPath
        if item is str:
            return NestedDictStr
        raise WrongType(f"NestedDict[...] takes Path or str, not {item!r}")


class HDF5Datasets:
    """The type of an artifact that is one HDF5 file: nested dicts and lists of arrays, values and small files.

    An OP returns the structure itself, and is given it with an :class:`HDF5Dataset` at each leaf. It needs h5py
    (``pip install 'pydflow[hdf5]'``).
    """


def __getattr__(name: str) -> Any:
    if name != "HDF5Dataset":
        raise AttributeError(f"module 'dflow.python.opio' has no attribute {name!r}")
    from dflow.python.hdf5 import HDF5Dataset

    return HDF5Dataset


_ARTIFACT_TYPES = (
    str,
    Path,
    Set[str],
    Set[Path],
    List[str],
    List[Path],
    Dict[str, str],
    Dict[str, Path],
    NestedDictStr,
    NestedDictPath,
    HDF5Datasets,
)
_BUILTIN: Dict[str, Any] = {"list": List, "set": Set, "dict": Dict}


def _known_artifact_type(kind: Any) -> Any:
    """The type as it stands in the table above, so that ``list[Path]`` and ``List[Path]`` are one.

    Raises:
        TypeError: it is none of them.
    """
    origin = getattr(kind, "__origin__", None)
    if origin in (list, set, dict):
        kind = _BUILTIN[origin.__name__][tuple(_without_optional(a) for a in kind.__args__)]
    if kind is NestedDict:
        kind = NestedDictPath
    for known in _ARTIFACT_TYPES:
        if kind == known:
            return known
    names = ", ".join(type_to_str(t) for t in _ARTIFACT_TYPES[:8])
    raise WrongType(f"an artifact's type is {kind!r}; it must be one of {names}, NestedDict[...], HDF5Datasets")


def _without_optional(kind: Any) -> Any:
    rest = [a for a in getattr(kind, "__args__", ()) if a is not type(None)]
    return rest[0] if len(rest) == 1 and getattr(kind, "__origin__", None) not in (list, dict, set) else kind


class Artifact:
    """The sign of an input or output that is files.

    Args:
        type: ``Path`` or ``str``; ``List[...]``, ``Set[...]``, ``Dict[str, ...]`` or ``NestedDict[...]`` of these.
        archive: how it is packed in a remote store; None for not at all. "default" reads as ``config["archive_mode"]``.
        optional: it may be left out.
        global_name: also an output of the whole workflow, under this name.
    """

    def __init__(
        self,
        type: Any,
        archive: str | None = "default",
        save: Any = None,
        optional: bool = False,
        global_name: str | None = None,
        sub_path: bool = True,
        **kwargs: Any,
    ) -> None:
        self.type = _known_artifact_type(type)
        self.__dict__["archive"] = archive
        self.save = save
        self.optional = optional
        self.global_name = global_name
        self.sub_path = sub_path
        self.__dict__.update(kwargs)

    @property
    def archive(self) -> str | None:
        """How it is packed: "tar", "zip" or None."""
        from dflow.config import config

        asked: str | None = self.__dict__["archive"]
        usual: str | None = config["archive_mode"]
        return usual if asked == "default" else asked

    @archive.setter
    def archive(self, archive: str | None) -> None:
        self.__dict__["archive"] = archive

    def to_dict(self) -> Dict[str, Any]:
        """The sign as a dict of its arguments; the type as a text."""
        return _arguments(self)

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> Any:
        """The sign that :meth:`to_dict` turned into a dict."""
        return cls(**_typed(d, cls.__name__))

    def __repr__(self) -> str:
        return f"Artifact(type={type_to_str(self.type)}, optional={self.optional}, sub_path={self.sub_path})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and vars(self) == vars(other)

    __hash__ = object.__hash__


class Parameter:
    """The sign of a value that has a default or a global name.

    Args:
        type: any type.
        global_name: also an output of the whole workflow, under this name.
        default: used when no value is given, or returned; without one the sign has no attribute ``default``.
    """

    def __init__(self, type: Any, global_name: str | None = None, **kwargs: Any) -> None:
        self.type = type
        self.global_name = global_name
        if "default" in kwargs:
            self.default: Any = kwargs.pop("default")
        self.__dict__.update(kwargs)

    def to_dict(self) -> Dict[str, Any]:
        """The sign as a dict of its arguments; the type as a text."""
        return _arguments(self)

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> Any:
        """The sign that :meth:`to_dict` turned into a dict."""
        return cls(**_typed(d, cls.__name__))

    def __repr__(self) -> str:
        default = f", default={self.default!r}" if hasattr(self, "default") else ""
        return f"{type(self).__name__}(type={type_to_str(self.type)}{default})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__


class BigParameter(Parameter):
    """The sign of a value that may be large: kept in a file, out of lists and manifests."""

    def __init__(self, type: Any, **kwargs: Any) -> None:
        super().__init__(type, kwargs.pop("global_name", None), **kwargs)


def _arguments(sign: Any) -> Dict[str, Any]:
    return {**vars(sign), "type": type_to_str(sign.type)}


def _typed(arguments: Any, what: str) -> Dict[str, Any]:
    """Arguments of a sign, the type no longer a text where it can be had."""
    from dflow.names import by_name
    from dflow.pieces.types import type_from

    given = by_name(arguments, f"{what}.from_dict: the sign")
    if "type" not in given:
        raise WrongName(f"{what}.from_dict: there is no 'type' in it{near_or_all('type', given)}")
    return {**given, "type": type_from(given["type"])}


class _Mapping(MutableMapping):  # type: ignore[type-arg]
    """A dict by another name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._data: Dict[Any, Any] = dict(*args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._data[key]
        except KeyError:
            raise WrongName(f"this {type(self).__name__} has no {key!r}{near_or_all(key, self._data)}") from None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._data[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._data[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    # What MutableMapping makes of the above, without going through it: this is done for every step.

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def items(self) -> Any:
        """Pairs of name and value."""
        return self._data.items()

    def keys(self) -> Any:
        """The names."""
        return self._data.keys()

    def values(self) -> Any:
        """The values."""
        return self._data.values()

    def __repr__(self) -> str:
        return repr(self._data)

    def copy(self) -> Any:
        """A shallow copy."""
        return type(self)(self._data)


class OPIO(_Mapping):
    """What an OP receives or returns: names to values and paths."""


class OPIOSign(_Mapping):
    """The signature of one side of an OP: names to types, :class:`Artifact` and :class:`Parameter`."""
