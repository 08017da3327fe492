"""The functions ``sprig.*``, without those that read the environment.

An argument has the type that Go demands: an ``int`` parameter takes no ``int64``, as ``sprig.add`` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import sprig_lists, sprig_maths, sprig_texts
from dflow.engine.expressions.gotext import Int64
from dflow.engine.expressions.operators import kind
from dflow.engine.expressions.signatures import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS"]


def _typed(name: str, takes: str, function: Callable[..., object]) -> Callable[..., object]:
    """``function`` behind a check; ``takes`` is a letter for each argument, ``*`` repeats the last, ``?`` begins
    those that may be missing."""
    repeated = takes.endswith("*")
    needed, _, optional = takes.rstrip("*").partition("?")
    letters = needed + optional
    least = len(needed) - (1 if repeated and not optional else 0)

    def call(*values: object) -> object:
        if len(values) < least or (len(values) > len(letters) and not repeated):
            raise ExpressionError(f"sprig.{name} takes {len(letters)} arguments, not {len(values)}")
        for index, value in enumerate(values):
            wanted = KINDS[letters[min(index, len(letters) - 1)]]
            found = "int64" if isinstance(value, Int64) else kind(value)
            if wanted and found not in wanted:
                words = " or ".join(wanted).replace("[]", "array")
                raise ExpressionError(f"sprig.{name} wants {words}, not {found.replace('[]', 'array')}")
        return function(*values)

    return call


FUNCTIONS: dict[str, object] = {
    name: _typed(name, takes, function)
    for module in (sprig_lists, sprig_maths, sprig_texts)
    for name, (takes, function) in module.FUNCTIONS.items()
}
"""All of them by name."""
