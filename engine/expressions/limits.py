"""How much one expression may ask for."""

from __future__ import annotations

from dflow.engine.errors import ExpressionError

__all__ = ["MAX_DEPTH", "MAX_ROW", "MAX_SIZE", "MAX_SOURCE", "Budget", "check_size"]

MAX_SOURCE = 100_000
"""Characters of one expression."""

MAX_DEPTH = 100
"""Levels of nesting, of an expression and of the values that it makes."""

MAX_ROW = 400
"""Operators in a row, ``a + b + c``."""

MAX_SIZE = 1_000_000
"""Elements of a list or characters of a text that an expression makes; also its steps through lists."""


def check_size(count: float) -> None:
    """Refuse a result of ``count`` elements or characters when that is too many."""
    if count > MAX_SIZE:
        raise ExpressionError(f"the result would have more than {MAX_SIZE} elements or characters")


class Budget:
    """Counts the work of one evaluation."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_SIZE) -> None:
        self.left = left

    def spend(self, amount: int = 1) -> None:
        """Take ``amount`` steps.

        Raises:
            ExpressionError: there are not that many left.
        """
        self.left -= amount
        if self.left < 0:
            raise ExpressionError(f"the evaluation takes more than {MAX_SIZE} steps")
