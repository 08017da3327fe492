"""Values as JSON that says what they are: nothing that is read back can run code."""

from __future__ import annotations

import base64
import re
from pathlib import Path, PurePath
from typing import Any, Callable, Dict

from dflow.engine.errors import WrongType, WrongValue

__all__ = ["from_plain", "to_plain"]

_MARK = "$"
_NUMPY = re.compile(r"bool_|str_|u?int\d+|float\d+")


def to_plain(value: Any, what: str) -> Any:
    """What ``json`` can write: plain values stay; tuples, sets, bytes, paths, NumPy's numbers, other dicts are marked.

    Args:
        what: in the message of an error.

    Raises:
        TypeError: it is something else.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [to_plain(item, what) for item in value]
    if type(value) is dict and all(type(key) is str and not key.startswith(_MARK) for key in value):
        return {key: to_plain(item, what) for key, item in value.items()}
    return _marked(value, what)


def _marked(value: Any, what: str) -> dict[str, Any]:
    if type(value) is dict:
        return {"$dict": [[to_plain(key, what), to_plain(item, what)] for key, item in value.items()]}
    if type(value) in (tuple, set):
        items = value if type(value) is tuple else sorted(value, key=repr)
        return {f"${type(value).__name__}": [to_plain(item, what) for item in items]}
    if type(value) is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, PurePath):
        return {"$path": str(value)}
    if _is_of_numpy(value) and type(plain := value.item()) in (bool, int, float, str):
        return {"$numpy": ["bool_" if type(plain) is bool else type(value).__name__, plain]}
    raise WrongType(
        f"{what} holds {type(value).__name__}, which JSON cannot keep: give numbers, texts, lists and dicts, or make "
        "it an artifact"
    )


def _is_of_numpy(value: Any) -> bool:
    """Whether it is one number or text of NumPy."""
    return type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item")


def _of_numpy(content: Any) -> Any:
    name, value = content
    if not _NUMPY.fullmatch(name):
        raise WrongValue(f"{name!r} is no type of NumPy's")
    try:
        import numpy
    except ImportError:
        return value
    return getattr(numpy, name)(value)


def from_plain(data: Any) -> Any:
    """The value that :func:`to_plain` has written."""
    if isinstance(data, list):
        return [from_plain(item) for item in data]
    if not isinstance(data, dict):
        return data
    mark = next(iter(data), "")
    if len(data) != 1 or not mark.startswith(_MARK):
        return {key: from_plain(item) for key, item in data.items()}
    return _READ[mark](data[mark])


_READ: Dict[str, Callable[[Any], Any]] = {
    "$dict": lambda content: {from_plain(key): from_plain(item) for key, item in content},
    "$tuple": lambda content: tuple(from_plain(content)),
    "$set": lambda content: set(from_plain(content)),
    "$numpy": _of_numpy,
    "$bytes": base64.b64decode,
    "$path": Path,
}
