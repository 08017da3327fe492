"""The index of a slice where it is written as Python, such as ``int('{{item}}') - 1``, as an expression of Argo's.

Scripts of upstream's may write any Python there, which it runs. This reads whole numbers, texts, ``int()``, ``str()``,
arithmetic, and ``.split(...)[i]``; nothing is run. Every other text stays what it is.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

__all__ = ["as_index", "without_items"]

_ITEM = re.compile(r"\{\{\s*(item(?:\.[A-Za-z_]\w*)*)\s*\}\}")
_NAME = "dflow_item_{}_"
_PLACE = re.compile(r"dflow_item_(\d+)_")


_FORMS: dict[type[ast.operator], str] = {
    ast.Add: "({a} + {b})",
    ast.Sub: "({a} - {b})",
    ast.Mult: "({a} * {b})",
    ast.Div: "({a} / {b})",
    ast.FloorDiv: "int(floor({a} / {b}))",
    ast.Mod: "((({a} % {b}) + {b}) % {b})",  # Python's, which is never negative
}


class _Unreadable(Exception):
    """A text that is no such Python."""


class _Part(NamedTuple):
    source: str
    kind: str  # "text", "number", "items" of a split text, or "bare": an item as it stands


def as_index(text: str) -> str:
    """The text with its Python as ``{{=…}}``; as it is when it holds no item or is no Python that is read here."""
    if text.startswith("{{=") or not _ITEM.search(text) or _ITEM.fullmatch(text.strip()):
        return text
    paths: list[str] = []

    def name(found: re.Match[str]) -> str:
        paths.append(found[1])
        return _NAME.format(len(paths) - 1)

    try:
        tree = ast.parse(_ITEM.sub(name, text).strip(), mode="eval")
        part = _Reader(paths).read(tree.body)
    except (SyntaxError, ValueError, _Unreadable):
        return text
    return text if part.kind in ("bare", "items") else "{{=" + part.source + "}}"


def without_items(text: str) -> str:
    """The text with the bare name of each item: ``run-{{item}}`` is ``run-item``."""
    return _ITEM.sub(lambda found: found[1].replace(".", "-"), text)


class _Reader:
    """Reads a tree of Python; ``paths`` are the items that its names stand for."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths

    def read(self, node: ast.expr) -> _Part:
        match node:
            case ast.Constant(value=value):
                return self._constant(value)
            case ast.Name(id=name) if found := _PLACE.fullmatch(name):
                return _Part(self._paths[int(found[1])], "bare")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _Part(f"(-{self._number(operand)})", "number")
            case ast.BinOp(left=left, op=op, right=right):
                return _Part(_arithmetic(op, self._number(left), self._number(right)), "number")
            case ast.Call(func=called, args=[argument], keywords=[]):
                return self._call(called, argument)
        if isinstance(node, ast.Subscript) and (items := self.read(node.value)).kind == "items":
            return _Part(f"{items.source}[{_place(node.slice)}]", "text")
        raise _Unreadable

    def _constant(self, value: object) -> _Part:
        if isinstance(value, str):
            return _Part(self._joined(value), "text")
        if isinstance(value, int) and not isinstance(value, bool):
            return _Part(str(value), "number")
        raise _Unreadable

    def _call(self, called: ast.expr, argument: ast.expr) -> _Part:
        match called:
            case ast.Name(id="int"):
                return self._whole(self.read(argument))
            case ast.Name(id="str"):
                return _Part(f"string({self.read(argument).source})", "text")
            case ast.Attribute(value=inner, attr="split") if isinstance(argument, ast.Constant):
                text, by = self.read(inner), argument.value
                if isinstance(by, str) and by and text.kind == "text":
                    return _Part(f"sprig.splitList({_quoted(by)}, {text.source})", "items")
        raise _Unreadable

    def _number(self, node: ast.expr) -> str:
        part = self.read(node)
        if part.kind == "bare":
            return f"asInt({part.source})"
        if part.kind != "number":
            raise _Unreadable
        return part.source

    def _whole(self, part: _Part) -> _Part:
        if part.kind == "items":
            raise _Unreadable
        return _Part(f"{'int' if part.kind == 'number' else 'asInt'}({part.source})", "number")

    def _joined(self, text: str) -> str:
        """A text of Python in which items may stand, as texts that are put together."""
        words = _PLACE.split(text)
        parts = [self._paths[int(word)] if at % 2 else _quoted(word) for at, word in enumerate(words) if at % 2 or word]
        return parts[0] if len(parts) == 1 else "(" + " + ".join(parts or ["''"]) + ")"


def _place(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(at)):
            return int(at)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(at))):
            return -int(at)
    raise _Unreadable


def _arithmetic(op: ast.operator, left: str, right: str) -> str:
    form = _FORMS.get(type(op))
    if form is None:
        raise _Unreadable
    return form.format(a=left, b=right)


def _quoted(text: str) -> str:
    if not text.isprintable() or "\\" in text or "{{" in text:
        raise _Unreadable
    return "'" + text.replace("'", "\\'") + "'"
