"""Parameter values as texts, and back.

A ``str`` is its own text. Everything else is JSON; what JSON does not have (tuples, sets, paths, objects) is written
as jsonpickle writes it. The reader's declared type decides what a text means.
"""

from __future__ import annotations

import json
from typing import Any

from dflow.python.check import fits

__all__ = ["decode", "encode"]

_ATOMS = (type(None), bool, int, float, str)


def encode(value: Any, type: Any = None) -> str:
    """The text of a value, for a parameter of a declared type (None: text).

    Raises:
        TypeError: jsonpickle cannot write it.
    """
    if isinstance(value, str):
        return json.dumps(value) if type not in (None, str) and _reads_as_something_else(value, type) else value
    if _is_plain(value):
        return json.dumps(value)
    import jsonpickle

    try:
        return str(jsonpickle.dumps(value, keys=True))
    except Exception as exc:
        raise TypeError(f"{value!r} cannot be written as a parameter: {exc}") from exc


def decode(text: str, type: Any = None) -> Any:
    """The value that a text stands for, for a declared type.

    Text that is no JSON, or JSON of another type where text itself fits, is the value as it stands.
    """
    if type is None or type is str or type == "str":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if '"py/' in text or '"json://' in text:
        import jsonpickle

        value = jsonpickle.loads(text, keys=True)
    if not isinstance(value, str) and not isinstance(type, str) and not fits(value, type) and fits(text, type):
        return text
    return value


def _reads_as_something_else(text: str, type: Any) -> bool:
    """Whether a str for a parameter that could be more than a str would come back as another value."""
    if not fits(text, type):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


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
