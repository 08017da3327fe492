"""Values of the graph as texts of a manifest.

A constant that looks like a tag must stay a constant: Argo replaces tags wherever they stand, so the braces of such a
text are taken apart in an expression (TG-02).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.model import Expr, Literal, Ref, Text

if TYPE_CHECKING:
    from dflow.engine.model import Value
    from dflow.exporters.argo.export.context import Context

__all__ = ["as_expression", "guarded", "has_tags", "name_of", "quoted", "refuse_tags", "tag_in", "text_of"]

_KNOWN = {"workflow", "inputs", "outputs", "steps", "tasks", "node", "pod", "retries", "lastRetry"}
_WORD = re.compile(r"[A-Za-z_]\w*\Z")
_TAG = re.compile(
    r"\{\{\s*(?:(?:workflow|inputs|outputs|steps|tasks|item|lastRetry)(?:\.[^{}]*|\s*)|node\.name|pod\.name|retries)\s*\}\}"
)
_SOURCE = re.compile(r"\{\{=(.*?)\}\}", re.DOTALL)
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
    if has_tags(source):
        return source

    def apart(match: re.Match[str]) -> str:
        piece = match[0]
        if piece in "{}":
            return piece + " "
        return quoted(_unquoted(piece)) if "{{" in piece or "}}" in piece else piece

    text = _PIECES.sub(apart, source)
    return text + " " if text.endswith("}") else text


def has_tags(source: str) -> bool:
    """Whether an expression has tags inside, which are replaced before it is read."""
    return _TAG.search(source) is not None


def tag_in(text: str) -> str | None:
    """The first tag in a constant that Argo would replace on the constant's way through a workflow (TG-03).

    Unknown tags stay as they are (TG-04), and so do those of items: what is put in their place is not looked at again.
    """
    for match in _TAG.finditer(text):
        if not match[0][2:].lstrip().startswith("item"):
            return match[0]
    for match in _SOURCE.finditer(text):
        try:
            roots = {path[0] for path in expressions.names(match[1])}
        except ExpressionError:
            continue
        if roots <= _KNOWN:
            return match[0]
    return None


def refuse_tags(what: str, value: Value, context: Context) -> None:
    """Report a constant that would not arrive as it is."""
    found = tag_in(value.text) if isinstance(value, Literal) else None
    if found is not None:
        context.problems.append(
            f"{what} {found} in a constant, which Argo would replace by its value; put it together in the step"
        )


def _unquoted(piece: str) -> str:
    return str(expressions.evaluate(piece, {}))
