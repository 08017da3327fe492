"""Values that move into a template of their own: what they name outside becomes an input of that template."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from dflow.engine import expressions
from dflow.engine.expressions import nodes as n
from dflow.engine.model import Expr, Literal, RawArtifact, Ref, Text, Value
from dflow.exporters.argo.export.texts import has_tags, name_of, quoted, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import Call

__all__ = ["Hoisted", "Unmoved", "late", "mentions_item", "names_of", "renamed"]

_OUTSIDE = ("steps", "tasks", "inputs")
Path = tuple[str, ...]


def mentions_item(value: Value | None) -> bool:
    """Whether a value depends on the copy of a loop."""
    return any(path[0] == "item" for path in names_of(value))


def names_of(value: Value | None) -> frozenset[Path]:
    """The names that a value mentions."""
    match value:
        case Ref(path):
            return frozenset({tuple(path.split("."))})
        case Expr(source) if not has_tags(source):
            return expressions.names(source)
        case Expr(source) | Text(source):
            return expressions.parse_text(source).names()
    return frozenset()


class Hoisted:
    """The inputs of a template that is made around a call, and the arguments for them.

    Attributes:
        parameters: names of inputs and what the caller gives for them, as texts of the manifest.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self._by_text: dict[str, str] = {}

    def whole(self, name: str, value: Value) -> Value:
        """A value from outside as an input of this name; constants stay what they are."""
        if isinstance(value, Literal) or not _is_outside(value):
            return value
        self.parameters[name] = text_of(value)
        return Ref(f"inputs.parameters.{name}")

    def inside(self, value: Value) -> Value:
        """A value with each name from outside replaced by an input."""
        return renamed(value, self._replace)

    def _replace(self, path: Path) -> str | None:
        if path[0] not in _OUTSIDE:
            return None
        text = "{{" + ".".join(path) + "}}"
        if text not in self._by_text:
            self._by_text[text] = f"dflow_value_{len(self._by_text)}"
            self.parameters[self._by_text[text]] = text
        return f"inputs.parameters.{self._by_text[text]}"


class Unmoved(Hoisted):
    """The values of a call that stays where it is."""

    def whole(self, name: str, value: Value) -> Value:  # noqa: ARG002 - as in the base
        """The value itself."""
        return value

    def inside(self, value: Value) -> Value:
        """The value itself."""
        return value


def _is_outside(value: Value) -> bool:
    return any(path[0] in _OUTSIDE for path in names_of(value))


def late(call: Call, item: str) -> Call:
    """A looped call whose constants with braces wait for the item.

    In a copy of a loop Argo looks for tags once more, and must know all of them (TG-04).
    """

    def waiting(value: Value) -> Value:
        if isinstance(value, Literal) and "{{" in value.text:
            return Expr(f"{item} == nil ? '' : {quoted(value.text)}")
        return value

    def parameters(one: Call) -> Call:
        artifacts = tuple(
            (name, RawArtifact(waiting(source.data)) if isinstance(source, RawArtifact) else source)
            for name, source in one.artifacts
        )
        return replace(one, parameters=tuple((name, waiting(v)) for name, v in one.parameters), artifacts=artifacts)

    hooks = tuple(replace(hook, call=parameters(hook.call)) for hook in call.hooks)
    return replace(parameters(call), hooks=hooks)


def renamed(value: Value, new: Callable[[Path], str | None]) -> Value:
    """A value in which names have others; ``new`` gives None for those that stay."""
    match value:
        case Ref(path):
            found = new(tuple(path.split(".")))
            return value if found is None else Ref(found)
        case Expr(source) if not has_tags(source):
            return Expr(expressions.unparse(_renamed_tree(expressions.parse(source), new)))
        case Expr(source) | Text(source):
            return replace(value, source="".join(_part(part, new) for part in expressions.parse_text(source).parts))
    return value


def _part(part: object, new: Callable[[Path], str | None]) -> str:
    if isinstance(part, expressions.Tag):
        return text_of(renamed(Ref(part.name), new))
    if isinstance(part, expressions.ExprTag):
        return text_of(renamed(Expr(part.source), new))
    return str(part)


def _renamed_tree(node: Any, new: Callable[[Path], str | None]) -> Any:
    path = _constant_path(node)
    if path is not None:
        found = new(path)
        return node if found is None else expressions.parse(name_of(found))
    if isinstance(node, tuple):
        return tuple(_renamed_tree(item, new) for item in node)
    if is_dataclass(node) and not isinstance(node, type):
        changed = {field.name: _renamed_tree(getattr(node, field.name), new) for field in fields(node)}
        return replace(node, **changed)
    return node


def _constant_path(node: Any) -> Path | None:
    """The words of ``a['b'].c``; None for anything else."""
    if isinstance(node, n.Chain):
        return _constant_path(node.body)
    if isinstance(node, n.Name):
        return (node.name,)
    if isinstance(node, n.Member) and isinstance(node.key, n.String):
        base = _constant_path(node.base)
        return None if base is None else (*base, node.key.value)
    return None
