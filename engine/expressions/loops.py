"""What a loop goes through: ``withSequence``, ``withItems`` and ``withParam``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext
from dflow.engine.expressions.limits import check_size
from dflow.engine.expressions.printf import sprintf

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Item", "expand_items", "expand_sequence", "item_name", "item_scope"]

Item: TypeAlias = object
"""An item of a loop: None, bool, int, float, str, list or dict."""


class _Number(float):
    """A number as it was written."""

    text = ""


def expand_sequence(spec: Mapping[str, str | int]) -> list[str]:
    """The items of a ``withSequence``.

    Args:
        spec: ``start`` (0), ``end`` or ``count``, and ``format`` (``%d``); numbers may be texts.

    Raises:
        ExpressionError: neither an end nor a count, or a number that is none.
    """
    start = _whole(spec, "start", 0)
    end = _whole(spec, "end", None)
    if end is None:
        count = _whole(spec, "count", None)
        if count is None:
            raise ExpressionError("a sequence wants an end or a count")
        if count == 0:
            return []
        end = (start or 0) + count - 1
    first = start or 0
    check_size(abs(end - first))
    template = str(spec.get("format") or "%d")
    numbers = range(first, end + 1) if first <= end else range(first, end - 1, -1)
    return [_item_text(sprintf(template, number)) for number in numbers]


def _whole(spec: Mapping[str, str | int], name: str, default: int | None) -> int | None:
    value = spec.get(name)
    if value is None:
        return default
    number = value if isinstance(value, int) else gotext.parse_int(str(value))
    if number is None or isinstance(value, bool):
        raise ExpressionError(f"the {name} of a sequence is a whole number, not {value!r}")
    return number


def _item_text(text: str) -> str:
    """The text of a JSON string without its quotes: this is how a format is read."""
    try:
        value = json.loads(f'"{text}"')
    except ValueError as exc:
        raise ExpressionError(
            f"the format of the sequence gives {text!r}, which cannot stand in a JSON string"
        ) from exc
    return str(value)


def expand_items(items: str | list[Item]) -> list[Item]:
    """The items of a ``withItems`` or a ``withParam``.

    Args:
        items: a list, or the JSON text of one.

    Raises:
        ExpressionError: the text is not the JSON of a list.
    """
    if isinstance(items, list):
        return items
    try:
        found = json.loads(items, parse_float=_number, parse_int=_integer, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise ExpressionError(f"withParam wants a JSON list, not {_shown(items)}: {exc}", source=items) from exc
    if not isinstance(found, list):
        raise ExpressionError(f"withParam wants a JSON list, not {_shown(items)}", source=items)
    return found


def _number(text: str) -> _Number:
    number = _Number(text)
    number.text = text
    return number


def _integer(text: str) -> int | _Number:
    return int(text) if len(text) < 100 else _number(text)


def _no_constant(text: str) -> float:
    raise ValueError(f"unexpected {text}")


def item_name(index: int, item: Item) -> str:
    """What a child of a loop has behind the name of the step: ``(0:text)``, without parentheses in the text."""
    match item:
        case dict():
            text = ",".join(sorted(f"{key}:{_plain(value)}" for key, value in item.items()))
        case list():
            text = "[" + " ".join(map(_plain, item)) + "]"
        case None:
            text = "[]"
        case _:
            text = _plain(item)
    return f"({index}:{text.replace('(', '').replace(')', '')})"


def item_scope(item: Item) -> dict[str, str]:
    """The variables of an item: ``item``, and ``item.k`` for each key of a map."""
    if not isinstance(item, dict):
        return {"item": _plain(item)}
    scope = {f"item.{key}": _plain(value) for key, value in item.items()}
    return {"item": _json({key: item[key] for key in sorted(item)}), **scope}


def _plain(value: Item) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Item) -> str:
    """Compact JSON; numbers as they were written, keys in their order."""
    try:
        return _compact(value)
    except RecursionError as exc:
        raise ExpressionError("the item is nested too deeply") from exc


def _compact(value: Item) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{gotext.marshal(str(key))}:{_compact(part)}" for key, part in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_compact, value)) + "]"
        case _Number():
            return value.text
        case bool() | None | str():
            return gotext.marshal(value)
        case float():
            gotext.json_float(value)
            return repr(value)
        case int():
            return str(value)
        case _:
            raise ExpressionError(f"a {type(value).__name__} cannot be the item of a loop")


def _shown(text: str, most: int = 60) -> str:
    """A text in quotes, or its beginning."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"
