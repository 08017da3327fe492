"""NAME: names of templates, steps, tasks, parameters and artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import calls_of, hooks_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document, Template

__all__ = ["check_document", "check_template"]

_CALLED = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_VALUE = re.compile(r"[-a-zA-Z0-9_]+")
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LONGEST = 128

Fields = dict[str, Any]


def check_document(document: Document, notes: Notes) -> None:
    """The names of the templates, and of the arguments of the whole workflow and its hooks."""
    rows = [(template.fields, template.path) for template in document.listed]
    _called("template", rows, notes)
    _arguments(document.spec, document.path, notes)
    for _, hook, path in hooks_of(document.spec, document.path):
        _arguments(hook, path, notes)


def check_template(template: Template, notes: Notes) -> None:
    """The names inside of a template."""
    fields, path = template.fields, template.path
    for side in ("inputs", "outputs"):
        for what in ("parameter", "artifact"):
            rows = fields.get(side, {}).get(f"{what}s", [])
            _values(what, rows, f"{path}.{side}.{what}s", notes)
    calls = list(calls_of(fields, path))
    _called("step" if "steps" in fields else "task", calls, notes)
    for call, place in calls:
        _arguments(call, place, notes)
        for _, hook, where in hooks_of(call, place):
            _arguments(hook, where, notes)


def _arguments(call: Fields, path: str, notes: Notes) -> None:
    for what in ("parameter", "artifact"):
        _values(what, call.get("arguments", {}).get(f"{what}s", []), f"{path}.arguments.{what}s", notes)


def _called(what: str, rows: Iterable[tuple[Fields, str]], notes: Notes) -> None:
    seen: set[str] = set()
    for fields, path in rows:
        name = fields.get("name", "")
        if not name:
            notes.error("NAME-03", path, f"this {what} has no name; give it one")
            continue
        if name in seen:
            notes.error("NAME-03", f"{path}.name", f"there is another {what} {name!r} here; rename one of them")
        seen.add(name)
        _legal_call(what, name, f"{path}.name", notes)


def _legal_call(what: str, name: str, path: str, notes: Notes) -> None:
    rule, literal = "NAME-01", name
    if what != "template" and "{{" in name:
        rule, literal = "NAME-04", _TAG.sub("x", name)
    if len(literal) > _LONGEST:
        notes.error(rule, path, f"the name of a {what} has at most {_LONGEST} characters, this has {len(literal)}")
    if not _CALLED.fullmatch(literal):
        notes.error(
            rule, path, f"{name!r} cannot name a {what}: use letters, digits and '-', and begin with a letter or digit"
        )


def _values(what: str, rows: list[Fields], path: str, notes: Notes) -> None:
    seen: set[str] = set()
    for index, fields in enumerate(rows):
        name, place = fields.get("name", ""), f"{path}[{index}]"
        if not name:
            notes.error("NAME-03", place, f"this {what} has no name; give it one")
        elif name in seen:
            notes.error(
                "NAME-03", f"{place}.name", f"there is another {what} {name!r} in this list; rename one of them"
            )
        elif not _VALUE.fullmatch(name):
            notes.error("NAME-02", f"{place}.name", f"{name!r} cannot name a {what}: use letters, digits, '-' and '_'")
        seen.add(name)
        exported = fields.get("globalName", "")
        if exported and "{{" not in exported and not _VALUE.fullmatch(exported):
            notes.error(
                "NAME-02", f"{place}.globalName", f"{exported!r} is no global name: use letters, digits, '-', '_'"
            )
