"""Values of parameters and sources of artifacts as a script writes them.

Each is written in the first form that the compiler turns into the very same record.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.code_gen.layout import Listed, call, literal, quote
from dflow.compile.problems import Problems
from dflow.compile.values import artifact_source, parameter_value, text_value
from dflow.engine import model
from dflow.engine.errors import UnsupportedError
from dflow.expression import ArgoVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.code_gen.layout import Piece
    from dflow.code_gen.names import Names

__all__ = ["Scope", "Values", "type_piece"]

_TYPES: dict[str, Any] = {t.__name__: t for t in (int, float, bool, str, list, dict, tuple, set, bytes)}
_AS_JSON = ("int", "float", "bool", "list", "dict")


@dataclass(slots=True)
class Scope:
    """What has a variable where a value stands.

    Attributes:
        template: around the value, and its variable.
        calls: steps or tasks that are defined by now: their variables.
        known: templates by name.
    """

    template: model.StepsTemplate | model.DagTemplate
    variable: str
    known: Mapping[str, model.Template]
    calls: dict[str, tuple[str, model.Call]] = field(default_factory=dict)

    def parameter(self, path: str) -> tuple[str, str | None] | None:
        """The text and the type of the parameter that a path names; None when it has none."""
        found = self._find(path, "parameters")
        if found is None:
            return None
        text, item, looped = found
        return text, "list" if looped else item.type

    def artifact(self, path: str) -> str | None:
        """The text of the artifact that a path names."""
        found = self._find(path, "artifacts")
        return None if found is None else found[0]

    def _find(self, path: str, side: str) -> tuple[str, Any, bool] | None:
        prefix = "steps" if isinstance(self.template, model.StepsTemplate) else "tasks"
        match path.split("."):
            case ["inputs", kind, name] if kind == side:
                item = _named(getattr(self.template.inputs, side), name)
                return item and (f"{self.variable}.inputs.{side}[{quote(name)}]", item, False)
            case [root, step, "outputs", kind, name] if root == prefix and kind == side and step in self.calls:
                variable, call_ = self.calls[step]
                item = _named(getattr(self.known[call_.template].outputs, side), name)
                return item and (f"{variable}.outputs.{side}[{quote(name)}]", item, call_.loop is not None)
        return None


def _named(items: Any, name: str) -> Any:
    return next((item for item in items if item.name == name), None)


class Values:
    """Writes values.

    Args:
        names: learns what has to be imported.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    def parameter(
        self, value: model.Value, kind: str | None = None, scope: Scope | None = None, *, is_list: bool = False
    ) -> Piece:
        """The value of a parameter of a type.

        Args:
            is_list: it is a list, whatever the type.
        """
        known = _type(kind)
        compiles = _compiles(value, lambda given, problems: parameter_value(given, known, problems))
        match value:
            case model.Ref(path) if scope is not None and (found := scope.parameter(path)) is not None:
                text, source = found
                if _can_feed(source, kind):
                    return text
            case model.Literal(text) if is_list or _base(kind) in _AS_JSON:
                given = _decoded(text)
                if given is not None and compiles(given):
                    return literal(given)
        return self._text(value, compiles)

    def text(self, value: model.Value) -> Piece:
        """A value outside of parameters, such as a condition or a key."""
        if isinstance(value, model.Literal):
            number = _decoded(value.text)
            if isinstance(number, int | float) and not isinstance(number, bool) and str(number) == value.text:
                return value.text
        return self._text(value, _compiles(value, text_value))

    def source(self, value: model.Value, kind: str | None, scope: Scope | None = None) -> tuple[str, Piece]:
        """Where an output parameter comes from: the attribute that says so, and its value."""
        if isinstance(value, model.Expr) and "{{" not in value.source:
            return "value_from_expression", quote(value.source)
        piece = self.parameter(value, kind, scope)
        return "value_from_parameter", quote("null") if piece == "None" else piece

    def _text(self, value: model.Value, compiles: Callable[[Any], bool]) -> Piece:
        given = _written(value)
        if compiles(given):
            return quote(given)
        match value:
            case model.Literal(text):
                return call(self._names.ours("RawText"), quote(text))
            case model.Expr(source):
                return call(self._names.ours("ArgoVar"), quote(source))
        raise UnsupportedError(f"the API cannot say the value {value!r}")

    def artifact(self, source: model.ArtifactSource, scope: Scope | None = None) -> Piece:
        """Where an artifact comes from."""
        found = self._existing(source)
        if found is not None:
            return found
        match source:
            case model.ArtifactList(members, is_dict):
                pieces = [(key, self.artifact(member, scope)) for key, member in members]
                if is_dict:
                    return Listed("{}", tuple((f"{quote(key)}: ", piece) for key, piece in pieces))
                return Listed("[]", tuple(("", piece) for _, piece in pieces))
            case model.ArtifactFrom(model.Ref(path), sub_path, element):
                found = None if scope is None else scope.artifact(path)
                if found is not None:
                    return _part(found, sub_path, element)
            case model.ArtifactFrom(model.Expr(text)):
                if artifact_source(ArgoVar(text), Problems()) == source:
                    return call(self._names.ours("ArgoVar"), quote(text))
        if isinstance(source, model.ArtifactFrom) and isinstance(source.value, model.Ref):
            given = "{{" + source.value.path + "}}"
            if artifact_source(given, Problems()) == source:
                return quote(given)
        raise UnsupportedError(f"the API cannot say where an artifact comes from: {source!r}")

    def _existing(self, source: model.ArtifactSource) -> Piece | None:
        """An artifact that no step of the workflow makes; None for another."""
        match source:
            case model.LocalArtifact(path, sub_path, element, urn):
                more = f", urn={quote(urn)}" if urn else ""
                return _part(f"{self._names.ours('LocalArtifact')}({quote(path)}{more})", sub_path, element)
            case model.StoredArtifact(model.Literal(key), sub_path, element, count, urn):
                more = f', path_list=[{{"order": index}} for index in range({count})]' if count else ""
                more += f", urn={quote(urn)}" if urn else ""
                return _part(f"{self._names.ours('S3Artifact')}({quote(key)}{more})", sub_path, element)
            case model.HttpArtifact(url):
                return call(self._names.ours("HTTPArtifact"), self._text(url, _compiles(url, text_value)))
        return None


