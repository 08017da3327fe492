"""Texts of a manifest as values of the graph."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dflow.engine.expressions import ExprTag, Tag, parse_text
from dflow.engine.expressions.gotext import json_float, marshal
from dflow.engine.model import Expr, Literal, Ref, Text

if TYPE_CHECKING:
    from dflow.engine.model import Value

__all__ = ["expression_of", "flattened", "has_tag", "json_value", "reference", "value_of"]

_ROOTS = frozenset({"inputs", "item", "lastRetry", "node", "outputs", "pod", "retries", "steps", "tasks", "workflow"})
_NESTED = re.compile(r"\{\{\s*(\w[\w.-]*)\{\{\s*([\w.-]+)\s*\}\}([\w.-]*)\s*\}\}")
_SIMPLE = re.compile(r"[A-Za-z_]\w*")


def has_tag(text: str) -> bool:
    """Whether there is a tag in a text."""
    start = text.find("{{")
    return start >= 0 and text.find("}}", start) >= 0


def flattened(text: str) -> str:
    """A text whose nested tags, ``{{a.{{b}}}}``, are expressions: they are replaced in one pass here."""
    if text.count("{{") < 2:
        return text
    return _NESTED.sub(_as_expression, text)


def _as_expression(match: re.Match[str]) -> str:
    """``{{a.b-{{c}}.d}}`` as an expression."""
    before, dot, start = match[1].rpartition(".")
    end, _, after = match[3].partition(".")
    if not dot:
        return match[0]
    words = [*([_quoted(start)] if start else []), _path(match[2]), *([_quoted(end)] if end else [])]
    rest = _path(f"x.{after}")[1:] if after else ""
    return f"{{{{={_path(before)}[{' + '.join(words)}]{rest}}}}}"


def value_of(text: str) -> Value:
    """A text with tags, a reference, an expression, or just a text.

    Raises:
        ExpressionError: it has a tag, and one more that is not closed.
    """
    text = flattened(text)
    if not has_tag(text):
        return Literal(text)
    match parse_text(text).parts:
        case [Tag(name=name)] if name.partition(".")[0] in _ROOTS:
            return Ref(name)
        case [ExprTag(source=source)]:
            return Expr(source.strip())
    return Text(text)


def reference(text: str) -> Value:
    """The value of a name that may stand in braces or without them."""
    value = value_of(text.strip())
    return Ref(value.text) if isinstance(value, Literal) else value


def json_value(value: Any) -> Value:
    """Plain values as the JSON that they are, with tags in their texts."""
    if not any(has_tag(text) for text in _texts(value)):
        return Literal(marshal(value))
    return Expr(f"toJson({expression_of(value)})")


def expression_of(value: Any) -> str:  # noqa: PLR0911 - one for each type
    """An expression that builds plain values, with tags in their texts.

    Raises:
        ExpressionError: a tag that is not closed, or is no expression.
    """
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return json_float(value)
        case list():
            return f"[{', '.join(map(expression_of, value))}]"
        case dict():
            return f"{{{', '.join(f'{_quoted(str(key))}: {expression_of(child)}' for key, child in value.items())}}}"
    return _text(str(value))


def _text(text: str) -> str:
    text = flattened(text)
    if not has_tag(text):
        return _quoted(text)
    parts = [_part(part) for part in parse_text(text).parts]
    return " + ".join(parts) if len(parts) == 1 else f"({' + '.join(parts)})"


def _part(part: str | Tag | ExprTag) -> str:
    match part:
        case str():
            return _quoted(part)
        case Tag(name=name) if name.partition(".")[0] in _ROOTS:
            return _path(name)
        case Tag(source=source):
            return _quoted(f"{{{{{source}}}}}")
        case ExprTag(source=source):
            return f"(let v = ({source}); type(v) == 'string' ? v : toJson(v))"


def _path(name: str) -> str:
    first, *rest = name.split(".")
    return first + "".join(f".{word}" if _SIMPLE.fullmatch(word) else f"[{_quoted(word)}]" for word in rest)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for child in value for text in _texts(child)]
        case dict():
            return [text for key, child in value.items() for text in (str(key), *_texts(child))]
    return []
