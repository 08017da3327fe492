"""The ``when`` of a step, a language of its own: bare words are texts, all numbers are floats."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NoReturn

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import operators, regex, when_lexer
from dflow.engine.expressions.gotext import sprint
from dflow.engine.expressions.limits import MAX_DEPTH, MAX_ROW, MAX_SOURCE, check_size
from dflow.engine.records import record

if TYPE_CHECKING:
    from dflow.engine.expressions.when_lexer import Word

__all__ = ["check_when", "evaluate_when"]

_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({","}),
    frozenset({"?", ":", "??"}),
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"}),
    frozenset({"&", "|", "^"}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
"""Operators, from those that bind the least to those that bind the most; all go from left to right."""


@record(frozen=True, slots=True)
class _Value:
    value: object


@record(frozen=True, slots=True)
class _Prefix:
    symbol: str
    operand: _Tree


@record(frozen=True, slots=True)
class _Operation:
    symbol: str
    left: _Tree
    right: _Tree


_Tree = _Value | _Prefix | _Operation


def evaluate_when(text: str) -> bool:
    """Whether a step runs, from its ``when`` after the substitution; an empty text means yes.

    Raises:
        ExpressionError: the text is wrong, or its value is no bool.
    """
    if text == "":
        return True
    try:
        result = _value(_parsed(text))
    except (RecursionError, OverflowError) as exc:
        raise ExpressionError(f"the condition cannot be evaluated: {exc}", source=text) from exc
    except ExpressionError as exc:
        if exc.source:
            raise
        raise ExpressionError(f"{exc} in the condition {text!r}", source=text) from exc
    if not isinstance(result, bool):
        raise ExpressionError(f"the condition {text!r} gives {_shown(result)}, not true or false", source=text)
    return result


def check_when(text: str) -> None:
    """Check that a text can be read as a condition, whatever it gives.

    Raises:
        ExpressionError: it cannot.
    """
    try:
        _parsed(text)
    except RecursionError as exc:
        raise ExpressionError("the condition is nested too deeply", source=text) from exc


@functools.lru_cache(maxsize=1024)
def _parsed(text: str) -> _Tree:
    if len(text) > MAX_SOURCE:
        raise ExpressionError(f"a condition of more than {MAX_SOURCE} characters")
    return _Planner(when_lexer.words(text), text).whole()


class _Planner:
    def __init__(self, words: list[Word], source: str) -> None:
        self.words = words
        self.source = source
        self.index = 0
        self.depth = 0

    def fail(self, message: str) -> NoReturn:
        position = self.words[self.index].position if self.index < len(self.words) else len(self.source)
        raise ExpressionError(message, source=self.source, position=position)

    def peek(self) -> Word | None:
        return self.words[self.index] if self.index < len(self.words) else None

    def whole(self) -> _Tree:
        tree = self.level(0)
        if self.peek() is not None:
            self.fail("unbalanced parenthesis")
        return tree

    def level(self, number: int) -> _Tree:
        if number == len(_LEVELS):
            return self.operand()
        tree = self.level(number + 1)
        count = 0
        while (word := self.peek()) and word.kind in when_lexer.OPERATORS and word.value in _LEVELS[number]:
            count += 1
            if count > MAX_ROW:
                self.fail(f"more than {MAX_ROW} operators in a row")
            self.index += 1
            tree = _Operation(str(word.value), tree, self.level(number + 1))
        return tree

    def operand(self) -> _Tree:
        word = self.peek()
        if word is None:
            self.fail("the condition ends too early")
        self.index += 1
        if word.kind == "prefix":
            return _Prefix(str(word.value), self.operand())
        if word.kind != "open":
            return _Value(word.value)
        self.depth += 1
        if self.depth > MAX_DEPTH // 2:
            self.fail("too many parentheses")
        following = self.peek()
        tree: _Tree = _Value(None) if following and following.kind == "close" else self.level(0)
        closing = self.peek()
        if closing is None or closing.kind != "close":
            self.fail("unbalanced parenthesis")
        self.index += 1
        self.depth -= 1
        return tree


def _value(tree: _Tree) -> object:
    match tree:
        case _Value(value):
            if isinstance(value, when_lexer.Access):
                raise ExpressionError(f"{value.text!r} must be put in quotes")
            return value
        case _Prefix(symbol, operand):
            return _prefix(symbol, _value(operand))
        case _Operation():
            return _operation(tree)


def _prefix(symbol: str, value: object) -> object:
    if symbol == "!" and isinstance(value, bool):
        return not value
    if symbol != "!" and isinstance(value, float):
        return -value if symbol == "-" else float(~_int64(value))
    raise ExpressionError(f"{symbol} cannot be used with {sprint(value)!r}")


def _operation(tree: _Operation) -> object:
    spine: list[_Operation] = [tree]
    while isinstance(spine[-1].left, _Operation):
        spine.append(spine[-1].left)
    value = _value(spine[-1].left)
    for step in reversed(spine):
        value = _step(step, value)
    return value


def _step(tree: _Operation, left: object) -> object:
    symbol = tree.symbol
    match symbol:
        case "&&" | "||":
            return _logical(tree, left)
        case "?":
            if not isinstance(left, bool):
                raise ExpressionError(f"? wants true or false, not {sprint(left)!r}")
            return _value(tree.right) if left else None
        case ":" | "??":
            return _value(tree.right) if left is None else left
        case _:
            return _strict(symbol, left, _value(tree.right))


def _logical(tree: _Operation, left: object) -> bool:
    for_sure = tree.symbol == "||"
    if left is for_sure:
        return for_sure
    right = _value(tree.right)
    for value in (left, right):
        if not isinstance(value, bool):
            raise ExpressionError(f"{tree.symbol} wants true or false, not {sprint(value)!r}")
    return right is True


def _strict(symbol: str, left: object, right: object) -> object:  # noqa: PLR0911 - one for each operator
    match symbol:
        case "==" | "!=":
            same = type(left) is type(right) and left == right
            return same is (symbol == "==")
        case "in":
            return _member(left, right)
        case ",":
            return (*left, right) if isinstance(left, tuple) else (left, right)
        case "=~" | "!~":
            return _matches(left, right) is (symbol == "=~")
        case "+" if isinstance(left, str) or isinstance(right, str):
            joined = _shown(left) + _shown(right)
            check_size(len(joined))
            return joined
        case "<" | "<=" | ">" | ">=" if isinstance(left, str) and isinstance(right, str):
            return operators.apply(symbol, left, right)
    if not isinstance(left, float) or not isinstance(right, float):
        raise ExpressionError(f"{sprint(left)!r} {symbol} {sprint(right)!r}: these are not both numbers")
    return _numeric(symbol, left, right)


def _shown(value: object) -> str:
    return sprint(list(value)) if isinstance(value, tuple) else sprint(value)


def _member(left: object, right: object) -> bool:
    if not isinstance(right, tuple):
        raise ExpressionError("in wants a list such as (a, b) on its right")
    if isinstance(left, tuple):
        raise ExpressionError("a list cannot be looked for in a list")
    return any(type(left) is type(item) and left == item for item in right)


def _matches(left: object, right: object) -> bool:
    pattern = right
    if isinstance(pattern, str) and isinstance(left, str):
        return regex.compiled(pattern).search(left) is not None
    raise ExpressionError("=~ and !~ compare a text with a pattern")


def _numeric(symbol: str, left: float, right: float) -> object:  # noqa: PLR0911 - one for each operator
    match symbol:
        case "<" | "<=" | ">" | ">=":
            return operators.ORDER[symbol](left, right)
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return operators.divide(left, right)
        case "**":
            return operators.power(left, right)
        case "%":
            return math.fmod(left, right) if right != 0 and math.isfinite(left) and not math.isnan(right) else math.nan
        case _:
            return _bits(symbol, _int64(left), _int64(right))


def _int64(value: float) -> int:
    return int(value) if -(2.0**63) <= value < 2.0**63 else -(2**63)


def _bits(symbol: str, left: int, right: int) -> float:
    full = 0xFFFFFFFFFFFFFFFF
    match symbol:
        case "&":
            return float(left & right)
        case "|":
            return float(left | right)
        case "^":
            return float(left ^ right)
        case "<<":
            return float((left & full) << min(right & full, 64) & full)
        case _:
            return float((left & full) >> min(right & full, 64))
