"""Which types the operators take and give; types are words as described in ``signatures``."""

from __future__ import annotations

from dflow.engine.expressions.operators import ORDER

__all__ = ["BOOLEAN", "GIVES", "NUMBER", "OPERANDS", "TIMES"]

NUMBER = frozenset({"int", "float"})
"""Types of numbers."""

_LOGICAL = frozenset({"&&", "||"})
_TEXTUAL = frozenset({"contains", "startsWith", "endsWith", "matches"})
BOOLEAN = frozenset({"all", "any", "none", "one", "filter", "find", "findIndex", "findLast", "findLastIndex", "count"})
"""Functions whose predicate gives bool."""

OPERANDS = {
    "+": NUMBER | {"string", "time", "duration"},
    "-": NUMBER | {"time", "duration"},
    "*": NUMBER | {"duration"},
    "/": NUMBER | {"duration"},
    "**": NUMBER,
    "%": frozenset({"int"}),
    "..": frozenset({"int"}),
    **dict.fromkeys(ORDER, NUMBER | {"string", "time", "duration"}),
    **dict.fromkeys(_TEXTUAL, frozenset({"string"})),
    **dict.fromkeys(_LOGICAL, frozenset({"bool"})),
}
"""Types that an operator takes, on either side."""

GIVES = {
    "/": "float",
    "**": "float",
    "%": "int",
    "..": "[]int",
    **dict.fromkeys([*ORDER, *_TEXTUAL, *_LOGICAL, "in", "==", "!="], "bool"),
}
"""Types that operators give, where it does not follow from the operands."""

TIMES = {
    ("+", "time", "duration"): "time",
    ("+", "duration", "time"): "time",
    ("-", "time", "duration"): "time",
    ("-", "time", "time"): "duration",
    ("-", "duration", "duration"): "duration",
    ("+", "duration", "duration"): "duration",
    **{("*", "duration", word): "duration" for word in ("int", "float", "duration")},
    **{("*", word, "duration"): "duration" for word in ("int", "float")},
    **{("/", "duration", word): "float" for word in ("int", "float", "duration")},
    **{(symbol, word, word): "bool" for symbol in ORDER for word in ("time", "duration")},
}
"""What operators give with times and durations."""
