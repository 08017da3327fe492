"""The tree that an expression is parsed into.

Positions are offsets in the source; they do not count when two trees are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Array",
    "Binary",
    "Bool",
    "Builtin",
    "Call",
    "Chain",
    "Conditional",
    "Float",
    "Integer",
    "Let",
    "Map",
    "Member",
    "Name",
    "Nil",
    "Node",
    "Pointer",
    "Predicate",
    "Sequence",
    "Slice",
    "String",
    "Unary",
]


# The methods that a dataclass would write for each kind are here once: the package is imported at every start.
@dataclass(frozen=True, repr=False, eq=False)
class Node:
    """Any part of an expression.

    Attributes:
        position: where it starts in the source.
    """

    position: int = field(default=0, kw_only=True)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _parts(self) == _parts(other)

    def __hash__(self) -> int:
        return hash((type(self), *_parts(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, _parts(self)))})"


def _parts(node: Any) -> list[object]:
    return [getattr(node, name) for name in node.__match_args__]


@dataclass(frozen=True, repr=False, eq=False)
class Nil(Node):
    """``nil``."""


@dataclass(frozen=True, repr=False, eq=False)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True, repr=False, eq=False)
class Integer(Node):
    """A whole number of 64 bits."""

    value: int


@dataclass(frozen=True, repr=False, eq=False)
class Float(Node):
    """A floating-point number."""

    value: float


@dataclass(frozen=True, repr=False, eq=False)
class String(Node):
    """A quoted text."""

    value: str


@dataclass(frozen=True, repr=False, eq=False)
class Name(Node):
    """A variable, or ``$env``."""

    name: str


@dataclass(frozen=True, repr=False, eq=False)
class Pointer(Node):
    """``#``, ``#index`` or ``#acc`` inside of a predicate."""

    name: str = ""


@dataclass(frozen=True, repr=False, eq=False)
class Array(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Map(Node):
    """``{key: value}``; a bare key is a ``String``."""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, repr=False, eq=False)
class Unary(Node):
    """``!x``, ``-x`` or ``+x``."""

    operator: str
    operand: Node


@dataclass(frozen=True, repr=False, eq=False)
class Binary(Node):
    """``left operator right``; ``or``, ``and`` and ``^`` are stored as ``||``, ``&&`` and ``**``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, repr=False, eq=False)
class Conditional(Node):
    """``test ? then : other``, also written with ``if`` and ``else``."""

    test: Node
    then: Node
    other: Node


@dataclass(frozen=True, repr=False, eq=False)
class Member(Node):
    """``base.key`` or ``base[key]``; ``optional`` when written with ``?.``."""

    base: Node
    key: Node
    optional: bool = False


@dataclass(frozen=True, repr=False, eq=False)
class Slice(Node):
    """``base[start:stop]``."""

    base: Node
    start: Node | None
    stop: Node | None


@dataclass(frozen=True, repr=False, eq=False)
class Chain(Node):
    """The extent that a ``?.`` on nil skips."""

    body: Node


@dataclass(frozen=True, repr=False, eq=False)
class Call(Node):
    """A call of a value: a method, or a function of a variable."""

    callee: Node
    args: tuple[Node, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Builtin(Node):
    """A call of a function of the language."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Predicate(Node):
    """The part of ``map``, ``filter``… that is evaluated for each item."""

    body: Node


@dataclass(frozen=True, repr=False, eq=False)
class Let(Node):
    """``let name = value; body``."""

    name: str
    value: Node
    body: Node


@dataclass(frozen=True, repr=False, eq=False)
class Sequence(Node):
    """``a; b``: the value of the last one."""

    items: tuple[Node, ...]
