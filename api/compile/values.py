"""Values of parameters and sources of artifacts, from what a script writes to what the graph holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow import common
from dflow.config import config
from dflow.declared import PVC, Named
from dflow.engine import expressions, model
from dflow.engine.durations import seconds_of
from dflow.engine.errors import ExpressionError, PayloadError
from dflow.engine.model import (
    ArtifactFrom,
    ArtifactList,
    Expr,
    HttpArtifact,
    Literal,
    LocalArtifact,
    Ref,
    StoredArtifact,
    Text,
)
from dflow.expression import MISSING, quoted
from dflow.io import ArgoVar, InputArtifact, InputParameter, OutputArtifact, type_to_str
from dflow.python.check import fits
from dflow.python.payload import pack_op
from dflow.python.values import decode, encode

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.engine.model import ArtifactSource, Value

__all__ = ["RawText", "artifact_source", "as_lists", "parameter_value", "seconds_value", "short", "text_value"]

_NOTHING = Literal("")


class RawText(str):
    """A text that is the value of a parameter as it stands: no tags in it, no type to fit."""

    __slots__ = ()


def text_value(given: Any, problems: Problems) -> Value:
    """A text with tags, a reference or an expression."""
    if isinstance(given, RawText):
        return Literal(str(given))
    if isinstance(given, ArgoVar):
        return _reference(given, problems) if isinstance(given, Named) else Expr(given.expr)
    text = str(given)
    try:
        parts = expressions.parse_text(text).parts
    except ExpressionError as exc:
        problems.add(str(exc))
        return Literal(text)
    match parts:
        case [expressions.Tag(name=name)]:
            return Ref(name)
        case [expressions.ExprTag(source=source)]:
            return Expr(source)
        case _:
            return Literal(text) if all(isinstance(part, str) for part in parts) else Text(text)


def seconds_value(given: Any, problems: Problems) -> Value | None:
    """The time limit of a step or template; a constant must be one."""
    if given is None:
        return None
    value = text_value(given, problems)
    if isinstance(value, Literal) and not seconds_of(value.text):
        problems.add(f"timeout is {given!r}; it must be a positive number of seconds, or a text such as '1h30m'")
    return value


def parameter_value(given: Any, kind: Any, problems: Problems) -> Value:
    """The value of a parameter of a declared type; a constant is checked against it."""
    if isinstance(given, RawText):
        return Literal(str(given))
    if isinstance(given, (InputArtifact, OutputArtifact)):
        problems.add(f"{given} is an artifact, not a parameter; give it with artifacts=")
        return _NOTHING
    if isinstance(given, ArgoVar):
        source = getattr(given, "declared_type", None)
        if not _can_feed(source, kind):
            problems.add(f"it is {type_to_str(source)}, which cannot feed {type_to_str(kind)}")
        return text_value(given, problems)
    if isinstance(given, str):
        value = text_value(given, problems)
        return _literal(given, kind, problems) if isinstance(value, Literal) else value
    given = as_lists(given, kind)
    return _gathered(given, problems) if _holds_reference(given) else _literal(given, kind, problems)


def as_lists(given: Any, kind: Any) -> Any:
    """A constant with lists for the tuples and ranges that stand where the type wants lists, as JSON has them."""
    origin = getattr(kind, "__origin__", kind)
    arguments: tuple[Any, ...] = getattr(kind, "__args__", None) or ()
    if origin is list and isinstance(given, (list, tuple, range)):
        return [as_lists(item, arguments[0]) for item in given] if arguments else [*given]
    if origin is dict and given.__class__ is dict and len(arguments) == 2:
        return {key: as_lists(item, arguments[1]) for key, item in given.items()}
    return given


def _gathered(given: Any, problems: Problems) -> Value:
    """A list or dict with references inside."""
    try:
        return Expr(f"toJson( {_collection(given)} )")
    except TypeError as exc:
        problems.add(str(exc))
        return _NOTHING


def artifact_source(given: Any, problems: Problems) -> ArtifactSource | None:  # noqa: PLR0911 - one for each kind
    """Where an artifact comes from; None when there is none."""
    match given:
        case None:
            return None
        case InputArtifact() if given.step is not None:
            return artifact_source(given.source, problems)
        case InputArtifact() | OutputArtifact():
            return ArtifactFrom(Ref(str(given)[2:-2]), given._sub_path, _element(given, problems))
        case ArgoVar() if not isinstance(given, Named):
            return ArtifactFrom(Expr(given.expr))
        case list() | tuple() | dict() if given:
            return _several(given, problems)
        case PVC() if given._artifact is not None:
            return artifact_source(given._artifact, problems)
        case str():
            value = text_value(given, problems)
            if isinstance(value, (Ref, Expr)):
                return ArtifactFrom(value)
            given = _registered(given, problems)
    return _existing(given, problems)


_REGISTERED = {
    "launching+datasets": "dflow.plugins.datasets.DatasetsArtifact",
    "launching+models": "dflow.plugins.datasets.DatasetsArtifact",
    "bohrium+datasets": "dflow.plugins.bohrium.BohriumDatasetsArtifact",
}


def _registered(given: str, problems: Problems) -> Any:
    """The artifact that a URN names, of the class that is registered for its scheme; any other text as it is."""
    scheme, mark, _ = given.partition("://")
    place = {**_REGISTERED, **config["artifact_register"]}.get(scheme)
    if not mark or place is None:
        return given
    try:
        return common.import_func(str(place)).from_urn(given)
    except (ImportError, ValueError) as exc:
        problems.add(str(exc))
        return given


def _existing(given: Any, problems: Problems) -> ArtifactSource | None:  # noqa: PLR0911 - one for each kind
    """An artifact that no step of the workflow makes."""
    match given:
        case common.LocalArtifact():
            return LocalArtifact(given.local_path, given._sub_path, _element(given, problems), given.urn or None)
        case common.S3Artifact() if given.key:
            count = len({str(item.get("order")).partition(".")[0] for item in given.path_list}) or None
            element, urn = _element(given, problems), given.urn or None
            key, part = common.whole_and_part(given)
            return StoredArtifact(Literal(str(key)), part, element, count, urn)
        case common.HTTPArtifact():
            return HttpArtifact(text_value(given.url, problems))
        case common.CustomArtifact():
            return _custom(given, problems)
        case model.CustomArtifact():  # of a graph that became objects again
            return given
    urn = getattr(given, "urn", None) or None
    if getattr(given, "local_path", None) is not None:
        return LocalArtifact(str(given.local_path), urn=urn)
    if common.key_of(given):
        return StoredArtifact(Literal(str(common.key_of(given))), urn=urn)
    problems.add(_why_no_artifact(given))
    return None


def _element(given: Any, problems: Problems) -> tuple[str, ...] | None:
    """The indices and keys of ``artifact[0]["a"]``."""
    if any("{{" in key for key in given._element):
        problems.add("an element of an artifact needs a constant index; use Slices for one that is known later")
    return given._element or None


def _custom(given: common.CustomArtifact, problems: Problems) -> ArtifactSource | None:
    """An artifact of a class of the user's, or what it is redirected to."""
    if given.redirect is not None:
        return artifact_source(given.redirect, problems)
    try:
        loader = model.OpPayload(**pack_op(type(given), "artifact class", "download"))
        return model.CustomArtifact(loader, str(given.get_urn()))
    except PayloadError as exc:
        problems.add(str(exc))
        return None


