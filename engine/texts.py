"""Texts of parameters as values, and back."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPTIONAL_STR", "as_text", "depth_of_lists", "list_of_texts", "mismatch", "read_value", "value_of"]

OPTIONAL_STR = (
    "str | None",
    "None | str",
    "typing.Optional[str]",
    "typing.Union[str, None]",
    "typing.Union[str, NoneType]",
)
_WANTED = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "list": "a list as JSON",
    "dict": "a dict as JSON",
}
_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": lambda text: ("true", "false").index(text.strip().lower()),
    "list": json.loads,
    "dict": json.loads,
}
_LISTS = ("typing.List", "List", "list")


def read_value(text: str) -> Any:
    """What a text says as JSON; a text that is no JSON is the value as it stands."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def value_of(text: str, kind: str | None) -> Any:
    """The value that a text stands for in a list of values of a declared type."""
    if kind in (None, "str"):
        return text
    if kind in OPTIONAL_STR:
        return None if text == "null" else text
    return read_value(text)


def as_text(value: Any) -> str:
    """The text of a value of a list: a text as it stands, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def list_of_texts(texts: list[str]) -> str:
    """A JSON list of texts; of the values themselves where all of them are JSON objects or lists."""
    if all(text.lstrip()[:1] in ("{", "[") for text in texts):
        with contextlib.suppress(ValueError):  # it only looked like JSON
            return json.dumps([json.loads(text) for text in texts], ensure_ascii=False)
    return json.dumps(texts, ensure_ascii=False)


def depth_of_lists(kind: str | None) -> int:
    """How many lists a declared type has inside of each other: 2 for ``typing.List[typing.List[int]]``."""
    depth, rest = 0, kind or ""
    while True:
        name, bracket, inner = rest.partition("[")
        if name not in _LISTS:
            return depth
        depth += 1
        if not bracket:
            return depth
        rest = inner.removesuffix("]")


def mismatch(text: str, kind: str | None) -> str | None:
    """What a text must be to be of a declared type, in words; None when it is, or when any text may be."""
    name = (kind or "").partition("[")[0].rpartition(".")[2].lower()
    if name not in _WANTED:
        return None
    try:
        value = _CONVERSIONS[name](text)
    except ValueError:
        return _WANTED[name]
    return None if name not in ("list", "dict") or type(value).__name__ == name else _WANTED[name]
