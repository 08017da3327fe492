"""The paths of ``jsonpath(text, path)``: ``$.a['b'][0][1:3][*]..c[?(@.x == 1)]``."""

from __future__ import annotations

import re
from typing import NoReturn

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext, regex
from dflow.engine.expressions.limits import Budget
from dflow.engine.expressions.operators import apply

__all__ = ["find"]

_STEP = re.compile(
    r"""
      \.\.(?P<deep>\*|[\w$-]+) | \.\.(?=\[)(?P<every>)
    | \.(?P<name>[\w$-]+) | (?P<star>\.\*|\[\s*\*\s*\])
    | \[\s*(?P<index>-?\d+)\s*\]
    | \[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*\]
    | \[\s*(?P<slice>-?\d*\s*:\s*-?\d*(?:\s*:\s*-?\d*)?)\s*\]
    | \[\s*(?P<union>(?:-?\d+|'[^']*'|"[^"]*")(?:\s*,\s*(?:-?\d+|'[^']*'|"[^"]*"))+)\s*\]
    | \[\s*\?\(\s*(?P<filter>.*?)\s*\)\s*\]
    """,
    re.VERBOSE | re.DOTALL,
)
_TEST = re.compile(r"@(?P<left>[^=!<>~\s]*)\s*(?:(?P<operator>==|!=|<=|>=|<|>|=~)\s*(?P<right>.+))?", re.DOTALL)


def find(text: str, path: str) -> object:
    """What ``path`` points at in a JSON text; a list for paths that may point at several values.

    Raises:
        ExpressionError: no JSON, no path, or nothing is there.
    """
    return _walk(gotext.unmarshal(text), path)


def _wrong(path: str, position: int) -> NoReturn:
    raise ExpressionError("this is no JSONPath", source=path, position=position)


def _walk(root: object, path: str) -> object:
    values, many, position, budget = [root], False, 0, Budget()
    if path[:1] not in {"$", "@"}:
        _wrong(path, 0)
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            _wrong(path, position)
        several = match.lastgroup not in {"name", "index", "quoted"}
        values = [found for value in values for found in _step(value, match, budget, strict=not many)]
        many = many or several
        position = match.end()
    return values if many else values[0]


def _step(value: object, match: re.Match[str], budget: Budget, *, strict: bool) -> list[object]:  # noqa: PLR0911 - one for each kind of step
    budget.spend()
    kind = str(match.lastgroup)
    text = match[kind]
    match kind:
        case "name":
            return _member(value, text, strict=strict)
        case "quoted":
            return _member(value, re.sub(r"\\(.)", r"\1", text[1:-1]), strict=strict)
        case "index":
            return _item(value, int(text), strict=strict)
        case "star":
            return _children(value)
        case "slice":
            bounds = [int(part) if part.strip() else None for part in text.split(":")]
            if len(bounds) == 3 and bounds[2] == 0:
                raise ExpressionError("the step of a slice is never 0")
            return value[slice(*bounds)] if isinstance(value, list) else []
        case "union":
            return [found for part in text.split(",") for found in _part(value, part.strip())]
        case "filter":
            return [child for child in _children(value) if _passes(child, text)]
        case "deep":
            below = _descend(value, budget)
            return [
                found
                for one in below
                for found in (_children(one) if text == "*" else _member(one, text, strict=False))
            ]
        case _:
            return _descend(value, budget)


def _member(value: object, key: str, *, strict: bool) -> list[object]:
    if isinstance(value, dict) and key in value:
        return [value[key]]
    if isinstance(value, list) and not strict:
        return []
    if strict:
        raise ExpressionError(f"unknown key {key!r}")
    return []


def _item(value: object, index: int, *, strict: bool) -> list[object]:
    if isinstance(value, list) and -len(value) <= index < len(value):
        return [value[index]]
    if strict:
        raise ExpressionError(f"index {index} is out of range")
    return []


def _part(value: object, part: str) -> list[object]:
    if part[0] in "'\"":
        return _member(value, part[1:-1], strict=False)
    return _item(value, int(part), strict=False)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, list) else []


def _descend(value: object, budget: Budget) -> list[object]:
    found, waiting = [], [value]
    while waiting:
        budget.spend()
        current = waiting.pop()
        found.append(current)
        waiting.extend(reversed(_children(current)))
    return found


def _passes(value: object, text: str) -> bool:
    return any(all(_test(value, piece.strip()) for piece in part.split("&&")) for part in text.split("||"))


def _test(value: object, text: str) -> bool:
    match = _TEST.fullmatch(text)
    if match is None:
        raise ExpressionError(f"the filter {text!r} is not understood")
    try:
        left = _walk(value, "@" + match["left"])
    except ExpressionError:
        return False
    if match["operator"] is None:
        return left not in (None, False)
    if match["operator"] == "=~":
        return isinstance(left, str) and regex.compiled(match["right"].strip("/'\" ")).search(left) is not None
    try:
        return apply(match["operator"], left, _constant(match["right"].strip())) is True
    except ExpressionError:
        return False


def _constant(text: str) -> object:
    if text[:1] in {"'", '"'} and text[-1:] == text[0] and len(text) > 1:
        return text[1:-1]
    return gotext.unmarshal(text)