def _several(given: Any, problems: Problems) -> ArtifactSource:
    """A list or dict of artifacts, as one artifact."""
    is_dict = isinstance(given, dict)
    pairs = given.items() if is_dict else enumerate(given)
    members = []
    for key, item in pairs:
        with problems.at(f"element {key!r}"):
            if item is None:
                problems.add("it is None; leave it out")
            source = artifact_source(item, problems)
        if source is not None:
            members.append((str(key), source))
    return ArtifactList(tuple(members), is_dict)


def _why_no_artifact(given: Any) -> str:
    if isinstance(given, Named):
        return f"{given} is a parameter, not an artifact"
    if isinstance(given, (list, tuple, dict)):
        return "an empty list of artifacts cannot be given; leave it out, and declare the input optional"
    if isinstance(given, common.S3Artifact):
        return "the S3Artifact has no key"
    return f"{short(given)} is no artifact; use upload_artifact(...) or step.outputs.artifacts[...]"


def _reference(given: Named, problems: Problems) -> Value:
    if isinstance(given, InputParameter) and given.step is not None:
        value = getattr(given, "value", MISSING)
        if value is MISSING:
            problems.add(f"{given} has no value")
            return _NOTHING
        return parameter_value(value, given.type, problems)
    return Ref(str(given)[2:-2])


def _literal(given: Any, kind: Any, problems: Problems) -> Literal:
    """A constant, checked against the declared type of the parameter."""
    known = kind is not None and not isinstance(kind, str)
    value = decode(given, kind) if isinstance(given, str) and known else given
    if known and kind is not str and not fits(value, kind):
        problems.add(f"it must be {type_to_str(kind)}, not {type_to_str(type(value))}: {short(given)}")
    try:
        return Literal(encode(given, kind if known else None))
    except TypeError as exc:
        problems.add(str(exc))
        return _NOTHING


def _can_feed(source: Any, target: Any) -> bool:
    """Whether a text written for one type can be read as another; doubtful cases may."""
    simple = (bool, int, float, list, dict)
    source, target = getattr(source, "__origin__", source), getattr(target, "__origin__", target)
    if source not in simple or target not in simple:
        return True
    return issubclass(source, target) or (source in (int, bool) and target is float)


def _holds_reference(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_reference(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_reference(item) for item in value)
    return isinstance(value, ArgoVar)


def _collection(value: Any) -> str:
    """A list or dict with references inside, as an expression that builds it.

    Raises:
        TypeError: it holds something that an expression cannot write.
    """
    if isinstance(value, ArgoVar):
        is_text = value.is_str and getattr(value, "type", None) in (None, str, "str")
        return value.expr if is_text or not value.is_str else f"fromJSON({value.expr})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(str(key))}: {_collection(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_collection(item) for item in value) + "]"
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "nil"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise TypeError(f"a list or dict with references cannot hold {short(value)} of type {type_to_str(type(value))}")


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
