"""Names and their values while a workflow runs, and how the values of the graph are resolved with them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.elements import Elements, gathered, picked
from dflow.engine.errors import ExpressionError, UnsafeArtifact
from dflow.engine.model import ArtifactFrom, ArtifactList, Expr, Literal, LocalArtifact, Ref, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from dflow.engine.model import ArtifactSource, Value

__all__ = ["ArtifactValue", "Scope", "resolve", "resolve_artifact"]

STRICT = frozenset({"inputs", "steps", "tasks", "workflow"})


@dataclass(slots=True)
class Scope:
    """What is known inside one template.

    Attributes:
        values: dotted names to texts; None for the output of a step that was skipped.
        artifacts: dotted names to artifacts; None likewise.
    """

    values: MutableMapping[str, str | None] = field(default_factory=dict)
    artifacts: dict[str, ArtifactValue | None] = field(default_factory=dict)


def resolve(value: Value, values: Mapping[str, str | None]) -> str | None:
    """The text of a value; None when it is exactly the output of a skipped step.

    Raises:
        ExpressionError: a name that is not known here, or a wrong expression.
    """
    match value:
        case Literal(text):
            return text
        case Ref(path):
            if path not in values:
                raise unknown_name(path, values)
            return values[path]
        case Expr(source):
            result = expressions.evaluate(_without_tags(source, values), values)
            return None if result is None else expressions.to_text(result)
        case Text(source):
            return expressions.substitute(source, values, strict=STRICT)


def resolve_artifact(source: ArtifactSource, scope: Scope) -> ArtifactValue | None:
    """The artifact that a source names; None when its producer was skipped or left it out.

    Raises:
        ExpressionError: a name that is not known here, or an expression that gives no artifact.
    """
    match source:
        case ArtifactList(members, is_dict):
            return _several(members, scope, is_dict=is_dict)
        case LocalArtifact(path, sub_path):
            found: ArtifactValue | None = ArtifactValue(path)
        case ArtifactFrom(Ref(path), sub_path):
            if path not in scope.artifacts:
                raise unknown_name(path, scope.artifacts)
            found = scope.artifacts[path]
        case ArtifactFrom(Expr(text), sub_path):
            result = expressions.evaluate(_without_tags(text, scope.values), {**scope.values, **scope.artifacts})
            if result is not None and not isinstance(result, ArtifactValue):
                raise ExpressionError(f"the expression gives {result!r}, not an artifact", source=text)
            found = result
    if found is None:
        return None
    found = found.within(sub_path)
    return found if source.element is None else _element(found, source.element)


def _several(members: Iterable[tuple[str, ArtifactSource]], scope: Scope, *, is_dict: bool) -> ArtifactValue:
    """Several artifacts as one list or dict."""
    values = [(name, resolve_artifact(member, scope)) for name, member in members]
    try:
        return gathered((name if is_dict else index, value) for index, (name, value) in enumerate(values))
    except (UnsafeArtifact, OSError, ValueError) as exc:
        raise ExpressionError(f"cannot tell what is in the artifacts: {exc}") from exc


def _element(value: ArtifactValue, path: tuple[str, ...]) -> ArtifactValue | None:
    """The element of an artifact that ``artifact[i][j]`` means."""
    found: ArtifactValue | None = value
    for index in path:
        if found is None:
            return None
        try:
            elements = Elements(found)
        except (UnsafeArtifact, OSError, ValueError) as exc:
            raise ExpressionError(f"cannot tell what is in the artifact {value.location}: {exc}") from exc
        found = elements.one(picked(elements, f"the artifact {value.location}", index))
    return found


def _without_tags(source: str, values: Mapping[str, str | None]) -> str:
    """An expression whose own text holds simple tags: they are replaced first (TG-02)."""
    return expressions.substitute(source, values, strict=STRICT) if "{{" in source else source


def unknown_name(path: str, known: Iterable[str]) -> ExpressionError:
    """The error for a name that is not known, with names that look like it."""
    near = difflib.get_close_matches(path, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ExpressionError(f"{path!r} is not known here{hint}", source=path)
