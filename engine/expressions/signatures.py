"""What the functions of the language take and give.

A type is a word: ``any nil bool int float string map func time duration``, or ``[]`` before the type of the items.
"""

from __future__ import annotations

from dflow.engine.records import record

__all__ = ["EXTRA", "KINDS", "PREDICATES", "SIGNATURES", "Signature"]

KINDS = {
    "s": ("string",),
    "n": ("int", "float"),
    "i": ("int",),
    "a": ("[]",),
    "m": ("map",),
    "t": ("time",),
    "l": ("string", "[]", "map"),
    "c": ("[]", "map"),
    "v": ("int", "float", "string"),
    "N": ("int", "float", "[]"),
    "d": ("string", "time"),
    "x": (),
}
"""Letters of a signature, and the types that they stand for; ``x`` is anything."""


@record(frozen=True, slots=True)
class Signature:
    """The types of a function.

    Attributes:
        takes: a letter of ``KINDS`` for each argument.
        gives: type of the result.
        optional: how many of the arguments may be missing.
        more: True when the last argument may be repeated.
    """

    takes: str
    gives: str
    optional: int = 0
    more: bool = False

    def letter(self, index: int) -> str:
        """The letter of an argument."""
        return self.takes[min(index, len(self.takes) - 1)]

    def count_problem(self, name: str, count: int) -> str | None:
        """What is wrong with ``count`` arguments; None when nothing is."""
        least = len(self.takes) - self.optional
        if count < least:
            return f"{name} takes {'at least ' if self.optional or self.more else ''}{least} arguments, not {count}"
        if count > len(self.takes) and not self.more:
            return f"{name} takes {'at most ' if self.optional else ''}{len(self.takes)} arguments, not {count}"
        return None


PREDICATES = {
    "all": ("a", "p"), "any": ("a", "p"), "none": ("a", "p"), "one": ("a", "p"),
    "map": ("a", "p"), "filter": ("a", "p"), "count": ("a", "p?"), "sum": ("a", "p?"),
    "find": ("a", "p"), "findIndex": ("a", "p"), "findLast": ("a", "p"), "findLastIndex": ("a", "p"),
    "groupBy": ("a", "p"), "sortBy": ("a", "p", "s?"), "reduce": ("a", "p", "x?"),
}  # fmt: skip
"""Functions that go through a list: ``p`` is the predicate."""

_S = Signature
SIGNATURES = {
    "abs": _S("n", "any"),
    "bitand": _S("ii", "int"),
    "bitnand": _S("ii", "int"),
    "bitnot": _S("i", "int"),
    "bitor": _S("ii", "int"),
    "bitshl": _S("ii", "int"),
    "bitshr": _S("ii", "int"),
    "bitushr": _S("ii", "int"),
    "bitxor": _S("ii", "int"),
    "ceil": _S("n", "float"),
    "concat": _S("a", "[]any", more=True),
    "date": _S("dss", "time", optional=2),
    "duration": _S("s", "duration"),
    "first": _S("a", "any"),
    "flatten": _S("a", "[]any"),
    "float": _S("v", "float"),
    "floor": _S("n", "float"),
    "fromBase64": _S("s", "string"),
    "fromJSON": _S("s", "any"),
    "fromPairs": _S("a", "map"),
    "get": _S("cx", "any"),
    "hasPrefix": _S("ss", "bool"),
    "hasSuffix": _S("ss", "bool"),
    "indexOf": _S("ss", "int"),
    "int": _S("v", "int"),
    "join": _S("as", "string", optional=1),
    "keys": _S("m", "[]any"),
    "last": _S("a", "any"),
    "lastIndexOf": _S("ss", "int"),
    "len": _S("l", "int"),
    "lower": _S("s", "string"),
    "max": _S("N", "any", more=True),
    "mean": _S("N", "any", more=True),
    "median": _S("N", "any", more=True),
    "min": _S("N", "any", more=True),
    "now": _S("", "time"),
    "repeat": _S("si", "string"),
    "replace": _S("sssi", "string", optional=1),
    "reverse": _S("a", "[]any"),
    "round": _S("n", "float"),
    "sort": _S("as", "[]any", optional=1),
    "split": _S("ssi", "[]string", optional=1),
    "splitAfter": _S("ssi", "[]string", optional=1),
    "string": _S("x", "string"),
    "take": _S("ai", "[]any"),
    "timezone": _S("s", "any"),
    "toBase64": _S("s", "string"),
    "toJSON": _S("x", "string"),
    "toPairs": _S("m", "[]any"),
    "trim": _S("ss", "string", optional=1),
    "trimPrefix": _S("ss", "string", optional=1),
    "trimSuffix": _S("ss", "string", optional=1),
    "type": _S("x", "string"),
    "uniq": _S("a", "[]any"),
    "upper": _S("s", "string"),
    "values": _S("m", "[]any"),
}
"""Functions of the language itself."""

EXTRA = {
    "asFloat": _S("x", "float"),
    "asInt": _S("x", "int"),
    "jsonpath": _S("ss", "any"),
    "toJson": _S("x", "string"),
}
"""Functions that Argo adds as variables."""
