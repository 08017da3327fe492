"""Expressions evaluated with the values of a scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext
from dflow.engine.expressions.checker import check
from dflow.engine.expressions.environment import Environment
from dflow.engine.expressions.evaluator import Evaluator
from dflow.engine.expressions.operators import kind
from dflow.engine.expressions.parser import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.expressions.nodes import Node

__all__ = ["evaluate", "evaluate_bool", "evaluate_in", "to_text"]


def evaluate(source: str | Node, scope: Mapping[str, object]) -> object:
    """The value of an expression.

    Args:
        source: its text without the braces of a tag, or its tree.
        scope: dotted names and their values: texts, None for the output of a step that was skipped, or lists.
            A name that begins with another one and a dot hides it.

    Raises:
        ExpressionError: no expression, a name that is not known, types that do not fit, or no value.
    """
    if isinstance(source, str):
        return evaluate_in(Environment(scope), _parsed(source), source)
    return evaluate_in(Environment(scope), source, "")


def _parsed(source: str) -> Node:
    try:
        return parse(source)
    except RecursionError as exc:
        raise ExpressionError("the expression is nested too deeply", source=source) from exc


def evaluate_in(environment: Environment, node: Node, source: str) -> object:
    """The value of the tree ``node``, whose text is ``source`` (or empty when it is not known)."""
    try:
        check(node, environment, source)
        return Evaluator(environment, source).value(node)
    except (RecursionError, OverflowError, MemoryError) as exc:
        raise ExpressionError("the expression is too deep or its values too large", source=source) from exc
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
        raise ExpressionError(f"the expression cannot be evaluated: {exc}", source=source) from exc


def evaluate_bool(source: str | Node, scope: Mapping[str, object]) -> bool:
    """The value of an expression that must be true or false, like those of hooks and retries.

    Raises:
        ExpressionError: as ``evaluate``, and when the value is something else.
    """
    result = evaluate(source, scope)
    if not isinstance(result, bool):
        text = source if isinstance(source, str) else ""
        raise ExpressionError(f"the expression gives {kind(result)}, not bool", source=text)
    return result


def to_text(value: object) -> str:
    """The text that the value of an expression becomes: texts as they are, anything else as compact JSON.

    Raises:
        ExpressionError: a value that JSON cannot hold.
    """
    if isinstance(value, str):
        return value
    try:
        return gotext.marshal(value)
    except RecursionError as exc:
        raise ExpressionError("the value is nested too deeply") from exc
