"""Parameter values as texts, and back.

A ``str`` is its own text. Everything else is JSON; what JSON does not have (tuples, sets, paths, objects) is written
as jsonpickle writes it. The reader's declared type decides what a text means; where it leaves that open (``Any``,
``Union[int, str]``), JSON is read as JSON, so ``"5"`` comes back as 5, as in upstream.
"""

from __future__ import annotations

import json
from typing import Any

from dflow.engine.errors import WrongType
from dflow.python.check import fits

__all__ = ["decode", "encode"]

_OPTIONAL_STR = (
    "str | None",
    "None | str",
    "typing.Optional[str]",
    "typing.Union[str, None]",
    "typing.Union[str, NoneType]",
)
_ATOMS = (type(None), bool, int, float, str)


def encode(value: Any, type: Any = None) -> str:
    """The text of a value.

    Args:
        type: what is declared for it. Where that is made of plain types alone (``float``, ``List[float]``), numbers
            and texts of NumPy are written as such; elsewhere they keep their own types.

    Raises:
        TypeError: jsonpickle cannot write it, or not so that it comes back.
    """
    if isinstance(value, str):
        return value
    if _is_plain(value):
        return json.dumps(value)
    if type is not None and _has_plain_leaves(type) and _is_plain(simple := _simplified(value)):
        return json.dumps(simple)
    from dflow.python.pickled_text import library, refuse_notes

    try:
        refuse_notes(value)
        return str(library().dumps(value, keys=True))
    except Exception as exc:
        raise WrongType(f"{value!r} cannot be written as a parameter: {exc}") from exc


def decode(text: str, type: Any = None) -> Any:
    """The value that a text stands for, for a declared type.

    Text that is no JSON, or JSON of another type where text itself fits, is the value as it stands.
    """
    if type is None or type is str or type == "str":
        return text
    if type is int and text.isdecimal() and str(int(text)) == text:
        return int(text)
    if _is_optional_str(type):
        return None if text == "null" else text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if '"py/' in text or '"json://' in text:
        from dflow.python.pickled_text import library

        value = library().loads(_for_this_numpy(text), keys=True)
    if not isinstance(value, str) and not isinstance(type, str) and not fits(value, type) and fits(text, type):
        return text
    return value


def _is_optional_str(type: Any) -> bool:
    if isinstance(type, str):
        return type in _OPTIONAL_STR
    return set(getattr(type, "__args__", None) or ()) == {str, None.__class__} and fits("", type)


def _has_plain_leaves(type: Any) -> bool:
    """Whether a type is a plain one, or lists and dicts of such."""
    if type in _ATOMS:
        return True
    origin, arguments = getattr(type, "__origin__", None), getattr(type, "__args__", None) or ()
    return origin in (list, dict) and bool(arguments) and all(_has_plain_leaves(item) for item in arguments)


def _simplified(value: Any) -> Any:
    """The value with plain numbers and texts where there are those of a subclass, such as ``numpy.float64``."""
    if value.__class__ is list:
        return [_simplified(item) for item in value]
    if value.__class__ is dict:
        return {_simplified(key): _simplified(item) for key, item in value.items()}
    for kind in (float, str):
        if isinstance(value, kind) and value.__class__.__module__ == "numpy":
            return kind(value)
    return value


def _for_this_numpy(text: str) -> str:
    """The text with the name that NumPy's internals have here; those before 1.26 know the old one only."""
    if '"numpy._core.' not in text:
        return text
    try:
        import numpy._core  # noqa: F401 - only asked for
    except ImportError:
        return text.replace('"numpy._core.', '"numpy.core.')
    return text


def _is_plain(value: Any) -> bool:
    """Whether JSON has it, to the last element and with the same type."""
    kind = value.__class__
    if kind in _ATOMS:
        return True
    if kind is list:
        return all(_is_plain(item) for item in value)
    if kind is dict:
        return all(
            key.__class__ is str and not key.startswith(("py/", "json://")) and _is_plain(item)
            for key, item in value.items()
        )
    return False
