"""The tree that an expression is parsed into.

Positions are offsets in the source; they do not count when two trees are compared.
"""

from __future__ import annotations

from dataclasses import field

from dflow.engine.records import record

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


@record(frozen=True, slots=True)
class Node:
    """Any part of an expression.

    Attributes:
        position: where it starts in the source.
    """

    position: int = field(default=0, kw_only=True, compare=False, repr=False)


@record(frozen=True, slots=True)
class Nil(Node):
    """``nil``."""


@record(frozen=True, slots=True)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool


@record(frozen=True, slots=True)
class Integer(Node):
    """A whole number of 64 bits."""

    value: int


@record(frozen=True, slots=True)
class Float(Node):
    """A floating-point number."""

    value: float


@record(frozen=True, slots=True)
class String(Node):
    """A quoted text."""

    value: str


@record(frozen=True, slots=True)
class Name(Node):
    """A variable, or ``$env``."""

    name: str


@record(frozen=True, slots=True)
class Pointer(Node):
    """``#``, ``#index`` or ``#acc`` inside of a predicate."""

    name: str = ""


@record(frozen=True, slots=True)
class Array(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@record(frozen=True, slots=True)
class Map(Node):
    """``{key: value}``; a bare key is a ``String``."""

    pairs: tuple[tuple[Node, Node], ...]


@record(frozen=True, slots=True)
class Unary(Node):
    """``!x``, ``-x`` or ``+x``."""

    operator: str
    operand: Node


@record(frozen=True, slots=True)
class Binary(Node):
    """``left operator right``; ``or``, ``and`` and ``^`` are stored as ``||``, ``&&`` and ``**``."""

    operator: str
    left: Node
    right: Node


@record(frozen=True, slots=True)
class Conditional(Node):
    """``test ? then : other``, also written with ``if`` and ``else``."""

    test: Node
    then: Node
    other: Node


@record(frozen=True, slots=True)
class Member(Node):
    """``base.key`` or ``base[key]``; ``optional`` when written with ``?.``."""

    base: Node
    key: Node
    optional: bool = False


@record(frozen=True, slots=True)
class Slice(Node):
    """``base[start:stop]``."""

    base: Node
    start: Node | None
    stop: Node | None


@record(frozen=True, slots=True)
class Chain(Node):
    """The extent that a ``?.`` on nil skips."""

    body: Node


@record(frozen=True, slots=True)
class Call(Node):
    """A call of a value: a method, or a function of a variable."""

    callee: Node
    args: tuple[Node, ...]


@record(frozen=True, slots=True)
class Builtin(Node):
    """A call of a function of the language."""

    name: str
    args: tuple[Node, ...]


@record(frozen=True, slots=True)
class Predicate(Node):
    """The part of ``map``, ``filter``… that is evaluated for each item."""

    body: Node


@record(frozen=True, slots=True)
class Let(Node):
    """``let name = value; body``."""

    name: str
    value: Node
    body: Node


@record(frozen=True, slots=True)
class Sequence(Node):
    """``a; b``: the value of the last one."""

    items: tuple[Node, ...]