def type_piece(kind: str | None) -> str | None:
    """A type as code where that is the same, else its text."""
    if kind is None:
        return None
    return quote(kind) if _type(kind) is None else kind


def _type(kind: str | None) -> Any:
    """The type that a text such as ``list[int]`` stands for; None when it is not made of builtins alone."""
    try:
        tree: ast.AST = ast.parse(kind or "", mode="eval").body
        made = _made(tree)
    except (SyntaxError, ValueError, LookupError, TypeError):
        return None
    return made if ast.unparse(tree) == kind else None


def _made(tree: ast.AST) -> Any:
    match tree:
        case ast.Name(id=name):
            return _TYPES[name]
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=parts)):
            return _TYPES[name][tuple(_made(part) for part in parts)]
        case ast.Subscript(value=ast.Name(id=name), slice=part):
            return _TYPES[name][_made(part)]
    raise ValueError(ast.dump(tree))


def _written(value: model.Value) -> str:
    """The text for a value, with tags."""
    match value:
        case model.Literal(text):
            return text
        case model.Ref(path):
            return "{{" + path + "}}"
        case model.Expr(source):
            return "{{=" + source + "}}"
        case model.Text(source):
            return source


def _compiles(value: model.Value, compile_: Callable[[Any, Problems], model.Value]) -> Callable[[Any], bool]:
    """Whether the compiler makes this value of what is given, and has nothing to say against it."""

    def check(given: Any) -> bool:
        problems = Problems()
        try:
            return compile_(given, problems) == value and not problems.found
        except (TypeError, ValueError, RecursionError):
            return False

    return check


def _part(text: str, sub_path: str | None, element: tuple[str, ...] | None) -> str:
    inside = "" if sub_path is None else f".sub_path({quote(sub_path)})"
    keys = (key if key.isdecimal() and str(int(key)) == key else quote(key) for key in element or ())
    return text + inside + "".join(f"[{key}]" for key in keys)


def _base(kind: str | None) -> str:
    return (kind or "").removeprefix("typing.").partition("[")[0].lower()


def _can_feed(source: str | None, target: str | None) -> bool:
    """As the compiler checks it: whether a value of one type can be given where another is declared."""
    given, wanted = (_TYPES.get(_base(kind), str) if _base(kind) in _AS_JSON else str for kind in (source, target))
    if str in (given, wanted):
        return True
    return issubclass(given, wanted) or (given in (int, bool) and wanted is float)


def _decoded(text: str) -> Any:
    """What a JSON text stands for; None where that says less than the text."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, str) else value


def _refuse(text: str) -> Any:
    raise ValueError(text)
