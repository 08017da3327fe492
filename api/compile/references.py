"""Which names a value, a call or a template mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.model import ArtifactFrom, ArtifactList, Expr, HttpArtifact, Ref, Sequence, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.model import ArtifactSource, Call, Value

__all__ = ["Name", "call_mentions", "mentioned"]

Name = tuple[str, ...]


def call_mentions(call: Call) -> Iterator[tuple[str, Value | ArtifactSource]]:
    """Every value of a call, with words for where it stands."""
    for name, value in call.parameters:
        yield f"parameter {name!r}", value
    for name, source in call.artifacts:
        yield f"artifact {name!r}", source
    if call.loop is not None:
        items = call.loop.items
        values = [items.count, items.start, items.end, items.format] if isinstance(items, Sequence) else [items]
        if call.loop.slices is not None:
            yield "slices", call.loop.slices.index
        yield from (("loop", value) for value in values if value is not None)
    for what, optional in (("when", call.when), ("key", call.key), ("timeout", call.timeout)):
        if optional is not None:
            yield what, optional


def mentioned(value: Value | ArtifactSource | None) -> frozenset[Name]:  # noqa: PLR0911 - one for each kind
    """Every name that a value or the source of an artifact mentions, split at dots.

    ``{{steps.a.outputs.parameters.x}}`` gives ``("steps", "a", "outputs", "parameters", "x")``.

    Raises:
        ExpressionError: the value holds a wrong expression.
    """
    match value:
        case ArtifactFrom(inner, _) | HttpArtifact(inner):
            return mentioned(inner)
        case ArtifactList(members):
            return frozenset().union(*(mentioned(source) for _, source in members))
        case Ref(path):
            return frozenset({tuple(path.split("."))})
        case Expr(source) if "{{" in source:
            return expressions.parse_text(source).names()
        case Expr(source):
            return expressions.names(source)
        case Text(source):
            return expressions.parse_text(source).names()
        case _:
            return frozenset()
