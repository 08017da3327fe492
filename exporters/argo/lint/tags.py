"""VAR-01 and its kin, X-01 and X-16: tags and expressions in texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import ExprTag, Tag, names, parse, parse_text
from dflow.engine.expressions.signatures import EXTRA, SIGNATURES
from dflow.engine.near import near

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.scopes import Scope

__all__ = ["Place", "check", "expression", "parsed", "plain"]

_CHECKED = frozenset({"item", "steps", "inputs", "outputs", "pod", "workflow", "tasks"})
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_OPENING = re.compile(rf"\{{\{{\s*(=|({'|'.join(sorted(_CHECKED))})\.)")
_OF_WORKFLOW = re.compile(r"workflow\.(parameters|labels|annotations|outputs|priority|failures)\b")


@dataclass(frozen=True)
class Place:
    """Where a text stands.

    Attributes:
        path: its place in the document.
        argument: whether it is the value of an argument.
        source: whether it is code of the user.
        output: whether it is an output of steps or a dag.
    """

    path: str
    argument: bool = False
    source: bool = False
    output: bool = False


def check(text: str, place: Place, scope: Scope, notes: Notes) -> None:
    """All tags of a text."""
    if "{{" not in text:
        return
    try:
        parts = parse_text(text).parts
    except ExpressionError:
        last = text[text.rfind("{{") :]
        if _OPENING.match(last):
            notes.error("VAR-01", place.path, f"the tag {last[:40]!r} is not closed; add }}}}")
        else:
            notes.warn("VAR-01", place.path, f"{last[:40]!r} opens a tag that is not closed; if it is none, encode it")
        parts = parse_text(text[: text.rfind("{{")]).parts if text.rfind("{{") else ()
    for part in parts:
        match part:
            case Tag():
                _simple(part, place, scope, notes)
            case ExprTag():
                _tag_expression(part, place, scope, notes)


def _simple(tag: Tag, place: Place, scope: Scope, notes: Notes) -> None:
    name = tag.inner.strip()
    root, dot, _ = name.partition(".")
    if name == "item":
        if not scope.item:
            notes.error(
                "X-16",
                place.path,
                "{{item}} stands outside of a loop, so it stays as it is; add withItems or withParam",
            )
    elif name == "retries" or root == "lastRetry":
        if not scope.retries:
            notes.error(
                "X-16", place.path, f"{{{{{name}}}}} has no value without a retryStrategy; add one or remove the tag"
            )
    elif root in _CHECKED and dot:
        _resolve(name, place, scope, notes, first=tag.position == 0)
    elif place.source:
        notes.warn(
            "X-18",
            place.path,
            f"{{{{{name[:40]}}}}} in code is a tag for Argo; encode the code or ship it as an artifact",
        )
    if place.source and root in {"inputs", "item", "workflow"} and not name.endswith(".path"):
        notes.warn(
            "X-20",
            place.path,
            f"{{{{{name[:60]}}}}} is put into the code as it is; pass it in env, so that any text is safe",
        )


def _resolve(name: str, place: Place, scope: Scope, notes: Notes, *, first: bool) -> None:
    blocked = _blocked(name, scope)
    if blocked is not None:
        rule, reason = blocked
        if rule == "X-05" and name.endswith(".status"):
            rule = "VAR-09"
        elif rule == "X-05" and place.argument and first:
            rule = "VAR-10"
        notes.error(rule, place.path, f"{{{{{name}}}}}: {reason}")
    elif not scope.knows(name):
        text = f"{{{{{name}}}}} is not known here{_similar(name, scope)}"
        if scope.lenient and _OF_WORKFLOW.match(name):
            notes.warn("VAR-03", place.path, f"{text}; every workflow that uses the template must have it")
        else:
            notes.error(_rule(name, place, scope), place.path, text)


def _blocked(name: str, scope: Scope) -> tuple[str, str] | None:
    words = name.split(".")
    return scope.blocked(words[1]) if words[0] in {"steps", "tasks"} and len(words) > 2 else None


def _rule(name: str, place: Place, scope: Scope) -> str:
    root, _, rest = name.partition(".")
    if root in {"steps", "tasks"}:
        other = "tasks" if root == "steps" else "steps"
        if not scope.has_below(root) and scope.has_below(other):
            return "VAR-11"
        if place.output:
            return "VAR-12"
        step, _, what = rest.partition(".")
        if scope.has_below(f"{root}.{step}"):
            return "VAR-07" if what == "outputs.parameters" else "VAR-06"
        return "VAR-05" if root == "steps" else "VAR-01"
    if name.startswith("workflow.outputs."):
        return "VAR-04"
    return {"item": "VAR-08", "workflow": "VAR-03", "inputs": "VAR-02", "outputs": "VAR-02", "pod": "VAR-02"}.get(
        root, "VAR-01"
    )


def _similar(name: str, scope: Scope) -> str:
    root = name.partition(".")[0]
    return near(name, sorted(scope.below(root)))


def _tag_expression(tag: ExprTag, place: Place, scope: Scope, notes: Notes) -> None:
    if tag.node is None:
        notes.error("X-01", place.path, f"{{{{={tag.source[:60]}}}}} is no expression: {tag.error}; correct it")
        return
    _mentions(tag.source, sorted(names(tag.node)), place, scope, notes)


def parsed(source: str, path: str, notes: Notes) -> bool:
    """Whether the field of an expression can be read."""
    try:
        parse(plain(source))
    except (ExpressionError, RecursionError) as exc:
        notes.error("X-01", path, f"{source[:60]!r} is no expression: {exc or 'nested too deeply'}; correct it")
        return False
    return True


def plain(text: str) -> str:
    """A text with a stand-in for each tag."""
    return _TAG.sub("1", text)


def expression(source: str, path: str, scope: Scope, notes: Notes, *, rule: str = "X-01") -> None:
    """The field of an expression, written without braces; tags in it are replaced before it is read."""
    if not source.strip():
        return
    place = Place(path)
    check(source, place, scope, notes)
    if parsed(source, path, notes):
        _mentions(source, sorted(names(plain(source))), place, scope, notes, rule=rule)


def _mentions(
    source: str, paths: list[tuple[str, ...]], place: Place, scope: Scope, notes: Notes, rule: str = "X-01"
) -> None:
    for path in paths:
        name = ".".join(path)
        if path[0] in {"retries", "lastRetry"}:
            if not scope.retries:
                notes.error("X-16", place.path, f"{name} has no value without a retryStrategy; add one or remove it")
        elif path[0] == "item":
            if not scope.item:
                notes.error("X-16", place.path, f"{name} stands outside of a loop; add withItems or withParam")
            elif len(path) > 1 and not scope.knows_path(path):
                notes.error("VAR-08", place.path, f"the items have no member {name}{_similar(name, scope)}")
        elif (blocked := _blocked(name, scope)) is not None:
            notes.error(blocked[0], place.path, f"{name}: {blocked[1]}")
        elif not scope.knows_path(path):
            _unknown(source, path, rule, place, scope, notes)


def _unknown(source: str, path: tuple[str, ...], rule: str, place: Place, scope: Scope, notes: Notes) -> None:
    name = ".".join(path)
    if len(path) == 1 and (name in EXTRA or name in SIGNATURES):
        return
    text = f"{name} is not known here{_similar(name, scope)}"
    optional = ("??" in source or "?." in source) and path[0] not in {"steps", "tasks"} and scope.has_below(path[0])
    if (scope.lenient and _OF_WORKFLOW.match(name)) or optional:
        notes.warn(rule, place.path, text)
        return
    if path[0] not in _CHECKED:
        text += "; a name with '-' needs brackets, such as steps['a-b'], and a text needs quotes"
    notes.error(rule, place.path, text)
