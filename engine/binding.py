"""Binding a call to its node: is it wanted, and with which values."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.elements import content
from dflow.engine.errors import ExpressionError
from dflow.engine.keys import is_key
from dflow.engine.model import Expr, HttpArtifact, Literal, RawArtifact, Sequence, StoredArtifact, Text
from dflow.engine.scope import Scope, resolve, resolve_artifact
from dflow.engine.slices import Hand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import ArtifactSource, Call, InputParameter, Loop, Template
    from dflow.engine.node import Node

__all__ = ["bind", "is_wanted", "key_if_known", "loop_items", "when_text"]


def bind(node: Node, template: Template, outer: Scope) -> None:
    """Resolve arguments, defaults and the key of a node.

    Raises:
        ExpressionError: something cannot be resolved, or the key is none.
    """
    call = node.call
    values = outer.values
    hand = node.hand or Hand()
    for name, value in call.parameters if call else ():
        text = hand.parameters[name] if name in hand.parameters else resolve(value, values)
        if text is not None:
            node.inputs[name] = text
        elif isinstance(value, Expr):
            raise ExpressionError(f"input parameter {name!r}: the expression gives nil; add '?? VALUE' to it")
    for parameter in template.inputs.parameters:
        if parameter.name not in node.inputs:
            node.inputs[parameter.name] = _default(parameter, outer)
    sources = {a.name: a.source for a in template.inputs.artifacts if a.source is not None}
    given = dict(call.artifacts) if call else {}
    sources.update(given)
    for name, source in sources.items():
        if name in node.input_artifacts:  # the workflow's own
            continue
        scope = outer if name in given else _own_scope(source, node, outer)
        artifact = hand.artifacts[name] if name in hand.artifacts else resolve_artifact(source, scope)
        if artifact is not None:
            node.input_artifacts[name] = artifact
    if call is not None and call.key is not None:
        node.key = _checked_key(resolve(call.key, values), node)


def _own_scope(source: ArtifactSource, node: Node, outer: Scope) -> Scope:
    """What the default of an input artifact can name: its own template's parameters, where it is made of them."""
    if not isinstance(source, (RawArtifact, StoredArtifact, HttpArtifact)):
        return outer
    own: dict[str, str | None] = {f"inputs.parameters.{name}": text for name, text in node.inputs.items()}
    return Scope(ChainMap(own, outer.values), outer.artifacts, outer.store)


def _default(parameter: InputParameter, outer: Scope) -> str:
    """The text of a parameter that the call does not give: its default, or what is in the artifact that it names."""
    if parameter.source is not None:
        text = content(parameter.name, resolve_artifact(parameter.source, outer))
    else:
        text = None if parameter.default is None else resolve(parameter.default, outer.values)
    if text is None:
        problem = "has no value: its source was skipped, and there is no default"
        raise ExpressionError(f"input parameter {parameter.name!r} {problem}")
    return text


def is_wanted(node: Node, scope: Scope) -> bool:
    """Whether the ``when`` of a node is true; without one it is (WH-01)."""
    when = node.call.when if node.call else None
    if when is None:
        return True
    text = resolve(when, scope.values)
    return expressions.evaluate_when(text if text is not None else "")


def loop_items(loop: Loop, values: Mapping[str, str | None]) -> list[object]:
    """The items of a loop (LP-01, LP-03).

    Raises:
        ExpressionError: they cannot be resolved, or are no JSON list.
    """
    if loop.items is None:
        raise ExpressionError("a loop over the elements of sliced inputs needs some")
    if isinstance(loop.items, Sequence):
        fields = {
            "count": loop.items.count,
            "start": loop.items.start,
            "end": loop.items.end,
            "format": loop.items.format,
        }
        spec = {name: resolve(value, values) for name, value in fields.items() if value is not None}
        return list(expressions.expand_sequence({name: text for name, text in spec.items() if text is not None}))
    text = resolve(loop.items, values)
    if text is None:
        raise ExpressionError("the list to loop over is the output of a step that was skipped")
    return list(expressions.expand_items(text))


def when_text(call: Call | None) -> str:
    """The text of a ``when``, for messages."""
    when = call.when if call else None
    match when:
        case Expr(source) | Text(source) | Literal(source):
            return repr(source)
        case _:
            return repr(getattr(when, "path", ""))


def key_if_known(call: Call | None, values: Mapping[str, str | None]) -> str | None:
    """The key of a call that will not run; None when it cannot be resolved, which does no harm then (WH-05)."""
    if call is None or call.key is None:
        return None
    try:
        key = resolve(call.key, values)
    except ExpressionError:
        return None
    is_known = key is not None and is_key(key) and "{{" not in key
    return key if is_known else None


def _checked_key(key: str | None, node: Node) -> str | None:
    """The key, when a step can be found by it.

    Raises:
        ExpressionError: it is empty, longer than 253 characters, or not printable.
    """
    if key is None or is_key(key):
        return key
    raise ExpressionError(f"the key {key[:80]!r} of {node.display!r} must have 1 to 253 printable characters")
