"""Expressions over names that are known when the workflow runs.

All parameter values are texts where expressions are evaluated, so an operator converts: arithmetic and order compare
numbers, ``==`` compares numbers where one side is known to be one, else texts.
"""

from __future__ import annotations

import json
from typing import Any, Iterator

from dflow.engine.errors import WrongType

__all__ = ["MISSING", "ArgoVar", "Expression", "IfExpression", "if_expression", "quoted", "type_to_str"]


class _Missing:
    """Stands for "not given", where None means something."""

    def __repr__(self) -> str:
        return "<missing>"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> _Missing:
        return self

    def __deepcopy__(self, memo: object) -> _Missing:
        return self

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


def type_to_str(type: Any) -> str:
    """The text under which a type is recorded: ``int``, ``typing.List[str]``, ``mymodule.MyClass``."""
    if isinstance(type, str):
        return type
    if hasattr(type, "__origin__") or getattr(type, "__module__", "") == "typing":
        return str(type)
    module, name = getattr(type, "__module__", None), getattr(type, "__qualname__", None)
    if name is None:
        return str(type)
    return name if module == "builtins" else f"{module}.{name}"


def quoted(text: str) -> str:
    """A text as the literal of an expression."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class ArgoVar:
    """An expression over names that are known when the workflow runs.

    Args:
        expr: the expression's text, as Argo's expression language has it.
        is_str: the expression gives a text, as every parameter does; otherwise a number, a list …
    """

    is_str = True

    def __init__(self, expr: str | None = None, is_str: bool = True) -> None:
        self._expr = expr
        self.is_str = is_str

    @property
    def expr(self) -> str:
        """The text of the expression, without braces."""
        return self._expr or ""

    def __str__(self) -> str:
        return "{{=" + self.expr + "}}"

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise WrongType(
            f"{self} is neither true nor false before the workflow runs; combine conditions with & and | and "
            "parentheses, as in (a > 1) & (b < 3)"
        )

    def __iter__(self) -> Iterator[Any]:
        raise WrongType(f"{self} has no elements before the workflow runs; loop with with_param=")

    # -- how this side of an operator is written ---

    def _kind(self) -> str | None:
        """``number``, ``bool``, ``str`` or None when it is not known."""
        return None if self.is_str else "native"

    def _number(self) -> str:
        return f"asFloat({self.expr})" if self.is_str else self._wrapped()

    def _wrapped(self) -> str:
        return self.expr

    def _arithmetic(self, operator: str, other: Any, *, swapped: bool = False) -> ArgoVar:
        mine, theirs = self._number(), _number_of(other)
        left, right = (theirs, mine) if swapped else (mine, theirs)
        return ArgoVar(f"({left} {operator} {right})", is_str=False)

    def _order(self, operator: str, other: Any) -> ArgoVar:
        if isinstance(other, str):
            return ArgoVar(f"({self.expr} {operator} {quoted(other)})", is_str=False)
        if _both_texts(self, other):
            return ArgoVar(f"({self.expr} {operator} {other.expr})", is_str=False)
        return self._arithmetic(operator, other)

    def _equality(self, operator: str, other: Any) -> ArgoVar:
        left, right = _equality_sides(self, other)
        return ArgoVar(f"({left} {operator} {right})", is_str=False)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, str):
            return str(self) + other
        return self._arithmetic("+", other)

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, str):
            return other + str(self)
        return self._arithmetic("+", other, swapped=True)

    def __sub__(self, other: Any) -> ArgoVar:
        return self._arithmetic("-", other)

    def __rsub__(self, other: Any) -> ArgoVar:
        return self._arithmetic("-", other, swapped=True)

    def __mul__(self, other: Any) -> ArgoVar:
        return self._arithmetic("*", other)

    def __rmul__(self, other: Any) -> ArgoVar:
        return self._arithmetic("*", other, swapped=True)

    def __truediv__(self, other: Any) -> ArgoVar:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: Any) -> ArgoVar:
        return self._arithmetic("/", other, swapped=True)

    def __pow__(self, other: Any) -> ArgoVar:
        return self._arithmetic("**", other)

    def __mod__(self, other: Any) -> ArgoVar:
        return ArgoVar(f"(int({self._number()}) % int({_number_of(other)}))", is_str=False)

    def __neg__(self) -> ArgoVar:
        return ArgoVar(f"(-{self._number()})", is_str=False)

    def __lt__(self, other: Any) -> ArgoVar:
        return self._order("<", other)

    def __le__(self, other: Any) -> ArgoVar:
        return self._order("<=", other)

    def __gt__(self, other: Any) -> ArgoVar:
        return self._order(">", other)

    def __ge__(self, other: Any) -> ArgoVar:
        return self._order(">=", other)

    def __eq__(self, other: Any) -> ArgoVar:  # type: ignore[override]
        return self._equality("==", other)

    def __ne__(self, other: Any) -> ArgoVar:  # type: ignore[override]
        return self._equality("!=", other)

    def __and__(self, other: Any) -> ArgoVar:
        return ArgoVar(f"({_condition(self)} && {_condition(other)})", is_str=False)

    def __or__(self, other: Any) -> ArgoVar:
        return ArgoVar(f"({_condition(self)} || {_condition(other)})", is_str=False)

    def __invert__(self) -> ArgoVar:
        return ArgoVar(f"(!{_condition(self)})", is_str=False)

    def __getitem__(self, key: Any) -> ArgoVar:
        inner = f"jsonpath({self.expr}, '$')" if self.is_str else self.expr
        if isinstance(key, ArgoVar):
            index = f"int({key.expr})"
        else:
            index = quoted(key) if isinstance(key, str) else str(int(key))
        return ArgoVar(f"{inner}[{index}]", is_str=False)


def _number_of(value: Any) -> str:
    if isinstance(value, ArgoVar):
        return value._number()
    if _is_number(value):
        return repr(value)
    raise WrongType(f"an expression cannot compute with {value!r} of type {type(value).__name__}")


def _both_texts(left: ArgoVar, right: Any) -> bool:
    return isinstance(right, ArgoVar) and left._kind() == "str" and right._kind() == "str"


def _equality_sides(left: ArgoVar, right: Any) -> tuple[str, str]:
    """How the two sides of ``==`` are written: numbers where one is known to be one, else texts."""
    if isinstance(right, ArgoVar):
        if "number" in (left._kind(), right._kind()) or not (left.is_str and right.is_str):
            return left._number(), right._number()
        return left.expr, right.expr
    if _is_number(right) and left._kind() in ("number", "native"):
        return left._number(), repr(right)
    if left.is_str:
        return left.expr, quoted(right if isinstance(right, str) else json.dumps(right))
    return left.expr, quoted(right) if isinstance(right, str) else json.dumps(right)


def _condition(value: Any) -> str:
    """The value as something true or false."""
    if isinstance(value, ArgoVar):
        return f"({value.expr} == 'true')" if value.is_str else value.expr
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"({value})"
    raise WrongType(f"{value!r} is no condition")


class Expression:
    """The text of an expression, for callers that have one ready."""

    def __init__(self, expr: str) -> None:
        self.expr = expr

    def eval(self, scope: Any) -> Any:
        """The value, with names of the mapping ``scope``."""
        from dflow.engine import expressions

        return expressions.evaluate(self.expr, scope)

    def __str__(self) -> str:
        return "{{=" + self.expr + "}}"


class IfExpression(ArgoVar):
    """One of two values, or artifacts, by a condition. Made by :func:`if_expression`."""

    def __init__(self, _if: Any, _then: Any, _else: Any) -> None:
        super().__init__(f"({_condition(_if)} ? {_branch(_then)} : {_branch(_else)})", is_str=False)
        self._if, self._then, self._else = _if, _then, _else


def _branch(value: Any) -> str:
    if isinstance(value, ArgoVar):
        return value.expr
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "nil"
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as exc:
        raise WrongType(f"{value!r} cannot stand in an expression: {exc}") from exc


def if_expression(_if: Any, _then: Any, _else: Any) -> IfExpression:
    """``_then`` where ``_if`` is true when the workflow runs, else ``_else``.

    Args:
        _if: a condition (``par < 3``), a bool parameter, or a text with references (``"%s < 3" % par``).
        _then, _else: parameters, artifacts, expressions or constants.
    """
    return IfExpression(_if, _then, _else)
