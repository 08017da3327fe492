"""Values of the graph as texts of a manifest.

A constant that looks like a tag must stay a constant: Argo replaces tags wherever they stand, so the braces of such a
text are taken apart in an expression (TG-02).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.model import Expr, Literal, Ref, Text

if TYPE_CHECKING:
    from dflow.engine.model import Value

__all__ = ["as_expression", "guarded", "name_of", "quoted", "text_of"]

_WORD = re.compile(r"[A-Za-z_]\w*\Z")
_PIECES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|\{(?=\{)|\}(?=\})""")


def text_of(value: Value) -> str:
    """What stands in the manifest for a value."""
    match value:
        case Literal(text):
            return text if "{{" not in text else "{{=" + quoted(text) + "}}"
        case Ref(path):
            return "{{" + path + "}}"
        case Expr(source):
            return "{{=" + guarded(source) + "}}"
        case Text(source):
            return source


def as_expression(value: Value) -> str:
    """The same value as the source of an expression; its result is a text wherever a part of it is one."""
    match value:
        case Literal(text):
            return quoted(text)
        case Ref(path):
            return name_of(path)
        case Expr(source):
            return guarded(source)
        case Text(source):
            return " + ".join(_part(part) for part in expressions.parse_text(source).parts) or "''"


def _part(part: object) -> str:
    if isinstance(part, expressions.Tag):
        return name_of(part.name)
    if isinstance(part, expressions.ExprTag):
        inner = guarded(part.source)
        return f"(type({inner}) == 'string' ? {inner} : toJson({inner}))"
    return quoted(str(part))


def name_of(path: str) -> str:
    """A dotted name as an expression: members that are no words in brackets (TG-08)."""
    first, *rest = path.split(".")
    return first + "".join(f".{word}" if _WORD.match(word) else f"[{quoted(word)}]" for word in rest)


def quoted(text: str) -> str:
    """A text as a constant of an expression, in which no tag can be found."""
    pieces = re.split(r"(?<=\{)(?=\{)|(?<=\})(?=\})", text)
    whole = " + ".join(_constant(piece) for piece in pieces)
    return whole if len(pieces) == 1 else f"({whole})"


def _constant(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + escaped.replace("\t", "\\t") + "'"


def guarded(source: str) -> str:
    """An expression without two braces side by side, which would end its tag; tags in it stay."""
    if "{{" in source and expressions.parse_text(source).names():
        return source

    def apart(match: re.Match[str]) -> str:
        piece = match[0]
        if piece in "{}":
            return piece + " "
        return quoted(_unquoted(piece)) if "{{" in piece or "}}" in piece else piece

    text = _PIECES.sub(apart, source)
    return text + " " if text.endswith("}") else text


def _unquoted(piece: str) -> str:
    return str(expressions.evaluate(piece, {}))
