"""Lists, maps, defaults and JSON of ``sprig``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext
from dflow.engine.expressions.gotext import Int64
from dflow.engine.expressions.limits import MAX_DEPTH, Budget, check_size
from dflow.engine.expressions.operators import kind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "empty", "texts"]


def empty(value: object) -> bool:
    """Whether a value is nil, zero, false, or without content."""
    return value is None or value is False or (isinstance(value, (int, float, str, list, dict)) and not value)


def texts(value: object) -> list[str]:
    """The items of a list as texts; anything else is one item, nil none."""
    if isinstance(value, list):
        return [gotext.sprint(item) for item in value if item is not None]
    return [] if value is None else [gotext.sprint(value)]


def _same(left: object, right: object) -> bool:
    """Equal in value and in type, all through."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and left == right


def _has(needle: object, items: object) -> bool:
    if items is not None and not isinstance(items, list):
        raise ExpressionError(f"has wants a list, not {kind(items)}")
    return any(_same(needle, item) for item in items or ())


def _unique(items: list[object]) -> list[object]:
    result: list[object] = []
    budget = Budget()
    for item in items:
        budget.spend(len(result))
        if not _has(item, result):
            result.append(item)
    return result


def _concat(*parts: list[object]) -> list[object]:
    check_size(sum(map(len, parts)))
    return [item for part in parts for item in part]


def _slice(items: list[object], first: int = 0, last: int | None = None) -> list[object]:
    stop = len(items) if last is None else last
    if not 0 <= first <= stop <= len(items):
        raise ExpressionError(f"slice bounds out of range: {first}:{stop} (the length is {len(items)})")
    return items[first:stop]


def _listed(*values: object) -> list[object]:
    return list(values)


def _chunk(size: int, items: list[object]) -> list[object]:
    if size <= 0:
        raise ExpressionError("chunk wants a size above 0")
    return [items[at : at + size] for at in range(0, len(items), size)]


def _dict(*pairs: object) -> dict[str, object]:
    padded = [*pairs, ""] if len(pairs) % 2 else list(pairs)
    return {gotext.sprint(padded[at]): padded[at + 1] for at in range(0, len(padded), 2)}


def _set(holder: dict[str, object], key: str, value: object) -> dict[str, object]:
    return {**holder, key: value}


def _unset(holder: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in holder.items() if name != key}


def _pick(holder: dict[str, object], *keys: str) -> dict[str, object]:
    return {key: holder[key] for key in keys if key in holder}


def _omit(holder: dict[str, object], *keys: str) -> dict[str, object]:
    return {key: value for key, value in holder.items() if key not in keys}


def _merged(target: dict[str, object], *others: dict[str, object]) -> dict[str, object]:
    result = target
    for other in others:
        result = _merge_two(result, other, 0)
    return result


def _merge_overwrite(target: dict[str, object], *others: dict[str, object]) -> dict[str, object]:
    result = target
    for other in others:
        result = _merge_two(other, result, 0)
    return result


def _merge_two(first: dict[str, object], second: dict[str, object], depth: int) -> dict[str, object]:
    """Both maps; ``first`` wins unless its value is empty."""
    if depth > MAX_DEPTH:
        raise ExpressionError("the maps are nested too deeply")
    result = dict(first)
    for key, value in second.items():
        mine = result.get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            result[key] = _merge_two(mine, value, depth + 1)
        elif empty(mine):
            result[key] = value
    return result


def _dig(*path: object) -> object:
    if len(path) < 3:
        raise ExpressionError("dig wants at least 3 arguments")
    *keys, default, current = path
    for key in keys:
        if not isinstance(current, dict) or key not in current:
            return default
        current = current[key]
    return current


def _keys(*holders: dict[str, object]) -> list[object]:
    return [key for holder in holders for key in sorted(holder)]


def _default(default: object, *given: object) -> object:
    return default if not given or empty(given[0]) else given[0]


def _coalesce(*values: object) -> object:
    return next((value for value in values if not empty(value)), None)


def _ternary(yes: object, no: object, test: object) -> object:
    if not isinstance(test, bool):
        raise ExpressionError(f"ternary wants bool, not {kind(test)}")
    return yes if test else no


def _fail(message: str) -> NoReturn:
    raise ExpressionError(message)


