"""Which variables an expression mentions."""

from __future__ import annotations

import functools

from dflow.engine.expressions import nodes as n
from dflow.engine.expressions.parser import parse
from dflow.engine.expressions.signatures import EXTRA

__all__ = ["names"]


def names(source: str | n.Node) -> frozenset[tuple[str, ...]]:
    """Every path of constant members that the expression begins at a variable; ``a['b-c'].d`` is ``(a, b-c, d)``.

    Names that the expression itself binds, and functions, are left out; a member that is computed ends the path.

    Raises:
        ExpressionError: ``source`` is no expression.
    """
    return _names_of_text(source) if isinstance(source, str) else _names_of_tree(source)


@functools.lru_cache(maxsize=4096)
def _names_of_text(source: str) -> frozenset[tuple[str, ...]]:
    return _names_of_tree(parse(source))


def _names_of_tree(tree: n.Node) -> frozenset[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    seen: set[tuple[int, frozenset[str]]] = set()
    waiting: list[tuple[n.Node, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, bound = waiting.pop()
        if (id(node), bound) in seen:
            continue
        seen.add((id(node), bound))
        root, path, others = _path(node)
        if root is not None and root not in bound and path:
            found.add(path)
        waiting.extend((child, bound) for child in others)
        if isinstance(node, n.Let):
            waiting.append((node.value, bound))
            waiting.append((node.body, bound | {node.name}))
        elif root is None:
            waiting.extend((child, bound) for child in _children(node))
    return frozenset(found)


def _path(node: n.Node) -> tuple[str | None, tuple[str, ...], list[n.Node]]:
    """The variable that a chain of members begins with, its constant path, and the computed members."""
    keys: list[n.Node] = []
    while isinstance(node, (n.Member, n.Chain)):
        if isinstance(node, n.Chain):
            node = node.body
        else:
            keys.append(node.key)
            node = node.base
    if not isinstance(node, n.Name):
        return None, (), []
    path = [] if node.name == "$env" else [node.name]
    constant = True
    others = []
    for key in reversed(keys):
        if constant and isinstance(key, n.String):
            path.append(key.value)
        else:
            constant = False
            others.append(key)
    if node.name == "sprig":
        path = []
    return node.name, tuple(path), others


def _children(node: n.Node) -> list[n.Node]:  # noqa: PLR0911 - one for each kind of node
    match node:
        case n.Call(n.Name(name), args) if name in EXTRA:
            return list(args)
        case n.Call(callee, args):
            return [callee, *args]
        case n.Builtin(_, args):
            return list(args)
        case n.Array(items) | n.Sequence(items):
            return list(items)
        case n.Map(pairs):
            return [part for pair in pairs for part in pair]
        case n.Unary(_, child) | n.Predicate(child) | n.Chain(child):
            return [child]
        case n.Binary(_, left, right) | n.Member(left, right):
            return [left, right]
        case n.Conditional(test, then, other):
            return [test, then, other]
        case n.Slice(base, start, stop):
            return [child for child in (base, start, stop) if child is not None]
        case _:
            return []
