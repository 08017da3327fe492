"""The operators of the language, and how strongly they bind."""

from __future__ import annotations

__all__ = ["BINARY", "NEGATABLE", "SPELLING", "UNARY"]

BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15,
    "==": 20, "!=": 20, "<": 20, ">": 20, "<=": 20, ">=": 20,
    "in": 20, "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20,
    "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60, "**": 100, "^": 100, "??": 500,
}  # fmt: skip
"""How strongly the operators between two operands bind."""

UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
"""How strongly the operators before an operand bind."""

SPELLING = {"or": "||", "and": "&&", "^": "**", "not": "!"}
"""Operators with two spellings, and the one that the tree has."""

NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})
"""Operators that may follow ``not``, as in ``not in``."""