def _kind(value: object) -> str:
    if isinstance(value, Int64):
        return "int64"
    word = kind(value)
    return {"nil": "invalid", "float": "float64", "[]": "slice", "time": "struct", "duration": "int64"}.get(word, word)


def _type(value: object) -> str:
    word = _kind(value)
    return {"invalid": "<nil>", "slice": "[]interface {}", "map": "map[string]interface {}"}.get(word, word)


def _from_json(text: str) -> object:
    try:
        return gotext.unmarshal(text)
    except ExpressionError:
        return None


def _to_json(value: object) -> str:
    try:
        return gotext.marshal(value)
    except ExpressionError:
        return ""


def _raw(value: object) -> str:
    text = gotext.marshal(value)
    for letter in "<>&":
        text = text.replace(f"\\u{ord(letter):04x}", letter)
    return text


def _prepend(items: list[object], item: object) -> list[object]:
    return [item, *items]


def _without(items: list[object], *unwanted: object) -> list[object]:
    return [item for item in items if not _has(item, list(unwanted))]


FUNCTIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "all": ("?x*", lambda *values: not any(map(empty, values))),
    "any": ("?x*", lambda *values: not all(map(empty, values))),
    "append": ("ax", lambda items, item: [*items, item]),
    "chunk": ("ia", _chunk),
    "coalesce": ("?x*", _coalesce),
    "compact": ("a", lambda items: [item for item in items if not empty(item)]),
    "concat": ("?a*", _concat),
    "deepCopy": ("x", lambda value: value),
    "deepEqual": ("xx", _same),
    "default": ("x?x*", _default),
    "dict": ("?x*", _dict),
    "dig": ("xxx*", _dig),
    "empty": ("x", empty),
    "fail": ("s", _fail),
    "first": ("a", lambda items: items[0] if items else None),
    "fromJson": ("s", _from_json),
    "get": ("ms", lambda holder, key: holder.get(key, "")),
    "has": ("xx", _has),
    "hasKey": ("ms", lambda holder, key: key in holder),
    "initial": ("a", lambda items: items[:-1]),
    "join": ("sx", lambda separator, value: _joined(separator, texts(value))),
    "keys": ("?m*", _keys),
    "kindIs": ("sx", lambda word, value: _kind(value) == word),
    "kindOf": ("x", _kind),
    "last": ("a", lambda items: items[-1] if items else None),
    "list": ("?x*", _listed),
    "merge": ("m?m*", _merged),
    "mergeOverwrite": ("m?m*", _merge_overwrite),
    "omit": ("m?s*", _omit),
    "pick": ("m?s*", _pick),
    "pluck": ("s?m*", lambda key, *holders: [holder[key] for holder in holders if key in holder]),
    "prepend": ("ax", _prepend),
    "push": ("ax", lambda items, item: [*items, item]),
    "rest": ("a", lambda items: items[1:]),
    "reverse": ("a", lambda items: items[::-1]),
    "set": ("msx", _set),
    "slice": ("a?ii", _slice),
    "sortAlpha": ("x", lambda value: sorted(texts(value))),
    "ternary": ("xxx", _ternary),
    "toJson": ("x", _to_json),
    "toPrettyJson": ("x", lambda value: gotext.marshal(value, indent="  ")),
    "toRawJson": ("x", _raw),
    "toStrings": ("x", texts),
    "tuple": ("?x*", _listed),
    "typeIs": ("sx", lambda word, value: _type(value) == word),
    "typeOf": ("x", _type),
    "uniq": ("a", _unique),
    "unset": ("ms", _unset),
    "values": ("m", lambda holder: [holder[key] for key in sorted(holder)]),
    "without": ("a?x*", _without),
}
"""Types of the arguments, and what is done."""


def _joined(separator: str, words: list[str]) -> str:
    check_size(sum(map(len, words)) + len(separator) * len(words))
    return separator.join(words)


for _name in (
    "append", "chunk", "compact", "deepCopy", "first", "has", "initial", "last", "merge", "mergeOverwrite", "prepend",
    "push", "rest", "reverse", "slice", "toPrettyJson", "toRawJson", "uniq", "without",
):  # fmt: skip
    FUNCTIONS["must" + _name[0].upper() + _name[1:]] = FUNCTIONS[_name]
FUNCTIONS["mustFromJson"] = ("s", gotext.unmarshal)
FUNCTIONS["mustToJson"] = ("x", gotext.marshal)
