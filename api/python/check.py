"""Checking values and artifacts against the types that an OP declares.

Simple types are checked here; generics are left to typeguard, which follows every typing construct and names the
element that is wrong. As in upstream, None is accepted for everything, and an int for a float.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Tuple

from dflow.engine.errors import SignatureError
from dflow.engine.near import near
from dflow.expression import MISSING
from dflow.io import type_to_str
from dflow.python.opio import OPIO, Artifact, HDF5Datasets, NestedDictBase, NestedDictPath, NestedDictStr, Parameter

__all__ = ["check_side", "fits", "paths_in", "type_of"]

_log: Dict[str, bool] = {}


def type_of(sign: Any) -> Any:
    """The Python type of a parameter's sign."""
    return sign.type if isinstance(sign, (Parameter, Artifact)) else sign


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type."""
    return _mismatch(value, kind) is None


def check_side(op: str, side: str, sign: Mapping[str, Any], given: Mapping[str, Any]) -> OPIO:
    """The values for one side of an OP, checked, with defaults filled in.

    Args:
        op: the OP's name, for messages.
        side: ``"input"`` or ``"output"``.

    Raises:
        SignatureError: a name is missing or not declared, or a value has the wrong type.
    """
    verb = "was not given" if side == "input" else "was not returned"
    for name in given:
        if name not in sign:
            known = ", ".join(repr(n) for n in sign) or "none"
            raise SignatureError(f"OP {op}: {side} {name!r} is not declared; declared are {known}{near(name, sign)}")
    values = {}
    for name, kind in sign.items():
        if name not in given:
            values[name] = _default(op, side, name, kind, verb)
        else:
            values[name] = given[name]
            problem = (
                _artifact_mismatch(given[name], kind)
                if isinstance(kind, Artifact)
                else _mismatch(given[name], type_of(kind))
            )
            if problem is not None:
                raise SignatureError(f"OP {op}: {side} {name!r} {problem}")
    return OPIO(values)


def paths_in(value: Any, prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """Every path of an artifact value with its place, such as ``[2]`` or ``['a'][0]``; None for a missing one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths_in(item, f"{prefix}[{key!r}]")
    elif isinstance(value, (list, set, tuple, frozenset)):
        for index, item in enumerate(value):
            yield from paths_in(item, f"{prefix}[{index}]")
    else:
        yield prefix, value


def _default(op: str, side: str, name: str, kind: Any, verb: str) -> Any:
    if isinstance(kind, Parameter) and (default := getattr(kind, "default", MISSING)) is not MISSING:
        return default
    if isinstance(kind, Artifact) and kind.optional:
        return None
    what = "artifact" if isinstance(kind, Artifact) else "parameter"
    raise SignatureError(f"OP {op}: {side} {what} {name!r} {verb}")


def _mismatch(value: Any, kind: Any) -> str | None:
    """What is wrong with a value, as the end of a sentence; None when nothing is."""
    if value is None or kind is None or kind is Any or isinstance(kind, str):
        return None
    if isinstance(kind, type) and not hasattr(kind, "__origin__") and not getattr(kind, "_is_protocol", False):
        if isinstance(value, kind) or (kind is float and isinstance(value, int)) or _is_typed_dict(kind):
            return None
        return f"must be {type_to_str(kind)}, not {type_to_str(type(value))}: {_short(value)}"
    detail = _typeguard(value, kind)
    if detail is None:
        return None
    return f"must be {type_to_str(kind)}: {detail}; it is {_short(value)}"


def _is_typed_dict(kind: type) -> bool:
    return issubclass(kind, dict) and hasattr(kind, "__total__")


def _typeguard(value: Any, kind: Any) -> str | None:
    try:
        from typeguard import CollectionCheckStrategy, TypeCheckError, check_type
    except (ImportError, SyntaxError, TypeError, AttributeError):  # it may be of another Python than this
        return _plain(value, kind)
    try:
        check_type(value, kind, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError as exc:
        return str(exc)
    return None


def _plain(value: Any, kind: Any) -> str | None:
    """Where typeguard cannot be loaded: the outermost type alone."""
    if not _log:
        _log["said"] = True
        import logging

        logging.getLogger("dflow").warning("typeguard is not here: elements of lists and dicts are not checked")
    origin = getattr(kind, "__origin__", None)
    if isinstance(origin, type) and not isinstance(value, origin):
        return f"is not an instance of {type_to_str(origin)}"
    return None


def _artifact_mismatch(value: Any, sign: Artifact) -> str | None:
    """What is wrong with the shape of an artifact value."""
    kind = sign.type
    shape: Any = dict if kind in (NestedDictPath, NestedDictStr) else getattr(kind, "__origin__", None)
    if value is None or kind is HDF5Datasets:  # of the latter, each leaf is looked at when it is written
        return None
    if shape is not None and not isinstance(value, (dict, list) if _is_nested(kind) else shape):
        return f"must be {type_to_str(kind)}, not {type_to_str(type(value))}: {_short(value)}"
    if shape is None and not isinstance(value, (str, Path)):
        return f"must be a path ({type_to_str(kind)}), not {type_to_str(type(value))}: {_short(value)}"
    for place, item in paths_in(value):
        depth = place.count("[")
        if item is not None and not isinstance(item, (str, Path)):
            return f"must be {type_to_str(kind)}: element {place} is {type_to_str(type(item))}: {_short(item)}"
        if depth > 1 and not _is_nested(kind):
            return f"must be {type_to_str(kind)}: element {place} is nested too deep; declare NestedDict[...]"
    return None


def _is_nested(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, NestedDictBase)


def _short(value: Any, limit: int = 80) -> str:
    try:
        text = repr(value)
    except Exception as exc:  # noqa: BLE001 - a broken __repr__ of a user must not hide the real problem
        text = f"<no repr: {type(exc).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"
