"""Types from the texts that they are recorded as; nothing is imported and nothing is evaluated."""

from __future__ import annotations

import ast
import builtins
import functools
import operator
import sys
import typing
from typing import Any

__all__ = ["type_from"]


def type_from(text: Any) -> Any:
    """The type of a text such as ``int``, ``typing.List[pathlib.Path]`` or ``Dict[str, int]``.

    A text that names nothing that is imported already stays a text.
    """
    if not isinstance(text, str):
        return text
    try:
        return _of(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return text


def _of(node: ast.expr) -> Any:  # noqa: PLR0911 - one for each form
    match node:
        case ast.Constant(value=None):
            return type(None)
        case ast.Name(id=name):
            return _named(name)
        case ast.Attribute():
            return _dotted(ast.unparse(node))
        case ast.Subscript(value=outer, slice=ast.Tuple(elts=parts)):
            return _of(outer)[tuple(_of(part) for part in parts)]
        case ast.Subscript(value=outer, slice=part):
            return _of(outer)[_of(part)]
        case ast.List(elts=parts):
            return [_of(part) for part in parts]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return operator.or_(_of(left), _of(right))
    raise ValueError(ast.dump(node))


def _named(name: str) -> Any:
    found = getattr(builtins, name, None)
    if isinstance(found, type):
        return found
    if name in typing.__all__:
        return getattr(typing, name)
    if name == "Path":
        return _dotted("pathlib.Path")
    raise LookupError(name)


def _dotted(path: str) -> Any:
    """What is called so in a module that is imported already."""
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:count]))
        if module is not None:
            return functools.reduce(getattr, parts[count:], module)
    raise LookupError(path)
