"""The value of an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import functions, operators, predicates
from dflow.engine.expressions import nodes as n
from dflow.engine.expressions.environment import Branch
from dflow.engine.expressions.limits import Budget
from dflow.engine.expressions.signatures import EXTRA, PREDICATES, SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.expressions.environment import Environment

__all__ = ["Evaluator"]


class _Skip(Exception):
    """A ``?.`` met nil: the rest of its chain is skipped."""


class Evaluator:
    """Evaluates one expression.

    Attributes:
        environment: its variables.
        source: its text, for messages.
        budget: what it may still do.
    """

    def __init__(self, environment: Environment, source: str) -> None:
        self.environment = environment
        self.source = source
        self.budget = Budget()
        self.bound: dict[str, object] = {}
        self.items: list[dict[str, object]] = []

    def value(self, node: n.Node) -> object:
        """The value of ``node``.

        Raises:
            ExpressionError: it has none.
        """
        result = self.part(node)
        return result.expand() if isinstance(result, Branch) else result

    def part(self, node: n.Node) -> object:  # noqa: PLR0911 - one for each kind of node
        """The value of ``node``, which may be a branch of the variables."""
        self.budget.spend()
        try:
            match node:
                case n.String(value) | n.Integer(value) | n.Bool(value) | n.Float(value):
                    return value
                case n.Name(name):
                    return self._name(name)
                case n.Member(base, key, optional):
                    return self._member(self.part(base), key, optional=optional)
                case n.Binary():
                    return self._binary(node)
                case n.Builtin(name, args):
                    return self._builtin(name, args)
                case n.Pointer(name):
                    return self.items[-1][name]
                case _:
                    return self._other(node)
        except ExpressionError as exc:
            if exc.source or not self.source:
                raise
            raise ExpressionError(str(exc), source=self.source, position=node.position) from exc

    def _other(self, node: n.Node) -> object:  # noqa: C901, PLR0911 - one for each kind of node
        match node:
            case n.Conditional():
                return self._conditional(node)
            case n.Call(callee, args):
                return self._call(callee, args)
            case n.Unary(symbol, operand):
                return self._unary(symbol, self.value(operand))
            case n.Chain(body):
                try:
                    return self.part(body)
                except _Skip:
                    return None
            case n.Array(items):
                return [self.value(item) for item in items]
            case n.Map(pairs):
                return {self._key(key): self.value(value) for key, value in pairs}
            case n.Slice(base, start, stop):
                return self._slice(self.value(base), start, stop)
            case n.Let():
                return self._let(node)
            case n.Sequence(items):
                return [self.value(item) for item in items][-1]
            case _:
                return None

    def _name(self, name: str) -> object:
        if name in self.bound:
            return self.bound[name]
        if name == "$env":
            return Branch(self.environment, "")
        if name in EXTRA and not self.environment.known(name):
            return _extra(name)
        if name == "sprig" and not self.environment.known(name):
            from dflow.engine.expressions import sprig  # noqa: PLC0415 - large, and seldom used

            return sprig.FUNCTIONS
        return self.environment.get(name)

    def _member(self, base: object, key: n.Node, *, optional: bool) -> object:
        if base is None:
            if optional:
                raise _Skip
            named = f" {key.value!r}" if isinstance(key, n.String) else ""
            raise ExpressionError(f"cannot get member{named} of nil; ?. and ?? handle a missing value")
        word = self.value(key)
        if isinstance(base, Branch):
            if not isinstance(word, str):
                raise ExpressionError(f"the keys of a map are texts, not {operators.kind(word)}")
            return base.get(word)
        return fetch(base, word)

    def _binary(self, node: n.Binary) -> object:
        spine = [node]
        while isinstance(spine[-1].left, n.Binary):
            spine.append(spine[-1].left)
        value = self.value(spine[-1].left)
        for step in reversed(spine):
            value = self._step(step, value)
        return value

    def _step(self, node: n.Binary, left: object) -> object:
        symbol = node.operator
        if symbol == "??":
            return left if left is not None else self.value(node.right)
        if symbol in {"&&", "||"}:
            if not isinstance(left, bool):
                raise ExpressionError(f"{symbol} wants bool, not {operators.kind(left)}")
            if left is (symbol == "||"):
                return left
            right = self.value(node.right)
            if not isinstance(right, bool):
                raise ExpressionError(f"{symbol} wants bool, not {operators.kind(right)}")
            return right
        right = self.value(node.right)
        try:
            return operators.apply(symbol, left, right)
        except ExpressionError as exc:
            raise ExpressionError(
                str(exc), source=self.source, position=node.position if self.source else None
            ) from exc

    def _conditional(self, node: n.Conditional) -> object:
        test = self.value(node.test)
        if not isinstance(test, bool):
            raise ExpressionError(f"the condition is {operators.kind(test)}, not bool")
        if test and node.then is node.test:
            return test
        return self.value(node.then if test else node.other)

    @staticmethod
    def _unary(symbol: str, value: object) -> object:
        if symbol == "-":
            return operators.negative(value)
        if symbol == "!":
            if isinstance(value, bool):
                return not value
            raise ExpressionError(f"! wants bool, not {operators.kind(value)}")
        if operators.kind(value) not in {"int", "float"}:
            raise ExpressionError(f"+ wants a number, not {operators.kind(value)}")
        return value

    def _key(self, node: n.Node) -> str:
        key = self.value(node)
        if not isinstance(key, str):
            raise ExpressionError(f"the keys of a map are texts, not {operators.kind(key)}")
        return key

    def _let(self, node: n.Let) -> object:
        self.bound[node.name] = self.value(node.value)
        try:
            return self.value(node.body)
        finally:
            del self.bound[node.name]

    def _slice(self, base: object, start: n.Node | None, stop: n.Node | None) -> object:
        if not isinstance(base, (str, list)):
            raise ExpressionError(f"cannot slice {operators.kind(base)}")
        first = self._bound(start)
        last = self._bound(stop)
        if isinstance(base, list):
            low, high = _clamp(first, last, len(base))
            return base[low:high]
        octets = base.encode("utf-8", "surrogatepass")
        low, high = _clamp(first, last, len(octets))
        return octets[low:high].decode("utf-8", "replace")

    def _bound(self, node: n.Node | None) -> int | None:
        if node is None:
            return None
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ExpressionError(f"the bounds of a slice are whole numbers, not {operators.kind(value)}")
        return value

    def _builtin(self, name: str, args: tuple[n.Node, ...]) -> object:
        if name in PREDICATES:
            return predicates.FUNCTIONS[name](self, args)
        values = [self.value(arg) for arg in args]
        return functions.call(name, SIGNATURES[name], values)

    def _call(self, callee: n.Node, args: tuple[n.Node, ...]) -> object:
        function = self.part(callee)
        values = [self.value(arg) for arg in args]
        if not callable(function):
            named = (
                f" {callee.key.value!r}" if isinstance(callee, n.Member) and isinstance(callee.key, n.String) else ""
            )
            raise ExpressionError(f"there is no function{named}")
        result: object = function(*values)
        return result


def _extra(name: str) -> Callable[..., object]:
    def call(*values: object) -> object:
        return functions.call(name, EXTRA[name], list(values))

    return call


def _clamp(first: int | None, last: int | None, length: int) -> tuple[int, int]:
    low = 0 if first is None else first if first >= 0 else max(0, length + first)
    high = length if last is None else last if last >= 0 else max(0, length + last)
    high = min(high, length)
    return min(low, high), high


def fetch(base: object, key: object) -> object:
    """``base[key]``.

    Raises:
        ExpressionError: there is nothing to get, or the index is out of range.
    """
    if isinstance(base, dict):
        if not isinstance(key, str):
            raise ExpressionError(f"the keys of a map are texts, not {operators.kind(key)}")
        return base.get(key)
    if isinstance(base, (list, str)):
        if isinstance(key, bool) or not isinstance(key, (int, float)):
            raise ExpressionError(f"{operators.kind(base)} has no member {key!r}")
        items = base if isinstance(base, list) else base.encode("utf-8", "surrogatepass")
        index = int(key)
        if not -len(items) <= index < len(items):
            raise ExpressionError(f"index out of range: {index} (the length is {len(items)})")
        return items[index]
    method = getattr(base, "go_method", None)
    if method is None or not isinstance(key, str):
        raise ExpressionError(f"{operators.kind(base)} has no member {key!r}")
    found: object = method(key)
    return found
