"""Names and their values while a workflow runs, and how the values of the graph are resolved with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.elements import Elements, gathered, picked
from dflow.engine.errors import ExpressionError, UnsafeArtifact
from dflow.engine.expressions.derived import derived
from dflow.engine.model import (
    ArtifactFrom,
    ArtifactList,
    CustomArtifact,
    Expr,
    HttpArtifact,
    Literal,
    LocalArtifact,
    RawArtifact,
    Ref,
    StoredArtifact,
    Text,
)
from dflow.engine.near import near
from dflow.engine.store import stored_at

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
        store: where the run keeps what is stored under keys.
    """

    values: MutableMapping[str, str | None] = field(default_factory=dict)
    artifacts: dict[str, ArtifactValue | None] = field(default_factory=dict)
    store: str = ""


def resolve(value: Value, values: Mapping[str, str | None]) -> str | None:
    """The text of a value; None when it is exactly the output of a skipped step.

    Raises:
        ExpressionError: a name that is not known here, or a wrong expression.
    """
    match value:
        case Literal(text):
            return text
        case Ref(path):
            if path in values:
                return values[path]
            follows = derived(path, values)
            if follows is None:
                raise unknown_name(path, values)
            return follows
        case Expr(source):
            result = expressions.evaluate(_without_tags(source, values), values)
            return None if result is None else expressions.to_text(result)
        case Text(source):
            return expressions.substitute(source, values, strict=STRICT)


def resolve_artifact(  # noqa: PLR0911 - one for each kind
    source: ArtifactSource, scope: Scope
) -> ArtifactValue | None:
    """The artifact that a source names; None when its producer was skipped or left it out.

    Raises:
        ExpressionError: a name that is not known here, or an expression that gives no artifact.
    """
    match source:
        case ArtifactList(members, is_dict):
            return _several(members, scope, is_dict=is_dict)
        case RawArtifact(data):
            text = resolve(data, scope.values)
            return None if text is None else ArtifactValue("", raw=text)
        case HttpArtifact(url):
            text = resolve(url, scope.values)
            return None if text is None else ArtifactValue("", url=text)
        case CustomArtifact():
            return ArtifactValue("", custom=source)
        case StoredArtifact(key, sub_path, element):
            text = resolve(key, scope.values)
            found = None if text is None else ArtifactValue(stored_at(scope.store, text), key=text)
            return _part(found, _inside(sub_path, scope.values), element)
        case LocalArtifact(path, sub_path, element):
            return _part(ArtifactValue(path), sub_path, element)
        case ArtifactFrom(value, sub_path, element):
            return _part(_made(value, scope), _inside(sub_path, scope.values), element)


def _made(value: Ref | Expr, scope: Scope) -> ArtifactValue | None:
    """What a name or an expression means."""
    if isinstance(value, Ref):
        if value.path not in scope.artifacts:
            raise unknown_name(value.path, scope.artifacts)
        return scope.artifacts[value.path]
    text = value.source
    result = expressions.evaluate(_without_tags(text, scope.values), {**scope.values, **scope.artifacts})
    if result is not None and not isinstance(result, ArtifactValue):
        raise ExpressionError(f"the expression gives {result!r}, not an artifact", source=text)
    return result


def _inside(sub_path: str | None, values: Mapping[str, str | None]) -> str | None:
    """The path of a part with its tags replaced; values must not lead out of the artifact."""
    if sub_path is None or "{{" not in sub_path:
        return sub_path
    text = expressions.substitute(sub_path, values, strict=STRICT)
    if text.startswith("/") or ".." in text.split("/"):
        raise ExpressionError(f"{text!r} is no path inside of an artifact", source=sub_path)
    return text


def _part(found: ArtifactValue | None, sub_path: str | None, element: tuple[str, ...] | None) -> ArtifactValue | None:
    """The part of an artifact that is meant."""
    if found is None or (sub_path is None and element is None):
        return found
    if found.is_nowhere:
        raise ExpressionError(f"an artifact that each step gets for itself has no part {sub_path!r}")
    found = found.within(sub_path)
    return found if element is None else _element(found, element)


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
    return ExpressionError(f"{path!r} is not known here{near(path, known)}", source=path)
