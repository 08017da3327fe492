"""Names and their values while a workflow runs, and how the values of the graph are resolved with them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.model import ArtifactFrom, Expr, Literal, LocalArtifact, Ref, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from dflow.engine.model import ArtifactSource, Value

__all__ = ["ArtifactValue", "Scope", "resolve", "resolve_artifact"]

STRICT = frozenset({"inputs", "steps", "tasks", "workflow"})


@dataclass(frozen=True, slots=True)
class ArtifactValue:
    """An artifact that exists: an absolute path, and the part of it that is meant.

    Attributes:
        parts: of a group of slices: the elements that are meant, as paths inside of that; None for a missing one.
    """

    path: str
    sub_path: str | None = None
    element: bool = False
    parts: tuple[str | None, ...] | None = None

    def as_element(self) -> ArtifactValue:
        """The same, as the element of a list that it is: a step gets it under its own file name."""
        return ArtifactValue(self.path, self.sub_path, element=True)

    def within(self, sub_path: str | None) -> ArtifactValue:
        """The part ``sub_path`` of this artifact."""
        if not sub_path:
            return self
        return ArtifactValue(self.path, f"{self.sub_path}/{sub_path}" if self.sub_path else sub_path)

    @property
    def location(self) -> str:
        """Where it is."""
        return f"{self.path}/{self.sub_path}" if self.sub_path else self.path


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
        case LocalArtifact(path, sub_path):
            return ArtifactValue(path, sub_path)
        case ArtifactFrom(Ref(path), sub_path):
            if path not in scope.artifacts:
                raise unknown_name(path, scope.artifacts)
            found = scope.artifacts[path]
        case ArtifactFrom(Expr(text), sub_path):
            result = expressions.evaluate(_without_tags(text, scope.values), {**scope.values, **scope.artifacts})
            if result is not None and not isinstance(result, ArtifactValue):
                raise ExpressionError(f"the expression gives {result!r}, not an artifact", source=text)
            found = result
    return None if found is None else found.within(sub_path)


def _without_tags(source: str, values: Mapping[str, str | None]) -> str:
    """An expression whose own text holds simple tags: they are replaced first (TG-02)."""
    return expressions.substitute(source, values, strict=STRICT) if "{{" in source else source


def unknown_name(path: str, known: Iterable[str]) -> ExpressionError:
    """The error for a name that is not known, with names that look like it."""
    near = difflib.get_close_matches(path, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ExpressionError(f"{path!r} is not known here{hint}", source=path)
