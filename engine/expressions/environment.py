"""Variables: a flat mapping of dotted names, seen as nested maps, without expanding what nobody asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.limits import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Branch", "Environment"]

_STOP = "\0"


class Environment:
    """Looks up names in a scope; a longer name hides the shorter ones that it begins with."""

    def __init__(self, scope: Mapping[str, object]) -> None:
        self.scope = scope
        self._all: str | None = None

    @property
    def listing(self) -> str:
        """All dotted names in one text, which is quick to search."""
        if self._all is None:
            self._all = _STOP + _STOP.join(self.scope) + _STOP
        return self._all

    def has_children(self, prefix: str) -> bool:
        """Whether a name begins with ``prefix`` and a dot."""
        return f"{_STOP}{prefix}." in self.listing

    def known(self, name: str) -> bool:
        """Whether an expression may begin with ``name``."""
        return name in self.scope or self.has_children(name)

    def get(self, path: str) -> object:
        """The value of a name, a branch when longer names begin with it, or None."""
        if self.has_children(path):
            return Branch(self, path)
        return self.scope.get(path)

    def expand(self, prefix: str) -> dict[str, object]:
        """All names below ``prefix`` as nested maps; "" for the whole scope."""
        start = f"{prefix}." if prefix else ""
        tree: dict[str, object] = {}
        for name in sorted(name for name in self.scope if name.startswith(start)):
            value = self.scope[name]
            *outer, last = name[len(start) :].split(".")
            if len(outer) > MAX_DEPTH:
                raise ExpressionError(f"the name of a variable has more than {MAX_DEPTH} parts")
            level = tree
            for word in outer:
                below = level.get(word)
                if not isinstance(below, _Expanded):
                    below = level[word] = _Expanded()
                level = below
            if not isinstance(level.get(last), _Expanded):
                level[last] = value
        return tree


class _Expanded(dict[str, object]):
    """A map made of names, to tell it from a map that is a value."""


class Branch:
    """The names that begin with a prefix, not yet made into a map."""

    __slots__ = ("environment", "prefix")

    def __init__(self, environment: Environment, prefix: str) -> None:
        self.environment = environment
        self.prefix = prefix

    def get(self, key: str) -> object:
        """The member ``key``: a value, a branch, or None."""
        if "." in key:
            return None
        return self.environment.get(f"{self.prefix}.{key}" if self.prefix else key)

    def expand(self) -> dict[str, object]:
        """The whole branch as nested maps."""
        return self.environment.expand(self.prefix)
