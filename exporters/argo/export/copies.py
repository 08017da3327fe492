"""The call of one copy of a loop, as a task of the template around the loop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.model import Expr, Loop, Ref
from dflow.exporters.argo.export.dealing import field_of
from dflow.exporters.argo.export.hoisting import renamed

if TYPE_CHECKING:
    from dflow.engine.model import Call, Value
    from dflow.exporters.argo.export.dealing import Dealt
    from dflow.exporters.argo.export.hoisting import Hoisted

__all__ = ["fields_named", "hooks_inside", "loop_of", "moved_items", "with_elements"]


def loop_of(call: Call) -> Loop:
    """The loop of a call that has one."""
    return call.loop or Loop(None)


def moved_items(items: Any, hoisted: Hoisted) -> Any:
    """The items of a loop, with what they name outside as inputs."""
    if hasattr(items, "count"):
        fields = {name: getattr(items, name) for name in ("count", "start", "end", "format")}
        return replace(items, **{name: hoisted.inside(value) for name, value in fields.items() if value is not None})
    return hoisted.inside(items)


def fields_named(call: Call) -> list[str]:
    """The parts of the user's items that the call names; the whole is the part of no name."""
    found: list[str] = []

    def note(path: tuple[str, ...]) -> None:
        if path[0] == "item":
            found.append(".".join(path[1:]))

    hooks = [value for hook in call.hooks for _, value in hook.call.parameters]
    values = [value for _, value in call.parameters]
    for value in (*values, *hooks, call.when, call.key, call.timeout):
        if value is not None:
            renamed(value, note)
    return found


def with_elements(inner: Call, dealt: Dealt) -> Call:
    """The arguments of a copy: its elements, and the user's item where that was."""

    def new(path: tuple[str, ...]) -> str | None:
        if path[0] != "item" or (dealt.items is None and path[1:] == ("order",)):
            return None
        if dealt.in_groups:  # the item of a group is its number, in the format of the sequence
            return "item.item" if path == ("item",) and dealt.format is not None else "item.order"
        return f"item.item_{'.'.join(path[1:])}" if len(path) > 1 else "item.item"

    def at(value: Value | None) -> Value | None:
        return None if value is None else renamed(value, new)

    elements = tuple((name, Ref(f"item.{field_of(name)}")) for name in dealt.lists)
    parameters = tuple((name, renamed(value, new)) for name, value in inner.parameters)
    hooks = tuple(
        replace(hook, call=replace(hook.call, parameters=tuple((n, renamed(v, new)) for n, v in hook.call.parameters)))
        for hook in inner.hooks
    )
    return replace(
        inner,
        parameters=(*parameters, *elements),
        when=at(inner.when),
        key=at(inner.key),
        timeout=at(inner.timeout),
        hooks=hooks,
    )


def hooks_inside(inner: Call, prefix: str) -> tuple[Any, ...]:
    """Hooks name their step; here it is a task."""
    if prefix == "tasks":
        return inner.hooks

    def new(path: tuple[str, ...]) -> str | None:
        return ".".join(("tasks", *path[1:])) if path[:2] == ("steps", inner.name) else None

    def moved(value: Value) -> Value:
        return renamed(value, new)

    made = []
    for hook in inner.hooks:
        expression = hook.expression
        if expression is not None:
            changed = moved(Expr(expression))
            expression = changed.source if isinstance(changed, Expr) else expression
        call = replace(hook.call, parameters=tuple((name, moved(value)) for name, value in hook.call.parameters))
        made.append(replace(hook, expression=expression, call=call))
    return tuple(made)
