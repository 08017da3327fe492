"""From the tree of an expression back to a text that parses to the same tree."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import nodes as n
from dflow.engine.expressions.binding import BINARY
from dflow.engine.expressions.limits import Budget
from dflow.engine.expressions.operators import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["unparse"]

_WORD = re.compile(r"[^\W\d][\w$]*")
_OPEN = (n.Let, n.Sequence)
_LOOSE = (n.Binary, n.Unary, n.Conditional, *_OPEN)
_TIGHT = (n.Name, n.Pointer, n.Member, n.Call, n.Builtin, n.String, n.Array, n.Map, n.Slice)


def unparse(node: n.Node) -> str:
    """A text of the expression, for which ``parse(unparse(node)) == node``.

    Raises:
        ExpressionError: the tree is too large or too deep for a text.
    """
    try:
        return _Writer().text(node)
    except RecursionError as exc:
        raise ExpressionError("the expression is nested too deeply") from exc


class _Writer:
    def __init__(self) -> None:
        self.budget = Budget(100_000)

    def text(self, node: n.Node) -> str:  # noqa: PLR0911 - one for each kind of node
        self.budget.spend()
        match node:
            case n.Nil():
                return "nil"
            case n.Bool(value):
                return "true" if value else "false"
            case n.Integer(value):
                return str(value)
            case n.Float(number):
                return repr(number)
            case n.String(value):
                return _quoted(value)
            case n.Name(name):
                return name
            case n.Pointer(name):
                return f"#{name}"
            case n.Binary():
                return self.binary(node)
            case n.Unary(symbol, operand):
                wrapped = isinstance(operand, (n.Binary, n.Conditional, *_OPEN))
                return symbol + (self.wrapped(operand) if wrapped else self.text(operand))
            case _:
                return self.compound(node)

    def compound(self, node: n.Node) -> str:  # noqa: C901, PLR0911 - one for each kind of node
        match node:
            case n.Conditional():
                return self.conditional(node)
            case n.Array(items):
                return f"[{self.listed(items)}]"
            case n.Map(pairs):
                return _braced(", ".join(f"{self.key(key)}: {self.item(value)}" for key, value in pairs))
            case n.Member():
                return self.member(node)
            case n.Slice(base, start, stop):
                bounds = ["" if bound is None else self.bound(bound) for bound in (start, stop)]
                return f"{self.base(base)}[{':'.join(bounds)}]"
            case n.Chain(body):
                return self.text(body)
            case n.Call(callee, args):
                return f"{self.text(callee)}({self.listed(args)})"
            case n.Builtin(name, args):
                return f"{name}({self.listed(args)})"
            case n.Predicate(body):
                return _braced(self.text(body))
            case n.Let(name, value, body):
                return f"let {name} = {self.item(value)}; {self.text(body)}"
            case n.Sequence(items):
                return "; ".join(self.item(item) for item in items)
            case _:
                raise ExpressionError(f"{type(node).__name__} is no part of an expression")

    def wrapped(self, node: n.Node) -> str:
        return f"({self.text(node)})"

    def item(self, node: n.Node) -> str:
        return self.wrapped(node) if isinstance(node, _OPEN) else self.text(node)

    def listed(self, items: Iterable[n.Node]) -> str:
        return ", ".join(self.item(item) for item in items)

    def bound(self, node: n.Node) -> str:
        return self.wrapped(node) if isinstance(node, (n.Conditional, *_OPEN)) else self.text(node)

    def key(self, node: n.Node) -> str:
        return self.text(node) if isinstance(node, n.String) else self.wrapped(node)

    def base(self, node: n.Node) -> str:
        return self.text(node) if isinstance(node, _TIGHT) else self.wrapped(node)

    def conditional(self, node: n.Conditional) -> str:
        test = self.bound(node.test)
        other = self.item(node.other)
        if node.then is node.test:
            return f"{test} ?: {other}"
        return f"{test} ? {self.bound(node.then)} : {other}"

    def member(self, node: n.Member) -> str:
        base = self.base(node.base)
        if isinstance(node.key, n.String) and _WORD.fullmatch(node.key.value):
            return f"{base}{'?.' if node.optional else '.'}{node.key.value}"
        return f"{base}{'?.' if node.optional else ''}[{self.bound(node.key)}]"

    def binary(self, node: n.Binary) -> str:
        spine = [node]
        while isinstance(spine[-1].left, n.Binary) and _flat(spine[-1].left.operator, spine[-1].operator):
            spine.append(spine[-1].left)
        text = self.operand(spine[-1].left)
        for step in reversed(spine):
            right = step.right
            tight = isinstance(right, n.Binary) and _tighter(right.operator, step.operator)
            text += f" {step.operator} {self.text(right) if tight else self.operand(right)}"
        return text

    def operand(self, node: n.Node) -> str:
        return self.wrapped(node) if isinstance(node, _LOOSE) else self.text(node)


def _flat(left: str, symbol: str) -> bool:
    """Whether ``a left b symbol c`` without parentheses does ``left`` first."""
    if "??" in {left, symbol} or symbol == "**" or (left in ORDER and symbol in ORDER):
        return left == symbol == "??"
    return BINARY[left] >= BINARY[symbol]


def _tighter(right: str, symbol: str) -> bool:
    return BINARY[right] > BINARY[symbol] and "??" not in {right, symbol}


def _braced(body: str) -> str:
    """``body`` in braces, so that no two of them close a tag."""
    return f"{{{body} }}" if body.endswith("}") else f"{{{body}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("}}", "}\\x7d")
